// Proves that spellings of times, sizes, addresses and networks read and print back exactly, and
// that near misses are refused.
#include "config/units.h"

#include <gtest/gtest.h>

#include "config/nearest.h"

namespace sekimori::config {
namespace {

TEST(Units, DurationsReadAndPrintBack) {
  EXPECT_EQ(parse_duration("30s").value(), seconds(30));
  EXPECT_EQ(parse_duration("100ms").value(), milliseconds(100));
  EXPECT_EQ(parse_duration("7d").value(), days(7));
  EXPECT_EQ(print_duration(minutes(90)), "90m");
  EXPECT_EQ(print_duration(seconds(1000)), "1000s");
  EXPECT_EQ(print_duration({}), "0s");
  for (std::int64_t ms = 1; ms < 1'000'000'000'000; ms = ms * 7 + 3) {
    const Duration d = milliseconds(ms);
    EXPECT_EQ(parse_duration(print_duration(d)).value(), d) << ms;
  }
}

TEST(Units, DurationsThatAreNoneAreRefused) {
  for (const char* text : {"", "30", "s", "30 s", "-1s", "+1s", "1.5h", "30S", "1h30m", "30sec",
                           "99999999999999999999s", "99999999999d", "１０s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Units, SizesReadAndPrintBack) {
  EXPECT_EQ(parse_byte_count("64KiB").value(), kib(64));
  EXPECT_EQ(parse_byte_count("0B").value(), ByteCount{});
  for (std::int64_t n = 1; n < (1LL << 49); n = n * 3 + 1) {
    EXPECT_EQ(parse_byte_count(print_byte_count({n})).value(), ByteCount{n}) << n;
  }
  for (const char* text : {"", "64", "64kb", "64KB", "KiB", "-1B", "1.5MiB", "2048TiB"}) {
    EXPECT_FALSE(parse_byte_count(text)) << text;
  }
}

TEST(Units, UtcOffsets) {
  EXPECT_EQ(parse_utc_offset("+09:00").value(), hours(9));
  EXPECT_EQ(parse_utc_offset("-03:30").value().us, -minutes(210).us);
  EXPECT_EQ(parse_utc_offset("Z").value(), Duration{});
  for (const char* text : {"", "+9:00", "09:00", "+0900", "+15:00", "+09:60", "JST"}) {
    EXPECT_FALSE(parse_utc_offset(text)) << text;
  }
}

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(edit_distance("listen", "listen"), 0U);
  EXPECT_EQ(edit_distance("lisetn", "listen"), 1U);  // two neighbours swapped
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, FindsNearNamesOnly) {
  EXPECT_EQ(nearest_name("theads", {"listen", "threads"}), "threads");
  EXPECT_EQ(nearest_name("zzzzzz", {"listen", "threads"}), "");
  EXPECT_EQ(nearest_name("x", {"ab"}), "");
}

}  // namespace
}  // namespace sekimori::config
