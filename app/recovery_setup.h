// The way back, put together from the settings and the stores.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "app/recovery_service.h"
#include "app/ways_service.h"
#include "base/result.h"
#include "config/settings.h"
#include "web/control.h"

namespace sekimori::app {

class World;

[[nodiscard]] act::ProverSettings prover_settings(const config::Settings& settings);
[[nodiscard]] std::unique_ptr<RecoveryService> make_way_back(World& world);
[[nodiscard]] std::unique_ptr<WaysService> make_ways(World& world);
// One letter that stands in no outbox (a one-time code). Errors: as act::Notices::send_now.
[[nodiscard]] Result<void> send_letter(World& world, const std::string& to,
                                       std::string_view subject, std::string_view body);
[[nodiscard]] web::HealthItem recovery_health(World& world);
[[nodiscard]] web::HealthItem ways_health(World& world);

}  // namespace sekimori::app
