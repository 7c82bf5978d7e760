// The reading flood by itself: what is a flood for whom, what it may say, what it never says.
#include "detect/reading.h"

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

Session reading(std::uint64_t bytes, std::uint64_t fetched, std::string_view from = {}) {
  Session s;
  s.service = Service::imap;
  s.seconds = 60;
  s.bytes_out = bytes;
  s.fetched = fetched;
  if (!from.empty()) s.ip = ip(from);
  return s;
}

// Ten days of three hours' reading each, `bytes` an hour; returns the end.
Instant reads(AccountModel& m, Instant t, std::uint64_t bytes) {
  for (int day = 0; day < 10; ++day) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(note_reading(m, t + days(day) + hours(3 * i), reading(bytes, 20), true, false), 0);
    }
  }
  return t + days(10);
}

TEST(Reading, MeasuresBytesMessagesOrSessionsWhicheverAreMost) {
  EXPECT_EQ(read_units_of(reading(0, 0)), 1U);
  EXPECT_EQ(read_units_of(reading(16384 * 10, 3)), 10U);
  EXPECT_EQ(read_units_of(reading(16384, 300)), 300U);
  EXPECT_EQ(read_units_of(reading(UINT64_MAX, UINT64_MAX)), 65535U);
  Session long_one = reading(16384 * 100, 0);
  long_one.seconds = 10 * 3600;
  EXPECT_EQ(read_units_of(long_one), 10U);
}

TEST(Reading, SpeaksWhenFarMoreIsFetchedThanEverOnceAnHour) {
  AccountModel m;
  const Instant t = reads(m, k_start, 1 << 20);
  const float first = note_reading(m, t, reading(1ULL << 30, 9000), true, false);
  EXPECT_EQ(first, k_read_cap);
  EXPECT_EQ(note_reading(m, t + minutes(5), reading(1ULL << 30, 9000), true, false), 0);
}

TEST(Reading, SaysMoreTogetherWithANewPlace) {
  AccountModel m;
  const Instant t = reads(m, k_start, 1 << 20);
  const float nats = note_reading(m, t, reading(1ULL << 30, 60'000), true, true);
  EXPECT_GT(nats, k_read_cap);
  EXPECT_LE(nats, k_read_cap_new_place);
}

TEST(Reading, AHeavyReaderIsNormalByHabit) {
  AccountModel m;
  const Instant t = reads(m, k_start, 400U << 20);
  EXPECT_EQ(note_reading(m, t, reading(1ULL << 30, 9000), true, true), 0);
}

TEST(Reading, SaysNothingBeforeItKnowsTheAccountNorOfSmtp) {
  AccountModel m;
  EXPECT_EQ(note_reading(m, k_start, reading(1ULL << 30, 9000), true, true), 0);
  const Instant t = reads(m, k_start, 1 << 20);
  Session smtp = reading(1ULL << 30, 9000);
  smtp.service = Service::smtp;
  EXPECT_EQ(note_reading(m, t, smtp, true, true), 0);
}

TEST(Reading, UnderSuspicionNothingBecomesHabit) {
  AccountModel calm, suspected;
  const Instant t = reads(calm, k_start, 1 << 20);
  suspected = calm;
  (void)note_reading(calm, t, reading(1ULL << 30, 9000), true, false);
  (void)note_reading(suspected, t, reading(1ULL << 30, 9000), true, false);
  (void)note_reading(calm, t + hours(1), reading(0, 1), true, false);
  (void)note_reading(suspected, t + hours(1), reading(0, 1), false, false);
  EXPECT_GT(calm.read_habit, suspected.read_habit);
}

TEST(Reading, ANewPhonesFirstSynchronisationHoldsNothing) {
  Box box;
  Instant t = box.live(k_start, 40, "198.51.100.7");
  for (int day = 0; day < 10; ++day) {
    box.detector.session(box.me, t - days(10 - day), reading(1 << 20, 20, "198.51.100.7"));
    box.detector.session(box.me, t - days(10 - day) + hours(2), reading(1 << 20, 20));
  }
  const double before = box.detector.log_r(box.me, t);
  box.detector.session(box.me, t, reading(8ULL << 30, 40'000, "198.51.100.7"));
  const double after = box.detector.log_r(box.me, t);
  EXPECT_GT(after, before + 0.3);
  EXPECT_LT(after, before + 1.5);
  const Verdict v = box.send(t + minutes(5), mail({"someone-new@shop.example"}, "p1"));
  EXPECT_EQ(v.advice, HoldAdvice::none);
  EXPECT_GT(v.nats_since_onset[static_cast<std::size_t>(Channel::reading)], 0.3);
  const auto why = box.detector.explain(box.me, t + minutes(5), v);
  bool told = false;
  for (const Evidence& e : why.evidence) {
    if (e.channel != Channel::reading) continue;
    told = true;
    EXPECT_NE(e.text.en.find("within an hour"), std::string::npos);
    EXPECT_NE(e.text.ja.find("読み出されています"), std::string::npos);
  }
  EXPECT_TRUE(told);
}

TEST(Reading, ManyFloodsSayNoMoreThanTheBoundSinceTheOnset) {
  Box box;
  Instant t = box.live(k_start, 40);
  for (int day = 0; day < 10; ++day) {
    box.detector.session(box.me, t - days(10 - day), reading(1 << 20, 20));
  }
  const double before = box.detector.log_r(box.me, t);
  for (int hour = 0; hour < 12; ++hour) {
    box.detector.session(box.me, t + hours(hour), reading(8ULL << 30, 40'000));
  }
  EXPECT_LT(box.detector.log_r(box.me, t + hours(11)) - before, k_read_cap + 0.5);
}

}  // namespace
}  // namespace sekimori::detect::test
