// Where a listener listens: "127.0.0.1:10031", "[::1]:10031" or "unix:/path/to/socket".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::serve {

struct ListenAddress {
  std::string unix_path;   // not "": a unix socket
  std::string host;        // a literal address
  std::uint16_t port = 0;  // 0: the system chooses (tests)

  // Errors: bad_input with what was expected.
  [[nodiscard]] static Result<ListenAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

// A listening socket: not blocking, closed on exec, backlog as large as the system allows. A unix
// socket's file gets mode 0666 (who may reach it is its folder's matter, as Postfix does it); a
// file left by a process that died is removed, one that still answers is not. Errors: operating,
// with the address and the system's words. The caller closes the descriptor.
[[nodiscard]] Result<int> open_listener(const ListenAddress& address);
// The port that a TCP listener got; 0 for a unix socket.
[[nodiscard]] std::uint16_t port_of(int listener);

}  // namespace sekimori::serve
