// Opening the sockets on which mail servers reach us.
#pragma once

#include <cstdint>

#include "base/listen_address.h"
#include "base/result.h"

namespace sekimori::serve {

// A listening socket: not blocking, closed on exec, backlog as large as the system allows. A unix
// socket's file gets mode 0666 (who may reach it is its folder's matter, as Postfix does it); a
// file left by a process that died is removed, one that still answers is not. Errors: operating,
// with the address and the system's words. The caller closes the descriptor.
[[nodiscard]] Result<int> open_listener(const ListenAddress& address);
// The port that a TCP listener got; 0 for a unix socket.
[[nodiscard]] std::uint16_t port_of(int listener);

}  // namespace sekimori::serve
