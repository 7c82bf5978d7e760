// The self-audit lowers what is too loud, leaves alone what is not, and forgives slowly.
#include "detect/damping.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

constexpr auto k_shape = static_cast<std::size_t>(Channel::shape);
constexpr auto k_bounce = static_cast<std::size_t>(Channel::bounce);

// A channel that says `nats` of a share of owners' mail and is silent otherwise, with the weight
// that damping left it.
AuditSums hour_of(double share, double nats, double weight, std::mt19937& random, int messages) {
  AuditSums sums;
  std::uniform_real_distribution<double> dice(0, 1);
  for (int i = 0; i < messages; ++i) {
    std::array<double, k_channels> ratio{};
    ratio.fill(1);
    if (dice(random) < share) ratio[k_shape] = std::exp(nats * weight);
    sums.message(ratio);
  }
  return sums;
}

TEST(Damping, LowersALoudChannelUntilItIsHonestAndNoOther) {
  Damping d;
  std::mt19937 random(3);
  for (int hour = 0; hour < 400; ++hour) {
    d.step(hour_of(0.2, 1.0, d.factor[k_shape], random, 500));
  }
  EXPECT_LT(d.factor[k_shape], 0.5F);
  for (std::size_t c = 0; c < k_channels; ++c) {
    if (c != k_shape) {
      EXPECT_EQ(d.factor[c], 1) << c;
    }
  }
}

TEST(Damping, LeavesAnHonestChannelAlone) {
  Damping d;
  std::mt19937 random(4);
  for (int hour = 0; hour < 400; ++hour) {
    AuditSums sums;
    std::uniform_real_distribution<double> dice(0, 1);
    for (int i = 0; i < 500; ++i) {
      std::array<double, k_channels> ratio{};
      ratio.fill(1);
      // p1 = .5, p0 = .01 against .5/.99: the mean is exactly 1.
      ratio[k_shape] = dice(random) < 0.01 ? 50 : 0.5 / 0.99;
      sums.message(ratio);
    }
    d.step(sums);
  }
  EXPECT_EQ(d.factor[k_shape], 1);
}

TEST(Damping, AFewMessagesDecideNothing) {
  Damping d;
  std::mt19937 random(5);
  d.step(hour_of(1, 3, 1, random, 1000));
  EXPECT_EQ(d.factor[k_shape], 1);
}

TEST(Damping, ComesBackSlowlyOnceItIsQuiet) {
  Damping d;
  d.factor[k_shape] = 0.5F;
  std::mt19937 random(6);
  for (int hour = 0; hour < 39; ++hour) d.step(hour_of(0, 0, 1, random, 500));
  EXPECT_EQ(d.factor[k_shape], 0.5F);
  for (int hour = 0; hour < 39 * 12; ++hour) d.step(hour_of(0, 0, 1, random, 500));
  EXPECT_EQ(d.factor[k_shape], 1);
}

TEST(Damping, NeverSilencesAChannel) {
  Damping d;
  std::mt19937 random(7);
  for (int hour = 0; hour < 400; ++hour) d.step(hour_of(1, 3, 1, random, 2500));
  EXPECT_FLOAT_EQ(d.factor[k_shape], 0.25F);
}

TEST(Damping, WhatComesBetweenMessagesCountsAsTheirShare) {
  AuditSums sums;
  std::array<double, k_channels> ratio{};
  ratio.fill(1);
  for (int i = 0; i < 1000; ++i) sums.message(ratio);
  for (int i = 0; i < 160; ++i) sums.between(Channel::bounce, 3);
  Damping d;
  d.step(sums);
  EXPECT_NEAR(d.windows[k_bounce].mean(), 1.02, 1e-4);
}

TEST(Damping, TheOrderOfShardsDoesNotMatter) {
  std::mt19937 random(8);
  const AuditSums a = hour_of(0.3, 1, 1, random, 700), b = hour_of(0.1, 2, 1, random, 300);
  AuditSums ab = a, ba = b;
  ab.add(b);
  ba.add(a);
  EXPECT_EQ(std::memcmp(&ab, &ba, sizeof ab), 0);
}

TEST(Damping, EpochsCarryTheWeightsAndTheJudgeObeysThem) {
  // An account whose messages the judge finds strange again and again teaches nothing here: the
  // sums are put in by hand.
  Box box;
  const Instant t = box.live(k_start, 40);
  const Verdict loud = box.detector.judge(box.me, t, mail(strangers(30, "l")));
  auto priors = shipped_priors();
  for (int hour = 0; hour < 30; ++hour) {
    PriorsBuilder builder(priors);
    AuditSums sums;
    std::array<double, k_channels> ratio{};
    ratio.fill(1);
    ratio[k_shape] = 5;
    for (int i = 0; i < 3000; ++i) sums.message(ratio);
    builder.impl().audit = sums;
    priors = builder.build();
  }
  std::string bytes;
  save(*priors, bytes);
  const auto again = load_priors(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(hash_of(**again), hash_of(*priors));
  box.detector.install(*again);
  const Verdict damped = box.detector.judge(box.me, t, mail(strangers(30, "l")));
  EXPECT_LT(damped.nats[k_shape], loud.nats[k_shape] * 0.5);
  EXPECT_FLOAT_EQ(static_cast<float>(box.detector.audit()[k_shape].weight), 0.25F);
}

}  // namespace
}  // namespace sekimori::detect::test
