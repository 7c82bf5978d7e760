// What these prove, over real sockets on loopback: bytes in any portion give the same answers;
// limits hold (64 KiB, half requests, idle and unread connections); thousands of connections are
// served; running out of descriptors only pauses; stop() ends.
#include "serve/policy_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

#include "serve/test_world.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using std::chrono::steady_clock;

class Client {
 public:
  static int tcp_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  explicit Client(std::uint16_t port, int fd = tcp_socket()) : fd_(fd) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
  }
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
  }
  Client(Client&& other) noexcept : connected(other.connected), fd_(std::exchange(other.fd_, -1)) {}
  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Reads until `answers` empty lines, the end, or 10 s of silence.
  std::string read(std::size_t answers) const {
    std::string all;
    std::size_t seen = 0;
    std::size_t from = 0;
    while (seen < answers) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 10'000) <= 0) return all + "<silence>";
      char bytes[65536];
      const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n <= 0) return all + "<end>";
      all.append(bytes, static_cast<std::size_t>(n));
      for (std::size_t at; (at = all.find("\n\n", from)) != std::string::npos; from = at + 2)
        ++seen;
    }
    return all;
  }
  [[nodiscard]] int fd() const { return fd_; }
  bool connected = false;

 private:
  int fd_;
};

struct Serving : World {
  explicit Serving(PolicyServerOptions options = {}) {
    cell.set(std::make_shared<const decide::Directory>(directory()));
    if (options.listen.empty()) options.listen = {*ListenAddress::parse("127.0.0.1:0")};
    server = std::make_unique<PolicyServer>(
        *desk, cell, [] { return k_now; }, metrics, std::move(options));
    const auto started = server->start();
    if (!started) throw std::runtime_error(started.error().text);
  }
  [[nodiscard]] Client client() const { return Client(server->port()); }
  DirectoryCell cell;
  std::unique_ptr<PolicyServer> server;
};

std::string question(std::string_view recipient, std::string_view instance = "1") {
  return fmt::format(
      "request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.1\ninstance={}\n"
      "sasl_username=taro@example.jp\nsender=taro@example.jp\nrecipient={}\n\n",
      instance, recipient);
}

template <class Condition>
bool within_10s(Condition condition) {
  const auto end = steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // why: between polls
  }
  return true;
}

TEST(PolicyServer, AnswersInTurnOnOneConnection) {
  Serving s;
  const Client c = s.client();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(c.send(question("a@example.com")));
    ASSERT_EQ(c.read(1), k_dunno);
  }
  s.stand("taro@example.jp", decide::RequestKind::restrict);
  ASSERT_TRUE(c.send(question("a@example.com")));
  EXPECT_THAT(c.read(1), ::testing::StartsWith("action=525 5.7.13 "));
}

// As Postfix asks with request_limit=1 (docs/decisions/036).
TEST(PolicyServer, AConnectionAQuestionFromManySides) {
  Serving s;
  constexpr int k_sides = 4, k_questions = 500;
  std::atomic<int> answered = 0;
  std::vector<std::thread> sides;
  for (int side = 0; side < k_sides; ++side) {
    sides.emplace_back([&] {
      for (int i = 0; i < k_questions; ++i) {
        const Client c = s.client();
        if (c.send(question("a@example.com")) && c.read(1) == k_dunno) ++answered;
      }
    });
  }
  for (std::thread& side : sides) side.join();
  EXPECT_EQ(answered, k_sides * k_questions);
  EXPECT_EQ(s.metrics.policy_connections_total.get(), k_sides * k_questions);
  EXPECT_TRUE(within_10s([&] { return s.metrics.policy_connections_open.get() == 0; }));
}

TEST(PolicyServer, TakesAByteAtATimeAndPipelinedRequests) {
  Serving s;
  const Client c = s.client();
  for (const char byte : question("a@example.com")) ASSERT_TRUE(c.send(std::string_view(&byte, 1)));
  EXPECT_EQ(c.read(1), k_dunno);
  std::string many;
  std::string expected;
  for (int i = 0; i < 5000; ++i) many += question("a@example.com"), expected += k_dunno;
  std::thread writer([&] { c.send(many); });
  EXPECT_EQ(c.read(5000), expected);
  writer.join();
}

TEST(PolicyServer, AGarbledRequestIsAnsweredAndTheConnectionGoesOn) {
  Serving s;
  const Client c = s.client();
  ASSERT_TRUE(c.send("no equals sign\n\n"));
  EXPECT_EQ(c.read(1), k_dunno);
  ASSERT_TRUE(c.send(question("a@example.com")));
  EXPECT_EQ(c.read(1), k_dunno);
  EXPECT_EQ(s.metrics.policy_bad_requests.get(), 1U);
}

TEST(PolicyServer, ARequestWithoutEndIsCutAt64KiB) {
  Serving s;
  const Client c = s.client();
  c.send("name=");
  for (int i = 0; i < 70; ++i) {
    if (!c.send(std::string(1024, 'x'))) break;
  }
  EXPECT_EQ(c.read(1), "<end>");
  EXPECT_TRUE(within_10s([&] { return s.metrics.policy_connections_open.get() == 0; }));
}

TEST(PolicyServer, HalfClosedPeersGetTheirAnswer) {
  Serving s;
  const Client c = s.client();
  ASSERT_TRUE(c.send(question("a@example.com") + question("b@example.com") + "half=a requ"));
  ::shutdown(c.fd(), SHUT_WR);
  EXPECT_EQ(c.read(3), k_dunno + k_dunno + "<end>");
}

TEST(PolicyServer, APeerThatNeverReadsIsBoundedAndDropped) {
  PolicyServerOptions options;
  options.write_timeout = seconds(1);
  Serving s(options);
  const Client c = s.client();
  std::string many;
  for (int i = 0; i < 500; ++i) many += question("a@example.com");
  std::size_t sent = 0;
  const auto end = steady_clock::now() + std::chrono::seconds(20);
  // Until it blocks (the server stops reading) and then is dropped.
  for (;;) {
    const ssize_t n = ::send(c.fd(), many.data(), many.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += static_cast<std::size_t>(n);
    if (n < 0 && errno != EAGAIN) break;
    if (n < 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // why: between polls
    ASSERT_LT(steady_clock::now(), end) << "never dropped; sent " << sent;
  }
  EXPECT_EQ(s.metrics.policy_timeouts.get(), 1U);
  const Client other = s.client();
  ASSERT_TRUE(other.send(question("a@example.com")));
  EXPECT_EQ(other.read(1), k_dunno);
}

TEST(PolicyServer, IdleAndHalfRequestsTimeOut) {
  PolicyServerOptions options;
  options.idle_timeout = seconds(2);
  options.request_timeout = seconds(1);
  Serving s(options);
  const Client idle = s.client();
  const Client half = s.client();
  half.send("request=smtpd");
  EXPECT_EQ(half.read(1), "<end>");
  EXPECT_EQ(idle.read(1), "<end>");
  EXPECT_EQ(s.metrics.policy_timeouts.get(), 2U);
}

TEST(PolicyServer, ServesFiveThousandConnections) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 12'000)
    GTEST_SKIP() << "only " << limit.rlim_cur << " descriptors allowed here";
  Serving s;
  std::vector<Client> clients;
  for (int i = 0; i < 5000; ++i) {
    clients.push_back(s.client());
    ASSERT_TRUE(clients.back().connected) << i;
  }
  for (int round = 0; round < 2; ++round) {
    for (const Client& c : clients) ASSERT_TRUE(c.send(question("a@example.com")));
    for (const Client& c : clients) ASSERT_EQ(c.read(1), k_dunno);
  }
  EXPECT_EQ(s.metrics.policy_connections_open.get(), 5000U);
  clients.clear();
  EXPECT_TRUE(within_10s([&] { return s.metrics.policy_connections_open.get() == 0; }));
}

TEST(PolicyServer, PausesWhenDescriptorsRunOut) {
  Serving s;
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(s.client());
  ASSERT_TRUE(within_10s([&] { return s.metrics.policy_connections_open.get() == 20; }));
  // Made before none are left: nobody can take the client's descriptor, and the server finds none.
  // (accept() takes one for a moment even where nobody waits, so the last one is not to be counted
  // on.) One and not zero, because poll() takes no more entries than descriptors are allowed.
  const int socket = Client::tcp_socket();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit tight = before;
  tight.rlim_cur = 1;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  const Client waiting(s.server->port(), socket);
  const bool paused = within_10s([&] { return s.metrics.policy_accept_pauses.get() > 0; });
  ASSERT_TRUE(clients[0].send(question("a@example.com")));
  const std::string meanwhile = clients[0].read(1);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(paused);
  EXPECT_EQ(meanwhile, k_dunno);
  ASSERT_TRUE(waiting.connected);
  ASSERT_TRUE(waiting.send(question("a@example.com")));
  EXPECT_EQ(waiting.read(1), k_dunno);
}

TEST(PolicyServer, UnixSocketOutlivesADeadOwnerButNotALivingOne) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("sekimori-policy-{}.sock", ::getpid()))
          .string();
  PolicyServerOptions options;
  options.listen = {*ListenAddress::parse("unix:" + path)};
  {
    // What a killed daemon leaves behind: a socket file that nobody listens on.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ::close(fd);
  }
  {
    Serving s(options);
    const Client c(path);
    ASSERT_TRUE(c.connected);
    ASSERT_TRUE(c.send(question("a@example.com")));
    EXPECT_EQ(c.read(1), k_dunno);
    EXPECT_THROW(Serving second(options), std::runtime_error);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PolicyServer, StopsWithClientsConnected) {
  Serving s;
  const Client c = s.client();
  ASSERT_TRUE(c.send(question("a@example.com")));
  c.read(1);
  const auto start = steady_clock::now();
  s.server->stop();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(2));
  EXPECT_EQ(c.read(1), "<end>");
}

}  // namespace
}  // namespace sekimori::serve
