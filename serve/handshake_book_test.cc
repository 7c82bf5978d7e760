#include "serve/handshake_book.h"

#include <gtest/gtest.h>

namespace sekimori::serve {
namespace {

const Instant k_now = *parse_instant("2026-11-22T12:00:00Z");
IpAddress ip(const std::string& text) { return *IpAddress::parse(text); }

TEST(HandshakeBook, CountsByNetworkForADay) {
  HandshakeBook book;
  const auto trouble = HandshakeTrouble::certificate_refused;
  for (int i = 0; i < 3; ++i) {
    book.note(ip("192.0.2.7"), trouble, Service::imap, k_now - hours(20) + minutes(i));
  }
  book.note(ip("192.0.2.200"), HandshakeTrouble::password_in_plain, Service::pop3, k_now);
  book.note({}, trouble, Service::imap, k_now);
  EXPECT_EQ(book.size(), 1U);
  const auto facts = book.of(ip("192.0.2.9"), k_now);
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].trouble, trouble);
  EXPECT_EQ(facts[0].tries, 3U);
  EXPECT_EQ(facts[0].last, k_now - hours(20) + minutes(2));
  EXPECT_EQ(facts[1].service, Service::pop3);
  EXPECT_TRUE(book.of(ip("198.51.100.1"), k_now).empty());
  EXPECT_TRUE(book.of({}, k_now).empty());
  // Yesterday's is over, and does not count towards today's.
  EXPECT_EQ(book.of(ip("192.0.2.9"), k_now + hours(5)).size(), 1U);
  book.note(ip("192.0.2.7"), trouble, Service::imap, k_now + days(2));
  EXPECT_EQ(book.of(ip("192.0.2.9"), k_now + days(2)).at(0).tries, 1U);
}

TEST(HandshakeBook, AFloodOfNetworksForgetsTheOldest) {
  HandshakeBook book;
  const auto network = [](std::size_t i) {
    return ip("10." + std::to_string(i >> 8U) + "." + std::to_string(i & 255U) + ".1");
  };
  const std::size_t many = HandshakeBook::k_networks_max + 100;
  for (std::size_t i = 0; i < many; ++i) {
    book.note(network(i), HandshakeTrouble::not_encrypted, Service::imap,
              k_now + seconds(static_cast<std::int64_t>(i)));
  }
  EXPECT_EQ(book.size(), HandshakeBook::k_networks_max);
  EXPECT_TRUE(book.of(network(99), k_now + hours(2)).empty());
  EXPECT_EQ(book.of(network(100), k_now + hours(2)).size(), 1U);
  EXPECT_EQ(book.of(network(many - 1), k_now + hours(2)).size(), 1U);
}

}  // namespace
}  // namespace sekimori::serve
