// Concurrent use from distant places: who is told, who is not, and how much.
#include "detect/concurrent.h"

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"

namespace sekimori::detect::test {
namespace {

Place in(std::string_view country, std::uint32_t asn = 0) {
  Place p;
  if (!country.empty()) {
    p.country[0] = country[0];
    p.country[1] = country[1];
  }
  p.asn = asn;
  return p;
}

// `changes` of place, two minutes apart; returns the nats of all.
float back_and_forth(AccountModel& m, Instant t, int changes, const Place& a, const Place& b) {
  float sum = note_whereabouts(m, t, a, true);
  for (int i = 0; i < changes; ++i) {
    sum += note_whereabouts(m, t + minutes(2 * (i + 1)), i % 2 == 0 ? b : a, true);
  }
  return sum;
}

AccountModel old_account() {
  AccountModel m;
  m.first_day = day16(k_start - days(100));
  return m;
}

TEST(Concurrent, SpeaksWhenCountriesTakeTurnsAgainAndAgain) {
  AccountModel m = old_account();
  EXPECT_EQ(back_and_forth(m, k_start, 3, in("JP"), in("BR")), 0);  // a tunnel, switched on and off
  AccountModel n = old_account();
  const float some = back_and_forth(n, k_start, 6, in("JP"), in("BR"));
  AccountModel o = old_account();
  const float many = back_and_forth(o, k_start, 40, in("JP"), in("BR"));
  EXPECT_GT(some, 1);
  EXPECT_GT(many, some);
}

TEST(Concurrent, ATripIsNoConcurrentUse) {
  AccountModel m = old_account();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(note_whereabouts(m, k_start + hours(6 * i), in(i % 2 == 0 ? "JP" : "FR"), true), 0);
  }
}

TEST(Concurrent, TheSameCountryByOfficeAndPhoneIsOnePlace) {
  AccountModel m = old_account();
  EXPECT_EQ(back_and_forth(m, k_start, 40, in("JP", 1), in("JP", 2)), 0);
}

TEST(Concurrent, OperatorsAloneSayHalf) {
  AccountModel m = old_account(), n = old_account();
  EXPECT_NEAR(back_and_forth(m, k_start, 40, in("", 1), in("", 2)) * 2,
              back_and_forth(n, k_start, 40, in("JP"), in("BR")), 1e-6);
}

TEST(Concurrent, WhoDoesItEveryDayIsNormalByHabit) {
  AccountModel m = old_account();
  (void)back_and_forth(m, k_start, 40, in("JP"), in("BR"));
  EXPECT_EQ(back_and_forth(m, k_start + days(1), 40, in("JP"), in("BR")), 0);
}

TEST(Concurrent, TheFirstWeekOnlyTeaches) {
  AccountModel m;
  m.first_day = day16(k_start - days(3));
  EXPECT_EQ(back_and_forth(m, k_start, 40, in("JP"), in("BR")), 0);
}

TEST(Concurrent, UnknownPlacesAreLeftOut) {
  AccountModel m = old_account();
  EXPECT_EQ(back_and_forth(m, k_start, 40, in("JP"), in("")), 0);
  EXPECT_EQ(back_and_forth(m, k_start + hours(3), 40, in("JP"), in("", 7)), 0);
}

TEST(Concurrent, NeverRestrictsByItselfAndIsPutInWords) {
  Box box;
  const Instant t = box.live(k_start, 40, "198.51.100.7");
  Login home, away;
  home.ip = ip("198.51.100.7");
  home.place = in("JP", 1);
  away.ip = ip("203.0.113.7");
  away.place = in("BR", 2);
  for (int i = 0; i < 40; ++i) {
    box.detector.login(box.me, t + minutes(i), i % 2 == 0 ? home : away);
  }
  const Instant after = t + minutes(40);
  EXPECT_LT(box.detector.log_r(box.me, after), 9.21);
  const Verdict v = box.detector.judge(box.me, after, mail(strangers(1, "x")));
  EXPECT_FALSE(v.may_restrict && v.log_r >= 9.21);
  const float since = v.nats_since_onset[static_cast<std::size_t>(Channel::concurrent)];
  EXPECT_GT(since, 1);
  EXPECT_LE(since, k_concurrent_cap);
  bool told = false;
  for (const Evidence& e : box.detector.explain(box.me, after, v).evidence) {
    told |= e.channel == Channel::concurrent && !e.text.ja.empty() && !e.text.en.empty();
  }
  EXPECT_TRUE(told);
}

// A right password behind wrong ones: evidence once, however often it is told, less for a few
// tries, never enough by itself; gone with the onset.
TEST(Guessed, RaisesTheAccountOnceAndNeverRestrictsByItself) {
  Box box;
  const Instant t = box.live(k_start, 40, "198.51.100.7");
  const double before = box.detector.log_r(box.me, t);
  Login few;
  few.ip = ip("203.0.113.7");
  few.guesses.own = 3;
  box.detector.login(box.me, t, few);
  const double some = box.detector.log_r(box.me, t);
  EXPECT_GT(some, before + 0.5);
  Login many = few;
  many.guesses = {9, 6, 3000};
  for (int i = 0; i < 20; ++i) box.detector.login(box.me, t, many);
  const double all = box.detector.log_r(box.me, t);
  EXPECT_GT(all, some + 0.5);
  EXPECT_LT(all, before + 3.5);
  const Verdict v = box.detector.judge(box.me, t + seconds(9), mail(strangers(1, "x")));
  EXPECT_FALSE(v.may_restrict && v.log_r >= 9.21);
  bool told = false;
  for (const Evidence& e : box.detector.explain(box.me, t + seconds(9), v).evidence) {
    told |= e.channel == Channel::login_place &&
            e.text.en.find("wrong passwords or more") != std::string::npos;
  }
  EXPECT_TRUE(told);
  // Taken back with the onset: an operator who restores the account has heard it.
  box.detector.restored(box.me, t + minutes(1));
  EXPECT_LT(box.detector.log_r(box.me, t + minutes(1)), some);

  Box other;
  (void)other.live(k_start, 40, "198.51.100.7");
  Login plain;
  plain.ip = few.ip;
  const double calm = other.detector.log_r(other.me, t);
  other.detector.login(other.me, t, plain);
  EXPECT_NEAR(other.detector.log_r(other.me, t), calm, 1e-6) << "a sign-in alone says nothing";
}

}  // namespace
}  // namespace sekimori::detect::test
