// Where a replay takes its events from: event files, standard input, the journal of a daemon that
// may be running. Nothing is written; a line that cannot be read is reported and skipped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "base/text.h"

namespace sekimori::app {

struct EventReading {
  std::uint64_t events = 0;   // given to the callback
  std::uint64_t skipped = 0;  // malformed lines
};

class EventSource {
 public:
  // A path is a file of events, "-" (standard input), a journal's folder, or a state folder with
  // one in it. Errors: not_found, operating (unreadable), bad_input (a folder without a journal),
  // each with the name and what to do.
  [[nodiscard]] static Result<EventSource> open(std::vector<std::string> paths, Language language);

  // Calls `each` for every event in the order of paths and lines, until it returns false. Problems
  // go to standard error, "FILE:LINE: reason", the first k_problems_told of them. Errors:
  // operating.
  [[nodiscard]] Result<EventReading> each(const std::function<bool(const Event&)>& each) const;

  static constexpr std::uint64_t k_problems_told = 20;
  // One period of one machine; a year of daily files.
  static constexpr std::size_t k_paths_max = 900;

 private:
  struct Part {
    std::string path;
    bool journal = false;
  };
  explicit EventSource(Language language) : language_(language) {}
  void problem(EventReading&, std::string_view where, std::string_view what) const;
  std::vector<Part> parts_;
  Language language_;
};

// A moment as people give it: RFC 3339, "2026-11-01" or "2026-11-01 09:30" (this machine's time
// zone), or an age: "90m", "24h", "7d" before `now`. Errors: bad_input.
[[nodiscard]] Result<Instant> parse_moment(std::string_view text, Instant now);

}  // namespace sekimori::app
