#include "password/totp.h"

#include <fmt/format.h>
#include <liboath/oath.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/check.h"
#include "password/characters.h"

namespace sekimori::password {
namespace {

constexpr std::size_t k_key_bytes_min = 10;
constexpr std::size_t k_key_bytes_max = 128;
constexpr std::size_t k_new_key_bytes = 20;
constexpr unsigned k_digits_max = 8;

// Once in the process, as liboath asks; the language makes the first call safe between threads.
bool library_ready() {
  static const bool ready = oath_init() == OATH_OK;
  return ready;
}

int flags_of(TotpHash hash) {
  switch (hash) {
    case TotpHash::sha256: return OATH_TOTP_HMAC_SHA256;
    case TotpHash::sha512: return OATH_TOTP_HMAC_SHA512;
    case TotpHash::sha1: break;
  }
  return 0;
}

std::string_view name_of(TotpHash hash) {
  switch (hash) {
    case TotpHash::sha256: return "SHA256";
    case TotpHash::sha512: return "SHA512";
    case TotpHash::sha1: break;
  }
  return "SHA1";
}

// RFC 3986 §2.3.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

// A buffer of liboath's as our own, wiped and freed.
std::string take(char* buffer, std::size_t size) {
  std::string out(buffer, size);
  sodium_memzero(buffer, size);
  std::free(buffer);  // liboath allocates with malloc and offers no other way
  return out;
}

}  // namespace

Result<TotpKey> TotpKey::parse(std::string_view base32) {
  // 8 characters a 5 bytes, and as many blanks as a person may put between them.
  if (base32.size() > k_key_bytes_max * 8 / 5 * 2) return bad_input("the TOTP key is too long");
  std::string plain;
  plain.reserve(base32.size() + 8);
  for (const char c : base32) {
    if (c == ' ' || c == '-' || c == '=') continue;
    if (!is_letter(c) && !(c >= '2' && c <= '7')) {
      return bad_input("the TOTP key is not base32 (letters A to Z and digits 2 to 7)");
    }
    plain += is_lower(c) ? static_cast<char>(c ^ 0x20) : c;
  }
  while (plain.size() % 8 != 0) plain += '=';
  const Secret text(std::move(plain));
  char* buffer = nullptr;
  std::size_t size = 0;
  if (!library_ready() ||
      oath_base32_decode(text.reveal().data(), text.reveal().size(), &buffer, &size) != OATH_OK) {
    return bad_input("the TOTP key is not base32 (letters A to Z and digits 2 to 7)");
  }
  Secret key(take(buffer, size));
  if (size < k_key_bytes_min || size > k_key_bytes_max) {
    return bad_input("the TOTP key must have 10 to 128 bytes (16 to 205 base32 characters)");
  }
  return TotpKey(std::move(key));
}

TotpKey TotpKey::generate() {
  std::string bytes(k_new_key_bytes, '\0');
  randombytes_buf(bytes.data(), bytes.size());
  return TotpKey(Secret(std::move(bytes)));
}

Secret TotpKey::base32() const {
  char* buffer = nullptr;
  std::size_t size = 0;
  const bool ready = library_ready();
  const int code = oath_base32_encode(bytes().data(), bytes().size(), &buffer, &size);
  SEKIMORI_CHECK(ready && code == OATH_OK);  // fails only without memory
  std::string text = take(buffer, size);
  while (text.ends_with('=')) text.pop_back();
  return Secret(std::move(text));
}

Secret TotpKey::uri(std::string_view account, std::string_view issuer,
                    const TotpRules& rules) const {
  const Secret secret = base32();
  std::string out;
  // No second allocation leaves a copy of the key behind.
  out.reserve(128 + secret.reveal().size() + 6 * issuer.size() + 3 * account.size());
  out += "otpauth://totp/";
  append_escaped(out, issuer);
  out += ':';
  append_escaped(out, account);
  out += "?secret=";
  out += secret.reveal();
  out += "&issuer=";
  append_escaped(out, issuer);
  out += fmt::format("&algorithm={}&digits={}&period={}", name_of(rules.hash), rules.digits,
                     rules.step_seconds);
  return Secret(std::move(out));
}

Result<std::optional<std::int64_t>> verify_totp(const TotpKey& key, std::string_view code,
                                                Instant now, std::optional<std::int64_t> last_step,
                                                const TotpRules& rules) {
  if (rules.digits < 6 || rules.digits > k_digits_max || rules.step_seconds < 1 ||
      rules.step_seconds > 3600 || rules.window > 10 || now.us < 0) {
    return bad_input("TOTP: 6 to 8 digits, steps of 1 to 3600 seconds, a window of at most 10");
  }
  if (!library_ready()) return operating_failure("liboath cannot start");
  // Longer than any code with blanks: not one.
  if (code.size() > 64) return std::nullopt;
  std::string typed;
  const Folded folded = fold(code);
  for (const char c : folded.text.reveal()) {
    if (c != ' ') typed += c;
  }
  if (typed.size() != rules.digits || !std::ranges::all_of(typed, is_digit)) return std::nullopt;

  const std::int64_t current = now.us / 1'000'000 / rules.step_seconds;
  const auto window = static_cast<std::int64_t>(rules.window);
  std::optional<std::int64_t> matched;
  for (std::int64_t step = std::max<std::int64_t>(0, current - window); step <= current + window;
       ++step) {
    std::array<char, k_digits_max + 1> expected{};
    const int status = oath_totp_generate2(
        key.bytes().data(), key.bytes().size(), static_cast<time_t>(step) * rules.step_seconds,
        rules.step_seconds, 0, rules.digits, flags_of(rules.hash), expected.data());
    if (status != OATH_OK) {
      return operating_failure(fmt::format("liboath: {}", oath_strerror(status)));
    }
    const bool equal = sodium_memcmp(expected.data(), typed.data(), rules.digits) == 0;
    // Two steps with one code happen once in a million: the earlier one then leaves the later free.
    if (equal && !matched && step > last_step.value_or(-1)) matched = step;
  }
  return matched;
}

}  // namespace sekimori::password
