// The spellings of lengths of time, sizes, addresses and networks in the settings.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori::config {

// A number of bytes.
struct ByteCount {
  std::int64_t bytes = 0;
  auto operator<=>(const ByteCount&) const = default;
};
[[nodiscard]] constexpr ByteCount kib(std::int64_t n) { return {n << 10}; }
[[nodiscard]] constexpr ByteCount mib(std::int64_t n) { return {n << 20}; }
[[nodiscard]] constexpr ByteCount gib(std::int64_t n) { return {n << 30}; }
[[nodiscard]] constexpr Duration milliseconds(std::int64_t n) { return {n * 1000}; }

// Reads "100ms", "30s", "10m", "4h", "7d": one whole number and its unit, at most 100 years.
// Errors: bad_input.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// Writes the same, in the largest unit that divides it. parse(print(d)) == d for whole
// milliseconds.
[[nodiscard]] std::string print_duration(Duration duration);

// Reads "512B", "64KiB", "10MiB", "2GiB", "1TiB": at most 1 PiB. Errors: bad_input.
[[nodiscard]] Result<ByteCount> parse_byte_count(std::string_view text);
[[nodiscard]] std::string print_byte_count(ByteCount count);

// Reads "+09:00", "-03:30", "Z" as the distance from UTC. Errors: bad_input.
[[nodiscard]] Result<Duration> parse_utc_offset(std::string_view text);

// Where a listener waits: an address and a port, or a socket in the file system.
struct ListenAddress {
  std::string unix_path;  // absolute; empty for TCP
  IpAddress ip;
  std::uint16_t port = 0;
  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  auto operator<=>(const ListenAddress&) const = default;
};
// Reads "127.0.0.1:10040", "[::1]:10040" and "unix:/run/sekimori/policy". A host name is refused:
// it could change where we listen without anyone touching the file. Errors: bad_input.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);
[[nodiscard]] std::string print_listen_address(const ListenAddress& address);

// A network such as 192.0.2.0/24 or 2001:db8::/32; a bare address is a network of one.
struct Network {
  IpAddress address;  // with the bits behind the prefix cleared
  int bits = 0;       // of 32 for IPv4, of 128 for IPv6
  [[nodiscard]] bool contains(const IpAddress& ip) const;
  bool operator==(const Network&) const = default;
};
// Errors: bad_input, also where bits behind the prefix are set (192.0.2.7/24): one of the two
// numbers is a slip, and guessing which would open or close the wrong door.
[[nodiscard]] Result<Network> parse_network(std::string_view text);

}  // namespace sekimori::config
