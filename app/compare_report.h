// A comparison in words and as JSON.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "app/cli_options.h"
#include "app/compare.h"
#include "config/check.h"

namespace sekimori::app {

// A setting in which the two files differ.
struct SettingDifference {
  std::string name;
  std::string a, b;      // as TOML spells them
  bool judging = false;  // it has a part in what a replay decides
};
[[nodiscard]] std::vector<SettingDifference> setting_differences(const config::Settings& a,
                                                                 const config::Settings& b);

struct CompareReport {
  std::string name_a, name_b;  // the files; "" for the defaults
  std::string mode;            // both were judged in: "enforce" or "observe"
  std::vector<SettingDifference> settings;
  Comparison comparison;
};

// The keys are documented in docs/operate/what-if.md and stay.
[[nodiscard]] boost::json::object compare_json(const CompareReport& report);
[[nodiscard]] std::string compare_text(const Invocation& given, const CompareReport& report);

}  // namespace sekimori::app
