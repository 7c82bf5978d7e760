// Bans in a kernel's firewall, with real packets, in a network namespace of the test's own. Needs
// root; elsewhere it is skipped.
#include "helper/firewall.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

namespace sekimori::helper {
namespace {

constexpr std::uint16_t k_mail = 2525;
constexpr std::uint16_t k_ssh = 2222;
// A dropped packet is answered by nothing: longer than a handshake on loopback, by far.
constexpr int k_patience_ms = 250;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_INET;
};

Address address(const std::string& ip, std::uint16_t port) {
  Address out;
  if (ip.find(':') == std::string::npos) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    ::inet_pton(AF_INET, ip.c_str(), &in->sin_addr);
    out.size = sizeof(sockaddr_in);
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&out.storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    ::inet_pton(AF_INET6, ip.c_str(), &in->sin6_addr);
    out.size = sizeof(sockaddr_in6);
    out.family = AF_INET6;
  }
  return out;
}

int listen_on(const std::string& ip, std::uint16_t port) {
  const Address at = address(ip, port);
  const int fd = ::socket(at.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) return -1;
  return ::listen(fd, 64) == 0 ? fd : -1;
}

// A connection from one address to another, or -1 when nobody answers.
int connect_from(const std::string& from, const std::string& to, std::uint16_t port) {
  const Address here = address(from, 0);
  const Address there = address(to, port);
  const int fd = ::socket(here.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&here.storage), here.size) != 0) return -1;
  (void)::connect(fd, reinterpret_cast<const sockaddr*>(&there.storage), there.size);
  pollfd polled{fd, POLLOUT, 0};
  int error = ETIMEDOUT;
  socklen_t size = sizeof(error);
  if (::poll(&polled, 1, k_patience_ms) == 1) {
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return fd;
  ::close(fd);
  return -1;
}

bool reaches(const std::string& from, std::uint16_t port = k_mail) {
  const std::string to = from.find(':') == std::string::npos ? "192.0.2.1" : "2001:db8:f::1";
  const int fd = connect_from(from, to, port);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

IpNetwork net(std::string_view text) { return IpNetwork::parse(text).value(); }
int shell(const std::string& line) { return std::system(line.c_str()); }

FirewallSettings settings() {
  FirewallSettings out;
  out.enabled = true;
  out.table = "sekimori_test";
  out.ports = {k_mail, 25};
  out.size = 1024;
  return out;
}

// Runs in a process with its own, empty network; returns what is wrong, "" for nothing.
std::string in_a_network(const std::function<void(std::string&)>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return "pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    std::string wrong;
    if (::unshare(CLONE_NEWNET) != 0) {
      wrong = "unshare";
    } else if (shell("ip link set lo up && for a in 192.0.2.1/24 192.0.2.9/24 192.0.2.10/24 "
                     "198.51.100.7/24; do ip addr add $a dev lo; done && for a in 2001:db8:f::1/64 "
                     "2001:db8:1:2::5/64 2001:db8:1:3::5/64; do ip -6 addr add $a dev lo nodad; "
                     "done") != 0) {
      wrong = "ip";
    } else {
      body(wrong);
    }
    (void)!::write(ends[1], wrong.data(), wrong.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string wrong;
  char piece[512];
  for (ssize_t n; (n = ::read(ends[0], piece, sizeof(piece))) > 0;) {
    wrong.append(piece, static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  return wrong;
}

class FirewallTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::access("/usr/sbin/nft", X_OK) != 0) {
      GTEST_SKIP() << "needs root and nftables";
    }
    const std::string can = in_a_network([](std::string& wrong) {
      Firewall firewall(settings());
      if (auto done = firewall.begin(); !done) wrong = done.error().text;
    });
    if (!can.empty()) GTEST_SKIP() << "no network namespace with nftables here: " << can;
  }
};

#define NEED(condition)                                            \
  do {                                                             \
    if (!(condition)) {                                            \
      wrong += fmt::format("line {}: {}\n", __LINE__, #condition); \
      return;                                                      \
    }                                                              \
  } while (false)

TEST_F(FirewallTest, ABannedAddressDoesNotReachTheMailPortsAndAnUnblockedOneDoes) {
  EXPECT_EQ(
      "", in_a_network([](std::string& wrong) {
        NEED(listen_on("192.0.2.1", k_mail) >= 0 && listen_on("192.0.2.1", k_ssh) >= 0);
        NEED(listen_on("2001:db8:f::1", k_mail) >= 0);
        NEED(shell("nft add table inet other") == 0);
        Firewall firewall(settings());
        NEED(firewall.begin());
        NEED(reaches("192.0.2.9"));
        const int open = connect_from("192.0.2.9", "192.0.2.1", k_mail);
        NEED(open >= 0);
        NEED(firewall.add({{net("192.0.2.9"), 3600}, {net("2001:db8:1:2::/64"), 0}}));
        NEED(!reaches("192.0.2.9"));
        NEED(reaches("192.0.2.10"));
        NEED(reaches("192.0.2.9", k_ssh));  // the operator's way in
        NEED(!reaches("2001:db8:1:2::5"));
        NEED(reaches("2001:db8:1:3::5"));
        // What was open is shut, too: a guesser's connection has more guesses in it.
        NEED(::send(open, "hello", 5, 0) == 5);
        pollfd heard{open, POLLIN, 0};
        NEED(::poll(&heard, 1, k_patience_ms) == 0);
        // Twice is no error, nor is taking away what is not there.
        NEED(firewall.add({{net("192.0.2.9"), 3600}}));
        NEED(firewall.remove({net("192.0.2.9"), net("192.0.2.77"), net("2001:db8:1:2::/64")}));
        NEED(reaches("192.0.2.9"));
        NEED(reaches("2001:db8:1:2::5"));
        NEED(firewall.state());
        NEED(firewall.end());
        NEED(!firewall.state());
        NEED(shell("nft list table inet other > /dev/null") == 0);
      }));
}

TEST_F(FirewallTest, BansEndByThemselvesAndANewTimeReplacesTheOld) {
  EXPECT_EQ("", in_a_network([](std::string& wrong) {
              NEED(listen_on("192.0.2.1", k_mail) >= 0);
              Firewall firewall(settings());
              NEED(firewall.begin());
              NEED(firewall.add({{net("192.0.2.9"), 3600}, {net("192.0.2.10"), 1}}));
              NEED(!reaches("192.0.2.10"));
              NEED(firewall.add({{net("192.0.2.9"), 1}}));
              const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
              while (!reaches("192.0.2.10") || !reaches("192.0.2.9")) {
                NEED(std::chrono::steady_clock::now() < end);
              }
            }));
}

TEST_F(FirewallTest, NetworksArePutInPlaceOfEachOther) {
  EXPECT_EQ(
      "", in_a_network([](std::string& wrong) {
        NEED(listen_on("192.0.2.1", k_mail) >= 0);
        Firewall firewall(settings());
        NEED(firewall.begin());
        NEED(firewall.networks({{net("198.51.100.0/24"), 600}, {net("2001:db8::/32"), 0}}, true));
        NEED(!reaches("198.51.100.7"));
        NEED(reaches("192.0.2.9"));
        NEED(firewall.networks({{net("203.0.113.0/24"), 600}}, false));
        NEED(!reaches("198.51.100.7"));
        NEED(firewall.networks({{net("192.0.2.8/29"), 600}}, true));
        NEED(reaches("198.51.100.7"));
        NEED(!reaches("192.0.2.9"));
        NEED(firewall.networks({}, true));
        NEED(reaches("192.0.2.9"));
      }));
}

TEST_F(FirewallTest, WhoTakesTheTableAwayIsNoticedAndItIsMadeAnew) {
  EXPECT_EQ("", in_a_network([](std::string& wrong) {
              NEED(listen_on("192.0.2.1", k_mail) >= 0);
              Firewall firewall(settings());
              NEED(!firewall.add({{net("192.0.2.9"), 60}}));  // nothing was begun
              NEED(firewall.begin());
              NEED(firewall.add({{net("192.0.2.9"), 60}}));
              NEED(shell("nft flush ruleset") == 0);
              NEED(!firewall.state());
              NEED(!firewall.add({{net("192.0.2.9"), 60}}));
              NEED(firewall.begin());
              NEED(firewall.add({{net("192.0.2.9"), 60}}));
              NEED(!reaches("192.0.2.9"));
            }));
}

TEST(Firewall, TakesNoOtherNamesThanItsOwnAndNothingWhenSwitchedOff) {
  EXPECT_TRUE(Firewall::is_name("sekimori_2"));
  for (const char* name : {"", "2x", "a b", "a;flush ruleset", "a\nb", "a-b"}) {
    EXPECT_FALSE(Firewall::is_name(name)) << name;
  }
  EXPECT_TRUE(Firewall::is_host(net("192.0.2.1")));
  EXPECT_TRUE(Firewall::is_host(net("2001:db8::/64")));
  EXPECT_FALSE(Firewall::is_host(net("192.0.2.0/24")));
  EXPECT_FALSE(Firewall::is_host(net("2001:db8::1")));
  FirewallSettings off = settings();
  off.enabled = false;
  Firewall none(off);
  ASSERT_FALSE(none.begin());
  EXPECT_EQ(none.begin().error().kind, ErrorKind::bad_input);
  FirewallSettings strange = settings();
  strange.table = "x; flush ruleset";
  EXPECT_EQ(Firewall(strange).begin().error().kind, ErrorKind::bad_input);
  EXPECT_EQ(Firewall(settings()).add({{net("192.0.2.0/24"), 1}}).error().kind,
            ErrorKind::bad_input);
}

}  // namespace
}  // namespace sekimori::helper
