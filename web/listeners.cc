#include "web/listeners.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sekimori::web {
namespace asio = boost::asio;
using boost::system::error_code;

IpAddress address_of(const asio::ip::address& address) {
  const auto v6 = address.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4())
                                  : address.to_v6();
  return IpAddress::from_bytes(v6.to_bytes());
}

asio::ip::address asio_address(const IpAddress& address) {
  const asio::ip::address_v6 v6(address.bytes());
  if (address.is_v4()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6);
  return v6;
}

Result<TcpAcceptor> bind_tcp(const asio::any_io_executor& executor,
                             const ServerSettings::Listen& listen) {
  const asio::ip::tcp::endpoint endpoint(asio_address(listen.address), listen.port);
  TcpAcceptor acceptor(executor);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return operating_failure(fmt::format("web.listen: cannot listen on {} port {}: {}",
                                         listen.address.to_string(), listen.port, error.message()));
  }
  return acceptor;
}

Result<UnixAcceptor> bind_unix(const asio::any_io_executor& executor, const std::string& path) {
  // sockaddr_un has room for 107 bytes and the end.
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return bad_input(fmt::format("the path of the control socket is too long: {}", path));
  }
  const asio::local::stream_protocol::endpoint endpoint(path);
  struct stat info{};
  error_code error;
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return operating_failure(fmt::format("{} exists and is no socket", path));
    }
    asio::local::stream_protocol::socket probe(executor);
    probe.connect(endpoint, error);
    if (!error) return operating_failure(fmt::format("{} is in use by another daemon", path));
    if (::unlink(path.c_str()) != 0) {
      return operating_failure(
          fmt::format("cannot remove the old {}: {}", path, std::strerror(errno)));
    }
    error = {};
  }
  UnixAcceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.bind(endpoint, error);
  // Whoever slips in before the mode is set is still asked for by the kernel (believed_peer).
  if (!error && ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) {
    error = error_code(errno, boost::system::system_category());
  }
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return operating_failure(fmt::format("cannot listen on {}: {}", path, error.message()));
  }
  return acceptor;
}

std::string believed_peer(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return "";
  if (credentials.uid != 0 && credentials.uid != ::geteuid()) return "";
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(credentials.uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr) {
    return std::string("cli:") + entry.pw_name;
  }
  return fmt::format("cli:uid{}", credentials.uid);
}

}  // namespace sekimori::web
