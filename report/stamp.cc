#include "report/stamp.h"

#include <sodium.h>

#include <cstring>

namespace sekimori::report {
namespace {

constexpr std::int64_t k_us_a_day = 86'400'000'000;
constexpr std::int64_t k_days_a_key = 30;
constexpr std::size_t k_nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t k_plain = 12;  // the account's name, the day
constexpr std::size_t k_sealed = k_plain + crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr int k_variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
static_assert((k_nonce + k_sealed) * 4 / 3 + 1 == k_stamp_length);

}  // namespace

Stamper::Stamper(const HashKey& key) : key_(key) {}

std::uint64_t Stamper::name_of(std::string_view account) const {
  return keyed_hash(key_, std::string("stamp ") + std::string(account));
}

Stamper::Key Stamper::key_of(std::int64_t period) const {
  const std::string context = "sekimori stamp " + std::to_string(period);
  Key key{};
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const unsigned char*>(context.data()),
                     context.size(), key_.data(), key_.size());
  return key;
}

std::string Stamper::stamp(std::string_view account, Instant now) const {
  const auto day = static_cast<std::int32_t>(now.us / k_us_a_day);
  const std::uint64_t name = name_of(account);
  std::array<unsigned char, k_plain> plain{};
  std::memcpy(plain.data(), &name, sizeof name);
  std::memcpy(plain.data() + sizeof name, &day, sizeof day);
  std::array<unsigned char, k_nonce + k_sealed> bytes{};
  randombytes_buf(bytes.data(), k_nonce);
  const Key key = key_of(day / k_days_a_key);
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes.data() + k_nonce, nullptr, plain.data(),
                                             plain.size(), nullptr, 0, nullptr, bytes.data(),
                                             key.data());
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), k_variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), k_variant);
  text.resize(std::strlen(text.c_str()));
  return text;
}

std::optional<Stamped> Stamper::open(std::string_view text, Instant now) const {
  if (text.size() != k_stamp_length) return std::nullopt;
  std::array<unsigned char, k_nonce + k_sealed> bytes{};
  std::size_t length = 0;
  if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &length,
                        nullptr, k_variant) != 0 ||
      length != bytes.size()) {
    return std::nullopt;
  }
  const std::int64_t today = now.us / k_us_a_day;
  const std::int64_t period = today / k_days_a_key;
  for (std::int64_t back = 0; back <= k_stamp_days / k_days_a_key; ++back) {
    const Key key = key_of(period - back);
    std::array<unsigned char, k_plain> plain{};
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr,
                                                   bytes.data() + k_nonce, k_sealed, nullptr, 0,
                                                   bytes.data(), key.data()) != 0) {
      continue;
    }
    Stamped out;
    std::int32_t day = 0;
    std::memcpy(&out.account, plain.data(), sizeof out.account);
    std::memcpy(&day, plain.data() + sizeof out.account, sizeof day);
    if (day > today + 1 || today - day > k_stamp_days) return std::nullopt;
    out.day = Instant{day * k_us_a_day};
    return out;
  }
  return std::nullopt;
}

}  // namespace sekimori::report
