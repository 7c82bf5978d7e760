#include "serve/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

namespace sekimori::serve {
namespace {

std::string system_words() { return std::strerror(errno); }

std::unexpected<Error> close_and_fail(int fd, const ListenAddress& address, const char* what) {
  const std::string words = system_words();
  ::close(fd);
  return operating_failure(fmt::format("cannot {} {}: {}", what, address.to_string(), words));
}

Result<int> open_unix(const ListenAddress& address) {
  sockaddr_un name{};
  if (address.unix_path.size() >= sizeof name.sun_path) {
    return bad_input(fmt::format("{}: a unix socket's path has at most {} bytes",
                                 address.to_string(), sizeof name.sun_path - 1));
  }
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, address.unix_path.data(), address.unix_path.size());
  const auto* where = reinterpret_cast<const sockaddr*>(&name);
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe >= 0) {
    const bool answers = ::connect(probe, where, sizeof name) == 0;
    const bool stale = !answers && errno == ECONNREFUSED;
    ::close(probe);
    if (answers) {
      return operating_failure(
          fmt::format("{}: another process listens there already", address.to_string()));
    }
    if (stale) ::unlink(address.unix_path.c_str());
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return operating_failure(fmt::format("socket: {}", system_words()));
  if (::bind(fd, where, sizeof name) != 0) return close_and_fail(fd, address, "listen on");
  if (::chmod(address.unix_path.c_str(), 0666) != 0) return close_and_fail(fd, address, "open up");
  if (::listen(fd, SOMAXCONN) != 0) return close_and_fail(fd, address, "listen on");
  return fd;
}

Result<int> open_tcp(const ListenAddress& address) {
  sockaddr_storage name{};
  socklen_t size = 0;
  const auto& bytes = address.ip.bytes();
  if (address.ip.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    std::memcpy(&v4->sin_addr, bytes.data() + 12, 4);
    size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&name);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    std::memcpy(&v6->sin6_addr, bytes.data(), 16);
    size = sizeof *v6;
  }
  const int fd = ::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return operating_failure(fmt::format("socket: {}", system_words()));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    return close_and_fail(fd, address, "listen on");
  }
  return fd;
}

}  // namespace

Result<int> open_listener(const ListenAddress& address) {
  return address.unix_path.empty() ? open_tcp(address) : open_unix(address);
}

std::uint16_t port_of(int listener) {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  if (name.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
  return 0;
}

}  // namespace sekimori::serve
