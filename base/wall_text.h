// A moment as people at one place say it, by their own clock. Pure: whose clock that is, the caller
// says (app::time_zone knows this machine's).
#pragma once

#include "base/instant.h"
#include "base/text.h"
#include "base/time_zone.h"

namespace sekimori {

// "2026年11月23日 15:04" and "2026-11-23 15:04"; both empty where the moment is not set.
[[nodiscard]] Text wall_time(Instant t, const ZoneRule& zone);
// "2026年11月23日" and "2026-11-23".
[[nodiscard]] Text wall_day(Instant t, const ZoneRule& zone);

}  // namespace sekimori
