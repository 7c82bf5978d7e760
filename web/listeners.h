// Binding the server's sockets, with errors that name the place and what to do. Internal to web/.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>

#include "base/result.h"
#include "web/server.h"

namespace sekimori::web {

using TcpAcceptor = boost::asio::ip::tcp::acceptor;
using UnixAcceptor = boost::asio::local::stream_protocol::acceptor;

[[nodiscard]] Result<TcpAcceptor> bind_tcp(const boost::asio::any_io_executor&,
                                           const ServerSettings::Listen&);
// A socket file that nobody listens on any more is replaced; one in use is an error. Mode 0600.
[[nodiscard]] Result<UnixAcceptor> bind_unix(const boost::asio::any_io_executor&,
                                             const std::string& path);
// The address of a TCP endpoint as ours.
[[nodiscard]] IpAddress address_of(const boost::asio::ip::address&);
[[nodiscard]] boost::asio::ip::address asio_address(const IpAddress&);

// "cli:<user>" when the peer of this unix socket is root or the daemon's own user; "" otherwise.
[[nodiscard]] std::string believed_peer(int socket);

}  // namespace sekimori::web
