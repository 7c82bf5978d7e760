#include "serve/listen_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
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
  auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&name);
  if (::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    size = sizeof *v4;
  } else {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    if (::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) != 1) {
      return bad_input(fmt::format("{}: not an IP address", address.to_string()));
    }
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

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.empty() || address.unix_path.find('\0') != std::string::npos) {
      return bad_input("unix: a path is expected behind it");
    }
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return bad_input(fmt::format("\"{}\": expected ADDRESS:PORT or unix:PATH", text));
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  address.host = host;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  in6_addr any{};
  if (failed != std::errc() || end != port.data() + port.size() || port.empty() ||
      (::inet_pton(AF_INET, address.host.c_str(), &any) != 1 &&
       ::inet_pton(AF_INET6, address.host.c_str(), &any) != 1)) {
    return bad_input(fmt::format("\"{}\": expected ADDRESS:PORT or unix:PATH", text));
  }
  return address;
}

std::string ListenAddress::to_string() const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

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
