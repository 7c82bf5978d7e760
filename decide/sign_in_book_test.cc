// What these prove: addresses, networks, logins and pairs each match what they say and nothing
// else, the longest prefix first; entries end by themselves; the bound holds; hundreds of thousands
// of entries are found as quickly as five.
#include "decide/sign_in_book.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace sekimori::decide {
namespace {

constexpr Instant k_now{1'750'000'000'000'000};

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress()); }
SignInEntry entry(SignInList list, std::string_view network, std::string_view login,
                  std::string_view reason = "r") {
  SignInEntry out;
  out.list = list;
  if (!network.empty()) out.network = IpNetwork::parse(network).value_or(IpNetwork());
  out.login = std::string(login);
  out.created = k_now;
  out.expires = k_now + hours(1);
  out.reason = std::string(reason);
  return out;
}

TEST(SignInBook, EachKindMatchesWhatItSays) {
  SignInBook book(100);
  ASSERT_TRUE(book.put(entry(SignInList::block, "192.0.2.0/24", "", "net")));
  ASSERT_TRUE(book.put(entry(SignInList::block, "192.0.2.1", "", "one")));
  ASSERT_TRUE(book.put(entry(SignInList::block, "2001:db8::/64", "", "six")));
  ASSERT_TRUE(book.put(entry(SignInList::block, "", "taro@example.jp", "login")));
  ASSERT_TRUE(book.put(entry(SignInList::block, "198.51.100.7", "jiro@example.jp", "pair")));
  const auto why = [&](std::string_view from, std::string_view login) {
    const auto found = book.find(SignInList::block, ip(from), login, k_now);
    return found ? found->reason : std::string();
  };
  EXPECT_EQ(why("192.0.2.1", "x@y"), "one");
  EXPECT_EQ(why("192.0.2.2", "x@y"), "net");
  EXPECT_EQ(why("::ffff:192.0.2.2", "x@y"), "net");
  EXPECT_EQ(why("192.0.3.2", "x@y"), "");
  EXPECT_EQ(why("2001:db8::9", "x@y"), "six");
  EXPECT_EQ(why("2001:db8:0:1::9", "x@y"), "");
  EXPECT_EQ(why("203.0.113.1", "taro@example.jp"), "login");
  EXPECT_EQ(why("198.51.100.7", "jiro@example.jp"), "pair");
  EXPECT_EQ(why("198.51.100.8", "jiro@example.jp"), "");
  EXPECT_FALSE(book.find(SignInList::allow, ip("192.0.2.1"), "taro@example.jp", k_now));
  EXPECT_EQ(book.all(SignInList::block, k_now).size(), 5U);
  EXPECT_EQ(book.all(SignInList::block, k_now).back().key(), "198.51.100.7:jiro@example.jp");
  EXPECT_TRUE(book.remove(SignInList::block, "192.0.2.1/32"));
  EXPECT_FALSE(book.remove(SignInList::block, "192.0.2.1/32"));
  EXPECT_EQ(why("192.0.2.1", "x@y"), "net");
}

TEST(SignInBook, EntriesEndAndTheBoundHolds) {
  SignInBook book(2);
  ASSERT_TRUE(book.put(entry(SignInList::allow, "192.0.2.1", "")));
  ASSERT_TRUE(book.put(entry(SignInList::allow, "", "a@b")));
  EXPECT_FALSE(book.put(entry(SignInList::allow, "", "c@d")));
  EXPECT_TRUE(book.put(entry(SignInList::allow, "", "a@b", "again")));
  EXPECT_FALSE(book.find(SignInList::allow, ip("192.0.2.1"), "a@b", k_now + hours(1)));
  EXPECT_EQ(book.take_over(k_now + minutes(59)).size(), 0U);
  EXPECT_EQ(book.take_over(k_now + hours(1)).size(), 2U);
  EXPECT_EQ(book.size(), 0U);
  EXPECT_TRUE(book.put(entry(SignInList::allow, "", "c@d")));
}

TEST(SignInBook, ManyEntries) {
  SignInBook book(200'000);
  for (int i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(book.put(entry(SignInList::block,
                               fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255), "")));
  }
  EXPECT_EQ(book.find(SignInList::block, ip("10.3.13.63"), "", k_now)->key(), "10.3.13.63/32");
  EXPECT_FALSE(book.find(SignInList::block, ip("10.3.13.64"), "", k_now));
  EXPECT_FALSE(book.put(entry(SignInList::block, "", "one@more")));
}

}  // namespace
}  // namespace sekimori::decide
