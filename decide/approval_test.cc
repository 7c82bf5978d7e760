// What these prove: windows open and close to the minute by the wall of their zone, over months
// and changes of summer time; budgets are counted each time anew; words read back as written.
#include "decide/approval.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

Instant at(std::string_view text) { return parse_instant(text).value(); }

ApprovalTerms monthly() {
  ApprovalTerms t;
  t.recipients = 100;
  t.each = 60;
  t.from = at("2026-01-01T00:00:00Z");
  t.until = at("2027-01-01T00:00:00Z");
  t.repeat = ApprovalRepeat::monthly;
  t.days = 1U << 15 | 1U;  // the 15th and the last day
  t.start_minute = 9 * 60;
  t.minutes = 180;
  t.zone = "Asia/Tokyo";
  t.zone_rule = "JST-9";
  return t;
}

bool open(const ApprovalTerms& terms, std::string_view t) {
  return open_since(terms, ZoneRule::parse(terms.zone_rule).value_or(ZoneRule()), at(t))
      .has_value();
}

TEST(ApprovalWindow, ASingleOneIsOpenFromItsFirstMomentToBeforeItsLast) {
  ApprovalTerms t;
  t.recipients = t.each = 10;
  t.from = at("2026-05-01T00:00:00Z");
  t.until = at("2026-05-02T00:00:00Z");
  EXPECT_FALSE(open(t, "2026-04-30T23:59:59.999999Z"));
  EXPECT_TRUE(open(t, "2026-05-01T00:00:00Z"));
  EXPECT_TRUE(open(t, "2026-05-01T23:59:59.999999Z"));
  EXPECT_FALSE(open(t, "2026-05-02T00:00:00Z"));
}

TEST(ApprovalWindow, MonthlyByTheWallOfTokyo) {
  const auto t = monthly();
  EXPECT_FALSE(open(t, "2026-03-14T23:59:59Z"));
  EXPECT_TRUE(open(t, "2026-03-15T00:00:00Z"));  // 09:00 in Tokyo
  EXPECT_TRUE(open(t, "2026-03-15T02:59:59Z"));
  EXPECT_FALSE(open(t, "2026-03-15T03:00:00Z"));
  EXPECT_FALSE(open(t, "2026-03-16T01:00:00Z"));
  EXPECT_TRUE(open(t, "2026-02-28T01:00:00Z"));  // the last day, whichever it is
  EXPECT_FALSE(open(t, "2026-03-30T01:00:00Z"));
  EXPECT_TRUE(open(t, "2026-03-31T01:00:00Z"));
  EXPECT_FALSE(open(t, "2027-01-15T01:00:00Z"));  // it is over
}

TEST(ApprovalWindow, WeeklyPastMidnight) {
  auto t = monthly();
  t.repeat = ApprovalRepeat::weekly;
  t.days = 1U << 4;  // Friday
  t.start_minute = 22 * 60;
  t.minutes = 300;
  EXPECT_FALSE(open(t, "2026-03-13T12:59:59Z"));  // Friday 21:59 in Tokyo
  EXPECT_TRUE(open(t, "2026-03-13T13:00:00Z"));
  EXPECT_TRUE(open(t, "2026-03-13T17:59:59Z"));  // Saturday 02:59
  EXPECT_FALSE(open(t, "2026-03-13T18:00:00Z"));
  EXPECT_FALSE(open(t, "2026-03-14T13:00:00Z"));
}

TEST(ApprovalWindow, SummerTimeMovesItByUtcAndNotByTheWall) {
  auto t = monthly();
  t.repeat = ApprovalRepeat::daily;
  t.days = 0;
  t.zone_rule = "CET-1CEST,M3.5.0,M10.5.0/3";
  EXPECT_TRUE(open(t, "2026-03-28T08:00:00Z"));
  EXPECT_FALSE(open(t, "2026-03-28T07:59:59Z"));
  EXPECT_TRUE(open(t, "2026-03-29T07:00:00Z"));
  EXPECT_FALSE(open(t, "2026-03-29T10:00:00Z"));
}

TEST(ApprovalWindow, SaysWhenItOpensNext) {
  const auto t = monthly();
  const auto zone = ZoneRule::parse(t.zone_rule).value();
  EXPECT_EQ(opens_next(t, zone, at("2026-03-15T00:00:00Z")), at("2026-03-15T00:00:00Z"));
  EXPECT_EQ(opens_next(t, zone, at("2026-03-15T00:00:01Z")), at("2026-03-31T00:00:00Z"));
  EXPECT_EQ(opens_next(t, zone, at("2025-01-01T00:00:00Z")), at("2026-01-15T00:00:00Z"));
  EXPECT_EQ(opens_next(t, zone, at("2026-12-31T00:00:01Z")), std::nullopt);
  auto short_months = t;
  short_months.days = 1U << 31;
  EXPECT_EQ(opens_next(short_months, zone, at("2026-01-31T12:00:00Z")), at("2026-03-31T00:00:00Z"));
}

TEST(ApprovalTerms, RulesAreHeld) {
  EXPECT_TRUE(check_terms(monthly()));
  const auto refused = [](auto change) {
    auto t = monthly();
    change(t);
    return !check_terms(t).has_value();
  };
  EXPECT_TRUE(refused([](auto& t) { t.recipients = 0; }));
  EXPECT_TRUE(refused([](auto& t) { t.each = 101; }));
  EXPECT_TRUE(refused([](auto& t) { t.size_min = 2, t.size_max = 1; }));
  EXPECT_TRUE(refused([](auto& t) { t.until = t.from; }));
  EXPECT_TRUE(refused([](auto& t) { t.until = t.from + days(401); }));
  EXPECT_TRUE(refused([](auto& t) { t.repeat = ApprovalRepeat::weekly, t.days = 1U << 7; }));
  EXPECT_TRUE(refused([](auto& t) { t.days = 0; }));
  EXPECT_TRUE(refused([](auto& t) { t.minutes = 14; }));
  EXPECT_TRUE(refused([](auto& t) { t.minutes = 1441; }));
  EXPECT_TRUE(refused([](auto& t) { t.start_minute = 1440; }));
  EXPECT_TRUE(refused([](auto& t) { t.zone_rule = "Asia/Tokyo"; }));
  EXPECT_TRUE(refused([](auto& t) { t.repeat = ApprovalRepeat::once; }));
}

TEST(ApprovalTerms, DaysAndClocksReadBack) {
  for (const auto* text : {"mon", "mon,fri", "sat,sun"}) {
    EXPECT_EQ(days_text(ApprovalRepeat::weekly, parse_days(ApprovalRepeat::weekly, text).value()),
              text);
  }
  for (const auto* text : {"1", "1,15,last", "31", "last"}) {
    EXPECT_EQ(days_text(ApprovalRepeat::monthly, parse_days(ApprovalRepeat::monthly, text).value()),
              text);
  }
  for (const auto* text : {"0", "32", "mon", "1,,2", "1;2", " 1"}) {
    EXPECT_FALSE(parse_days(ApprovalRepeat::monthly, text)) << text;
  }
  EXPECT_FALSE(parse_days(ApprovalRepeat::daily, "mon"));
  EXPECT_EQ(clock_text(parse_clock("09:05").value()), "09:05");
  for (const auto* text : {"24:00", "9:05", "09:60", "", "09:5a"}) {
    EXPECT_FALSE(parse_clock(text)) << text;
  }
}

Approval given() {
  Approval a;
  a.id = 7;
  a.account = "news@example.jp";
  a.epoch = 1;
  a.terms = monthly();
  return a;
}

ApprovalInForce::Message message(std::string_view t, std::uint32_t recipients,
                                 std::uint64_t size = 20'000) {
  ApprovalInForce::Message m;
  m.t = at(t);
  m.recipients = recipients;
  m.size = size;
  return m;
}

TEST(ApprovalBudget, IsOfEachWindowAndGivenBackOnce) {
  ApprovalInForce one(given());
  const auto first = message("2026-03-15T00:00:00Z", 60);
  EXPECT_EQ(one.covers(first), Uncovered::covered);
  one.use(first, 11);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 41)), Uncovered::budget);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 61)), Uncovered::budget);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 40)), Uncovered::covered);
  EXPECT_TRUE(one.used_for(11));
  EXPECT_TRUE(one.give_back(11));
  EXPECT_FALSE(one.give_back(11));
  EXPECT_FALSE(one.used_for(11));
  EXPECT_EQ(one.used().recipients, 0U);
  one.use(first, 12);
  one.use(message("2026-03-15T00:01:00Z", 40), 13);
  EXPECT_EQ(one.covers(message("2026-03-15T00:02:00Z", 1)), Uncovered::budget);
  // The next time it opens all of it is there again.
  EXPECT_EQ(one.covers(message("2026-03-31T00:00:00Z", 60)), Uncovered::covered);
  EXPECT_EQ(one.used_at(at("2026-03-31T00:00:00Z")).recipients, 0U);
  EXPECT_EQ(one.covers(message("2026-03-16T00:00:00Z", 1)), Uncovered::closed);
}

TEST(ApprovalBudget, WithoutSizesItIsBoundToTheFirstMessages) {
  ApprovalInForce one(given());
  one.use(message("2026-03-15T00:00:00Z", 10), 1);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 10, 10'000)), Uncovered::covered);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 10, 9'999)), Uncovered::size);
  EXPECT_EQ(one.covers(message("2026-03-15T00:01:00Z", 10, 40'001)), Uncovered::size);
  EXPECT_EQ(one.covers(message("2026-03-31T00:01:00Z", 10, 40'001)), Uncovered::size);
}

TEST(ApprovalBudget, IsCountedForTheLastThousandsOfMessages) {
  auto large = given();
  large.terms.recipients = 100'000;
  ApprovalInForce one(large);
  const std::uint64_t n = k_approval_uses_max + 100;
  for (std::uint64_t i = 1; i <= n; ++i) one.use(message("2026-03-15T00:00:00Z", 1), i);
  EXPECT_EQ(one.used().recipients, n);
  EXPECT_FALSE(one.give_back(100));
  EXPECT_TRUE(one.give_back(101));
  EXPECT_TRUE(one.give_back(n));
  EXPECT_EQ(one.used().recipients, n - 2);
}

TEST(ApprovalState, ReadsBackAsSavedAndNoCutIsRead) {
  auto with_network = given();
  with_network.terms.network = IpNetwork::parse("192.0.2.0/24").value();
  with_network.reason = "毎月のお知らせ";
  ApprovalInForce one(with_network);
  auto m = message("2026-03-15T00:00:00Z", 60);
  m.ip = IpAddress::parse("192.0.2.9").value();
  one.use(m, 11);
  std::string bytes;
  one.save(bytes);
  std::string_view rest = bytes;
  const auto again = ApprovalInForce::load(rest);
  ASSERT_TRUE(again);
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(again->record(), one.record());
  EXPECT_EQ(again->used(), one.used());
  EXPECT_EQ(again->hash(), one.hash());
  EXPECT_EQ(again->covers(m), Uncovered::budget);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    std::string_view cut = std::string_view(bytes).substr(0, n);
    EXPECT_FALSE(ApprovalInForce::load(cut)) << n;
  }
}

}  // namespace
}  // namespace sekimori::decide
