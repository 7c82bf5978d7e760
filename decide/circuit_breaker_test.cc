// The fuse: its bound, when it opens, when it closes, and that small servers are left alone.
#include "decide/circuit_breaker.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sekimori::decide {
namespace {

constexpr Instant k_now{1'700'000'000'000'000};

TEST(PoissonBound, IsTheLeastCountThatHoldsInAThousandDays) {
  EXPECT_EQ(poisson_bound(0), 0U);
  EXPECT_EQ(poisson_bound(-1), 0U);
  EXPECT_EQ(poisson_bound(0.0005), 0U);
  EXPECT_EQ(poisson_bound(0.01), 1U);
  EXPECT_EQ(poisson_bound(1), 5U);    // tables: P(X ≤ 5) = .99941, P(X ≤ 4) = .99634
  EXPECT_EQ(poisson_bound(10), 21U);  // P(X ≤ 21) = .99930, P(X ≤ 20) = .99841
  for (const double mean : {399.0, 401.0}) {
    EXPECT_NEAR(static_cast<double>(poisson_bound(mean)), mean + 3.09 * std::sqrt(mean) + 1.4, 1.5);
  }
  EXPECT_GT(poisson_bound(1e300), 0U);
}

TEST(PoissonBound, GrowsWithTheMean) {
  std::uint64_t before = 0;
  for (double mean = 0; mean < 800; mean += 0.5) {
    const std::uint64_t bound = poisson_bound(mean);
    EXPECT_GE(bound, before) << mean;
    before = bound;
  }
}

TEST(CircuitBreaker, OpensAboveTheBoundAndClosesByItself) {
  CircuitBreaker b;
  const BreakerSettings settings{.false_alarm_budget = 1, .floor = 20};
  // 100,000 accounts: 10 false stops a day are expected, 21 are the bound.
  for (int i = 0; i < 21; ++i) b.stopped(k_now + minutes(i));
  EXPECT_FALSE(b.update(k_now + minutes(30), 100'000, settings).open);
  b.stopped(k_now + minutes(31));
  const auto state = b.update(k_now + minutes(31), 100'000, settings);
  EXPECT_TRUE(state.open);
  EXPECT_EQ(state.stops, 22U);
  EXPECT_EQ(state.bound, 21U);
  EXPECT_EQ(state.since, k_now + minutes(31));
  EXPECT_TRUE(b.update(k_now + hours(23), 100'000, settings).open);
  // The first one is a day old: 21 remain.
  EXPECT_FALSE(b.update(k_now + hours(24), 100'000, settings).open);
  EXPECT_EQ(b.update(k_now + hours(60), 100'000, settings).stops, 0U);
}

TEST(CircuitBreaker, ASmallServerMayStopAsManyAsAPersonCanLookAt) {
  CircuitBreaker b;
  const BreakerSettings settings{.false_alarm_budget = 1, .floor = 20};
  for (int i = 0; i < 20; ++i) b.stopped(k_now);
  EXPECT_FALSE(b.update(k_now, 50, settings).open);
  b.stopped(k_now);
  EXPECT_TRUE(b.update(k_now, 50, settings).open);
}

TEST(CircuitBreaker, ABudgetOfNothingTurnsItOffAtOnce) {
  CircuitBreaker b;
  for (int i = 0; i < 500; ++i) b.stopped(k_now);
  EXPECT_TRUE(b.update(k_now, 50, {}).open);
  EXPECT_FALSE(b.update(k_now, 50, {.false_alarm_budget = 0, .floor = 20}).open);
}

TEST(CircuitBreaker, TheOrderOfStopsDoesNotMatterAndTheirNumberIsBounded) {
  CircuitBreaker a, b;
  for (int i = 0; i < 50; ++i) {
    a.stopped(k_now + minutes(i));
    b.stopped(k_now + minutes(49 - i));
  }
  EXPECT_EQ(a.update(k_now + hours(24) + minutes(10), 1, {}).stops,
            b.update(k_now + hours(24) + minutes(10), 1, {}).stops);
  for (int i = 0; i < 70'000; ++i) a.stopped(k_now + seconds(i));
  EXPECT_LE(a.update(k_now + hours(20), 1, {}).stops, 65'536U);
}

TEST(CircuitBreaker, SaysWhatItIsAndWhatToDo) {
  CircuitBreaker b;
  for (int i = 0; i < 30; ++i) b.stopped(k_now);
  const Text open = breaker_words(b.update(k_now, 50, {.floor = 20}));
  EXPECT_NE(open.en.find("30 accounts"), std::string::npos);
  EXPECT_NE(open.ja.find("30件"), std::string::npos);
  EXPECT_NE(open.ja.find("保留"), std::string::npos);
  const Text closed = breaker_words(b.update(k_now + days(2), 50, {}));
  EXPECT_NE(closed.en, open.en);
}

}  // namespace
}  // namespace sekimori::decide
