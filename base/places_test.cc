// What the settings and people write for addresses: ranges of them, and places to listen.
#include <gtest/gtest.h>

#include "base/ip_network.h"
#include "base/listen_address.h"

namespace sekimori {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpNetwork net(std::string_view text) { return IpNetwork::parse(text).value(); }

TEST(ListenAddress, ReadsAndPrintsBack) {
  for (const char* text :
       {"127.0.0.1:10040", "[::1]:80", "0.0.0.0:65535", "unix:/run/sekimori/p"}) {
    const auto address = ListenAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
  const auto any = ListenAddress::parse("[::]:25");
  ASSERT_TRUE(any);
  EXPECT_EQ(any->to_string(), "[::]:25");
  for (const char* text : {"", ":", "10040", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:080", "127.0.0.1:10 ", "127.0.0.1:+1", "localhost:25",
                           "::1:80", "[::1]", "unix:", "unix:relative", "[]:80", "300.0.0.1:80"}) {
    EXPECT_FALSE(ListenAddress::parse(text)) << text;
  }
  EXPECT_TRUE(ListenAddress::parse("unix:/" + std::string(106, 'a')));
  EXPECT_FALSE(ListenAddress::parse("unix:/" + std::string(107, 'a')));
}

TEST(IpNetwork, ReadsPrintsAndContains) {
  for (const auto* text : {"192.0.2.0/24", "10.0.0.0/8", "192.0.2.1", "2001:db8::/32",
                           "2001:db8::1", "0.0.0.0/0", "::/0"}) {
    EXPECT_EQ(net(text).to_string(), text);
  }
  EXPECT_EQ(net("192.0.2.1/32").to_string(), "192.0.2.1");
  EXPECT_TRUE(net("192.0.2.0/24").contains(ip("192.0.2.255")));
  EXPECT_FALSE(net("192.0.2.0/24").contains(ip("192.0.3.0")));
  EXPECT_TRUE(net("192.0.2.0/24").contains(ip("::ffff:192.0.2.7")));
  EXPECT_TRUE(net("2001:db8::/33").contains(ip("2001:db8:7fff::1")));
  EXPECT_FALSE(net("2001:db8::/33").contains(ip("2001:db8:8000::1")));
  EXPECT_TRUE(net("0.0.0.0/0").contains(ip("198.51.100.1")));
  EXPECT_FALSE(net("::/0").contains(ip("198.51.100.1")));
  EXPECT_FALSE(net("0.0.0.0/0").contains(ip("2001:db8::1")));
  EXPECT_FALSE(IpNetwork().contains(IpAddress()));
  for (const auto* text :
       {"", "/", "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/33", "192.0.2.0/2 4", "2001:db8::/129",
        "192.0.2.1/24", "example.jp/24", "192.0.2.0/24/24", "[::1]/128", "192.0.2/24"}) {
    EXPECT_FALSE(IpNetwork::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sekimori
