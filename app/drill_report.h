// The drill's timeline: what happened when, what was expected, and the verdict.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace sekimori::app {

// Prints each line as it happens. One thread.
class DrillReport {
 public:
  DrillReport(Language language, bool json);

  // Something happened or was found out: a line without a mark.
  void tell(std::string_view step, const Text& text, const boost::json::object& data = {});
  // Something that must hold true. Returns `held`.
  bool expect(bool held, std::string_view step, const Text& text,
              const boost::json::object& data = {});
  // Something the target does not allow to be played; no failure.
  void skip(std::string_view step, const Text& text);
  // Prints the verdict; true when every expectation held.
  bool verdict();
  [[nodiscard]] double seconds() const;

 private:
  void print(char mark, std::string_view step, const Text& text, const boost::json::object& data);
  Language language_;
  bool json_;
  std::chrono::steady_clock::time_point begun_;
  std::size_t held_ = 0;
  std::vector<Text> failed_;
};

}  // namespace sekimori::app
