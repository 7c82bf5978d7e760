// What these prove: 200,000 entries and their counters are all there after the process that was
// told of them was killed without a warning, and nobody was told "ok" before it was so.
#include "app/sign_in_service.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

namespace sekimori::app {
namespace {

constexpr int k_entries = 200'000;

Instant now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

IpAddress address(int i) {
  return IpAddress::parse(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255))
      .value_or(IpAddress());
}

struct Site {
  explicit Site(const std::string& directory) {
    auto opened = store::SignInStore::open({.url = "sqlite://" + directory + "/state.db"});
    if (!opened) throw std::runtime_error(opened.error().text);
    store = std::move(*opened);
    SignInParts parts{.store = *store, .counter_file = directory + "/counters"};
    parts.windows = {SignInWindow::parse("key=ip seconds=3600 limit=1 action=refuse").value()};
    parts.counters_max = 400'000;
    parts.entries_max = 300'000;
    parts.now = now;
    parts.log = [](std::string_view) {};
    auto service_opened = SignInService::open(std::move(parts));
    if (!service_opened) throw std::runtime_error(service_opened.error().text);
    service = std::move(*service_opened);
  }
  std::unique_ptr<store::SignInStore> store;
  std::unique_ptr<SignInService> service;
};

struct Kept {
  int rows = 0;
  std::uint64_t count = 0;
};
Kept kept(const std::string& directory) {
  Kept out;
  decide::SignInCounterOptions options;
  options.windows = {SignInWindow::parse("key=ip seconds=3600 limit=1 action=refuse").value()};
  options.rows_max = 400'000;
  decide::SignInCounters counters(options);
  if (const auto bytes = store::read_file(directory + "/counters", 1 << 30)) {
    (void)counters.load(*bytes);
  }
  out.rows = static_cast<int>(counters.rows());
  const auto figures = counters.figures({"", address(k_entries / 2), ""}, now());
  out.count = figures.empty() ? 0 : figures[0].count;
  return out;
}

// Says "told" through the pipe when all was answered, and waits to be killed.
[[noreturn]] void write_and_wait(const std::string& directory, int pipe) {
  Site site(directory);
  site.service->start();
  std::atomic<int> done{0};
  std::atomic<int> failed{0};
  for (int i = 0; i < k_entries; ++i) {
    decide::SignInEntry entry;
    entry.list = i % 10 == 0 ? decide::SignInList::allow : decide::SignInList::block;
    if (i % 3 != 1) entry.network = IpNetwork::parse(address(i).to_string()).value();
    if (i % 3 != 0) entry.login = fmt::format("u{}@example.jp", i);
    entry.created = now();
    entry.expires = now() + hours(1);
    entry.reason = "a test";
    while (i - done > 20'000) std::this_thread::yield();
    site.service->change(std::move(entry), false,
                         [&](Result<void> kept) { ++(kept ? done : failed); });
    const std::string login = "x@example.jp";
    serve::SignIn sign_in;
    sign_in.account = login;
    sign_in.ip = address(i);
    sign_in.now = now();
    site.service->ended(sign_in, LoginResult::bad_password);
    if (i == k_entries / 2) {  // these are counted at the end as well
      for (int n = 0; n < 5; ++n) site.service->ended(sign_in, LoginResult::bad_password);
    }
  }
  while (done + failed < k_entries) std::this_thread::yield();
  // What was counted is kept within 100 ms: another process reads it.
  for (auto there = kept(directory); there.rows < k_entries || there.count < 6;) {
    there = kept(directory);
  }
  const char word = failed == 0 ? 'y' : 'n';
  (void)!::write(pipe, &word, 1);
  while (true) ::pause();
}

TEST(SignInService, EverythingIsThereAfterAKill) {
  const auto directory =
      (std::filesystem::temp_directory_path() / fmt::format("sekimori-sign-ins-{}", ::getpid()))
          .string();
  std::filesystem::create_directories(directory);
  int pipes[2];
  ASSERT_EQ(::pipe(pipes), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_and_wait(directory, pipes[1]);
  ::close(pipes[1]);
  char word = 0;
  const bool told = ::read(pipes[0], &word, 1) == 1;
  ::close(pipes[0]);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(told && word == 'y');

  const auto begun = std::chrono::steady_clock::now();
  Site site(directory);
  RecordProperty("read_ms", static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 std::chrono::steady_clock::now() - begun)
                                                 .count()));
  EXPECT_EQ(site.service->entries(), static_cast<std::size_t>(k_entries));
  EXPECT_EQ(site.service->counters(), static_cast<std::size_t>(k_entries));
  EXPECT_EQ(site.service->all(decide::SignInList::allow, now()).size(), k_entries / 10U);
  serve::SignIn sign_in;
  sign_in.account = "nobody@example.jp";
  sign_in.ip = address(3);
  sign_in.now = now();
  serve::SignInVerdict verdict;
  EXPECT_EQ(site.service->listed(sign_in, verdict), serve::SignInGate::Word::blocked);
  sign_in.ip = address(k_entries / 2);
  verdict = {};
  site.service->counted(sign_in, verdict);
  EXPECT_EQ(verdict.answer.status, -1);
  const auto figures = site.service->figures({"", address(k_entries / 2), ""}, now());
  ASSERT_EQ(figures.size(), 1U);
  EXPECT_EQ(figures[0].count, 6U);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace sekimori::app
