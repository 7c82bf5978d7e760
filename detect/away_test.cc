// Strangers from networks on trial: what counts, what takes off, how it fades; what comes of it.
#include "detect/away.h"

#include <gtest/gtest.h>

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

constexpr std::string_view k_home = "192.0.2.10", k_elsewhere = "198.51.100.7";

// The beginning of an hour.
constexpr Instant k_hour{k_start.us / 3'600'000'000 * 3'600'000'000};

TEST(Away, AnHourCountsNoMoreThanThreeAndAMessageHalfOfThat) {
  AccountModel m;
  note_away(m, k_hour, 400, false);
  EXPECT_DOUBLE_EQ(away_level(m, k_hour), 1.5);
  for (int i = 1; i < 50; ++i) note_away(m, k_hour + minutes(i), 4, false);
  EXPECT_DOUBLE_EQ(away_level(m, k_hour + minutes(49)), 3);
  note_away(m, k_hour + hours(1), 1, false);
  EXPECT_NEAR(away_level(m, k_hour + hours(1)), 4, 0.26);
}

TEST(Away, FriendsAndStrangersFromHomeAndTimeTakeOff) {
  AccountModel m;
  for (int i = 0; i < 4; ++i) note_away(m, k_start + hours(i), 2, false);
  const Instant t = k_start + hours(3);
  const double full = away_level(m, t);
  EXPECT_GT(full, 5);
  EXPECT_NEAR(away_level(m, t + hours(48)), full / 2, 0.01);
  note_away(m, t, 0, false);
  EXPECT_NEAR(away_level(m, t), full - 0.25, 0.01);
  note_strangers_from_home(m);
  EXPECT_NEAR(away_level(m, t), full - 1.25, 0.01);
}

TEST(Away, QuestionsStandForThreeDays) {
  AccountModel m;
  note_away(m, k_start, 1, true);
  note_away(m, k_start + minutes(1), 60, true);
  note_away(m, k_start + minutes(2), 1, false);
  EXPECT_EQ(away_questions(m, k_start + hours(71)), 1U + 3U);
  EXPECT_EQ(away_questions(m, k_start + hours(73)), 0U);
}

// One stranger an hour or so from elsewhere, while the owner goes on writing from home.
TEST(Away, ASlowThiefBesideTheOwnerIsStopped) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  int passed = 0;
  bool stopped = false;
  for (int i = 0; i < 20 && !stopped; ++i) {
    const Instant now = t + minutes(70 * i);
    const Verdict v = box.send(now, mail(strangers(1, fmt::format("s{}", i)), "", k_elsewhere));
    stopped = v.restricts(DetectSettings{}.restrict_log_r);
    if (v.advice == HoldAdvice::none) ++passed;
    box.send(now + minutes(20), mail({"friend1@partner.example"}, "", k_home));
  }
  EXPECT_TRUE(stopped);
  EXPECT_LE(passed, 4);
}

TEST(Away, TheSameFromHomeStopsNobody) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  for (int i = 0; i < 20; ++i) {
    const Verdict v =
        box.send(t + minutes(70 * i), mail(strangers(1, fmt::format("s{}", i)), "", k_home));
    EXPECT_FALSE(v.restricts(DetectSettings{}.restrict_log_r)) << i;
  }
}

// A blast to strangers waits for a person, wherever it comes from; the first of it stops nobody.
TEST(Away, ABlastIsAskedAboutBeforeItStops) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  int asked = 0;
  bool stopped = false;
  for (int i = 0; i < 60 && !stopped; ++i) {
    const Verdict v =
        box.send(t + seconds(5 * i), mail(strangers(10, fmt::format("b{}", i)), "", k_elsewhere),
                 Fate::held);
    stopped = v.restricts(DetectSettings{}.restrict_log_r);
    asked += v.advice == HoldAdvice::asked ? 1 : 0;
  }
  EXPECT_TRUE(stopped);
  EXPECT_GE(asked, 10);
}

TEST(Away, SuspicionThatNothingAddsToFades) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  box.detector.settings_changed(box.me, t, {SettingKind::forward, ""});
  const double raised = box.detector.log_r(box.me, t);
  EXPECT_LT(box.detector.log_r(box.me, t + days(4)), raised);
  EXPECT_LT(box.detector.log_r(box.me, t + days(30)), 1) << "what silence adds stays";
}

TEST(Away, ASecondTimedHoldLastsLonger) {
  EXPECT_EQ(hold_after(minutes(20), 0), minutes(20));
  EXPECT_EQ(hold_after(minutes(20), 1), minutes(60));
  EXPECT_EQ(hold_after(minutes(20), 2), minutes(180));
  EXPECT_EQ(hold_after(minutes(20), 4), minutes(180));
}

}  // namespace
}  // namespace sekimori::detect::test
