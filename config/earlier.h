// Settings of earlier versions, as data (earlier.def). Constant; any thread may read it.
#pragma once

#include <span>
#include <string_view>

namespace sekimori::config {

struct EarlierSetting {
  std::string_view section;
  std::string_view field;
  std::string_view name;  // "section.field"
  std::string_view now;   // its name today; "": it has none
  std::string_view ja;    // what does its work today, where it has no name
  std::string_view en;
};

[[nodiscard]] std::span<const EarlierSetting> earlier_settings();
// nullptr where no version had it.
[[nodiscard]] const EarlierSetting* earlier_setting(std::string_view section,
                                                    std::string_view field);

}  // namespace sekimori::config
