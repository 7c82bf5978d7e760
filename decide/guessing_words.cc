// What is said to people about guessing.
#include <fmt/format.h>

#include <charconv>

#include "decide/guessing.h"

namespace sekimori::decide {
namespace {
constexpr std::uint16_t k_hash_known = 0x1000;
}  // namespace

std::uint16_t guess_pwhash(std::string_view hex) {
  // How much of the hash is sent is a site's own choice (auth_policy_hash_truncate; weakforced's
  // programs often send 16 bits): of a longer one the last 12 bits tell as well.
  constexpr std::size_t k_digits = 3;
  constexpr std::size_t k_longest = 128;  // of SHA-512, whole
  if (hex.size() > k_longest ||
      hex.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
    return 0;
  }
  if (hex.size() > k_digits) hex.remove_prefix(hex.size() - k_digits);
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (error != std::errc() || end != hex.data() + hex.size() || value >= k_hash_known) return 0;
  return value | k_hash_known;
}

Text account_guessed_words(const AccountGuessed& g) {
  if (!g.begun) {
    return {"パスワードの試行が収まりました。どこからでもサインインできます。",
            "The guessing has ended; sign-ins are taken from anywhere again."};
  }
  return {
      fmt::format(
          "約 {} 個のネットワークの {} 個のアドレスから、{} 通りのパスワードが試されました(およそ {:.0f} "
          "秒に 1 回)。いつもの場所からのサインインだけを受け付けています。",
          g.networks, g.addresses, g.failures, g.pace.seconds()),
      fmt::format("{} wrong passwords from {} addresses in about {} networks, one every {:.0f} s "
                  "or so. Sign-ins are taken from the account's usual places only.",
                  g.failures, g.addresses, g.networks, g.pace.seconds())};
}

}  // namespace sekimori::decide
