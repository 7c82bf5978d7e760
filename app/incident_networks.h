// From where a thief came, as the journal remembers it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori::app {

// For each account (with the onset of its incident): the networks from which it signed in or sent
// since then, and from which it had not done so before (base/ip_place.h). The honest rule for
// "strange": an owner's known places count, also while the thief was there; a place that came with
// the incident does not; one that was never seen proves as well as any other. Looks at the newest 2
// million events (two seconds) on the caller's thread. Errors: operating.
[[nodiscard]] Result<std::map<std::string, std::vector<std::string>>> incident_networks(
    const std::string& journal_directory, const std::map<std::string, Instant>& onsets,
    std::size_t networks_max);

}  // namespace sekimori::app
