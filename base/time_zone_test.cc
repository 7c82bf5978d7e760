// Rules of real places, their changes to the minute, and what must not be read.
#include "base/time_zone.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sekimori {
namespace {

Instant at(std::string_view text) { return parse_instant(text).value(); }
ZoneRule rule(std::string_view text) { return ZoneRule::parse(text).value(); }
std::int64_t day(int y, unsigned m, unsigned d) {
  using namespace std::chrono;
  return sys_days{year{y} / month{m} / d}.time_since_epoch().count();
}

TEST(TimeZone, PlacesWithoutSummerTime) {
  EXPECT_EQ(rule("JST-9").offset_s(at("2026-07-01T00:00:00Z")), 9 * 3600);
  EXPECT_EQ(rule("<-0330>3:30").offset_s(at("2026-07-01T00:00:00Z")), -(3 * 3600 + 1800));
  EXPECT_EQ(ZoneRule().offset_s(at("2026-07-01T00:00:00Z")), 0);
  EXPECT_EQ(rule("JST-9").local(at("2026-07-01T15:30:00Z")), (LocalTime{day(2026, 7, 2), 30}));
  EXPECT_EQ(rule("JST-9").instant_of({day(2026, 7, 2), 30}), at("2026-07-01T15:30:00Z"));
}

TEST(TimeZone, EuropeChangesAtOneUtc) {
  const auto berlin = rule("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(berlin.offset_s(at("2026-03-29T00:59:59Z")), 3600);
  EXPECT_EQ(berlin.offset_s(at("2026-03-29T01:00:00Z")), 7200);
  EXPECT_EQ(berlin.offset_s(at("2026-10-25T00:59:59Z")), 7200);
  EXPECT_EQ(berlin.offset_s(at("2026-10-25T01:00:00Z")), 3600);
  // 02:30 is skipped in spring and comes twice in autumn.
  EXPECT_EQ(berlin.instant_of({day(2026, 3, 29), 150}), at("2026-03-29T01:30:00Z"));
  EXPECT_EQ(berlin.instant_of({day(2026, 10, 25), 150}), at("2026-10-25T00:30:00Z"));
}

TEST(TimeZone, TheSouthAndTheOddOnes) {
  const auto sydney = rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
  EXPECT_EQ(sydney.offset_s(at("2026-01-01T00:00:00Z")), 11 * 3600);
  EXPECT_EQ(sydney.offset_s(at("2026-07-01T00:00:00Z")), 10 * 3600);
  const auto dublin = rule("IST-1GMT0,M10.5.0,M3.5.0/1");
  EXPECT_EQ(dublin.offset_s(at("2026-01-01T00:00:00Z")), 0);
  EXPECT_EQ(dublin.offset_s(at("2026-07-01T00:00:00Z")), 3600);
  const auto julian = rule("EST5EDT,J60/2,J300/2");
  EXPECT_EQ(julian.offset_s(at("2028-03-01T06:59:59Z")), -5 * 3600);  // a leap year's J60
  EXPECT_EQ(julian.offset_s(at("2028-03-01T07:00:00Z")), -4 * 3600);
}

TEST(TimeZone, ThereAndBackEveryHalfHourOfAYear) {
  for (const auto* text : {"JST-9", "CET-1CEST,M3.5.0,M10.5.0/3", "AEST-10AEDT,M10.1.0,M4.1.0/3"}) {
    const auto zone = rule(text);
    for (Instant t = at("2026-01-01T00:00:00Z"); t < at("2027-01-01T00:00:00Z");
         t = t + minutes(30)) {
      const auto wall = zone.local(t);
      const Instant back = zone.instant_of(wall);
      // The second of two equal wall times reads back as the first, an hour before.
      EXPECT_TRUE(back == t || back == t - hours(1)) << text << " " << format_instant(t);
      EXPECT_EQ(zone.local(back), wall) << text << " " << format_instant(t);
    }
  }
}

TEST(TimeZone, OffsetsAndWhatIsNone) {
  EXPECT_EQ(ZoneRule::of_offset("+09:00").value(), "<+0900>-9");
  EXPECT_EQ(ZoneRule::of_offset("-0330").value(), "<-0330>+3:30");
  EXPECT_EQ(ZoneRule::of_offset("UTC").value(), "UTC0");
  EXPECT_EQ(rule(ZoneRule::of_offset("+05:45").value()).offset_s({}), 5 * 3600 + 45 * 60);
  EXPECT_EQ(rule(ZoneRule::of_offset("-03:30").value()).offset_s({}), -(3 * 3600 + 1800));
  for (const auto* text :
       {"", "+", "+9", "9", "+15:00", "+09:60", "+0:900", "Asia/Tokyo", "+09:000"}) {
    EXPECT_FALSE(ZoneRule::of_offset(text)) << text;
  }
  const std::string whole = "CET-1CEST,M3.5.0,M10.5.0/3";
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto cut = ZoneRule::parse(whole.substr(0, n));
    // "CET-1" is whole by itself, and so is the last change without its "/3".
    const bool is_rule = n == 5 || n == 24;
    EXPECT_EQ(cut.has_value(), is_rule) << whole.substr(0, n);
  }
  for (const auto* text : {"J-9", "JST", "JST-25", "<+09-9", "CET-1CEST,M13.1.0,M10.5.0",
                           "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "JST-9 "}) {
    EXPECT_FALSE(ZoneRule::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sekimori
