// One-time codes of an authenticator app (RFC 6238), through liboath. Pure but for the system's
// entropy; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::password {

enum class TotpHash : std::uint8_t { sha1, sha256, sha512 };

// What every authenticator app takes for granted (RFC 6238 §4, §5.2). Change only for tests.
struct TotpRules {
  unsigned digits = 6;             // 6 to 8
  unsigned step_seconds = 30;      // 1 to 3600
  unsigned window = 1;             // steps before and after now that still count; at most 10
  TotpHash hash = TotpHash::sha1;  // many apps ignore any other
};

// The shared key, decoded.
class TotpKey {
 public:
  // Reads base32 (RFC 4648 §6; blanks, hyphens, lower case and missing padding allowed: people type
  // it). Errors: bad_input for other characters, fewer than 10 bytes (80 bits, what older tokens
  // have; RFC 4226 §4 asks 16) or more than 128; the text holds nothing of the secret.
  [[nodiscard]] static Result<TotpKey> parse(std::string_view base32);
  // A new key of 20 bytes (RFC 4226 §4 recommends 160 bits).
  [[nodiscard]] static TotpKey generate();

  [[nodiscard]] Secret base32() const;
  // The key URI that apps read from a QR code: otpauth://totp/issuer:account?secret=…&issuer=…
  [[nodiscard]] Secret uri(std::string_view account, std::string_view issuer,
                           const TotpRules& rules = {}) const;
  [[nodiscard]] std::string_view bytes() const { return key_.reveal(); }

 private:
  explicit TotpKey(Secret key) : key_(std::move(key)) {}
  Secret key_;
};

// The step (count of step_seconds since 1970) whose code this is, or nullopt. Steps up to
// `last_step` never match: a code counts once (RFC 6238 §5.2). The caller keeps the returned step,
// durably and before it lets the person in, and limits how many codes are tried. Blanks in the code
// are ignored (123 456), full-width digits read as digits. Takes the same time for every code.
// Errors: bad_input for rules out of range, operating where liboath fails.
[[nodiscard]] Result<std::optional<std::int64_t>> verify_totp(
    const TotpKey& key, std::string_view code, Instant now,
    std::optional<std::int64_t> last_step = std::nullopt, const TotpRules& rules = {});

}  // namespace sekimori::password
