// /metrics in Prometheus' text format 0.0.4.
#pragma once

#include <string>

#include "web/control.h"

namespace sekimori::web {

// The engine's totals and the gauges that the program adds. Names no person.
[[nodiscard]] std::string metrics_text(const MetricsReport&);

}  // namespace sekimori::web
