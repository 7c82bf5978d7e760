// A range of addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).
#pragma once

#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori {

class IpNetwork {
 public:
  // Contains nothing.
  IpNetwork() = default;
  // Reads "192.0.2.0/24", "2001:db8::/32", or one address (its /32 or /128). Bits behind the prefix
  // must be 0, so that 192.0.2.77/8 is asked about rather than taken for 16 million addresses.
  // Errors: bad_input.
  [[nodiscard]] static Result<IpNetwork> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress&) const;
  [[nodiscard]] const IpAddress& address() const { return address_; }
  // 0–32 for IPv4, 0–128 for IPv6.
  [[nodiscard]] int bits() const { return bits_; }
  // "192.0.2.0/24"; one address without its /32 or /128.
  [[nodiscard]] std::string to_string() const;
  bool operator==(const IpNetwork&) const = default;

 private:
  IpAddress address_;
  int bits_ = 128;
};

}  // namespace sekimori
