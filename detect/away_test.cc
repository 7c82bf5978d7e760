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

// A thief's messages from elsewhere, one after the other: what a person is asked about waits, the
// rest leaves. From the `whole_from`th that waits on, how many left and how low ln R stood.
struct OneByOne {
  void send(Instant at, std::vector<std::string> to) {
    const Submission one = mail(std::move(to), "", k_elsewhere);
    box.detector.advance(at);
    const Verdict v = box.detector.judge(box.me, at, one);
    const bool asked = v.advice == HoldAdvice::asked;
    box.detector.commit(box.me, at, one, v, asked ? Fate::held : Fate::accepted);
    if (waiting >= whole_from) {
      passed_then += asked ? 0 : 1;
      lowest = std::min(lowest, v.log_r);
    }
    waiting += asked ? 1 : 0;
  }
  Box& box;
  int whole_from;
  int waiting = 0, passed_then = 0;
  double lowest = 100;
};

TEST(Away, AnHourCountsNoMoreThanThree) {
  AccountModel m;
  note_away(m, k_hour, 2, false);
  EXPECT_DOUBLE_EQ(away_level(m, k_hour), 2);
  note_away(m, k_hour, 400, false);
  EXPECT_DOUBLE_EQ(away_level(m, k_hour), 3);
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

TEST(Away, QuestionsAreCountedByTheHour) {
  AccountModel m;
  for (int i = 0; i < 40; ++i) note_away(m, k_hour + minutes(i), 1, true);
  EXPECT_EQ(away_question_hours(m, k_hour + minutes(50)), 1U);
  note_away(m, k_hour + hours(2), 0, false);
  EXPECT_EQ(away_question_hours(m, k_hour + hours(2)), 1U);
  note_away(m, k_hour + hours(2) + minutes(1), 0, true);
  EXPECT_EQ(away_question_hours(m, k_hour + hours(2) + minutes(1)), 2U);
  for (int i = 3; i < 30; ++i) note_away(m, k_hour + hours(i), 1, true);
  EXPECT_EQ(away_question_hours(m, k_hour + hours(29)), 7U);
  EXPECT_LE(away_level(m, k_hour + hours(29)), 30) << "the hours do not spill into the strangers";
  EXPECT_EQ(away_question_hours(m, k_hour + hours(29 + 73)), 0U);
}

// A blast to strangers waits for a person, wherever it comes from: one question, and nobody is
// stopped for a sitting of it. It goes on for hours: then it is no newsletter.
TEST(Away, ABlastIsOneQuestionAndStopsWhenItGoesOn) {
  Box box;
  const Instant t = k_hour + hours(24 * 40 + 9);
  box.live(k_hour, 40, k_home);
  const auto blast = [&](Instant from, std::string_view tag) {
    bool stopped = false;
    for (int i = 0; i < 7; ++i) {
      const Verdict v =
          box.send(from + seconds(5 * i),
                   mail(strangers(10, fmt::format("{}{}", tag, i)), "", k_elsewhere), Fate::held);
      stopped |= v.restricts(DetectSettings{}.restrict_log_r);
      if (i > 1) {
        EXPECT_EQ(v.advice, HoldAdvice::asked) << tag << i;
      }
    }
    return stopped;
  };
  EXPECT_FALSE(blast(t, "first"));
  // The rest of the run waits with it, whomever it is to.
  EXPECT_EQ(box.send(t + minutes(20), mail({"friend1@partner.example"}, "", k_elsewhere)).advice,
            HoldAdvice::asked);
  EXPECT_FALSE(blast(t + hours(1), "second"));
  EXPECT_TRUE(blast(t + hours(2), "third"));
}

// Nobody answers; the owner's life goes on: what goes to known people a day later does not wait.
TEST(Away, MailToKnownPeopleWaitsWithTheSittingAndNotForDays) {
  Box box;
  const Instant t = k_hour + hours(24 * 40 + 9);
  box.live(k_hour, 40, k_home);
  for (int i = 0; i < 7; ++i) {
    box.send(t + seconds(5 * i), mail(strangers(10, fmt::format("s{}", i)), "", k_elsewhere),
             Fate::held);
  }
  const Submission to_a_friend = mail({"friend1@partner.example"}, "", k_elsewhere);
  EXPECT_EQ(box.send(t + minutes(20), to_a_friend).advice, HoldAdvice::asked);
  const Verdict next_day = box.send(t + hours(24), to_a_friend);
  EXPECT_GT(next_day.log_r, 5) << "the question is still open";
  EXPECT_EQ(next_day.advice, HoldAdvice::none);
  EXPECT_EQ(box.send(t + hours(24) + minutes(1), to_a_friend).advice, HoldAdvice::none);
  // More strangers from there wait with the first, however few.
  EXPECT_EQ(box.send(t + hours(25), mail(strangers(1, "more"), "", k_elsewhere)).advice,
            HoldAdvice::asked);
}

// From where the account always sends, a busy hour one by one goes out once it has been quiet; a
// message to many strangers with as much suspicion waits for a person.
TEST(Away, ABusyHourFromHomeWaitsByTimeAlone) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  double highest = 0;
  bool held = false;
  for (int i = 0; i < 60; ++i) {
    Submission one = mail(strangers(1, fmt::format("s{}", i)), "", k_home);
    one.size = 4000;
    const Verdict v = box.send(t + seconds(7 * i), one, Fate::held);
    EXPECT_NE(v.advice, HoldAdvice::asked) << i;
    held |= v.advice == HoldAdvice::timed;
    highest = std::max(highest, v.log_r);
  }
  EXPECT_TRUE(held);
  EXPECT_GT(highest, 12.5) << "past the line where a person was asked";
  EXPECT_EQ(box.send(t + minutes(10), mail(strangers(10, "many"), "", k_home)).advice,
            HoldAdvice::asked);
}

// A program on the owner's own computer sends from the network that vouches for the owner: slowly,
// so that each message by itself says little, and for hours.
TEST(Away, AFloodFromHomeIsAskedAbout) {
  Box box;
  Instant t = box.live(k_start, 40, k_home);
  std::size_t before = 0;
  HoldAdvice last = HoldAdvice::none;
  for (int i = 0; i < 300; ++i) {
    Submission one = mail(strangers(1, fmt::format("s{}", i)), "", k_home);
    one.size = 4000 + 977U * static_cast<unsigned>(i % 31);
    t = t + seconds(50);
    last = box.send(t, one, last == HoldAdvice::none ? Fate::accepted : Fate::held).advice;
    if (last != HoldAdvice::asked) ++before;
  }
  EXPECT_EQ(last, HoldAdvice::asked);
  EXPECT_LT(before, 100U);
}

// Answers in old conversations, a few an hour and all day long, to people the account knows.
TEST(Away, ADayToKnownPeopleFromFarAwayIsAskedAbout) {
  for (const bool far : {true, false}) {
    Box box;
    const Place at_home{{'J', 'P'}, 2516, false};
    const Place elsewhere = far ? Place{{'P', 'H'}, 9299, false} : at_home;
    const auto send = [&](Instant when, int to, const Place& place, std::string_view from) {
      Submission one = mail({fmt::format("friend{}@partner.example", to)}, "", from);
      one.place = place;
      return box.send(when, one);
    };
    for (int day = 0; day < 60; ++day)
      for (int i = 0; i < 3; ++i)
        send(k_start + days(day) + hours(2 * i), day * 3 + i, at_home, k_home);
    const Instant t = k_start + days(61);
    int asked = 0;
    for (int i = 0; i < 60; ++i)
      asked += send(t + minutes(15 * i), i * 3, elsewhere, k_elsewhere).advice == HoldAdvice::asked;
    if (far) {
      EXPECT_GE(asked, 25);
    } else {
      EXPECT_EQ(asked, 0) << "the owner's own provider gave another address";
    }
  }
}

TEST(Away, WhatASittingPiledUpIsNotCarriedOverAPause) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  for (int i = 0; i < 12; ++i) {
    box.send(t + seconds(5 * i), mail(strangers(60, fmt::format("s{}", i)), "", k_elsewhere),
             Fate::held);
  }
  EXPECT_GT(box.detector.log_r(box.me, t + hours(5)), 14);
  EXPECT_NEAR(box.detector.log_r(box.me, t + hours(7)), 12 - 7 / 72.0, 0.05);
  EXPECT_LT(box.detector.log_r(box.me, t + hours(24 * 12)), 9);
}

// The owner writes to strangers by the dozen, so R sinks while a thief's run goes on: what waits
// for an answer is answered whole, not in part.
TEST(Away, ARunThatWaitsDoesNotGetThroughWhenSuspicionSinks) {
  Box box;
  Instant t = k_hour;
  for (int day = 0; day < 60; ++day, t = t + hours(24)) {
    for (int i = 0; i < 12; ++i) {
      box.send(t + minutes(3 * i), mail(strangers(1, fmt::format("own{}-{}", day, i)), "", k_home));
    }
  }
  OneByOne run{.box = box, .whole_from = 25};
  for (int i = 0; i < 150; ++i) {
    run.send(t + seconds(20 * i), strangers(1, fmt::format("lateral{}", i)));
  }
  EXPECT_GE(run.waiting, 100);
  EXPECT_EQ(run.passed_then, 0);
  EXPECT_LT(run.lowest, -2) << "R alone would have let it through";
}

// A thief writes to dozens of the owner's contacts one by one: each takes off R until the next
// count of the hour is reached, and once a person is asked none goes through between.
TEST(Away, AnAddressBookWaitsWithItsFirstQuestion) {
  Box box;
  Instant t = k_hour;
  for (int day = 0; day < 60; ++day, t = t + hours(24)) {
    for (int i = 0; i < 4; ++i) {
      box.send(t + hours(2 * i), mail({fmt::format("friend{}@partner.example", (4 * day + i) % 60)},
                                      fmt::format("q{}-{}", day, i), k_home));
    }
  }
  OneByOne run{.box = box, .whole_from = 1};
  for (int i = 0; i < 60; ++i) {
    run.send(t + hours(9) + seconds(25 * i), {fmt::format("friend{}@partner.example", i)});
  }
  EXPECT_GE(run.waiting, 30);
  EXPECT_EQ(run.passed_then, 0);
  EXPECT_LT(run.lowest, 3) << "R alone would have let it through";
}

// Two days old, no network is habit yet: a run that a person was asked about long ago does not get
// through where it comes to the same recipients again.
TEST(Away, TheSameRecipientsAgainAreOfTheRun) {
  Box box;
  const Instant t = box.live(k_hour, 2, k_home);
  double r = 0;
  int i = 0;
  for (; i < 200 && r < 26; ++i) {
    r = box.send(t + minutes(10 * i), mail(strangers(1, fmt::format("s{}", i)), "", k_elsewhere),
                 Fate::held)
            .log_r;
  }
  ASSERT_GE(r, 26);
  const Verdict again =
      box.send(t + minutes(10 * i), mail(strangers(1, "s1"), "", k_elsewhere), Fate::held);
  EXPECT_EQ(again.new_recipients, 0U);
  EXPECT_EQ(again.advice, HoldAdvice::asked);
}

TEST(Away, AFloodIsStoppedWithinTheHour) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  int sent = 0;
  for (bool stopped = false; !stopped && sent < 200; ++sent) {
    stopped = box.send(t + seconds(5 * sent),
                       mail(strangers(2, fmt::format("b{}", sent)), "", k_elsewhere), Fate::held)
                  .restricts(DetectSettings{}.restrict_log_r);
  }
  EXPECT_GT(sent, 20);
  EXPECT_LT(sent, 60);
}

// From another country the same stops the account within the hour.
TEST(Away, ABlastFromFarAwayIsStopped) {
  Box box;
  const Instant t = box.live(k_start, 40, k_home);
  int asked = 0;
  bool stopped = false;
  for (int i = 0; i < 60 && !stopped; ++i) {
    Submission blast = mail(strangers(10, fmt::format("b{}", i)), "", k_elsewhere);
    blast.place = {{'B', 'R'}, 4711, true};
    const Verdict v = box.send(t + seconds(5 * i), blast, Fate::held);
    stopped = v.restricts(DetectSettings{}.restrict_log_r);
    asked += v.advice == HoldAdvice::asked ? 1 : 0;
  }
  EXPECT_TRUE(stopped);
  EXPECT_GE(asked, 10);
}

// Somebody who writes to strangers every day: the network does not vouch for itself by their calm.
TEST(Away, StrangersFromElsewhereAreAskedAboutAndMakeNoHabit) {
  Box box;
  Instant t = k_hour;
  for (int i = 0; i < 400; ++i, t = t + hours(5)) {
    box.send(t, mail(strangers(2, fmt::format("daily{}", i)), "", k_home));
  }
  int passed = 0;
  Verdict v;
  for (int i = 0; i < 20; ++i, t = t + hours(4)) {
    v = box.send(t, mail(strangers(1, fmt::format("s{}", i)), "", k_elsewhere));
    passed += v.advice == HoldAdvice::none ? 1 : 0;
  }
  EXPECT_EQ(v.advice, HoldAdvice::asked);
  EXPECT_LE(passed, 6);
  const KnownPlace place = box.detector.place_of(box.me, t, ip(k_elsewhere), {});
  EXPECT_FALSE(place.habit) << "it must not vouch for itself";
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
