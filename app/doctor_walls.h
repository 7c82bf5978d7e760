// The doctor's look at the walls: bans and the firewall, rules for addresses, blacklists, and the
// port that speaks as weakforced.
#pragma once

#include <vector>

#include "app/doctor.h"

namespace sekimori::app {

// Blocks for some seconds at most. The daemon runs.
[[nodiscard]] std::vector<Check> wall_checks(const config::Settings& settings);

}  // namespace sekimori::app
