// `sekimori serve`: the world plus its listeners and timers, until SIGTERM or SIGINT.
#pragma once

#include "config/check.h"

namespace sekimori::app {

// Runs until it is asked to end. Started as root it becomes server.user first. SIGHUP reads the
// settings file again: what can be applied live is, what waits for a restart is named in the log.
// Returns the exit code: 0 ended as asked, 1 could not start (said on standard error).
[[nodiscard]] int run_daemon(const config::Loaded& loaded);

}  // namespace sekimori::app
