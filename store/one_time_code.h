// What one-time codes have in common: how they are kept and how typed ones are read. Who may have
// one, for how long and how often it may be tried is the stores' affair.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace sekimori::store {

// What a person typed, as the code was made: blanks, hyphens and long-vowel marks (what a Japanese
// keyboard gives for a hyphen) are dropped, full-width forms become ASCII, small letters large
// ones. Anything else makes it no code: not set.
[[nodiscard]] Secret typed_code(const Secret& typed);

// Argon2id (libsodium, interactive limits) of a code without decoration. Errors: operating
// (memory).
[[nodiscard]] Result<std::string> hash_code(const Secret& code);
// False also for a code that is not set, and for an empty hash.
[[nodiscard]] bool code_matches(const std::string& hash, const Secret& code);

}  // namespace sekimori::store
