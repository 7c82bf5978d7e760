// Figures of the guard against guessing, one JSON line each, every one with its baseline.
//
//   walls_bench memory N          N addresses that guess: resident bytes, beside a hash map of them
//   walls_bench login SECONDS R   an owner's questions while R guesses a second come from other
//                                 threads: p50, p99; beside the same questions in peace
//   walls_bench kernel N          (root, in a network namespace of its own: unshare -n) from a ban
//                                 to the kernel's set with N banned already: p50, p99; beside the
//                                 program nft doing the same
//   walls_bench lines FILE        failed sign-ins of a mail log through the guard: processor time a
//                                 line; beside reading the lines alone
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bench/process_figures.h"
#include "decide/guessing.h"
#include "helper/firewall.h"

namespace {

using namespace sekimori;
using bench::processor_seconds;
using bench::resident;
using bench::seconds_since;
using decide::Acquaintance;
using Clock = std::chrono::steady_clock;

double at_share(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1));
  return values[place];
}

// The n-th of many addresses, spread over networks as a botnet is.
IpAddress botnet(std::uint64_t n) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[10] = bytes[11] = 0xff;
  const std::uint64_t spread = mix64(n);
  bytes[12] = static_cast<std::uint8_t>(1 + (spread & 0x7fU) % 100);
  bytes[13] = static_cast<std::uint8_t>(n >> 16U);
  bytes[14] = static_cast<std::uint8_t>(n >> 8U);
  bytes[15] = static_cast<std::uint8_t>(n);
  return IpAddress::from_bytes(bytes);
}

const std::string k_owner = "owner@example.jp";

decide::SignInTry guess(std::uint64_t n, const std::vector<std::string>& accounts, Instant now) {
  decide::SignInTry t;
  t.account = accounts[n % accounts.size()];
  t.service = Service::imap;
  t.ip = botnet(n);
  t.pwhash = static_cast<std::uint16_t>(0x1000U | (mix64(n) & 0xfffU));
  t.now = now;
  return t;
}

std::vector<std::string> some_accounts() {
  std::vector<std::string> out;
  for (int i = 0; i < 1000; ++i) out.push_back(fmt::format("a{}@example.jp", i));
  return out;
}

int memory(std::uint64_t count) {
  const auto accounts = some_accounts();
  const Instant begin{1'790'000'000'000'000};
  const std::uint64_t before = resident();
  decide::BanTable bans{HashKey{}};
  decide::GuessGuard guard({}, HashKey{}, bans);
  decide::GuessNews news;
  const auto begun = Clock::now();
  for (std::uint64_t n = 0; n < count; ++n) {
    guard.wrong(
        guess(n, accounts, begin + Duration{static_cast<std::int64_t>(n)}), false,
        [] { return Acquaintance{}; }, news);
  }
  const double s = seconds_since(begun);
  const std::uint64_t used = resident() - before;
  fmt::print(R"({{"bench":"walls","what":"memory","server":"sekimori","addresses":{},"tracked":{},)"
             R"("resident_mib":{:.1f},"bytes_an_address":{:.0f},"microseconds_a_guess":{:.2f}}})"
             "\n",
             count, guard.addresses(), static_cast<double>(used) / 1048576,
             static_cast<double>(used) / static_cast<double>(count),
             s * 1e6 / static_cast<double>(count));
  // What a plain table of address, network and pair with one counter each takes.
  const std::uint64_t between = resident();
  struct Entry {
    double weight;
    std::int64_t seen;
  };
  std::unordered_map<std::uint64_t, Entry> map;
  for (std::uint64_t n = 0; n < count; ++n) {
    map[mix64(n)] = {1, static_cast<std::int64_t>(n)};
    map[mix64(n) ^ 1U] = {1, static_cast<std::int64_t>(n)};
    map[mix64(n >> 8U) ^ 2U] = {1, static_cast<std::int64_t>(n)};
  }
  fmt::print(R"({{"bench":"walls","what":"memory","server":"unordered_map","addresses":{},)"
             R"("resident_mib":{:.1f}}})"
             "\n",
             count, static_cast<double>(resident() - between) / 1048576);
  return 0;
}

// The owner's question at home, 1000 times a second; returns microseconds each.
std::vector<double> ask_owner(decide::GuessGuard& guard, double for_seconds, Instant now,
                              std::uint64_t& refused) {
  decide::SignInTry t;
  t.account = k_owner;
  t.service = Service::imap;
  t.ip = IpAddress::parse("192.0.2.10").value();
  t.pwhash = 0x1777;
  std::vector<double> out;
  const auto begun = Clock::now();
  for (std::uint64_t n = 0; seconds_since(begun) < for_seconds; ++n) {
    while (seconds_since(begun) < static_cast<double>(n) / 1000) std::this_thread::yield();
    t.now = now + Duration{static_cast<std::int64_t>(seconds_since(begun) * 1e6)};
    const auto start = Clock::now();
    const auto answer = guard.ask(t, [&] { return guard.familiar(t); });
    out.push_back(seconds_since(start) * 1e6);
    if (answer.action == decide::GuessAnswer::Action::refuse) ++refused;
  }
  return out;
}

int login(double for_seconds, double rate) {
  const Instant now{1'790'000'000'000'000};
  auto accounts = some_accounts();
  accounts.resize(3);
  accounts.push_back(k_owner);  // a quarter of the guesses is for the owner's own account
  decide::BanTable bans{HashKey{}};
  decide::GuessGuard guard({}, HashKey{}, bans);
  decide::GuessNews none;
  decide::SignInTry home;
  home.account = k_owner;
  home.ip = IpAddress::parse("192.0.2.10").value();
  home.now = now;
  guard.right(home, true, [] { return Acquaintance{}; }, none);
  std::uint64_t owner_refused = 0;
  auto peace = ask_owner(guard, for_seconds, now, owner_refused);
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> guesses{0};
  std::atomic<std::uint64_t> refused{0};
  std::thread attack([&] {
    decide::GuessNews news;
    const auto begun = Clock::now();
    for (std::uint64_t n = 0; !over; ++n) {
      while (seconds_since(begun) < static_cast<double>(n) / rate && !over) {
      }
      const auto t = guess(n % 1'000'000, accounts,
                           now + Duration{static_cast<std::int64_t>(seconds_since(begun) * 1e6)});
      const auto who = [&] { return guard.familiar(t); };
      const bool no = guard.ask(t, who).action == decide::GuessAnswer::Action::refuse;
      guard.wrong(t, no, who, news);
      for (auto& ban : news.bans) (void)bans.put(std::move(ban));
      news.bans.clear();
      if (no) refused.fetch_add(1);
      guesses.fetch_add(1);
    }
  });
  auto attacked = ask_owner(guard, for_seconds, now, owner_refused);
  over = true;
  attack.join();
  const auto print = [&](const char* when, std::vector<double>& all, double per_second) {
    fmt::print(
        R"({{"bench":"walls","what":"login decision","when":"{}","guesses_per_second":{:.0f},)"
        R"("questions":{},"p50_us":{:.2f},"p99_us":{:.2f}}})"
        "\n",
        when, per_second, all.size(), at_share(all, 0.5), at_share(all, 0.99));
  };
  print("peace", peace, 0);
  print("attack", attacked, static_cast<double>(guesses) / for_seconds);
  fmt::print(R"({{"bench":"walls","what":"attack","guesses":{},"refused":{},"owner_refused":{}}})"
             "\n",
             guesses.load(), refused.load(), owner_refused);
  return 0;
}

// The same addresses in orders of the same size for the program nft, in a table of its own; -1: it
// failed.
template <class Network>
double rebuild_by_program(std::uint64_t count, const Network& network) {
  const auto begun = Clock::now();
  FILE* const nft = ::popen("/usr/sbin/nft -f -", "w");
  if (nft == nullptr) return -1;
  fmt::print(nft,
             "add table inet bench_nft\nadd set inet bench_nft hosts4 {{ type ipv4_addr; size "
             "1048576; flags timeout; }}\n");
  for (std::uint64_t n = 0; n < count; ++n) {
    fmt::print(nft, "{}{} timeout 86400s",
               n % 8000 == 0 ? "add element inet bench_nft hosts4 { " : ", ",
               network(n).address().to_string());
    if (n % 8000 == 7999 || n + 1 == count) fmt::print(nft, " }}\n");
  }
  return ::pclose(nft) == 0 ? seconds_since(begun) : -1;
}

int kernel(std::uint64_t count) {
  helper::FirewallSettings settings;
  settings.enabled = true;
  settings.table = "sekimori_bench";
  settings.ports = {25, 465, 587};
  settings.size = 1'048'576;
  helper::Firewall firewall(settings);
  if (auto done = firewall.begin(); !done) {
    fmt::print(stderr, "{}\n", done.error().text);
    return 1;
  }
  const auto network = [](std::uint64_t n) {
    return IpNetwork::parse(botnet(n).to_string()).value();
  };
  const auto begun = Clock::now();
  std::vector<helper::FirewallBan> batch;
  for (std::uint64_t n = 0; n < count; ++n) {
    batch.push_back({network(n), 86'400});
    if (batch.size() < 8000 && n + 1 < count) continue;
    if (auto done = firewall.add(batch); !done) {
      fmt::print(stderr, "{}\n", done.error().text);
      return 1;
    }
    batch.clear();
  }
  const double rebuilt = seconds_since(begun);
  const double by_program = rebuild_by_program(count, network);
  if (by_program < 0) return 1;
  for (const auto& [name, took] :
       {std::pair("sekimori", rebuilt), std::pair("nft -f", by_program)}) {
    fmt::print(
        R"({{"bench":"walls","what":"kernel rebuild","server":"{}","banned":{},"seconds":{:.2f}}})"
        "\n",
        name, count, took);
  }
  std::vector<double> ours;
  for (std::uint64_t n = 0; n < 500; ++n) {
    const auto start = Clock::now();
    if (auto done = firewall.add({{network(count + n), 900}}); !done) return 1;
    ours.push_back(seconds_since(start) * 1e3);
  }
  std::vector<double> program;
  for (std::uint64_t n = 0; n < 30; ++n) {
    const std::string line =
        fmt::format("/usr/sbin/nft add element inet sekimori_bench hosts4 '{{ {} timeout 900s }}'",
                    network(count + 1000 + n).to_string());
    const auto start = Clock::now();
    if (std::system(line.c_str()) != 0) return 1;
    program.push_back(seconds_since(start) * 1e3);
  }
  for (auto [name, all] : {std::pair("sekimori", &ours), std::pair("nft", &program)}) {
    fmt::print(R"({{"bench":"walls","what":"ban to kernel","server":"{}","banned":{},"bans":{},)"
               R"("p50_ms":{:.2f},"p99_ms":{:.2f}}})"
               "\n",
               name, count, all->size(), at_share(*all, 0.5), at_share(*all, 0.99));
  }
  (void)firewall.end();
  return 0;
}

// "… warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: …, sasl_username=a@b"
int lines(const char* path) {
  const Instant now{1'790'000'000'000'000};
  std::uint64_t bad = 0;
  std::uint64_t bans_made = 0;
  for (const bool counting : {false, true}) {
    decide::BanTable bans{HashKey{}};
    decide::GuessGuard guard({}, HashKey{}, bans);
    decide::GuessNews news;
    std::ifstream file(path);
    std::string line;
    std::uint64_t count = 0;
    const double begun = processor_seconds();
    while (std::getline(file, line)) {
      ++count;
      const std::string_view text = line;
      const auto open = text.find('[', text.find("warning: "));
      const auto close = text.find("]: SASL ", open);
      const auto name = text.find("sasl_username=");
      if (open == std::string_view::npos || close == std::string_view::npos) continue;
      const auto ip = IpAddress::parse(text.substr(open + 1, close - open - 1));
      if (!ip) continue;
      ++bad;
      if (!counting) continue;
      decide::SignInTry t;
      t.account = name == std::string_view::npos ? text.substr(0, 0) : text.substr(name + 14);
      t.service = Service::smtp;
      t.ip = *ip;
      t.now = now + Duration{static_cast<std::int64_t>(count) * 1000};
      guard.wrong(t, false, [] { return Acquaintance{}; }, news);
      bans_made += news.bans.size();
      for (auto& ban : news.bans) (void)bans.put(std::move(ban));
      news.bans.clear();
    }
    const double spent = processor_seconds() - begun;
    fmt::print(R"({{"bench":"walls","what":"cpu a line","server":"{}","lines":{},"bans":{},)"
               R"("microseconds":{:.3f}}})"
               "\n",
               counting ? "sekimori" : "reading alone", count, bans_made,
               spent * 1e6 / static_cast<double>(std::max<std::uint64_t>(count, 1)));
  }
  // Ten failures, 100 ms apart, as Dovecot reports them; then the next question is refused.
  decide::BanTable bans{HashKey{}};
  decide::GuessGuard guard({}, HashKey{}, bans);
  decide::GuessNews news;
  const auto first = Clock::now();
  auto last = first;
  std::uint16_t tries = 0;
  while (news.bans.empty() && tries < 100) {
    decide::SignInTry t;
    t.account = k_owner;
    t.ip = IpAddress::parse("203.0.113.9").value();
    t.pwhash = static_cast<std::uint16_t>(0x1000U | ++tries);
    t.now = now + Duration{static_cast<std::int64_t>(seconds_since(first) * 1e6)};
    last = Clock::now();
    guard.wrong(t, false, [] { return Acquaintance{}; }, news);
    if (news.bans.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // why: the guesses' pace
    }
  }
  fmt::print(
      R"({{"bench":"walls","what":"first bad line to ban","server":"sekimori","failures":{},)"
      R"("seconds":{:.3f},"seconds_behind_the_last_failure":{:.6f}}})"
      "\n",
      tries, seconds_since(first), seconds_since(last));
  return bad == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "memory" && argc == 3) return memory(std::strtoull(argv[2], nullptr, 10));
  if (what == "login" && argc == 4) {
    return login(std::strtod(argv[2], nullptr), std::strtod(argv[3], nullptr));
  }
  if (what == "kernel" && argc == 3) return kernel(std::strtoull(argv[2], nullptr, 10));
  if (what == "lines" && argc == 3) return lines(argv[2]);
  fmt::print(stderr, "usage: walls_bench memory N | login SECONDS RATE | kernel N | lines FILE\n");
  return 2;
}
