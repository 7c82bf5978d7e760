// Sign-ins' lists, counters and encryption, put together from the settings and the stores.
#pragma once

#include <memory>

#include "app/encryption_service.h"
#include "app/sign_in_service.h"
#include "base/result.h"

namespace sekimori::app {

class World;

// Who may sign in from where, as programs say it, and what was counted. Errors: operating;
// bad_input (the settings).
[[nodiscard]] Result<std::unique_ptr<SignInService>> open_sign_in_lists(World& world);
// Who still signs in without encryption, and who may not any more. Errors: operating.
[[nodiscard]] Result<std::unique_ptr<EncryptionService>> open_encryption(World& world);

}  // namespace sekimori::app
