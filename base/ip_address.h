// An IPv4 or IPv6 address as 16 bytes. IPv4 is kept v4-mapped inside (::ffff:a.b.c.d) and printed
// as dotted quad, so that 192.0.2.1 and ::ffff:192.0.2.1 are one address (as weakforced unmaps
// them).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori {

class IpAddress {
 public:
  // The unset address; prints as "".
  constexpr IpAddress() = default;

  // Reads "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "IPv6:2001:db8::1", "::ffff:192.0.2.1" and a
  // zone ("fe80::1%eth0", the zone is dropped). Errors: bad_input.
  [[nodiscard]] static Result<IpAddress> parse(std::string_view text);
  [[nodiscard]] static IpAddress from_bytes(const std::array<std::uint8_t, 16>& bytes);

  [[nodiscard]] bool is_set() const;
  [[nodiscard]] bool is_v4() const;
  // 127.0.0.0/8 or ::1.
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  // The address with all but its first bits cleared: `v4_bits` of 32 or `v6_bits` of 128.
  [[nodiscard]] IpAddress network(int v4_bits, int v6_bits) const;
  // A 64-bit key of the network: /24 for IPv4, /56 for IPv6 (one customer's line). 0 when unset.
  [[nodiscard]] std::uint64_t place_key() const;
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace sekimori
