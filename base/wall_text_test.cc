// What this proves: a moment is told by the clock of the place that was named, the day that begins
// there and summer time included, in both languages; and one that is not set is told as nothing.
#include "base/wall_text.h"

#include <gtest/gtest.h>

namespace sekimori {
namespace {

Instant at(const char* text) { return parse_instant(text).value(); }
ZoneRule rule(const char* text) { return ZoneRule::parse(text).value(); }

TEST(WallText, AMomentIsToldByTheClockOfThePlace) {
  const Instant t = at("2026-11-22T15:04:59.999Z");
  EXPECT_EQ(wall_time(t, rule("JST-9")), (Text{"2026年11月23日 0:04", "2026-11-23 00:04"}));
  EXPECT_EQ(wall_time(t, ZoneRule()), (Text{"2026年11月22日 15:04", "2026-11-22 15:04"}));
  EXPECT_EQ(wall_day(t, rule("JST-9")), (Text{"2026年11月23日", "2026-11-23"}));
  EXPECT_EQ(wall_time(at("2026-07-01T06:30:00Z"), rule("CET-1CEST,M3.5.0,M10.5.0/3")).en,
            "2026-07-01 08:30");
}

TEST(WallText, WhatIsNotSetIsToldAsNothing) {
  EXPECT_EQ(wall_time(Instant{}, rule("JST-9")), Text{});
  EXPECT_EQ(wall_day(Instant{}, rule("JST-9")), Text{});
}

}  // namespace
}  // namespace sekimori
