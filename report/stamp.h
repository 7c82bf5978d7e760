// The mark on outgoing mail by which a complaint about it leads back to the account that sent it,
// and to nobody else's eyes: opaque, different on every mail, of one length, good for some months.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/instant.h"

namespace sekimori::report {

inline constexpr std::string_view k_stamp_header = "X-Sekimori-Account";
// Complaints come within days, a few within weeks. What is older is nobody's any more.
inline constexpr std::int64_t k_stamp_days = 90;
inline constexpr std::size_t k_stamp_length = 70;

struct Stamped {
  std::uint64_t account = 0;  // Stamper::name_of of the account
  Instant day;                // when it was made, to the day (UTC)
};

// Any thread.
class Stamper {
 public:
  // Keys are derived from the installation's, one for each 30 days.
  explicit Stamper(const HashKey& key);

  // k_stamp_length characters of base64url: a random nonce, and, encrypted and authenticated
  // (XChaCha20-Poly1305), the account's keyed name and the day.
  [[nodiscard]] std::string stamp(std::string_view account, Instant now) const;
  // nullopt for what this installation did not make, or made more than k_stamp_days ago.
  [[nodiscard]] std::optional<Stamped> open(std::string_view text, Instant now) const;
  [[nodiscard]] std::uint64_t name_of(std::string_view account) const;

 private:
  using Key = std::array<unsigned char, 32>;
  [[nodiscard]] Key key_of(std::int64_t period) const;

  HashKey key_;
};

}  // namespace sekimori::report
