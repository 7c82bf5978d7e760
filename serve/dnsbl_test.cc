// The client, the watch and the policy server against a real rbldnsd on loopback, and against a
// name server of this test's own that misbehaves in every way that lists do.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <span>
#include <thread>

#include "serve/dnsbl_client.h"
#include "serve/dnsbl_watch.h"

namespace sekimori::serve {
namespace {

using namespace std::chrono_literals;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

// A UDP port of 127.0.0.1 that nobody has at this moment.
int bound_socket(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

class Rbldnsd {
 public:
  explicit Rbldnsd(const std::map<std::string, std::string>& zones) {
    char name[] = "/tmp/sekimori-rbldnsd-XXXXXX";
    directory_ = ::mkdtemp(name);
    ::close(bound_socket(port_));
    std::vector<std::string> words = {"rbldnsd", "-n", "-f", "-q",
                                      "-c",      "0",  "-b", "127.0.0.1/" + std::to_string(port_)};
    for (const auto& [zone, lines] : zones) {
      const std::string file = directory_ + "/" + zone;
      std::ofstream(file) << "$SOA 60 ns.example. root.example. 1 600 300 86400 60\n" << lines;
      std::filesystem::permissions(file, std::filesystem::perms(0644));
      words.push_back(zone + (lines.contains("::") ? ":ip6trie:" : ":ip4trie:") + file);
    }
    std::filesystem::permissions(directory_, std::filesystem::perms(0755));
    pid_ = ::fork();
    if (pid_ == 0) {
      std::vector<char*> arguments;
      for (auto& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      ::execv("/usr/sbin/rbldnsd", arguments.data());
      ::_exit(127);
    }
  }
  ~Rbldnsd() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  [[nodiscard]] std::string server() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::string directory_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

// Answers by the zone: "servfail.test", "silent.test", "wild.test" (listed for everything),
// "error.test" (127.255.255.254), "parked.test" (192.0.2.80), "several.test", "clean.test".
class BadServer {
 public:
  BadServer() : fd_(bound_socket(port_)), thread_([this] { run(); }) {}
  ~BadServer() {
    stopping_ = true;
    thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] std::string server() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::size_t asked(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return names_[name];
  }
  std::atomic<bool> heals{false};  // "wild.test" answers as it should

 private:
  void run() {
    while (!stopping_) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, 20) <= 0) continue;
      std::array<unsigned char, 1500> bytes{};
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t n =
          ::recvfrom(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 17) continue;
      std::string name;
      std::size_t at = 12;
      while (bytes[at] != 0) {
        if (!name.empty()) name += '.';
        name.append(reinterpret_cast<const char*>(&bytes[at + 1]), bytes[at]);
        at += bytes[at] + 1U;
      }
      const unsigned type = bytes[at + 2];
      std::vector<unsigned char> out(bytes.begin(), bytes.begin() + static_cast<long>(at) + 5);
      {
        const std::lock_guard lock(mutex_);
        ++names_[name];
      }
      if (name.ends_with("silent.test")) continue;
      std::vector<std::array<unsigned char, 4>> found;
      bool failed = false;
      const bool good = name.starts_with("2.0.0.127.") || name.starts_with("9.2.0.192.");
      if (name.ends_with("servfail.test"))
        failed = true;
      else if (name.ends_with("wild.test") && (good || !heals))
        found = {{127, 0, 0, 2}};
      else if (name.ends_with("error.test"))
        found = {{127, 255, 255, 254}};
      else if (name.ends_with("parked.test"))
        found = {{192, 0, 2, 80}};
      else if (name.ends_with("several.test") && good)
        found = {{127, 0, 0, 2}, {127, 0, 0, 4}, {127, 0, 0, 11}};
      if (type == 16) found.clear();  // no TXT anywhere here
      out[2] = 0x84;
      out[3] = static_cast<unsigned char>(failed ? 2 : found.empty() && type == 1 ? 3 : 0);
      out[4] = 0, out[5] = 1, out[6] = 0, out[7] = static_cast<unsigned char>(found.size());
      out[8] = out[9] = out[10] = out[11] = 0;
      for (const auto& address : found) {
        out.insert(out.end(), {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4});
        out.insert(out.end(), address.begin(), address.end());
      }
      ::sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  std::uint16_t port_ = 0;
  int fd_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::map<std::string, std::size_t> names_;
  std::thread thread_;
};

DnsblSettings settings(const std::string& server, std::initializer_list<const char*> lines) {
  DnsblSettings out;
  for (const char* line : lines) out.lists.push_back(parse_blacklist(line).value());
  out.servers = server;
  out.timeout = Duration{400'000};
  out.test_interval = Duration{200'000};
  return out;
}
void all_good(DnsblBoard& board) {
  for (std::size_t i = 0; i < board.lists().size(); ++i) {
    board.tested(i, DnsblHealth::good, true, {}, Instant{1});
  }
}
// The answers for one address, however long they take, and how long that was.
DnsblClient::Answers ask(DnsblClient& client, const char* address,
                         std::chrono::milliseconds* took = nullptr) {
  const auto begun = std::chrono::steady_clock::now();
  std::optional<DnsblClient::Answers> answers;
  if (const auto* now = client.ask(ip(address), [&](const auto& found) { answers = found; })) {
    answers = *now;
  }
  while (!answers && std::chrono::steady_clock::now() - begun < 10s) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, client.wait_ms());
    client.process();
  }
  if (took != nullptr) {
    *took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                  begun);
  }
  return answers.value_or(DnsblClient::Answers{});
}
template <class Condition>
bool comes_true(const Condition& condition) {
  for (const auto until = std::chrono::steady_clock::now() + 15s;
       std::chrono::steady_clock::now() < until;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);  // why: between polls
  }
  return false;
}

TEST(DnsblClient, asks_a_real_rbldnsd_and_remembers) {
  Rbldnsd server({{"a.test", "127.0.0.2 :127.0.0.2:test\n192.0.2.9 :127.0.0.4:See https://a/$\n"},
                  {"b.test", "127.0.0.2 :127.0.0.2:\n198.51.100.0/24 :127.0.0.3:net\n"},
                  {"v6.test",
                   "2001:db8:7::/48 :127.0.0.2:six\n"
                   "0:0:0:0:0:ffff:7f00:2/128 :127.0.0.2:six\n"}});
  DnsblBoard board(settings(server.server(), {"a.test", "b.test weight=2", "v6.test"}));
  all_good(board);
  auto client = DnsblClient::open(board).value();
  DnsblClient::Answers answers;
  ASSERT_TRUE(comes_true([&] {  // until it has loaded its zones, one after the other
    client = DnsblClient::open(board).value();
    answers = ask(*client, "192.0.2.9");
    return std::ranges::none_of(std::span(answers).first(3),
                                [](const auto& one) { return one.state == ListState::unknown; });
  }));
  EXPECT_EQ(answers[0].state, ListState::listed);
  EXPECT_EQ(answers[0].codes, std::vector{ip("127.0.0.4")});
  EXPECT_EQ(answers[0].reason, "See https://a/192.0.2.9");
  EXPECT_EQ(answers[1].state, ListState::clean);
  EXPECT_EQ(answers[2].state, ListState::clean);
  EXPECT_EQ(ask(*client, "198.51.100.77")[1].weight, 2);
  EXPECT_EQ(ask(*client, "2001:db8:7::1")[2].state, ListState::listed);
  EXPECT_EQ(ask(*client, "2001:db8:8::1")[2].state, ListState::clean);
  const auto cached = board.totals.cached.load();
  EXPECT_EQ(ask(*client, "192.0.2.9"), answers);
  EXPECT_EQ(ask(*client, "2001:db8:8::1")[2].state, ListState::clean);
  EXPECT_EQ(board.totals.cached, cached + 2);
  EXPECT_EQ(client->pending(), 0U);
}

TEST(DnsblClient, what_is_no_answer_is_unknown_and_never_clean_or_listed) {
  BadServer server;
  DnsblBoard board(settings(server.server(), {"servfail.test", "error.test", "parked.test",
                                              "several.test", "clean.test", "silent.test"}));
  all_good(board);
  const auto client = DnsblClient::open(board).value();
  std::chrono::milliseconds took{};
  const auto answers = ask(*client, "192.0.2.9", &took);
  ASSERT_EQ(answers.size(), 6U);
  EXPECT_EQ(answers[0].state, ListState::unknown) << "SERVFAIL";
  EXPECT_EQ(answers[1].state, ListState::unknown) << "127.255.255.254";
  EXPECT_EQ(answers[2].state, ListState::unknown) << "an address that no list answers with";
  EXPECT_EQ(answers[3].state, ListState::listed);
  EXPECT_EQ(answers[3].codes.size(), 3U);
  EXPECT_EQ(answers[3].reason, "") << "there is no TXT";
  EXPECT_EQ(answers[4].state, ListState::clean);
  EXPECT_EQ(answers[5].state, ListState::unknown);
  EXPECT_FALSE(answers[5].trouble.empty());
  EXPECT_GE(took, 390ms) << "the silent list was waited for";
  EXPECT_LT(took, 3000ms) << "and not beyond the deadline";
  EXPECT_EQ(board.totals.late, 1U);
}

TEST(DnsblClient, questions_about_one_address_are_joined_and_memory_is_bounded) {
  BadServer server;
  auto wanted = settings(server.server(), {"several.test"});
  wanted.cache_max = 10;
  DnsblBoard board(std::move(wanted));
  all_good(board);
  const auto client = DnsblClient::open(board).value();
  int told = 0;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client->ask(ip("192.0.2.9"),
                          [&](const auto& found) {
                            told += found[0].state == ListState::listed ? 1 : 100;
                          }),
              nullptr);
  }
  EXPECT_EQ(client->pending(), 1U);
  ASSERT_TRUE(comes_true([&] {
    client->process();
    return told == 5;
  }));
  EXPECT_EQ(server.asked("9.2.0.192.several.test"), 2U) << "one A and one TXT";
  for (int i = 0; i < 50; ++i) (void)ask(*client, ("198.51.100." + std::to_string(i)).c_str());
  EXPECT_LE(client->remembered(), 10U);
}

TEST(DnsblClient, more_than_may_be_under_way_is_unknown_at_once) {
  BadServer server;
  auto wanted = settings(server.server(), {"silent.test"});
  wanted.pending_max = 3;
  DnsblBoard board(std::move(wanted));
  all_good(board);
  const auto client = DnsblClient::open(board).value();
  int told = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client->ask(ip("192.0.2." + std::to_string(i)), [&](const auto&) { ++told; }),
              nullptr);
  }
  const auto* now = client->ask(ip("192.0.2.77"), [&](const auto&) { told = 100; });
  ASSERT_NE(now, nullptr);
  EXPECT_EQ((*now)[0].state, ListState::unknown);
  EXPECT_EQ(board.totals.overloaded, 1U);
  ASSERT_TRUE(comes_true([&] {
    client->process();
    return told == 3 && client->pending() == 0;
  }));
}

TEST(DnsblWatch, a_dead_list_is_not_asked_and_heals_by_itself) {
  BadServer server;
  DnsblBoard board(
      settings(server.server(), {"wild.test", "silent.test", "error.test", "several.test"}));
  std::mutex mutex;
  std::vector<std::string> told;
  DnsblWatch watch(
      board, [] { return Instant{5}; },
      [&](const Blacklist& list, const DnsblFinding& finding) {
        const std::lock_guard lock(mutex);
        told.push_back(list.name + " " + std::string(to_string(finding.health)));
      });
  EXPECT_FALSE(board.asked(0, false)) << "not before it was tested";
  ASSERT_TRUE(watch.start());
  const auto health = [&](std::size_t list) { return board.view()[list].health; };
  ASSERT_TRUE(comes_true([&] { return health(3) == DnsblHealth::good; }));
  EXPECT_EQ(health(0), DnsblHealth::dead) << "it lists everything";
  EXPECT_EQ(health(1), DnsblHealth::silent);
  EXPECT_EQ(health(2), DnsblHealth::dead) << "an error code for everything";
  EXPECT_TRUE(board.asked(3, false));
  EXPECT_FALSE(board.asked(3, true)) << "it has no IPv6 test entry";
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(board.asked(i, false));
    EXPECT_FALSE(board.view()[i].words.ja.empty());
  }
  server.heals = true;
  watch.doubt();
  ASSERT_TRUE(comes_true([&] { return health(0) == DnsblHealth::good; }));
  watch.stop();
  const std::lock_guard lock(mutex);
  EXPECT_EQ(std::ranges::count(told, "wild.test dead"), 1);
  EXPECT_EQ(std::ranges::count(told, "wild.test good"), 1);
}

TEST(DnsblWatch, what_a_test_means) {
  const auto list = parse_blacklist("bl.example.net").value();
  const auto answer = [&](std::vector<IpAddress> codes) { return read_list_answer(list, codes); };
  const ListAnswer listed = answer({ip("127.0.0.2")});
  const ListAnswer clean = answer({});
  const ListAnswer unknown;
  const ListAnswer error = answer({ip("127.255.255.254")});
  EXPECT_EQ(judge_dnsbl(list, {listed, clean, listed, clean}).health, DnsblHealth::good);
  EXPECT_TRUE(judge_dnsbl(list, {listed, clean, listed, clean}).v6);
  EXPECT_FALSE(judge_dnsbl(list, {listed, clean, clean, clean}).v6);
  EXPECT_EQ(judge_dnsbl(list, {listed, listed, clean, clean}).health, DnsblHealth::dead);
  EXPECT_EQ(judge_dnsbl(list, {listed, clean, listed, listed}).health, DnsblHealth::dead);
  EXPECT_EQ(judge_dnsbl(list, {clean, clean, clean, clean}).health, DnsblHealth::dead);
  EXPECT_EQ(judge_dnsbl(list, {error, error, error, error}).health, DnsblHealth::dead);
  EXPECT_EQ(judge_dnsbl(list, {unknown, unknown, unknown, unknown}).health, DnsblHealth::silent);
  EXPECT_EQ(judge_dnsbl(list, {listed, unknown, clean, clean}).health, DnsblHealth::silent);
}

TEST(DnsblBoard, twenty_missing_answers_in_a_row_call_for_a_test) {
  DnsblBoard board(settings("", {"a.test", "b.test"}));
  int doubts = 0;
  board.doubts = [&] { ++doubts; };
  for (int i = 0; i < 19; ++i) board.answered(0, ListState::unknown);
  board.answered(0, ListState::clean);
  for (int i = 0; i < 19; ++i) board.answered(0, ListState::unknown);
  EXPECT_EQ(doubts, 0);
  for (int i = 0; i < 30; ++i) board.answered(0, ListState::unknown);
  EXPECT_EQ(doubts, 1);
  EXPECT_EQ(board.view()[0].unknown, 68U);
}

}  // namespace
}  // namespace sekimori::serve
