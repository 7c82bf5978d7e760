// Why a message is held, asked about or brings a restriction, a rule at a time.
#include <gtest/gtest.h>

#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

constexpr std::string_view k_home = "192.0.2.10", k_elsewhere = "203.0.113.9";

// An owner of 40 days, always at the same place.
struct Settled : Box {
  Settled() { now = live(k_start, 40, k_home); }
  Verdict blast(std::string_view tag, std::size_t n, std::string_view from, Fate fate) {
    now = now + minutes(2);
    return send(now, mail(strangers(n, tag), std::string(tag), from), fate);
  }
  Instant now;
};

TEST(Advice, ABlastFromTheUsualPlaceAsksAndNeverRestricts) {
  // A newsletter's first run: the question keeps it back, so a stop would only punish.
  Settled box;
  for (int i = 0; i < 60; ++i) {
    const Verdict v = box.blast(fmt::format("n{}", i), 30, k_home, Fate::refused);
    ASSERT_EQ(v.advice, HoldAdvice::asked) << i;
    ASSERT_FALSE(v.may_restrict) << i;
  }
}

TEST(Advice, WhatWaitsForAPersonAddsNoSuspicionWithoutBound) {
  // Or a newsletter's sender would stay a suspect for months.
  Settled box;
  Verdict v;
  for (int i = 0; i < 10; ++i) v = box.blast(fmt::format("n{}", i), 30, k_home, Fate::held);
  EXPECT_LT(v.log_r, DetectSettings{}.restrict_log_r);
}

TEST(Advice, WhoGoesOnFromAStrangePlaceIsRestricted) {
  Settled box;
  bool restricted = false;
  int asked = 0;
  for (int i = 0; i < 60 && !restricted; ++i) {
    const Verdict v = box.blast(fmt::format("n{}", i), 30, k_elsewhere, Fate::refused);
    asked += v.advice == HoldAdvice::asked ? 1 : 0;
    restricted = v.may_restrict && v.log_r >= DetectSettings{}.restrict_log_r;
  }
  EXPECT_TRUE(restricted);
  EXPECT_GE(asked, 10);  // not at the first blast: that one may be the owner's on a trip
}

TEST(Advice, AnAnswerClosesTheQuestion) {
  Settled box;
  ASSERT_EQ(box.blast("n", 30, k_elsewhere, Fate::held).advice, HoldAdvice::asked);
  box.detector.vouched(box.me, box.now + minutes(1));
  const Verdict v = box.detector.judge(box.me, box.now + minutes(3),
                                       mail({"friend1@partner.example"}, "", k_elsewhere));
  EXPECT_EQ(v.advice, HoldAdvice::none);
}

TEST(Advice, BouncesOfMailThatNeverLeftSayNothing) {
  Settled box;
  box.blast("kept", 10, k_home, Fate::refused);
  Delivery bounce;
  bounce.status = DeliveryStatus::bounced;
  bounce.dsn = "5.1.1";
  bounce.queue_id = "kept";
  const double before = box.detector.log_r(box.me, box.now);
  for (int i = 0; i < 4; ++i) box.detector.delivery(box.me, box.now, bounce);
  EXPECT_NEAR(box.detector.log_r(box.me, box.now), before, 1e-6);
}

TEST(Advice, ASecondStrikeIsKnown) {
  Settled box;
  box.send(box.now, mail(strangers(8, "h"), "H1", k_home), Fate::held);
  box.detector.hold_released(box.me, box.now + minutes(20), "H1");
  const Verdict v =
      box.detector.judge(box.me, box.now + minutes(30), mail(strangers(1, "again"), "", k_home));
  EXPECT_EQ(v.strikes, 1);
}

}  // namespace
}  // namespace sekimori::detect::test
