// Password hashes as mail servers store them (Dovecot's {SCHEME} prefixes, crypt(3), PostfixAdmin).
// Pure but for the system's entropy; any thread. Slow on purpose (milliseconds): never on the
// decision path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace sekimori::store {

// {SHA512-CRYPT} with a prefix, which Dovecot reads whatever its default scheme; bare ("$6$…") is
// what PostfixAdmin itself writes (php_crypt) and can check again.
enum class HashForm : std::uint8_t { prefixed, bare };

// libcrypt's own limit (CRYPT_MAX_PASSPHRASE_SIZE).
inline constexpr std::size_t k_password_bytes_max = 512;

// A SHA512-CRYPT hash with a random salt. Errors: bad_input (empty, longer than
// k_password_bytes_max, or with a NUL, which crypt would cut at), operating (no entropy).
[[nodiscard]] Result<std::string> hash_password(const Secret& password,
                                                HashForm form = HashForm::prefixed);

// The form that suits a store in which `stored` stands: a hash keeps the spelling of its
// predecessor.
[[nodiscard]] HashForm form_like(std::string_view stored);

// Does the password fit the stored hash? Knows crypt(3) hashes ($1$ $2a$ $2b$ $2y$ $5$ $6$ $y$,
// bare or as {CRYPT}, {MD5-CRYPT}, {SHA256-CRYPT}, {SHA512-CRYPT}, {BLF-CRYPT}, {DES-CRYPT}),
// {ARGON2I}, {ARGON2ID} and $argon2…, {PLAIN-MD5} (also as 32 bare hex digits), {LDAP-MD5}, {SHA},
// {SSHA}, {SHA256}, {SSHA256}, {SHA512}, {SSHA512}, {PLAIN} and {CLEARTEXT}; ".b64" and ".hex"
// behind a scheme. Errors: bad_input for any other scheme (named; the hash itself is not in the
// text).
[[nodiscard]] Result<bool> verify_password(std::string_view stored, const Secret& password);

}  // namespace sekimori::store
