// What an account sent during an incident, from the journal.
#pragma once

#include <string>

#include "base/instant.h"
#include "base/result.h"
#include "decide/delisting.h"

namespace sekimori::app {

// Reads the journal's last two million events at most (a second or two). Errors: operating.
[[nodiscard]] Result<decide::IncidentTraffic> incident_traffic(const std::string& journal_directory,
                                                               const std::string& account,
                                                               Instant from, Instant until);

}  // namespace sekimori::app
