#include "app/drill_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/ip_address.h"

namespace sekimori::app {
namespace {

using Clock = std::chrono::steady_clock;

int ms_left(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

bool wait_for(int fd, short events, Clock::time_point deadline) {
  pollfd waiting{fd, events, 0};
  while (true) {
    const int n = ::poll(&waiting, 1, ms_left(deadline));
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

std::string tls_trouble() {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
  return text.data();
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  const auto ip = IpAddress::parse(host);
  return ip && ip->is_loopback();
}

}  // namespace

struct LineStream::Impl {
  MailEndpoint to;
  int fd = -1;
  SSL_CTX* context = nullptr;
  SSL* tls = nullptr;
  std::string buffer;

  ~Impl() {
    if (tls != nullptr) ::SSL_free(tls);
    if (context != nullptr) ::SSL_CTX_free(context);
    if (fd >= 0) ::close(fd);
  }
  [[nodiscard]] std::unexpected<Error> late() const {
    return operating_failure(fmt::format("{} port {} took too long", to.host, to.port));
  }
  [[nodiscard]] std::unexpected<Error> closed() const {
    return operating_failure(fmt::format("{} port {} closed the connection", to.host, to.port));
  }
  // Runs a TLS call until it is done; `step` returns what the call returned.
  template <class Step>
  Result<int> tls_call(const Step& step) {
    const auto deadline = Clock::now() + k_patience;
    while (true) {
      ::ERR_clear_error();
      const int n = step();
      if (n > 0) return n;
      switch (::SSL_get_error(tls, n)) {
        case SSL_ERROR_WANT_READ:
          if (!wait_for(fd, POLLIN, deadline)) return late();
          break;
        case SSL_ERROR_WANT_WRITE:
          if (!wait_for(fd, POLLOUT, deadline)) return late();
          break;
        case SSL_ERROR_ZERO_RETURN: return closed();
        default:
          if (::ERR_peek_error() == 0) return closed();
          return operating_failure(
              fmt::format("{} port {}: TLS: {}", to.host, to.port, tls_trouble()));
      }
    }
  }
};

Result<MailEndpoint> MailEndpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  MailEndpoint out;
  if (colon == std::string_view::npos || colon == 0) {
    return bad_input(fmt::format("'{}' is no HOST:PORT", text));
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size() || out.port == 0) {
    return bad_input(fmt::format("'{}' is no HOST:PORT", text));
  }
  out.host = host;
  return out;
}

LineStream::LineStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LineStream::LineStream(LineStream&&) noexcept = default;
LineStream& LineStream::operator=(LineStream&&) noexcept = default;
LineStream::~LineStream() = default;

Result<LineStream> LineStream::connect(const MailEndpoint& to) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int why =
          ::getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &found);
      why != 0) {
    return operating_failure(fmt::format("{}: {}", to.host, ::gai_strerror(why)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  std::string trouble = "no address";
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    auto impl = std::make_unique<Impl>();
    impl->to = to;
    impl->fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (impl->fd < 0) continue;
    if (::connect(impl->fd, a->ai_addr, a->ai_addrlen) != 0) {
      int error = errno;
      if (error == EINPROGRESS) {
        if (!wait_for(impl->fd, POLLOUT, Clock::now() + k_patience)) return impl->late();
        socklen_t size = sizeof(error);
        ::getsockopt(impl->fd, SOL_SOCKET, SO_ERROR, &error, &size);
      }
      if (error != 0) {
        trouble = std::strerror(error);
        continue;
      }
    }
    return LineStream(std::move(impl));
  }
  return operating_failure(fmt::format("{} port {}: {}", to.host, to.port, trouble));
}

Result<void> LineStream::start_tls() {
  Impl& s = *impl_;
  // Bytes sent before the handshake must not count as said inside it (CVE-2011-0411).
  s.buffer.clear();
  s.context = ::SSL_CTX_new(::TLS_client_method());
  if (s.context == nullptr) return operating_failure("TLS: " + tls_trouble());
  if (!is_loopback(s.to.host)) {
    ::SSL_CTX_set_default_verify_paths(s.context);
    ::SSL_CTX_set_verify(s.context, SSL_VERIFY_PEER, nullptr);
  }
  s.tls = ::SSL_new(s.context);
  if (s.tls == nullptr || ::SSL_set_fd(s.tls, s.fd) != 1) {
    return operating_failure("TLS: " + tls_trouble());
  }
  ::SSL_set_tlsext_host_name(s.tls, s.to.host.c_str());
  ::SSL_set1_host(s.tls, s.to.host.c_str());
  auto done = s.tls_call([&] { return ::SSL_connect(s.tls); });
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> LineStream::send(std::string_view bytes) {
  Impl& s = *impl_;
  const auto deadline = Clock::now() + k_patience;
  while (!bytes.empty()) {
    std::size_t sent = 0;
    if (s.tls != nullptr) {
      auto n = s.tls_call(
          [&] { return ::SSL_write(s.tls, bytes.data(), static_cast<int>(bytes.size())); });
      if (!n) return std::unexpected(n.error());
      sent = static_cast<std::size_t>(*n);
    } else {
      const ssize_t n = ::send(s.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        if (!wait_for(s.fd, POLLOUT, deadline)) return s.late();
        continue;
      }
      if (n < 0) return s.closed();
      sent = static_cast<std::size_t>(n);
    }
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<void> LineStream::fill() {
  Impl& s = *impl_;
  std::array<char, 16384> piece;
  if (s.tls != nullptr) {
    auto n =
        s.tls_call([&] { return ::SSL_read(s.tls, piece.data(), static_cast<int>(piece.size())); });
    if (!n) return std::unexpected(n.error());
    s.buffer.append(piece.data(), static_cast<std::size_t>(*n));
    return {};
  }
  const auto deadline = Clock::now() + k_patience;
  while (true) {
    const ssize_t n = ::recv(s.fd, piece.data(), piece.size(), 0);
    if (n > 0) {
      s.buffer.append(piece.data(), static_cast<std::size_t>(n));
      return {};
    }
    if (n == 0) return s.closed();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return s.closed();
    if (!wait_for(s.fd, POLLIN, deadline)) return s.late();
  }
}

Result<std::string> LineStream::line() {
  Impl& s = *impl_;
  while (true) {
    if (const auto end = s.buffer.find('\n'); end != std::string::npos) {
      std::string out = s.buffer.substr(0, end);
      s.buffer.erase(0, end + 1);
      if (out.ends_with('\r')) out.pop_back();
      return out;
    }
    if (s.buffer.size() > k_line_max) return operating_failure("the answer's line is too long");
    if (auto more = fill(); !more) return std::unexpected(more.error());
  }
}

Result<std::string> LineStream::bytes(std::size_t count) {
  Impl& s = *impl_;
  while (s.buffer.size() < count) {
    if (auto more = fill(); !more) return std::unexpected(more.error());
  }
  std::string out = s.buffer.substr(0, count);
  s.buffer.erase(0, count);
  return out;
}

bool LineStream::readable(std::chrono::milliseconds within) {
  Impl& s = *impl_;
  if (!s.buffer.empty() || (s.tls != nullptr && ::SSL_pending(s.tls) > 0)) return true;
  return wait_for(s.fd, POLLIN, Clock::now() + within);
}

}  // namespace sekimori::app
