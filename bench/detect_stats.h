// The arithmetic of the report: quantiles, bounds on rare counts, limits tuned to a rate of false
// alarms. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/instant.h"

namespace sekimori::bench {

// The value that a share `q` of the values does not pass: sorted[⌊q·n⌋]; 0 of none.
[[nodiscard]] double quantile(std::vector<double> values, double q);
[[nodiscard]] double mean(std::span<const double> values);

// Exact (Garwood) bounds of a Poisson mean after `count` events, each one-sided at `confidence`:
// 0 events at 95 % are at most 3.0.
[[nodiscard]] double poisson_upper(std::uint64_t count, double confidence);
[[nodiscard]] double poisson_lower(std::uint64_t count, double confidence);

struct Interval {
  double low = 0, high = 0;
};

// One account's part in a rate: events over exposure.
struct Cluster {
  double events = 0;
  double days = 0;
};
// 95 % percentile interval of Σ events / Σ days, accounts drawn with replacement.
[[nodiscard]] Interval bootstrap_rate(std::span<const Cluster> accounts, unsigned rounds,
                                      std::uint64_t seed);

// A rule's score on one account passed everything before: the steps of its running maximum.
struct Climb {
  double score = 0;
  Instant t;
  std::size_t leaked = 0;  // attack recipients accepted before this event
  bool attacked = false;   // the attack's first message was handed in by then
};
// The first step above `limit`, or nullptr. `climbs` rise.
[[nodiscard]] const Climb* first_above(std::span<const Climb> climbs, double limit);

// The lowest limit ("restrict when the score passes it") at which at most `per_10k` in 10,000
// account-days are restricted. `maxima`: each account's highest score.
[[nodiscard]] double tuned_limit(std::vector<double> maxima, double days, double per_10k);

}  // namespace sekimori::bench
