#include "store/password_hash.h"

#include <crypt.h>
#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <array>
#include <boost/uuid/detail/md5.hpp>
#include <boost/uuid/detail/sha1.hpp>
#include <cstring>
#include <memory>
#include <optional>

#include "base/mail_address.h"

namespace sekimori::store {
namespace {

// 20,000 rounds take some 10 ms: four times the default's work for a guesser, little for a login.
constexpr unsigned long k_rounds = 20'000;

using Digest = std::string;  // raw bytes

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

// MD5 and SHA-1 are here to read what old stores hold; nothing new is written with them.
template <class Algorithm>
Digest legacy_digest(std::string_view text) {
  Algorithm algorithm;
  algorithm.process_bytes(text.data(), text.size());
  typename Algorithm::digest_type words;
  algorithm.get_digest(words);
  Digest bytes;
  for (const unsigned int word : words) {  // Boost 1.81 gives them as big-endian numbers
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(word >> shift);
  }
  return bytes;
}
Digest md5(std::string_view text) { return legacy_digest<boost::uuids::detail::md5>(text); }
Digest sha1(std::string_view text) { return legacy_digest<boost::uuids::detail::sha1>(text); }
Digest sha256(std::string_view text) {
  Digest bytes(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(bytes.data()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return bytes;
}
Digest sha512(std::string_view text) {
  Digest bytes(crypto_hash_sha512_BYTES, '\0');
  crypto_hash_sha512(reinterpret_cast<unsigned char*>(bytes.data()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return bytes;
}

std::optional<std::string> from_hex(std::string_view text) {
  std::string bytes(text.size() / 2, '\0');
  std::size_t length = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                     text.size(), nullptr, &length, nullptr) != 0 ||
      length * 2 != text.size()) {
    return std::nullopt;
  }
  return bytes;
}
std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes(text.size() * 3 / 4 + 1, '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, nullptr,
                        sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0) {
    return std::nullopt;
  }
  bytes.resize(length);
  return bytes;
}

// crypt(3) with memory of its own (32 KB, too much for a stack shared with others), wiped
// afterwards.
std::string crypt_with(std::string_view password, const std::string& setting) {
  const std::string phrase(password);
  auto data = std::make_unique<crypt_data>();
  const char* hash = crypt_r(phrase.c_str(), setting.c_str(), data.get());
  std::string result = hash == nullptr || hash[0] == '*' ? "" : hash;
  sodium_memzero(data.get(), sizeof *data);
  sodium_memzero(const_cast<char*>(phrase.data()), phrase.size());
  return result;
}

bool fits_crypt(std::string_view stored, std::string_view password) {
  if (password.size() > k_password_bytes_max || password.find('\0') != std::string_view::npos) {
    return false;
  }
  const std::string hash = crypt_with(password, std::string(stored));
  return !hash.empty() && equal(hash, stored);
}

bool fits_argon2(std::string_view stored, std::string_view password) {
  const std::string hash(stored);
  return crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

struct DigestScheme {
  std::string_view name;
  Digest (*digest)(std::string_view);
  std::size_t bytes;
  bool salted;
  bool hex;  // unless the scheme's suffix says otherwise
};
constexpr std::array<DigestScheme, 9> k_digests{{
    {"PLAIN-MD5", md5, 16, false, true},
    {"LDAP-MD5", md5, 16, false, false},
    {"SMD5", md5, 16, true, false},
    {"SHA", sha1, 20, false, false},
    {"SHA1", sha1, 20, false, false},
    {"SSHA", sha1, 20, true, false},
    {"SHA256", sha256, 32, false, false},
    {"SSHA256", sha256, 32, true, false},
    {"SHA512", sha512, 64, false, false},
}};
constexpr DigestScheme k_ssha512{"SSHA512", sha512, 64, true, false};

const DigestScheme* find_digest(std::string_view name) {
  if (name == k_ssha512.name) return &k_ssha512;
  const auto at = std::ranges::find(k_digests, name, &DigestScheme::name);
  return at == k_digests.end() ? nullptr : &*at;
}

bool fits_digest(const DigestScheme& scheme, bool hex, std::string_view stored,
                 std::string_view password) {
  const auto bytes = hex ? from_hex(stored) : from_base64(stored);
  if (!bytes || bytes->size() < scheme.bytes) return false;
  if (!scheme.salted && bytes->size() != scheme.bytes) return false;
  std::string salted(password);
  salted += bytes->substr(scheme.bytes);
  const bool fits = equal(scheme.digest(salted), std::string_view(*bytes).substr(0, scheme.bytes));
  sodium_memzero(salted.data(), salted.size());
  return fits;
}

// A hash without {SCHEME}.
Result<bool> verify_bare(std::string_view stored, std::string_view password) {
  if (stored.starts_with("$argon2")) return fits_argon2(stored, password);
  if (stored.starts_with('$') || stored.starts_with('_')) return fits_crypt(stored, password);
  const bool all_hex = stored.size() == 32 &&
                       stored.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  if (all_hex) return fits_digest(k_digests[0], true, stored, password);
  if (stored.size() == 13) return fits_crypt(stored, password);  // DES
  return bad_input("the stored password has no scheme that we know");
}

}  // namespace

HashForm form_like(std::string_view stored) {
  return stored.empty() || stored.front() == '{' ? HashForm::prefixed : HashForm::bare;
}

Result<std::string> hash_password(const Secret& password, HashForm form) {
  const std::string_view text = password.reveal();
  if (text.empty()) return bad_input("the password is empty");
  if (text.size() > k_password_bytes_max) {
    return bad_input(fmt::format("the password is longer than {} bytes", k_password_bytes_max));
  }
  if (text.find('\0') != std::string_view::npos) return bad_input("the password has a NUL in it");
  std::array<char, CRYPT_GENSALT_OUTPUT_SIZE> setting{};
  // No bytes given: libcrypt takes them from the kernel.
  if (crypt_gensalt_rn("$6$", k_rounds, nullptr, 0, setting.data(), setting.size()) == nullptr) {
    return operating_failure("the system gave no random salt");
  }
  std::string hash = crypt_with(text, setting.data());
  if (hash.empty()) return operating_failure("the system's crypt refused SHA512-CRYPT");
  return form == HashForm::prefixed ? "{SHA512-CRYPT}" + hash : hash;
}

Result<bool> verify_password(std::string_view stored, const Secret& secret) {
  const std::string_view password = secret.reveal();
  if (!stored.starts_with('{')) return verify_bare(stored, password);
  const std::size_t end = stored.find('}');
  if (end == std::string_view::npos) return bad_input("the stored password's scheme has no end");
  std::string scheme = ascii_lower(stored.substr(1, end - 1));
  const std::string_view hash = stored.substr(end + 1);
  std::optional<bool> hex;
  if (scheme.ends_with(".hex")) hex = true;
  if (scheme.ends_with(".b64")) hex = false;
  if (hex) scheme.resize(scheme.size() - 4);
  std::ranges::transform(scheme, scheme.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  if (scheme == "CRYPT" || scheme.ends_with("-CRYPT") || scheme == "MD5") {
    return fits_crypt(hash, password);
  }
  if (scheme == "ARGON2I" || scheme == "ARGON2ID") return fits_argon2(hash, password);
  if (scheme == "PLAIN" || scheme == "CLEARTEXT") {
    return !hash.empty() && equal(hash, password);
  }
  if (const DigestScheme* digest = find_digest(scheme)) {
    return fits_digest(*digest, hex.value_or(digest->hex), hash, password);
  }
  return bad_input(fmt::format("the stored password's scheme {{{}}} is not known", scheme));
}

}  // namespace sekimori::store
