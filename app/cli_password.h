// Passwords as the command line gets and makes them.
#pragma once

#include "app/cli_options.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::app {

// A strong one that is read aloud and typed without trouble: four groups of four from letters and
// digits that no one takes for one another; 79 bits.
[[nodiscard]] Secret generated_password();

// The first line of standard input (--password-stdin), or, on a terminal, typed twice without echo.
// Errors: bad_input (too short, not the same twice, no terminal and no --password-stdin).
[[nodiscard]] Result<Secret> ask_password(const Invocation& given);
// The first line of standard input whatever its length. Errors: bad_input (none).
[[nodiscard]] Result<Secret> password_from_stdin();

}  // namespace sekimori::app
