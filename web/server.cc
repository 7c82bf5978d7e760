#include "web/server.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "web/admission.h"
#include "web/connection.h"
#include "web/listeners.h"

namespace sekimori::web {
namespace {

// The command line opens one connection a call.
constexpr std::size_t k_unix_connections_max = 64;

Instant steady_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

// Asked from the pool's threads.
class LockedBrake : public OwnerBrake {
 public:
  bool admit(OwnerAct act, const IpAddress& from, std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    return limiter_.admit(act, from, address, steady_now());
  }
  void take_back(OwnerAct act, const IpAddress& from, std::string_view address) override {
    const std::scoped_lock lock(mutex_);
    limiter_.take_back(act, from, address);
  }

 private:
  std::mutex mutex_;
  OwnerLimiter limiter_;
};

}  // namespace

struct Server::Impl : ConnectionHost {
  Impl(ServerSettings settings_in, const Secret& token, Control& control_in, Hub& hub_in,
       SignIns* sign_ins_in)
      : settings(std::move(settings_in)),
        token_check(token),
        token_short(token.is_set() && token.reveal().size() < k_token_min),
        control(control_in),
        hub(hub_in),
        doors(sign_ins_in),
        failures(settings.failures_per_minute),
        requests(settings.requests_per_minute),
        pool(std::max<std::size_t>(1, settings.handler_threads)),
        kill_timer(io) {}

  Result<void> bind_all();
  void run_acceptors();
  template <class Acceptor>
  asio::awaitable<void> accept_loop(Acceptor& acceptor);
  void admit(asio::ip::tcp::socket socket);
  void admit(asio::local::stream_protocol::socket socket);
  void launch(std::shared_ptr<Connection> connection);
  void begin_stop();
  void end_if_idle();

  // ConnectionHost, all on the I/O thread.
  const ServerSettings& config() const override { return settings; }
  bool is_stopping() const override { return stopping; }
  bool token_matches(std::string_view header) const override { return token_check.matches(header); }
  bool admit_request(const IpAddress& ip) override { return requests.admit(ip, steady_now()); }
  bool admit_failure(const IpAddress& ip) override {
    ++auth_failures;
    return failures.admit(ip, steady_now());
  }
  OwnerBrake& brake() override { return owners; }
  SignIns* sign_ins() override { return doors; }
  void count_request() override { ++requests_seen; }
  bool stream_begins() override {
    if (streams >= settings.streams_max) return false;
    ++streams;
    return true;
  }
  void stream_ends() override { --streams; }
  Control& control_of() override { return control; }
  Hub& hub_of() override { return hub; }
  asio::thread_pool& workers() override { return pool; }
  asio::thread_pool& owner_workers() override { return owner_pool; }

  const ServerSettings settings;
  const TokenCheck token_check;
  const bool token_short;
  Control& control;
  Hub& hub;
  SignIns* const doors;
  AddressLimiter failures;
  AddressLimiter requests;
  LockedBrake owners;
  asio::io_context io{1};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  asio::thread_pool pool;
  asio::thread_pool owner_pool{2};
  asio::steady_timer kill_timer;
  std::vector<TcpAcceptor> tcp;
  std::optional<UnixAcceptor> local;
  std::vector<std::uint16_t> bound_ports;
  std::list<std::shared_ptr<Connection>> connections;
  std::size_t tcp_open = 0;
  std::size_t unix_open = 0;
  std::size_t loops = 0;  // accept loops that run
  bool stopping = false;
  std::thread thread;
  std::atomic<std::uint64_t> requests_seen{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> auth_failures{0};
  std::atomic<std::uint64_t> streams{0};
};

Result<void> Server::Impl::bind_all() {
  if (sodium_init() < 0) return operating_failure("libsodium does not start");
  if (token_short) {
    return bad_input("web.api_token_file: the token must have at least " +
                     std::to_string(k_token_min) + " characters");
  }
  for (const auto& listen : settings.listen) {
    auto acceptor = bind_tcp(io.get_executor(), listen);
    if (!acceptor) return std::unexpected(acceptor.error());
    boost::system::error_code error;
    bound_ports.push_back(acceptor->local_endpoint(error).port());
    tcp.push_back(std::move(*acceptor));
  }
  if (!settings.control_socket.empty()) {
    auto acceptor = bind_unix(io.get_executor(), settings.control_socket);
    if (!acceptor) return std::unexpected(acceptor.error());
    local.emplace(std::move(*acceptor));
  }
  return {};
}

template <class Acceptor>
asio::awaitable<void> Server::Impl::accept_loop(Acceptor& acceptor) {
  while (!stopping) {
    auto [error, socket] = co_await acceptor.async_accept(k_tuple);
    if (!error) {
      admit(std::move(socket));
    } else if (!stopping) {
      // No file descriptors left, most likely: wait until some are given back.
      asio::steady_timer pause(io, std::chrono::milliseconds(100));
      co_await pause.async_wait(k_tuple);
    }
  }
}

void Server::Impl::admit(asio::ip::tcp::socket socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return;
  if (tcp_open >= settings.connections_max) {
    ++refused;
    return;
  }
  socket.set_option(asio::ip::tcp::no_delay(true), error);
  ++tcp_open;
  auto ip = address_of(peer.address());
  Protocol::socket generic(std::move(socket));
  launch(std::make_shared<Connection>(std::move(generic), ip, "", *this));
}

void Server::Impl::admit(asio::local::stream_protocol::socket socket) {
  if (unix_open >= k_unix_connections_max) {
    ++refused;
    return;
  }
  ++unix_open;
  auto who = believed_peer(socket.native_handle());
  Protocol::socket generic(std::move(socket));
  launch(std::make_shared<Connection>(std::move(generic), IpAddress(), std::move(who), *this));
}

void Server::Impl::launch(std::shared_ptr<Connection> connection) {
  ++open;
  const auto at = connections.insert(connections.end(), connection);
  asio::co_spawn(io, connection->run(connection), [this, at](const std::exception_ptr&) {
    // An exception here is want of memory; this connection ends and the others go on.
    --open;
    --((*at)->is_tcp() ? tcp_open : unix_open);
    connections.erase(at);
    end_if_idle();
  });
}

void Server::Impl::run_acceptors() {
  const auto ended = [this](const std::exception_ptr&) {
    --loops;
    end_if_idle();
  };
  for (auto& acceptor : tcp) {
    ++loops;
    asio::co_spawn(io, accept_loop(acceptor), ended);
  }
  if (local) {
    ++loops;
    asio::co_spawn(io, accept_loop(*local), ended);
  }
}

void Server::Impl::begin_stop() {
  stopping = true;
  boost::system::error_code ignored;
  for (auto& acceptor : tcp) acceptor.close(ignored);
  if (local) local->close(ignored);
  for (const auto& connection : connections) connection->stop_soon();
  kill_timer.expires_after(chrono_of(settings.shutdown_grace));
  kill_timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    for (const auto& connection : connections) connection->close();
  });
  end_if_idle();
}

void Server::Impl::end_if_idle() {
  if (!stopping || !connections.empty() || loops > 0) return;
  kill_timer.cancel();
  work.reset();
}

Server::Server(ServerSettings settings, const Secret& token, Control& control, Hub& hub,
               SignIns* sign_ins)
    : impl_(std::make_unique<Impl>(std::move(settings), token, control, hub, sign_ins)) {}

Server::~Server() { stop(); }

Result<void> Server::start() {
  if (auto bound = impl_->bind_all(); !bound) return bound;
  impl_->work.emplace(impl_->io.get_executor());
  impl_->run_acceptors();
  impl_->thread = std::thread([impl = impl_.get()] { impl->io.run(); });
  return {};
}

std::vector<std::uint16_t> Server::ports() const { return impl_->bound_ports; }

void Server::stop() {
  if (impl_->thread.joinable()) {
    asio::post(impl_->io, [impl = impl_.get()] { impl->begin_stop(); });
    impl_->thread.join();
    if (impl_->local) ::unlink(impl_->settings.control_socket.c_str());
  }
  impl_->pool.join();
  impl_->owner_pool.join();
}

Server::Counters Server::counters() const {
  return {impl_->requests_seen, impl_->open, impl_->refused, impl_->auth_failures, impl_->streams};
}

}  // namespace sekimori::web
