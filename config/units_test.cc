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

TEST(Units, ListenAddressesReadAndPrintBack) {
  for (const char* text :
       {"127.0.0.1:10040", "[::1]:80", "0.0.0.0:65535", "unix:/run/sekimori/p"}) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(print_listen_address(*address), text);
  }
  const auto any = parse_listen_address("[::]:25");
  ASSERT_TRUE(any);
  EXPECT_EQ(print_listen_address(*any), "[::]:25");
  for (const char* text :
       {"", ":", "10040", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
        "127.0.0.1:080", "127.0.0.1:10 ", "127.0.0.1:+1", "localhost:25", "::1:80", "[::1]",
        "unix:", "unix:relative", "[]:80", "300.0.0.1:80"}) {
    EXPECT_FALSE(parse_listen_address(text)) << text;
  }
  EXPECT_TRUE(parse_listen_address("unix:/" + std::string(106, 'a')));
  EXPECT_FALSE(parse_listen_address("unix:/" + std::string(107, 'a')));
}

TEST(Units, NetworksKnowWhatTheyHold) {
  const Network v4 = parse_network("192.0.2.0/24").value();
  EXPECT_TRUE(v4.contains(IpAddress::parse("192.0.2.255").value()));
  EXPECT_TRUE(v4.contains(IpAddress::parse("::ffff:192.0.2.7").value()));
  EXPECT_FALSE(v4.contains(IpAddress::parse("192.0.3.0").value()));
  const Network v6 = parse_network("2001:db8::/32").value();
  EXPECT_TRUE(v6.contains(IpAddress::parse("2001:db8:ffff::1").value()));
  EXPECT_FALSE(v6.contains(IpAddress::parse("2001:db9::1").value()));
  EXPECT_FALSE(parse_network("::/0").value().contains(IpAddress::parse("192.0.2.1").value()));
  EXPECT_EQ(parse_network("192.0.2.1").value().bits, 32);
  for (const char* text : {"", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.7/24",
                           "2001:db8::/129", "192.0.2/24", "[::1]/128", "example.jp/24"}) {
    EXPECT_FALSE(parse_network(text)) << text;
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
