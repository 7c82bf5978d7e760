// Names that people write for a zone, and what must never be opened as one. Needs tzdata, as the
// program does for names.
#include "app/time_zones.h"

#include <gtest/gtest.h>

#include "base/approval.h"
#include "base/time_zone.h"

namespace sekimori::app {
namespace {

TEST(TimeZones, NamesAndOffsetsHaveRules) {
  EXPECT_EQ(time_zone("Asia/Tokyo")->rule, "JST-9");
  EXPECT_EQ(time_zone("Europe/Berlin")->rule, "CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(time_zone("America/Argentina/Buenos_Aires")->rule, "<-03>3");
  EXPECT_EQ(time_zone("UTC")->rule, "UTC0");
  EXPECT_EQ(time_zone("+09:00")->rule, "<+0900>-9");
  EXPECT_EQ(time_zone("+09:00")->name, "+09:00");
  EXPECT_TRUE(ZoneRule::parse(time_zone("")->rule));
}

TEST(TimeZones, WhatIsNoneIsRefusedWithAWordOfAdvice) {
  for (const std::string name :
       {"Mars/Olympus", "Asia", "/etc/passwd", "../../../etc/passwd", "Asia//Tokyo", "zone.tab",
        "Asia/Tokyo\n", "tzdata.zi", "leapseconds"}) {
    const auto zone = time_zone(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_NE(zone.error().text.find("+09:00"), std::string::npos);
  }
  EXPECT_FALSE(time_zone(std::string(k_zone_name_max + 1, 'A')));
}

}  // namespace
}  // namespace sekimori::app
