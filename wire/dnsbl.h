// Blacklists in the DNS (RFC 5782): how an address is asked about, and what its answers are. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace sekimori::wire {

// 192.0.2.9 → "9.2.0.192.ZONE" (§2.1); an IPv6 address → 32 nibbles from the last one (§2.4).
[[nodiscard]] std::string dnsbl_name(const IpAddress& ip, std::string_view zone);
// The test points of IPv6 (§5), ::FFFF:7F00:1 and ::FFFF:7F00:2, which are no IPv4 addresses there.
[[nodiscard]] std::string dnsbl_test_name_v6(unsigned last, std::string_view zone);

// What an address answer stands for, whatever the list.
enum class DnsblCode : std::uint8_t {
  code,   // 127.0.0.0/8: the list's own table says what
  error,  // 127.255.255.0/24: the question was refused (a wrong zone, a public resolver, too many)
  foreign,  // anything else: a domain that was parked answers like that
};
[[nodiscard]] DnsblCode dnsbl_code(const IpAddress& answer);
// The word for an error code as Spamhaus documents them; "" for what is none.
[[nodiscard]] std::string_view dnsbl_error(const IpAddress& answer);

// How long a name that does not exist may be taken as such: the smaller of the SOA record's own TTL
// and its MINIMUM, in seconds (RFC 2308 §5). nullopt: the answer has no SOA, or is damaged.
[[nodiscard]] std::optional<std::uint32_t> dns_negative_ttl(std::span<const std::uint8_t> answer);

}  // namespace sekimori::wire
