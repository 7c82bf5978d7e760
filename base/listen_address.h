// Where a listener waits: an address and a port, or a socket in the file system.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori {

struct ListenAddress {
  std::string unix_path;  // absolute; empty for TCP
  IpAddress ip;
  std::uint16_t port = 0;  // 0: the system chooses
  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  auto operator<=>(const ListenAddress&) const = default;

  // Reads "127.0.0.1:10040", "[::1]:10040" and "unix:/run/sekimori/policy". A host name is refused:
  // it could change where we listen without anyone touching the file. Errors: bad_input.
  [[nodiscard]] static Result<ListenAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

}  // namespace sekimori
