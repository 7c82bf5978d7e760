// Passwords as the command line gets them.
#pragma once

#include "app/cli_options.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/settings.h"
#include "password/rules.h"

namespace sekimori::app {

// What a new password must be, by the settings.
[[nodiscard]] password::PasswordRules password_rules(const config::Settings::Password& settings);

// The first line of standard input (--password-stdin), or, on a terminal, typed twice without echo.
// It is judged by whoever sets it. Errors: bad_input (not the same twice, no terminal and no
// --password-stdin).
[[nodiscard]] Result<Secret> ask_password(const Invocation& given);
// The first line of standard input whatever its length. Errors: bad_input (none).
[[nodiscard]] Result<Secret> password_from_stdin();

}  // namespace sekimori::app
