// What all threads know of the blacklists together: their settings, which of them may be asked now,
// and what they answered so far.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/blacklist.h"
#include "base/instant.h"
#include "base/ip_network.h"
#include "base/secret.h"

namespace sekimori::serve {

struct DnsblSettings {
  std::vector<Blacklist> lists;
  std::vector<Secret> keys;  // one a list; empty where it has none
  std::string servers;       // "127.0.0.1:53,…"; "" : those of /etc/resolv.conf
  Duration timeout{700'000};
  Duration ttl_max = hours(1);
  Duration test_interval = hours(1);
  std::size_t cache_max = 100'000;  // of one thread
  // Questions under way on one thread. Each costs a few kilobytes; beyond it the answer is unknown,
  // at once.
  std::size_t pending_max = 5000;
};

// Why a list is not asked. Untested at the start: a list that died while we were down, and answers
// for everything, must not refuse the first mail.
enum class DnsblHealth : std::uint8_t { untested, good, silent, dead };
[[nodiscard]] std::string_view to_string(DnsblHealth);

// Any thread.
class DnsblBoard {
 public:
  explicit DnsblBoard(DnsblSettings settings);

  [[nodiscard]] const DnsblSettings& settings() const { return settings_; }
  [[nodiscard]] std::span<const Blacklist> lists() const { return settings_.lists; }
  // The name to ask, with the key where there is one: it must never be logged.
  [[nodiscard]] std::string zone(std::size_t list) const;

  [[nodiscard]] bool asked(std::size_t list, bool v6) const {
    const State& state = states_[list];
    return state.health.load(std::memory_order_relaxed) == DnsblHealth::good &&
           (!v6 || state.v6.load(std::memory_order_relaxed));
  }
  // What a test found.
  void tested(std::size_t list, DnsblHealth health, bool v6, Text words, Instant now);
  // An answer came (from the network, not from a cache). Twenty in a row without one call for a
  // test at once.
  void answered(std::size_t list, ListState state);
  // Called on the thread whose question was the twentieth; set before the first question.
  std::function<void()> doubts;

  struct View {
    std::string name;
    std::string url;
    double weight = 0;
    DnsblHealth health = DnsblHealth::untested;
    bool v6 = false;
    Text words;      // why it is not asked; empty where it is
    Instant tested;  // unset: never
    std::uint64_t clean = 0;
    std::uint64_t listed = 0;
    std::uint64_t unknown = 0;
  };
  [[nodiscard]] std::vector<View> view() const;

  struct Totals {
    std::atomic<std::uint64_t> questions{0};  // addresses asked about
    std::atomic<std::uint64_t> cached{0};     // of them answered from memory
    std::atomic<std::uint64_t> late{0};       // with an answer missing at the deadline
    std::atomic<std::uint64_t> overloaded{0};
    std::atomic<std::uint64_t> refused{0}, deferred{0}, marked{0};
    std::atomic<std::uint64_t> logins_refused{0}, logins_delayed{0};
  };
  mutable Totals totals;

 private:
  struct State {
    std::atomic<DnsblHealth> health{DnsblHealth::untested};
    std::atomic<bool> v6{false};
    std::atomic<std::uint64_t> clean{0}, listed{0}, unknown{0};
    std::atomic<unsigned> silent{0};  // in a row
    mutable std::mutex mutex;         // the rest
    Text words;
    Instant tested;
  };

  DnsblSettings settings_;
  std::unique_ptr<State[]> states_;
};

}  // namespace sekimori::serve
