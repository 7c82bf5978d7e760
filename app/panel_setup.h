// Who may sign in to the panel, and what is set there, put together from the settings and the
// stores.
#pragma once

#include "base/result.h"

namespace sekimori::app {

class World;

// Panel users and their sessions. Errors: bad_input (a network of the settings).
[[nodiscard]] Result<void> open_panel(World& world);
// Domains, policy, settings, texts; what the database remembers is in force when it returns.
// Errors: operating.
[[nodiscard]] Result<void> open_server_desk(World& world);

}  // namespace sekimori::app
