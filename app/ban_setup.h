// Puts the guard against guessing together from the settings.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/ban_service.h"
#include "base/result.h"
#include "decide/address_rules.h"

namespace sekimori::app {

class World;

// With what the database remembers in force. Errors: operating, bad_input (settings).
[[nodiscard]] Result<std::unique_ptr<BanService>> make_bans(World& world);
// The ban that holds this address, for people who ask what becomes of it.
[[nodiscard]] std::optional<decide::BanFound> ban_found(const World& world, const IpAddress& ip);
// Allowed comes before banned: ends the bans of what is allowed to everybody since, and has the
// firewall let through where somebody is let in.
void allowed_addresses_changed(World& world);
// For health: whether bans are kept, and whether the firewall has them.
[[nodiscard]] std::vector<web::HealthItem> ban_health(World& world);

}  // namespace sekimori::app
