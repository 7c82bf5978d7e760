#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;

double nats(const Verdict& v, Channel c) { return v.nats[static_cast<std::size_t>(c)]; }

TEST(Detector, AnAccountFitsIn512Bytes) { EXPECT_LE(Detector::bytes_per_account(), 512U); }

TEST(Detector, JudgingLeavesNoTrace) {
  Box box;
  const Instant t = box.live(k_start, 5);
  box.detector.advance(t);
  const auto before = box.detector.hash();
  const Verdict first = box.detector.judge(box.me, t, mail(strangers(30, "a")));
  const Verdict second = box.detector.judge(box.me, t, mail(strangers(30, "a")));
  EXPECT_EQ(box.detector.hash(), before);
  EXPECT_EQ(first.log_r, second.log_r);
}

TEST(Detector, PreparingAheadChangesNothing) {
  Box box;
  const Instant t = box.live(k_start, 5);
  box.detector.advance(t);
  const std::uint64_t name = keyed_hash(HashKey{}, "taro@example.jp");
  const Submission spray = mail(strangers(30, "a"), "q1"), other = mail(strangers(3, "b"), "q2");
  const Verdict plain = box.detector.judge(box.me, t, spray);
  const std::uint64_t ready = box.detector.prepare(name, spray);
  const Verdict ahead = box.detector.judge(box.me, t, spray, ready);
  EXPECT_EQ(ahead.log_r, plain.log_r);
  EXPECT_EQ(ahead.new_recipients, 30U);
  // What was prepared for one message is not taken for the next one's, nor twice.
  EXPECT_EQ(box.detector.judge(box.me, t, other, ready).new_recipients, 3U);
  (void)box.detector.prepare(name, spray);
  EXPECT_EQ(box.detector.judge(box.me, t, other).new_recipients, 3U);
  box.detector.commit(box.me, t, other, box.detector.judge(box.me, t, other), Fate::accepted);
  EXPECT_EQ(box.detector.counts(box.me, t).recipients_hour, 3U);
}

TEST(Detector, ASprayFromAKnownAccountPassesTheRestrictionLine) {
  Box box;
  Instant t = box.live(k_start, 40);
  Verdict v;
  for (int i = 0; i < 5; ++i) {
    t = t + seconds(10);
    v = box.send(t, mail(strangers(50, fmt::format("x{}", i))), Fate::held);
  }
  EXPECT_GE(v.log_r, 9.21);
  EXPECT_TRUE(v.may_restrict);
  EXPECT_GT(nats(v, Channel::shape), 1);
}

TEST(Detector, TheFirstLargeBlastAsksAPersonWhateverRIs) {
  Box box;
  const Instant t = box.live(k_start, 40);
  const Verdict v = box.detector.judge(box.me, t, mail(strangers(50, "x")));
  EXPECT_TRUE(v.fan_out);
  EXPECT_EQ(v.advice, HoldAdvice::asked);
}

TEST(Detector, OneMessageToOneStrangerPasses) {
  Box box;
  const Instant t = box.live(k_start, 40);
  EXPECT_EQ(box.detector.judge(box.me, t, mail(strangers(1, "x"))).advice, HoldAdvice::none);
}

TEST(Detector, MailToKnownPeopleCalmsSuspicion) {
  Box box;
  Instant t = box.live(k_start, 40);
  t = t + minutes(1);
  const double up = box.send(t, mail(strangers(1, "x"))).log_r;
  for (int i = 0; i < 5; ++i)
    box.send(t + minutes(40 * (i + 1)), mail({"friend1@partner.example"}));
  EXPECT_LT(box.detector.log_r(box.me, t + minutes(210)), up);
}

TEST(Detector, ANewcomersFirstMailsNeverRestrict) {
  Box box;
  Instant t = k_start;
  for (int i = 0; i < 12; ++i) {
    t = t + minutes(20);
    const Verdict v = box.send(t, mail(strangers(1, fmt::format("n{}", i))));
    EXPECT_FALSE(v.may_restrict) << i;
  }
}

TEST(Detector, SomebodyWhoWroteFirstIsNoStranger) {
  Box box;
  const Instant t = box.live(k_start, 40);
  box.detector.received(box.me, t, {"customer@shop.example"});
  const Verdict v = box.detector.judge(box.me, t + minutes(1), mail({"customer@shop.example"}));
  EXPECT_EQ(v.new_recipients, 0U);
  EXPECT_EQ(v.wrote_first, 1U);
  // Only a message to this account counts.
  const auto other = box.detector.intern("hanako@example.jp");
  EXPECT_EQ(
      box.detector.judge(other, t + minutes(1), mail({"customer@shop.example"})).new_recipients,
      1U);
}

TEST(Detector, ARecipientIsNewOnlyOnceWithinTheLearningDelay) {
  Box box;
  const Instant t = box.live(k_start, 10);
  EXPECT_EQ(box.send(t, mail({"new@far.example"})).new_recipients, 1U);
  EXPECT_EQ(box.send(t + minutes(5), mail({"new@far.example"})).new_recipients, 0U);
}

TEST(Detector, RepeatedRecipientsOfAMessageCountOnce) {
  Box box;
  const Verdict v =
      box.detector.judge(box.me, k_start, mail({"a@b.example", "a@b.example", "c@b.example"}));
  EXPECT_EQ(v.recipients, 2U);
  EXPECT_EQ(v.new_recipients, 2U);
}

TEST(Detector, HabitsAreLearntADayLater) {
  // A slow ramp of strangers is judged by the habits of the day before, not by itself.
  Box ramp;
  const Instant t = ramp.live(k_start, 30);
  const double at_once =
      nats(ramp.detector.judge(ramp.me, t, mail(strangers(1, "s"))), Channel::shape);
  for (int i = 0; i < 10; ++i)
    ramp.send(t + minutes(90 * i), mail(strangers(1, fmt::format("r{}", i))), Fate::accepted);
  const double same_day =
      nats(ramp.detector.judge(ramp.me, t + hours(20), mail(strangers(1, "s"))), Channel::shape);
  EXPECT_GE(same_day, at_once - 0.05);
}

TEST(Detector, WhatIsSentUnderSuspicionIsNotLearnt) {
  Box box;
  const Instant t = box.live(k_start, 40);
  for (int i = 0; i < 5; ++i) box.send(t + minutes(i), mail(strangers(8, fmt::format("u{}", i))));
  ASSERT_GT(box.detector.log_r(box.me, t + minutes(5)), 4.6);
  box.detector.advance(t + days(20));
  // ln R stands there still, so the day-old messages were thrown away: their recipients are new
  // again.
  EXPECT_EQ(box.detector.judge(box.me, t + days(20), mail(strangers(8, "u4"))).new_recipients, 8U);
}

TEST(Detector, ABlastIsLearntWithinTheWeekOnceSuspicionHasGone) {
  Box box;
  Instant t = box.live(k_start, 40);
  const Verdict v = box.send(t, mail(strangers(30, "list")), Fate::held);
  ASSERT_GT(v.log_r, 4.6);
  t = box.live(t + hours(1), 5);  // the owner's usual mail goes on
  EXPECT_EQ(box.detector.judge(box.me, t, mail(strangers(30, "list"))).new_recipients, 0U);
}

TEST(Detector, AMachineThatReportsToOnePersonIsNoBurst) {
  Box box;
  for (int i = 0; i < 500; ++i) box.send(k_start + seconds(20 * i), mail({"admin@example.jp"}));
  EXPECT_LT(box.detector.log_r(box.me, k_start + hours(3)), 2);
}

TEST(Detector, ContainmentThrowsAwayWhatTheThiefSent) {
  Box box;
  const Instant t = box.live(k_start, 20);
  box.send(t, mail(strangers(3, "thief")));
  box.detector.contained(box.me, t + minutes(1), t);
  box.detector.restored(box.me, t + hours(2));
  box.detector.advance(t + days(2));
  EXPECT_EQ(box.detector.judge(box.me, t + days(2), mail(strangers(3, "thief"))).new_recipients,
            3U);
  // What was sent before the onset is learnt as ever.
  EXPECT_EQ(
      box.detector.judge(box.me, t + days(2), mail({"friend1@partner.example"})).new_recipients,
      0U);
}

TEST(Detector, WithdrawnMailGivesItsCountsBack) {
  Box box;
  const Instant t = box.live(k_start, 10);
  const Counts before = box.detector.counts(box.me, t);
  box.send(t, mail(strangers(4, "w"), "ABC123"));
  EXPECT_EQ(box.detector.counts(box.me, t).new_hour, before.new_hour + 4);
  box.detector.withdraw(box.me, t + seconds(1), "ABC123");
  const Counts after = box.detector.counts(box.me, t + seconds(1));
  EXPECT_EQ(after.recipients_day, before.recipients_day);
  EXPECT_EQ(after.new_hour, before.new_hour);
  EXPECT_EQ(box.detector.judge(box.me, t + minutes(1), mail(strangers(4, "w"))).new_recipients, 4U);
  box.detector.withdraw(box.me, t, "never seen");  // ignored
}

TEST(Detector, RefusedMailCountsNothingButKeepsSuspicion) {
  Box box;
  const Instant t = box.live(k_start, 30);
  const double before = box.detector.log_r(box.me, t);
  box.send(t, mail(strangers(30, "x")), Fate::refused);
  EXPECT_GT(box.detector.log_r(box.me, t), before + 1);
  EXPECT_EQ(box.detector.counts(box.me, t).new_day, 0U);
  EXPECT_EQ(box.detector.judge(box.me, t + minutes(1), mail(strangers(30, "x"))).new_recipients,
            30U);
}

TEST(Detector, AHoldThatRanOutIsHalfForgotten) {
  Box box;
  const Instant t = box.live(k_start, 30);
  const Verdict v = box.send(t, mail(strangers(30, "x"), "H1"), Fate::held);
  const double added = v.log_r - v.log_r_before;
  ASSERT_GT(added, 1);
  box.detector.hold_released(box.me, t + minutes(20), "H1");
  EXPECT_NEAR(box.detector.log_r(box.me, t), v.log_r - added / 2, 0.05);
  box.detector.hold_released(box.me, t + minutes(21), "H1");  // once only
  EXPECT_NEAR(box.detector.log_r(box.me, t), v.log_r - added / 2, 0.05);
}

TEST(Detector, AVouchedBlastIsKnownAtOnce) {
  Box box;
  const Instant t = box.live(k_start, 30);
  box.send(t, mail(strangers(40, "list"), "H1"), Fate::held);
  box.detector.vouched(box.me, t + hours(1));
  EXPECT_LE(box.detector.log_r(box.me, t + hours(1)), 0.1);
  EXPECT_EQ(box.detector.judge(box.me, t + hours(2), mail(strangers(40, "list"))).new_recipients,
            0U);
}

TEST(Detector, AnOwnersSteadyMailStaysBelowEveryLine) {
  Box box;
  std::mt19937 random(11);
  double highest = -100;
  for (int i = 0; i < 4000; ++i) {
    const Instant t = k_start + minutes(150L * i) + seconds(random() % 3000);
    const bool fresh = random() % 20 == 0;
    const Verdict v =
        box.send(t, mail({fresh ? fmt::format("new{}@far.example", i)
                                : fmt::format("friend{}@partner.example", random() % 30)}));
    if (i > 40) highest = std::max(highest, v.log_r);
  }
  EXPECT_LT(highest, 7);
}

// The bound itself: likelihood ratios of mean 1 against R ≥ A; the mean time to an alarm must be at
// least A/π days, whatever the volume (detection.md).
TEST(ShiryaevRoberts, MeanTimeToAFalseAlarmHoldsAtEveryVolume) {
  std::mt19937 random(5);
  constexpr double k_line = 100, p0 = 0.1, p1 = 0.4;
  for (const int per_day : {1, 10, 100}) {
    double total_days = 0;
    constexpr int k_runs = 300;
    for (int run = 0; run < k_runs; ++run) {
      double r = 0;
      for (;;) {
        total_days += 1.0 / per_day;
        const bool odd = std::generate_canonical<double, 32>(random) < p0;
        r = (r + 1.0 / per_day) * (odd ? p1 / p0 : (1 - p1) / (1 - p0));
        if (r >= k_line) break;
      }
    }
    EXPECT_GT(total_days / k_runs, k_line * 0.9) << per_day << " messages a day";
  }
}

TEST(Detector, SilenceAddsNoMoreThanItsBound) {
  Box box;
  const Instant t = box.live(k_start, 20);
  EXPECT_LT(box.detector.log_r(box.me, t + days(400)), 2.0);
}

TEST(Explanation, SpeaksBothLanguagesWithNumbers) {
  Box box;
  Instant t = box.live(k_start, 40);
  Verdict v;
  for (int i = 0; i < 6; ++i) {
    t = t + seconds(30);
    v = box.send(t, mail(strangers(8, fmt::format("e{}", i))), Fate::held);
  }
  const auto why = box.detector.explain(box.me, t, v);
  EXPECT_THAT(why.headline.ja, HasSubstr("48件の宛先"));
  EXPECT_THAT(why.headline.ja, HasSubstr("初めての相手です"));
  EXPECT_THAT(why.headline.en, HasSubstr("48 recipients"));
  EXPECT_THAT(why.headline.en, HasSubstr("none written to before"));
  ASSERT_FALSE(why.evidence.empty());
  EXPECT_THAT(why.evidence, Contains(Field(&Evidence::channel, Channel::shape)));
  EXPECT_TRUE(std::ranges::is_sorted(why.evidence, std::greater<>{}, &Evidence::nats));
  for (const Evidence& e : why.evidence) {
    EXPECT_FALSE(e.text.ja.empty());
    EXPECT_FALSE(e.text.en.empty());
  }
}

}  // namespace
}  // namespace sekimori::detect::test
