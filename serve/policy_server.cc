#include "serve/policy_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "serve/dnsbl_client.h"
#include "wire/policy.h"

namespace sekimori::serve {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(SteadyClock::now().time_since_epoch())
      .count();
}

// Answers gathered before they are sent: a pipelining peer gets at most this much before it has to
// take some.
constexpr std::size_t k_answers_max = 64 * 1024;
constexpr int k_accepts_a_turn = 16;
constexpr int k_events = 256;
constexpr int k_tick_ms = 1000;
// After accept() found no descriptor left. Closing connections free some; a busy retry would not.
constexpr int k_accept_pause_ms = 100;

}  // namespace

class PolicyServer::Worker {
 public:
  Worker(PolicyServer& server) : server_(server), directory_(server.directory_) {}
  ~Worker() {
    for (const int fd : {epoll_, wake_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  Result<void> open(std::vector<int> listeners) {
    listeners_ = std::move(listeners);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (epoll_ < 0 || wake_ < 0) {
      return operating_failure(std::string("cannot make an epoll set: ") + std::strerror(errno));
    }
    if (server_.options_.dnsbl != nullptr) {
      auto client = DnsblClient::open(*server_.options_.dnsbl);
      if (!client) return std::unexpected(client.error());
      lists_ = std::move(*client);
      watch(lists_->descriptor(), EPOLLIN, lists_.get(), EPOLL_CTL_ADD);
    }
    watch(wake_, EPOLLIN, &wake_, EPOLL_CTL_ADD);
    listen();
    return {};
  }
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void stop() {
    stopping_.store(true, std::memory_order_release);
    wake();
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Connection {
    int fd = -1;
    bool writing = false;      // waits until the peer takes `out`
    std::int64_t active = 0;   // steady ns of the last whole request, or of opening
    std::int64_t waiting = 0;  // since when `in` or `out` wait for the peer; 0: they do not
    std::string in;            // part of a request
    std::string out;           // answers not taken yet
    std::uint64_t ticket = 0;  // of the look-up that its question waits for; 0: none
    std::string question;      // that question
    std::list<Connection>::iterator self;
  };

  void watch(int fd, std::uint32_t events, void* what, int operation) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    ::epoll_ctl(epoll_, operation, fd, &event);
  }
  // One of the threads that wait is woken for a connection, and keeps it: Postfix opens one for
  // each question (docs/decisions/036), which must not cost a hop to another thread.
  void listen() {
    for (int& listener : listeners_) {
      watch(listener, EPOLLIN | EPOLLEXCLUSIVE, &listener, EPOLL_CTL_ADD);
    }
  }
  void wake() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  }

  void run() {
    std::array<epoll_event, k_events> events{};
    std::int64_t next_tick = steady_ns() + k_tick_ms * 1'000'000LL;
    while (!stopping_.load(std::memory_order_acquire)) {
      int timeout = accept_paused_ ? k_accept_pause_ms : k_tick_ms;
      if (lists_) {
        if (const int soon = lists_->wait_ms(); soon >= 0) timeout = std::min(timeout, soon);
      }
      const int n = ::epoll_wait(epoll_, events.data(), k_events, timeout);
      for (int i = 0; i < n; ++i) {
        void* what = events[static_cast<std::size_t>(i)].data.ptr;
        if (what == &wake_) continue;  // it stops
        if (!listeners_.empty() && what >= listeners_.data() &&
            what < listeners_.data() + listeners_.size()) {
          accept_some(*static_cast<int*>(what));
        } else if (what == lists_.get()) {
          lists_->process();
        } else {
          serve(*static_cast<Connection*>(what), events[static_cast<std::size_t>(i)].events);
        }
      }
      if (lists_ && lists_->wait_ms() == 0) lists_->process();
      dead_.clear();
      const std::int64_t now = steady_ns();
      if (accept_paused_ && now >= accept_again_) resume_accept();
      if (now >= next_tick) {
        drop_late(now);
        dead_.clear();
        next_tick = now + k_tick_ms * 1'000'000LL;
      }
    }
    for (Connection& connection : open_) ::close(connection.fd);
    server_.metrics_.policy_connections_open.subtract(open_.size());
    open_.clear();
  }

  void accept_some(int listener) {
    // A few a turn, so that a storm of connections neither starves those that ask nor ends with one
    // thread.
    for (int i = 0; i < k_accepts_a_turn; ++i) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
          pause_accept();
        return;
      }
      if (server_.metrics_.policy_connections_open.get() >= server_.options_.connections_max) {
        server_.metrics_.policy_connections_refused.add();
        ::close(fd);
        continue;
      }
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      server_.metrics_.policy_connections_total.add();
      server_.metrics_.policy_connections_open.add();
      adopt(fd);
    }
  }
  void pause_accept() {
    server_.metrics_.policy_accept_pauses.add();
    accept_paused_ = true;
    accept_again_ = steady_ns() + k_accept_pause_ms * 1'000'000LL;
    for (const int listener : listeners_) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, listener, nullptr);
  }
  void resume_accept() {
    accept_paused_ = false;
    listen();
  }

  void adopt(int fd) {
    Connection& connection = open_.emplace_back();
    connection.self = std::prev(open_.end());
    connection.fd = fd;
    connection.active = steady_ns();
    watch(fd, EPOLLIN, &connection, EPOLL_CTL_ADD);
  }
  void close(Connection& connection) {
    if (connection.fd < 0) return;
    ::close(connection.fd);  // leaves the epoll set with it
    connection.fd = -1;
    if (connection.ticket != 0) parked_.erase(connection.ticket);
    server_.metrics_.policy_connections_open.subtract();
    // Freed after this turn: an event of the same turn may still point here.
    dead_.splice(dead_.end(), open_, connection.self);
  }

  // No exception leaves: whatever one connection brings about ends that connection only.
  void serve(Connection& connection, std::uint32_t events) noexcept {
    if (connection.fd < 0) return;
    try {
      if (connection.ticket != 0 && !connection.writing) {
        // Nothing is read before its question is answered.
        if ((events & (EPOLLHUP | EPOLLERR)) != 0) close(connection);
        return;
      }
      if (connection.writing) {
        if (!flush(connection)) return;
        if (connection.ticket != 0) return;
        if (!connection.in.empty() && !serve_buffered(connection)) return;
        if (connection.writing) return;
      }
      if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read_some(connection);
    } catch (...) {
      close(connection);
    }
  }

  void read_some(Connection& connection) {
    // Two reads a turn at most: fair to the others, and the level-triggered set reminds us.
    const ssize_t n = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (n < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) close(connection);
      return;
    }
    if (n == 0) {
      // Half a request will never become whole; whole ones are answered already.
      close(connection);
      return;
    }
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
    if (connection.in.empty()) {
      const std::size_t used = answer_all(connection, bytes);
      if (connection.fd < 0) return;
      if (used < bytes.size()) connection.in.assign(bytes.substr(used));
    } else {
      connection.in.append(bytes);
      if (!serve_buffered(connection)) return;
    }
    note_waiting(connection);
  }

  // Answers what stands whole in `in`. False: the connection is gone.
  bool serve_buffered(Connection& connection) {
    const std::size_t used = answer_all(connection, connection.in);
    if (connection.fd < 0) return false;
    connection.in.erase(0, used);
    if (connection.in.empty() && connection.in.capacity() > 4096) connection.in = {};
    note_waiting(connection);
    return true;
  }

  void note_waiting(Connection& connection) {
    if (connection.in.empty() && !connection.writing) {
      connection.waiting = 0;
    } else if (connection.waiting == 0) {
      connection.waiting = steady_ns();
    }
  }

  // Answers the whole requests in `bytes` until the peer takes no more; returns how many bytes are
  // done with. The connection may be closed on return.
  std::size_t answer_all(Connection& connection, std::string_view bytes) {
    std::size_t used = 0;
    while (!connection.writing) {
      answers_.clear();
      bool useless = false;
      while (answers_.size() < k_answers_max && connection.ticket == 0) {
        const auto found = wire::find_request(bytes.substr(used));
        if (!found) useless = true;
        if (!found || !*found) break;
        answer(connection, bytes.substr(used, **found));
        used += **found;
      }
      if (useless) server_.metrics_.policy_bad_requests.add();
      if (!answers_.empty() && !send(connection)) return bytes.size();
      if (useless) {
        close(connection);
        return bytes.size();
      }
      if (connection.ticket != 0 || answers_.size() < k_answers_max) break;
    }
    return used;
  }

  void answer(Connection& connection, std::string_view bytes) {
    const auto request = wire::parse_policy_request(bytes);
    if (request && lists_) {
      const auto ip = server_.desk_.to_look_up(*request, server_.clock_(), directory_.get());
      if (ip) {
        const std::uint64_t ticket = ++last_ticket_;
        const auto* answers = lists_->ask(
            *ip, [this, ticket](const DnsblClient::Answers& found) { looked_up(ticket, found); });
        if (answers != nullptr) return answer_now(connection, request, answers);
        connection.ticket = ticket;
        connection.question.assign(bytes);
        connection.active = steady_ns();
        parked_.emplace(ticket, &connection);
        watch(connection.fd, 0, &connection, EPOLL_CTL_MOD);
        return;
      }
    }
    answer_now(connection, request, nullptr);
  }

  // A look-up has ended. Called by lists_->process() only, never in the middle of an answer.
  void looked_up(std::uint64_t ticket, const DnsblClient::Answers& answers) noexcept {
    const auto at = parked_.find(ticket);
    if (at == parked_.end()) return;  // the connection is gone
    Connection& connection = *at->second;
    parked_.erase(at);
    connection.ticket = 0;
    try {
      std::string question;
      question.swap(connection.question);
      answers_.clear();
      answer_now(connection, wire::parse_policy_request(question), &answers);
      if (connection.writing) {
        connection.out += answers_;
        return;
      }
      watch(connection.fd, EPOLLIN, &connection, EPOLL_CTL_MOD);
      if (!send(connection)) return;
      if (!connection.writing && !connection.in.empty() && !serve_buffered(connection)) return;
      note_waiting(connection);
    } catch (...) {
      close(connection);
    }
  }

  void answer_now(Connection& connection, const Result<wire::PolicyRequest>& request,
                  const DnsblClient::Answers* lists) {
    const std::int64_t start = steady_ns();
    if (request) {
      const std::size_t before = answers_.size();
      try {
        server_.desk_.answer(*request, server_.clock_(), directory_.get(), answers_, lists);
      } catch (const std::exception&) {
        // Out of memory, at worst: mail goes on, the message unjudged.
        answers_.resize(before);
        wire::append_policy_answer(answers_, {});
      }
    } else {
      server_.metrics_.policy_bad_requests.add();
      wire::append_policy_answer(answers_, {});
    }
    const std::int64_t end = steady_ns();
    server_.metrics_.policy_latency.record(static_cast<std::uint64_t>(end - start));
    connection.active = end;
    open_.splice(open_.end(), open_, connection.self);  // oldest activity first
    connection.waiting = 0;
  }

  // Sends `answers_`; what the peer does not take stays in `out`. False: the connection is gone.
  bool send(Connection& connection) {
    SEKIMORI_CHECK(connection.out.empty());
    std::string_view rest = answers_;
    while (!rest.empty()) {
      const ssize_t n = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        connection.out.assign(rest);
        connection.writing = true;
        watch(connection.fd, EPOLLOUT, &connection, EPOLL_CTL_MOD);
        return true;
      }
      if (n < 0) {
        close(connection);
        return false;
      }
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool flush(Connection& connection) {
    const ssize_t n =
        ::send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return true;
      close(connection);
      return false;
    }
    connection.out.erase(0, static_cast<std::size_t>(n));
    if (connection.out.empty()) {
      connection.out = {};
      connection.writing = false;
      connection.waiting = 0;
      watch(connection.fd, connection.ticket != 0 ? 0U : static_cast<std::uint32_t>(EPOLLIN),
            &connection, EPOLL_CTL_MOD);
    }
    return true;
  }

  void drop_late(std::int64_t now) {
    const auto past = [now](std::int64_t since, Duration limit) {
      return since != 0 && now - since > limit.us * 1000;
    };
    for (auto it = open_.begin(); it != open_.end();) {
      Connection& connection = *it++;
      const bool late =
          past(connection.active, server_.options_.idle_timeout) ||
          past(connection.waiting, connection.writing ? server_.options_.write_timeout
                                                      : server_.options_.request_timeout);
      if (!late) continue;
      server_.metrics_.policy_timeouts.add();
      close(connection);
    }
  }

  PolicyServer& server_;
  DirectoryReader directory_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  int epoll_ = -1;
  int wake_ = -1;
  std::vector<int> listeners_;
  bool accept_paused_ = false;
  std::int64_t accept_again_ = 0;
  std::list<Connection> open_;  // longest idle first
  std::list<Connection> dead_;
  std::string answers_;
  std::unique_ptr<DnsblClient> lists_;
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::uint64_t, Connection*> parked_;
  // One buffer a thread: a connection holds bytes of its own only while a request is incomplete.
  std::array<char, wire::k_policy_request_max> buffer_{};
};

PolicyServer::PolicyServer(PolicyDesk& desk, const DirectoryCell& directory, Clock clock,
                           ServerMetrics& metrics, PolicyServerOptions options)
    : desk_(desk),
      directory_(directory),
      clock_(std::move(clock)),
      metrics_(metrics),
      options_(std::move(options)) {}

PolicyServer::~PolicyServer() { stop(); }

Result<void> PolicyServer::start() {
  for (const ListenAddress& address : options_.listen) {
    auto listener = open_listener(address);
    if (!listener) {
      stop();
      return std::unexpected(listener.error());
    }
    listeners_.push_back(*listener);
    ports_.push_back(port_of(*listener));
  }
  const unsigned threads = std::max(options_.threads, 1U);
  for (unsigned i = 0; i < threads; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this));
    if (auto opened = workers_.back()->open(listeners_); !opened) {
      stop();
      return opened;
    }
  }
  for (const auto& worker : workers_) worker->start();
  return {};
}

void PolicyServer::stop() {
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  workers_.clear();
  for (const int listener : listeners_) ::close(listener);
  if (!listeners_.empty()) {
    for (const ListenAddress& address : options_.listen) {
      if (!address.unix_path.empty()) ::unlink(address.unix_path.c_str());
    }
  }
  listeners_.clear();
}

std::uint16_t PolicyServer::port(std::size_t i) const { return i < ports_.size() ? ports_[i] : 0; }

}  // namespace sekimori::serve
