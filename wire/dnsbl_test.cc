#include "wire/dnsbl.h"

#include <gtest/gtest.h>

#include <random>

namespace sekimori::wire {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

TEST(Dnsbl, names_are_reversed) {
  EXPECT_EQ(dnsbl_name(ip("192.0.2.9"), "bl.example"), "9.2.0.192.bl.example");
  // RFC 5782 §2.4's own example.
  EXPECT_EQ(dnsbl_name(ip("2001:db8:1:2:3:4:567:89ab"), "ugly.example.com"),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ugly.example.com");
  EXPECT_EQ(dnsbl_test_name_v6(2, "x"),
            "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.x");
}

TEST(Dnsbl, an_error_is_no_listing_and_a_foreign_address_neither) {
  EXPECT_EQ(dnsbl_code(ip("127.0.0.2")), DnsblCode::code);
  EXPECT_EQ(dnsbl_code(ip("127.0.1.255")), DnsblCode::code);
  for (const auto* text :
       {"127.255.255.252", "127.255.255.254", "127.255.255.255", "127.255.255.1"}) {
    EXPECT_EQ(dnsbl_code(ip(text)), DnsblCode::error) << text;
    EXPECT_FALSE(dnsbl_error(ip(text)).empty());
  }
  EXPECT_EQ(dnsbl_code(ip("192.0.2.1")), DnsblCode::foreign);
  EXPECT_EQ(dnsbl_code(ip("2001:db8::1")), DnsblCode::foreign);
  EXPECT_EQ(dnsbl_error(ip("127.0.0.2")), "");
}

// NXDOMAIN for "a." with a SOA of TTL 300 and MINIMUM 60 in the authority section.
std::vector<std::uint8_t> nxdomain() {
  return {0, 1, 0x81, 0x83, 0, 1, 0, 0, 0,    1, 0,  0, 1, 'a', 0, 0, 1, 0, 1,  //
          0, 0, 6,    0,    1, 0, 0, 1, 0x2c, 0, 22, 0, 0,                      //
          0, 0, 0,    1,    0, 0, 0, 2, 0,    0, 0,  3, 0, 0,   0, 4, 0, 0, 0, 60};
}

TEST(Dnsbl, how_long_nothing_holds_is_read_from_the_soa) {
  auto answer = nxdomain();
  EXPECT_EQ(dns_negative_ttl(answer), 60U);
  answer.back() = 0xff;
  answer[answer.size() - 2] = 0xff;
  EXPECT_EQ(dns_negative_ttl(answer), 300U);
  for (std::size_t n = 0; n < answer.size(); ++n) {
    EXPECT_FALSE(dns_negative_ttl(std::span(answer).first(n))) << n;
  }
  EXPECT_FALSE(dns_negative_ttl({}));
}

TEST(Dnsbl, a_damaged_answer_does_no_harm) {
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    auto answer = nxdomain();
    for (unsigned n = random() % 6; n > 0; --n) {
      answer[random() % answer.size()] = static_cast<std::uint8_t>(random());
    }
    answer.resize(random() % (answer.size() + 1));
    (void)dns_negative_ttl(answer);
  }
}

}  // namespace
}  // namespace sekimori::wire
