#include "serve/auth_policy_server.h"

#include <unistd.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <utility>

#include "wire/auth_policy.h"
#include "wire/dovecot_event.h"

namespace sekimori::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using boost::system::error_code;

constexpr std::uint32_t k_header_max = 8 * 1024;
constexpr auto k_accept_pause = std::chrono::milliseconds(100);

std::chrono::microseconds chrono_of(Duration d) { return std::chrono::microseconds(d.us); }

// Compares in a time that does not tell how much was right.
bool same_secret(std::string_view given, std::string_view expected) {
  unsigned different = given.size() == expected.size() ? 0U : 1U;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const char c = given.empty() ? '\0' : given[i % given.size()];
    different |= static_cast<unsigned char>(c) ^ static_cast<unsigned char>(expected[i]);
  }
  return different == 0;
}

// Over loopback or a unix socket.
bool is_from_this_machine(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  std::array<std::uint8_t, 16> bytes{};
  switch (peer.ss_family) {
    case AF_UNIX: return true;
    case AF_INET:
      bytes[10] = bytes[11] = 0xFF;
      std::memcpy(bytes.data() + 12, &reinterpret_cast<sockaddr_in*>(&peer)->sin_addr, 4);
      return IpAddress::from_bytes(bytes).is_loopback();
    case AF_INET6:
      std::memcpy(bytes.data(), &reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr, 16);
      return IpAddress::from_bytes(bytes).is_loopback();
    default: return false;
  }
}

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

}  // namespace

struct AuthPolicyServer::Impl {
  struct Thread {
    // Before io: what io's end destroys takes itself off this list.
    std::list<Stream*> open;
    DirectoryReader directory;
    asio::io_context io{1};
    std::thread thread;
    explicit Thread(const DirectoryCell& cell) : directory(cell) {}
  };

  AuthDesk& desk;
  const DirectoryCell& directory;
  Clock clock;
  ServerMetrics& metrics;
  AuthPolicyServerOptions options;
  std::vector<int> listeners;
  std::vector<std::uint16_t> ports;
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<std::unique_ptr<asio::posix::stream_descriptor>> acceptors;
  std::size_t next_thread = 0;
  std::atomic<std::size_t> in_flight{0};
  std::atomic<bool> stopping{false};

  asio::awaitable<void> accept_all(asio::posix::stream_descriptor& listener);
  asio::awaitable<void> serve(Thread& thread, int fd);
  void take(Thread& thread, int fd);
  std::string answer(Thread& thread, const http::request<http::string_body>& request, bool is_local,
                     http::status& status);
};

asio::awaitable<void> AuthPolicyServer::Impl::accept_all(asio::posix::stream_descriptor& listener) {
  asio::steady_timer pause(listener.get_executor());
  while (!stopping) {
    error_code failed;
    co_await listener.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return;
    for (;;) {
      const int fd =
          ::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        if (metrics.auth_connections_open.get() >= options.connections_max) {
          ::close(fd);
          continue;
        }
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
                     sizeof on);  // fails on a unix socket: no matter
        take(*threads[next_thread++ % threads.size()], fd);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause.expires_after(k_accept_pause);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failed));
      }
      break;
    }
  }
}

void AuthPolicyServer::Impl::take(Thread& thread, int fd) {
  metrics.auth_connections_open.add();
  asio::co_spawn(thread.io, serve(thread, fd),
                 [this](const std::exception_ptr&) { metrics.auth_connections_open.subtract(); });
}

asio::awaitable<void> AuthPolicyServer::Impl::serve(Thread& thread, int fd) {
  Stream stream(thread.io);
  {
    error_code failed;
    stream.socket().assign(asio::generic::stream_protocol(AF_INET, 0), fd, failed);
    if (failed) {
      ::close(fd);
      co_return;
    }
  }
  if (stopping) co_return;
  const bool local = is_from_this_machine(fd);
  thread.open.push_back(&stream);
  struct Leave {
    std::list<Stream*>& open;
    std::list<Stream*>::iterator self;
    ~Leave() { open.erase(self); }
  };
  const Leave leave{thread.open, std::prev(thread.open.end())};

  beast::flat_buffer buffer(k_header_max + wire::k_dovecot_event_max);
  // A cancel() that comes between two waits is not seen by the next: hence the flag.
  while (!stopping) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(k_header_max);
    parser.body_limit(wire::k_dovecot_event_max);
    error_code failed;
    stream.expires_after(chrono_of(options.idle_timeout));
    co_await http::async_read_header(stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, failed));
    if (failed == http::error::end_of_stream || failed == beast::error::timeout) break;
    if (failed) {
      metrics.auth_bad_requests.add();
      break;
    }
    struct Flight {
      std::atomic<std::size_t>& n;
      explicit Flight(std::atomic<std::size_t>& in) : n(in) { ++n; }
      ~Flight() { --n; }
    };
    const Flight flight(in_flight);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      co_await http::async_write(stream, go_on, asio::redirect_error(asio::use_awaitable, failed));
      if (failed) break;
    }
    if (stopping) break;
    stream.expires_after(chrono_of(options.request_timeout));
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, failed));
    if (failed && failed != http::error::body_limit) break;
    const bool too_long = static_cast<bool>(failed);

    const auto start = std::chrono::steady_clock::now();
    http::response<http::string_body> response(http::status::ok, 11);
    response.set(http::field::content_type, "application/json");
    if (too_long) {
      metrics.auth_bad_requests.add();
      response.result(http::status::payload_too_large);
      response.keep_alive(false);
    } else {
      http::status status = http::status::ok;
      response.body() = answer(thread, parser.get(), local, status);
      response.result(status);
      response.keep_alive(parser.get().keep_alive());
    }
    response.prepare_payload();
    metrics.auth_latency.record(
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                       std::chrono::steady_clock::now() - start)
                                       .count()));
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, failed));
    if (failed || !response.keep_alive()) break;
    // A keep-alive connection gives a large body's memory back.
    if (buffer.capacity() > 16 * 1024 && buffer.size() == 0) buffer.shrink_to_fit();
  }
  error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

std::string AuthPolicyServer::Impl::answer(Thread& thread,
                                           const http::request<http::string_body>& request,
                                           bool is_local, http::status& status) {
  std::string out;
  const std::string_view target(request.target().data(), request.target().size());
  const bool is_event = path_of(target) == "/dovecot";
  // Dovecot's event exporter cannot send a header: on this machine it needs none.
  if (!options.header_name.empty() && !(is_event && is_local) &&
      !same_secret(request[options.header_name], options.header_value)) {
    metrics.auth_forbidden.add();
    status = http::status::forbidden;
    return "{\"status\":0,\"msg\":\"\"}";
  }
  if (in_flight > options.in_flight_max) {
    metrics.auth_overloaded.add();
    return "{\"status\":0,\"msg\":\"\"}";
  }
  try {
    if (is_event) {
      desk.dovecot_event(request.body(), clock(), thread.directory.get());
      return "{}";
    }
    desk.answer(target, request.body(), clock(), thread.directory.get(), out);
  } catch (const std::exception&) {
    metrics.auth_bad_requests.add();
    out = "{\"status\":0,\"msg\":\"\"}";  // a login must not hang on our own trouble
  }
  return out;
}

AuthPolicyServer::AuthPolicyServer(AuthDesk& desk, const DirectoryCell& directory, Clock clock,
                                   ServerMetrics& metrics, AuthPolicyServerOptions options)
    : impl_(new Impl{
          desk, directory, std::move(clock), metrics, std::move(options), {}, {}, {}, {}}) {}

AuthPolicyServer::~AuthPolicyServer() { stop(); }

Result<void> AuthPolicyServer::start() {
  Impl& impl = *impl_;
  for (const ListenAddress& address : impl.options.listen) {
    auto listener = open_listener(address);
    if (!listener) {
      stop();
      return std::unexpected(listener.error());
    }
    impl.listeners.push_back(*listener);
    impl.ports.push_back(port_of(*listener));
  }
  for (unsigned i = 0; i < std::max(impl.options.threads, 1U); ++i) {
    impl.threads.push_back(std::make_unique<Impl::Thread>(impl.directory));
  }
  // The first thread accepts for all.
  for (const int listener : impl.listeners) {
    impl.acceptors.push_back(std::make_unique<asio::posix::stream_descriptor>(
        impl.threads.front()->io, ::dup(listener)));
    asio::co_spawn(impl.threads.front()->io, impl.accept_all(*impl.acceptors.back()),
                   [](const std::exception_ptr&) {});
  }
  for (const auto& thread : impl.threads) {
    thread->thread = std::thread([&io = thread->io, &stopping = impl.stopping] {
      {
        const auto work = asio::make_work_guard(io);
        while (!stopping) io.run_for(std::chrono::hours(1));
      }
      io.restart();
      io.run_for(std::chrono::seconds(5));  // closed connections come to their end
    });
  }
  return {};
}

void AuthPolicyServer::stop() {
  Impl& impl = *impl_;
  impl.stopping = true;
  for (const auto& thread : impl.threads) {
    if (!thread->thread.joinable()) continue;
    asio::post(thread->io, [&impl, t = thread.get()] {
      error_code ignored;
      if (t == impl.threads.front().get()) {
        for (const auto& acceptor : impl.acceptors) acceptor->close(ignored);
      }
      for (Stream* stream : t->open) stream->cancel();
      t->io.stop();
    });
  }
  for (const auto& thread : impl.threads) {
    if (thread->thread.joinable()) thread->thread.join();
  }
  impl.acceptors.clear();
  impl.threads.clear();
  for (const int listener : impl.listeners) ::close(listener);
  if (!impl.listeners.empty()) {
    for (const ListenAddress& address : impl.options.listen) {
      if (!address.unix_path.empty()) ::unlink(address.unix_path.c_str());
    }
  }
  impl.listeners.clear();
}

std::uint16_t AuthPolicyServer::port(std::size_t i) const {
  return i < impl_->ports.size() ? impl_->ports[i] : 0;
}

}  // namespace sekimori::serve
