// Which rule a time zone's name stands for on this machine: the last line of its file in the time
// zone database (RFC 9636 §3.3).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time_zone.h"

namespace sekimori::app {

struct NamedZone {
  std::string name;  // "Asia/Tokyo", "+09:00"
  std::string rule;  // "JST-9"
};
// "" is this machine's own zone. Errors: bad_input (no such name, and what to write instead).
[[nodiscard]] Result<NamedZone> time_zone(std::string_view name);
// This machine's own; UTC where it is not known.
[[nodiscard]] ZoneRule server_zone();

}  // namespace sekimori::app
