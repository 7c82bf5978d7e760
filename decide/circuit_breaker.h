// The fuse behind the judge: when the machine stops more accounts within a day than its false
// alarms can account for, something is wrong with more than those accounts: either the judge (a
// change at the provider, a bad setting) or the whole server (a mass takeover). In both cases a
// person should look. While the breaker is open nothing is stopped by machine: what would be
// stopped is held and waits for a person, so nothing leaks either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/instant.h"
#include "base/text.h"

namespace sekimori::decide {

struct BreakerSettings {
  double false_alarm_budget = 1;  // false stops per 10,000 account-days; 0: the breaker is off
  // A wave of stolen passwords brings as many stops in a day: below them it never opens.
  std::uint32_t floor = 200;
};

inline constexpr Duration k_breaker_window = hours(24);

// The least k with P(X ≤ k) ≥ 99.9 % for a Poisson count of that mean (at most 1e9).
[[nodiscard]] std::uint64_t poisson_bound(double mean);

// Pure; the caller locks.
class CircuitBreaker {
 public:
  struct State {
    bool open = false;
    Instant since;            // of the state; unset: it never opened
    std::uint64_t stops = 0;  // by machine within the last 24 h
    std::uint64_t bound = 0;  // more than this opens it; 0: off
  };
  // A machine stopped an account.
  void stopped(Instant t);
  // The state at `now` for so many accounts; opens, and closes once the count is back at the bound.
  const State& update(Instant now, std::uint64_t accounts, const BreakerSettings&);
  [[nodiscard]] const State& state() const { return state_; }

 private:
  // Beyond so many the oldest are dropped: the count stays far above any bound.
  static constexpr std::size_t k_stops_max = 65'536;
  std::vector<std::int64_t> stops_;  // sorted
  State state_;
};

// What the operators are told when it opens and closes.
[[nodiscard]] Text breaker_words(const CircuitBreaker::State&);

}  // namespace sekimori::decide
