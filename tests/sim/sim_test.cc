// The standing machine, its journal, database, outbox and start under every fault we can think of.
// What these prove is listed in invariants.cc. SEKIMORI_SLOW=1 runs thousands of longer lives;
// SEKIMORI_SEED=n runs one seed and prints how it went.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/simulation.h"

namespace sekimori::sim {
namespace {

bool is_slow() { return std::getenv("SEKIMORI_SLOW") != nullptr; }
std::uint64_t seeds() { return is_slow() ? 5000 : 200; }
int steps() { return is_slow() ? 1500 : 400; }

TEST(Simulation, EveryLifeKeepsWhatMustHold) {
  Summary sum;
  const auto* only = std::getenv("SEKIMORI_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only != nullptr ? first : seeds();
  int failures = 0;
  for (std::uint64_t seed = first; seed <= last && failures < 5; ++seed) {
    Simulation life(scenario_of(seed, steps()));
    try {
      const Summary one = life.run();
      sum.crashes += one.crashes;
      sum.power_cuts += one.power_cuts;
      sum.starts += one.starts;
      sum.hashes_compared += one.hashes_compared;
      sum.changes += one.changes;
      sum.holds += one.holds;
      sum.delivered += one.delivered;
      sum.refused += one.refused;
    } catch (const Violation& violation) {
      ++failures;
      ADD_FAILURE() << violation.what();
    }
  }
  fmt::print(
      "{} lives: {} crashes ({} power cuts), {} starts, {} hashes compared, {} changes, "
      "{} holds, {} delivered, {} refused\n",
      last - first + 1, sum.crashes, sum.power_cuts, sum.starts, sum.hashes_compared, sum.changes,
      sum.holds, sum.delivered, sum.refused);
  if (only == nullptr && failures == 0) {
    // The lives were worth living: each thing that is claimed did happen.
    EXPECT_GT(sum.crashes, seeds());
    EXPECT_GT(sum.power_cuts, 0U);
    EXPECT_GT(sum.hashes_compared, seeds());
    EXPECT_GT(sum.changes, seeds() * 5);
    EXPECT_GT(sum.holds, seeds());
    EXPECT_GT(sum.refused, seeds());
  }
}

TEST(Simulation, TheSameSeedIsTheSameLife) {
  for (const std::uint64_t seed : {3, 14, 159}) {
    Simulation once(scenario_of(seed, 400));
    Simulation again(scenario_of(seed, 400));
    const auto a = once.run().trace;
    EXPECT_EQ(a, again.run().trace) << "seed " << seed;
    Simulation other(scenario_of(seed + 1000, 400));
    EXPECT_NE(a, other.run().trace);
  }
}

}  // namespace
}  // namespace sekimori::sim
