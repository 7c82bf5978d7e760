#include "detect/words.h"

#include <gtest/gtest.h>

namespace sekimori::detect {
namespace {

TEST(Words, NumbersAreGroupedAndPluralsAgree) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(counted(1, "recipient", "recipients"), "1 recipient");
  EXPECT_EQ(counted(0, "recipient", "recipients"), "0 recipients");
  EXPECT_EQ(counted(12'345, "recipient", "recipients"), "12,345 recipients");
  EXPECT_EQ(spelled(2), "two");
  EXPECT_EQ(spelled(10), "10");
}

TEST(Words, SpansComeInTheirLargestFittingUnit) {
  EXPECT_EQ(span_words(seconds(0)), (Text{"1秒間", "1 second"}));
  EXPECT_EQ(span_words(seconds(59)), (Text{"59秒間", "59 seconds"}));
  EXPECT_EQ(span_words(Duration{59'700'000}), (Text{"1分間", "1 minute"}));
  EXPECT_EQ(span_words(seconds(170)), (Text{"3分間", "3 minutes"}));
  EXPECT_EQ(span_words(minutes(60)), (Text{"1時間", "1 hour"}));
  EXPECT_EQ(span_words(hours(24)), (Text{"24時間", "24 hours"}));
  EXPECT_EQ(span_words(hours(36)), (Text{"2日間", "2 days"}));
  EXPECT_EQ(within_words(hours(1)), (Text{"1時間以内に", "within an hour"}));
  EXPECT_EQ(within_words(hours(5)), (Text{"5時間以内に", "within five hours"}));
  EXPECT_EQ(within_words(days(2)), (Text{"2日以内に", "within two days"}));
}

TEST(Words, CountriesAreListedByName) {
  EXPECT_EQ(country_list({}), (Text{"", ""}));
  EXPECT_EQ(country_list({"BR"}), (Text{"ブラジル", "Brazil"}));
  EXPECT_EQ(country_list({"BR", "VN"}), (Text{"ブラジル、ベトナム", "Brazil and Vietnam"}));
  EXPECT_EQ(country_list({"BR", "VN", "IN", "NG"}),
            (Text{"ブラジル、ベトナム、インドなど", "Brazil, Vietnam, India and others"}));
}

}  // namespace
}  // namespace sekimori::detect
