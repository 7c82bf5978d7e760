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
#include <mutex>
#include <thread>
#include <utility>

#include "serve/dnsbl_client.h"
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

// Something that comes to a coroutine's thread, before it waits, while it does, or too late. A
// timer is what waits, and its cancelling what wakes.
template <class T>
class Arrival {
 public:
  // Only on the coroutine's thread.
  class Latch {
   public:
    void put(T value) {
      if (timer == nullptr) return;  // nobody waits any more
      kept = std::move(value);
      timer->cancel();
    }
    asio::steady_timer* timer = nullptr;
    std::optional<T> kept;
  };
  Arrival(asio::io_context& io, Duration longest) : timer_(io, chrono_of(longest)) {
    latch_->timer = &timer_;
  }
  ~Arrival() { latch_->timer = nullptr; }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  [[nodiscard]] const std::shared_ptr<Latch>& latch() const { return latch_; }
  // nullopt: nothing came in time, or `stopping`.
  asio::awaitable<std::optional<T>> wait(const std::atomic<bool>& stopping) {
    if (!latch_->kept && !stopping) {
      error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return std::move(latch_->kept);
  }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<Latch> latch_ = std::make_shared<Latch>();
};

}  // namespace

struct AuthPolicyServer::Impl {
  struct Thread {
    // Before io: what io's end destroys takes itself off this list.
    std::list<Stream*> open;
    DirectoryReader directory;
    asio::io_context io{1};
    std::thread thread;
    // How an answer that comes from elsewhere gets in, as long as there is anybody.
    struct Door {
      std::mutex mutex;
      asio::io_context* io = nullptr;
    };
    std::shared_ptr<Door> door = std::make_shared<Door>();
    // Behind io: they end before it.
    std::unique_ptr<DnsblClient> lists;
    std::unique_ptr<asio::posix::stream_descriptor> lists_ready;
    asio::steady_timer lists_due{io};
    explicit Thread(const DirectoryCell& cell) : directory(cell) { door->io = &io; }
    ~Thread() {
      const std::lock_guard lock(door->mutex);
      door->io = nullptr;
    }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
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
  [[nodiscard]] static Result<void> open_lists(Thread& thread, DnsblBoard& board);
  static void watch_lists(Thread& thread);
  static void arm_lists(Thread& thread);
  asio::awaitable<std::optional<DnsblClient::Answers>> look_up(Thread& thread, IpAddress ip);
  asio::awaitable<HttpReply> handle(Thread& thread,
                                    const http::request<http::string_body>& request);
  std::string answer(Thread& thread, const http::request<http::string_body>& request, bool is_local,
                     http::status& status, const DnsblClient::Answers* lists);
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
    } else if (options.handler) {
      HttpReply reply = co_await handle(thread, parser.get());
      response.result(reply.status);
      response.body() = std::move(reply.body);
      if (reply.asks_password) {
        response.set(http::field::www_authenticate, "basic realm=\"wforce\"");
      }
      response.keep_alive(parser.get().keep_alive());
    } else {
      http::status status = http::status::ok;
      std::optional<DnsblClient::Answers> lists;
      if (thread.lists && in_flight <= options.in_flight_max) {
        const std::string_view target(parser.get().target().data(), parser.get().target().size());
        const auto ip =
            desk.to_look_up(target, parser.get().body(), clock(), thread.directory.get());
        if (ip) lists = co_await look_up(thread, *ip);
        if (stopping) break;
      }
      response.body() = answer(thread, parser.get(), local, status, lists ? &*lists : nullptr);
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

Result<void> AuthPolicyServer::Impl::open_lists(Thread& thread, DnsblBoard& board) {
  auto client = DnsblClient::open(board);
  if (!client) return std::unexpected(client.error());
  thread.lists = std::move(*client);
  thread.lists_ready = std::make_unique<asio::posix::stream_descriptor>(
      thread.io, ::dup(thread.lists->descriptor()));
  watch_lists(thread);
  return {};
}

void AuthPolicyServer::Impl::watch_lists(Thread& thread) {
  thread.lists_ready->async_wait(asio::posix::stream_descriptor::wait_read,
                                 [&thread](const error_code& failed) {
                                   if (failed) return;
                                   thread.lists->process();
                                   arm_lists(thread);
                                   watch_lists(thread);
                                 });
}

// Deadlines need a time to wake at. Setting it anew cancels the wait before.
void AuthPolicyServer::Impl::arm_lists(Thread& thread) {
  const int wait_ms = thread.lists->wait_ms();
  if (wait_ms < 0) return;
  thread.lists_due.expires_after(std::chrono::milliseconds(wait_ms));
  thread.lists_due.async_wait([&thread](const error_code& failed) {
    if (failed) return;
    thread.lists->process();
    arm_lists(thread);
  });
}

// What the blacklists say of an address; nullopt: nothing in time.
asio::awaitable<std::optional<DnsblClient::Answers>> AuthPolicyServer::Impl::look_up(Thread& thread,
                                                                                     IpAddress ip) {
  Arrival<DnsblClient::Answers> arrival(thread.io, options.request_timeout);
  const auto* known = thread.lists->ask(
      ip, [latch = arrival.latch()](const DnsblClient::Answers& answers) { latch->put(answers); });
  if (known != nullptr) co_return *known;
  arm_lists(thread);
  co_return co_await arrival.wait(stopping);
}

// The handler may answer from another thread.
asio::awaitable<HttpReply> AuthPolicyServer::Impl::handle(
    Thread& thread, const http::request<http::string_body>& request) {
  HttpReply out{500, R"({"status":"failure", "reason":"No answer in time"})"};
  const auto text = [&](http::field field) {
    return std::string_view(request[field].data(), request[field].size());
  };
  HttpQuestion question;
  question.method =
      std::string_view(request.method_string().data(), request.method_string().size());
  question.target = std::string_view(request.target().data(), request.target().size());
  question.authorization = text(http::field::authorization);
  question.content_type = text(http::field::content_type);
  question.body = request.body();
  question.overloaded = in_flight > options.in_flight_max;
  if (question.overloaded) metrics.auth_overloaded.add();
  std::optional<DnsblClient::Answers> lists;
  if (thread.lists && options.to_look_up && !question.overloaded) {
    const auto ip = options.to_look_up(question, clock(), thread.directory.get());
    if (ip) lists = co_await look_up(thread, *ip);
    if (lists) question.lists = &*lists;
  }
  Arrival<HttpReply> arrival(thread.io, options.request_timeout);
  const std::thread::id here = std::this_thread::get_id();
  try {
    options.handler(question, clock(), thread.directory.get(),
                    [latch = arrival.latch(), here, door = thread.door](HttpReply reply) {
                      if (std::this_thread::get_id() == here) return latch->put(std::move(reply));
                      const std::lock_guard lock(door->mutex);
                      if (door->io == nullptr) return;  // the server has ended
                      asio::post(*door->io, [latch, reply = std::move(reply)]() mutable {
                        latch->put(std::move(reply));
                      });
                    });
  } catch (const std::exception&) {
    metrics.auth_bad_requests.add();
    out.body = R"({"status":"failure"})";
    co_return out;
  }
  std::optional<HttpReply> reply = co_await arrival.wait(stopping);
  if (reply) out = std::move(*reply);
  co_return out;
}

std::string AuthPolicyServer::Impl::answer(Thread& thread,
                                           const http::request<http::string_body>& request,
                                           bool is_local, http::status& status,
                                           const DnsblClient::Answers* lists) {
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
    desk.answer(target, request.body(), clock(), thread.directory.get(), out, lists);
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
    if (impl.options.dnsbl == nullptr) continue;
    if (auto opened = Impl::open_lists(*impl.threads.back(), *impl.options.dnsbl); !opened) {
      stop();
      return opened;
    }
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
      if (t->lists_ready) t->lists_ready->close(ignored);
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
