// What counts as one place of sign-ins: the network of a household or an office.
#pragma once

#include <string>

#include "base/ip_address.h"

namespace sekimori {

// The /24 (IPv4) or /64 (IPv6) in which the address lies, by its first address: "192.0.2.0".
[[nodiscard]] inline std::string place_network(const IpAddress& ip) {
  return ip.network(24, 64).to_string();
}

}  // namespace sekimori
