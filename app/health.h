// How every lever and sense of the guard is, for /health, /readyz, /metrics and `sekimori doctor`.
#pragma once

#include <vector>

#include "base/result.h"
#include "web/control.h"

namespace sekimori::app {

class World;

// Probes what can be probed quickly (helper, Dovecot, databases); may take some seconds when a
// lever hangs. Any thread.
[[nodiscard]] web::HealthReport health_report(World& world);
// Can questions be answered? They can as long as the engine stands, whatever else is gone.
[[nodiscard]] Result<void> readiness(World& world);
// Figures beside the engine's totals.
[[nodiscard]] std::vector<web::Gauge> gauges(World& world);

}  // namespace sekimori::app
