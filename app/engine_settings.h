// From the settings file to what the engine wants.
#pragma once

#include "base/hash.h"
#include "config/settings.h"
#include "decide/engine.h"

namespace sekimori::app {

// `key` is the installation's secret (zero for replay).
[[nodiscard]] decide::EngineSettings engine_settings(const config::Settings& settings,
                                                     const HashKey& key);

// The server's, domains' and accounts' modes in the engine's words.
[[nodiscard]] decide::Mode engine_mode(config::Mode mode);
[[nodiscard]] std::vector<std::pair<std::string, decide::Mode>> engine_modes(
    const config::ModeTable& table);

}  // namespace sekimori::app
