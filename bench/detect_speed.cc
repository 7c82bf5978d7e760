// Time and allocations of judging at a million accounts, beside the bare keyed hash of a recipient
// (what any answerer must pay). One JSON line a figure.
//
//   detect_speed [ACCOUNTS]
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <new>
#include <random>

#include "base/hash.h"
#include "detect/detector.h"
#include "detect/epoch.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}
void* operator new(std::size_t n) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

int main(int argc, char** argv) {
  using namespace sekimori;
  using namespace sekimori::detect;
  const std::size_t accounts = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  DetectSettings settings;
  settings.contact_filter_bytes = 64ULL << 20;
  Detector d(settings, HashKey{}, shipped_priors());
  for (std::size_t i = 0; i < accounts; ++i) {
    (void)d.intern(fmt::format("user{}@d{}.example", i, i % 1000));
  }
  std::mt19937_64 random(1);
  // Everybody writes to ten people of their own; one recipient in twenty is a stranger; one message
  // in sixteen has sixteen recipients.
  std::vector<std::string> friends;
  for (std::size_t i = 0; i < 100'000; ++i)
    friends.push_back(fmt::format("friend{}@far{}.example", i, i % 50));
  std::vector<Submission> mails(4096);
  for (std::size_t i = 0; i < mails.size(); ++i) {
    Submission& s = mails[i];
    s.to.resize(i % 16 == 0 ? 16 : 1);
    for (std::string& to : s.to) to.reserve(64);
    s.size = 1000 + random() % 100'000;
    s.from = "someone@d1.example";
    s.message_id = "<1@d1.example>";
    s.ip = *IpAddress::parse(
        fmt::format("10.{}.{}.{}", random() % 200, random() % 200, 1 + random() % 200));
  }
  Instant t{1'700'000'000'000'000};
  const auto round = [&](std::size_t messages) {
    std::uint64_t recipients = 0;
    for (std::size_t i = 0; i < messages; ++i) {
      const auto who = static_cast<AccountIndex>(random() % accounts);
      Submission& s = mails[random() % mails.size()];
      for (std::string& to : s.to) {
        to =
            friends[(random() % 20 == 0 ? random() : who * 10ULL + random() % 10) % friends.size()];
      }
      t.us += 100'000;
      d.advance(t);
      const Verdict v = d.judge(who, t, s);
      d.commit(who, t, s, v, Fate::accepted);
      recipients += s.to.size();
    }
    return recipients;
  };
  (void)round(2'000'000);  // warm-up: queue, rings and tables reach their sizes
  const std::uint64_t before = allocations.load();
  const std::clock_t begun =
      std::clock();  // processor time: other work on the machine does not count
  constexpr std::size_t k_messages = 1'000'000;
  const std::uint64_t recipients = round(k_messages);
  const double ns = 1e9 * static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  const std::uint64_t allocated = allocations.load() - before;

  const auto hash_begun = std::chrono::steady_clock::now();
  std::uint64_t sink = 0;
  for (std::size_t i = 0; i < k_messages; ++i)
    sink += keyed_hash(HashKey{}, friends[i % friends.size()]);
  const double hash_ns =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - hash_begun)
          .count();
  fmt::print(
      "{{\"bench\":\"detect\",\"accounts\":{},\"ns_per_message\":{:.0f},\"ns_per_recipient\":{:.0f},"
      "\"allocations\":{},\"bytes_per_account\":{},\"contact_filter_bytes\":{},"
      "\"baseline_hash_ns\":{:.0f},\"sink\":{}}}\n",
      accounts, ns / k_messages, ns / static_cast<double>(recipients), allocated,
      Detector::bytes_per_account(), d.contact_filter_bytes(), hash_ns / k_messages, sink & 1U);
}
