// The settings for mail programs, from the settings file, and Apple's signature.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"
#include "wire/mail_profile.h"

namespace sekimori::app {

[[nodiscard]] wire::MailProfile mail_profile(const config::Settings& settings);

// Signs what Apple's devices install (CMS, RFC 5652, content included, DER) with
// profile.sign_certificate_file and its key; an empty function where none is set. The result may be
// called from any thread. Errors: bad_input (one of the two is missing, cannot be read, or they do
// not belong together).
[[nodiscard]] Result<std::function<Result<std::string>(std::string_view)>> profile_signer(
    const config::Settings& settings);

}  // namespace sekimori::app
