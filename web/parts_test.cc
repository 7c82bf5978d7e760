// The small parts: targets, ranges, admission, the hub.
#include <gtest/gtest.h>

#include "base/ip_network.h"
#include "web/admission.h"
#include "web/hub.h"
#include "web/target.h"

namespace sekimori::web {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpNetwork net(std::string_view text) { return IpNetwork::parse(text).value(); }

TEST(TargetTest, decodes_path_and_query) {
  const auto target = parse_target("/a/b%2Fc+d/?x=1+2&y=%E9%96%A2&z&&w==");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"a", "b/c+d"}));
  EXPECT_EQ(target->find("x"), "1 2");
  EXPECT_EQ(target->find("y"), "関");
  EXPECT_EQ(target->find("z"), "");
  EXPECT_EQ(target->find("w"), "=");
  EXPECT_EQ(target->find("v"), std::nullopt);
  EXPECT_TRUE(parse_target("/")->segments.empty());
  EXPECT_TRUE(parse_target("/?a=1")->segments.empty());
}

TEST(TargetTest, whatever_is_encoded_comes_back) {
  std::string text;
  for (int c = 0x20; c < 0x7F; ++c) text.push_back(static_cast<char>(c));
  text += "関守🚧";
  const auto target = parse_target("/" + percent_encode(text) + "?k=" + percent_encode(text));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments.at(0), text);
  EXPECT_EQ(target->find("k"), text);
}

TEST(TargetTest, broken_ones_are_refused_at_every_prefix_without_harm) {
  const std::string_view whole = "/a%E9%96%A2/..%2f?q=%zz&q=1";
  for (std::size_t n = 0; n <= whole.size(); ++n) (void)parse_target(whole.substr(0, n));
  EXPECT_FALSE(parse_target(whole));
  std::string many = "/?";
  for (std::size_t i = 0; i <= k_query_keys_max; ++i) many += "k" + std::to_string(i) + "=1&";
  EXPECT_FALSE(parse_target(many));
}

TEST(Utf8Test, borders) {
  for (const std::string_view good :
       {"", "a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good));
  }
  for (const std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xEF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC2\x41", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(TokenCheckTest, only_the_token_and_only_as_a_bearer) {
  const TokenCheck check(Secret("0123456789abcdef0123"));
  EXPECT_TRUE(check.matches("Bearer 0123456789abcdef0123"));
  EXPECT_TRUE(check.matches("bearer  0123456789abcdef0123 "));
  for (const auto* header : {"", "Bearer", "Bearer ", "0123456789abcdef0123",
                             "Basic 0123456789abcdef0123", "Bearer 0123456789abcdef012",
                             "Bearer 0123456789abcdef01234", "Bearer 0123456789abcdef0124"}) {
    EXPECT_FALSE(check.matches(header)) << header;
  }
  const TokenCheck none{Secret()};
  EXPECT_FALSE(none.matches("Bearer "));
  EXPECT_FALSE(none.matches("Bearer x"));
}

TEST(BrowserWordTest, another_sites_page_is_told_from_ours) {
  const auto foreign = [](BrowserWord said, std::string_view url = "", bool null_is_ours = false) {
    return is_from_another_site(said, url, null_is_ours);
  };
  // A program says nothing.
  EXPECT_FALSE(foreign({"", "", "127.0.0.1:8081", ""}));
  // The browser's own verdict, whatever a proxy made of the Host.
  EXPECT_FALSE(foreign({"same-origin", "https://mail.example", "127.0.0.1:8081", ""}));
  EXPECT_FALSE(foreign({"same-origin", "null", "mail.example", ""}));
  EXPECT_FALSE(foreign({"none", "", "mail.example", ""}));
  EXPECT_TRUE(foreign({"cross-site", "https://mail.example", "mail.example", ""}));
  EXPECT_TRUE(foreign({"same-site", "https://evil.mail.example", "mail.example", ""}));
  EXPECT_TRUE(foreign({"something new", "", "mail.example", ""}));
  // Older ones: the host that was asked, the proxy's word for it, or what the settings say.
  EXPECT_FALSE(foreign({"", "https://Mail.example", "mail.example", ""}));
  EXPECT_FALSE(foreign({"", "https://mail.example", "mail.example:443", ""}));
  EXPECT_FALSE(foreign({"", "http://127.0.0.1:8081", "127.0.0.1:8081", ""}));
  EXPECT_FALSE(foreign({"", "https://mail.example", "127.0.0.1:8081", "mail.example"}));
  EXPECT_FALSE(
      foreign({"", "https://mail.example", "127.0.0.1:8081", ""}, "https://mail.example/sekimori"));
  EXPECT_TRUE(foreign({"", "https://evil.example", "mail.example", ""}, "https://mail.example"));
  EXPECT_TRUE(foreign({"", "https://mail.example.evil.example", "mail.example", ""}));
  EXPECT_TRUE(foreign({"", "https://mail.example:8443", "mail.example", ""}));
  EXPECT_TRUE(foreign({"", "https://evil.example", "", ""}));
  EXPECT_TRUE(foreign({"", "null", "mail.example", ""}));
  EXPECT_FALSE(foreign({"", "null", "mail.example", ""}, "", true));
}

TEST(AddressLimiterTest, so_many_a_minute_for_each_address) {
  AddressLimiter limiter(3);
  const Instant t{60'000'000'000};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.admit(ip("192.0.2.1"), t));
  EXPECT_FALSE(limiter.admit(ip("192.0.2.1"), t));
  EXPECT_TRUE(limiter.admit(ip("192.0.2.2"), t));
  EXPECT_TRUE(limiter.admit(ip("192.0.2.1"), t + minutes(1)));
  // One line's customer has a whole /64.
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(limiter.admit(ip("2001:db8::" + std::to_string(i)), t));
  }
  EXPECT_FALSE(limiter.admit(ip("2001:db8::ffff"), t));
  EXPECT_TRUE(limiter.admit(ip("2001:db8:0:1::1"), t));
}

TEST(AddressLimiterTest, its_table_is_bounded_and_a_flood_shares_one_counter) {
  AddressLimiter limiter(3);
  const Instant t{60'000'000'000};
  const auto nth = [](std::size_t n) {
    return ip("10." + std::to_string(n / 65536 % 256) + "." + std::to_string(n / 256 % 256) + "." +
              std::to_string(n % 256));
  };
  std::size_t admitted = 0;
  for (std::size_t n = 0; n < 2 * AddressLimiter::k_addresses_max; ++n) {
    admitted += limiter.admit(nth(n), t) ? 1 : 0;
  }
  EXPECT_EQ(limiter.size(), AddressLimiter::k_addresses_max);
  EXPECT_EQ(admitted, AddressLimiter::k_addresses_max + 3);
  EXPECT_TRUE(limiter.admit(nth(2 * AddressLimiter::k_addresses_max), t + minutes(1)));
  EXPECT_EQ(limiter.size(), 1U);
}

TEST(ClientBehindTest, believes_trusted_proxies_only) {
  const std::vector<IpNetwork> trusted = {net("127.0.0.0/8"), net("10.0.0.0/8")};
  EXPECT_EQ(client_behind(ip("127.0.0.1"), "192.0.2.9", trusted), ip("192.0.2.9"));
  EXPECT_EQ(client_behind(ip("127.0.0.1"), "1.1.1.1, 192.0.2.9, 10.0.0.5", trusted),
            ip("192.0.2.9"));
  EXPECT_EQ(client_behind(ip("198.51.100.1"), "192.0.2.9", trusted), ip("198.51.100.1"));
  EXPECT_EQ(client_behind(ip("127.0.0.1"), "garbage", trusted), ip("127.0.0.1"));
  EXPECT_EQ(client_behind(ip("127.0.0.1"), "", trusted), ip("127.0.0.1"));
  EXPECT_EQ(client_behind(ip("127.0.0.1"), "192.0.2.9", {}), ip("127.0.0.1"));
}

TEST(HubTest, hands_out_in_order_and_wakes) {
  Hub hub(100);
  int woken = 0;
  const auto reader = hub.subscribe(0, [&woken] { ++woken; });
  EXPECT_TRUE(reader->take().empty());
  hub.publish("standing", R"({"a":1})");
  hub.publish("hold", R"({"b":2})");
  EXPECT_EQ(woken, 2);
  const auto frames = reader->take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(*frames[0], "id: 100\nevent: standing\ndata: {\"a\":1}\n\n");
  EXPECT_EQ(*frames[1], "id: 101\nevent: hold\ndata: {\"b\":2}\n\n");
  EXPECT_TRUE(reader->take().empty());
}

TEST(HubTest, a_slow_reader_loses_its_oldest_and_is_told) {
  Hub hub;
  const auto reader = hub.subscribe(0, [] {});
  for (std::size_t i = 0; i < k_stream_queue_max + 5; ++i) hub.publish("n", std::to_string(i));
  const auto frames = reader->take();
  ASSERT_EQ(frames.size(), k_stream_queue_max + 1);
  EXPECT_EQ(*frames[0], "event: gap\ndata: {\"lost\":5}\n\n");
  EXPECT_EQ(*frames[1], "id: 6\nevent: n\ndata: 5\n\n");
  EXPECT_EQ(hub.lost(), 5U);
}

TEST(HubTest, who_comes_back_goes_on_where_they_were) {
  Hub hub(10);
  for (int i = 10; i < 15; ++i) hub.publish("n", std::to_string(i));
  const auto reader = hub.subscribe(12, [] {});
  const auto frames = reader->take();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_TRUE(frames[0]->starts_with("id: 13\n"));
  // Ids of another start, and ones no longer remembered, are a gap.
  EXPECT_TRUE(hub.subscribe(3, [] {})->take().at(0)->starts_with("event: gap"));
  EXPECT_TRUE(hub.subscribe(99, [] {})->take().at(0)->starts_with("event: gap"));
  EXPECT_TRUE(hub.subscribe(14, [] {})->take().empty());
  EXPECT_EQ(hub.readers(), 1U);
}

// A domain admin hears of their own domains: not of others', not of the server's, not even by being
// woken, and not when they come back either.
TEST(HubTest, news_of_others_stays_theirs) {
  Hub hub(1);
  int woken = 0;
  const auto mine = hub.subscribe(0, [&woken] { ++woken; }, std::vector<std::string>{"a.example"});
  hub.publish("standing", R"({"n":1})", "b.example");
  hub.publish("health", R"({"n":2})");
  EXPECT_EQ(woken, 0);
  EXPECT_TRUE(mine->take().empty());
  hub.publish("standing", R"({"n":3})", "a.example");
  EXPECT_EQ(woken, 1);
  const auto news = mine->take();
  ASSERT_EQ(news.size(), 1U);
  EXPECT_TRUE(news[0]->contains(R"({"n":3})"));
  const auto again = hub.subscribe(1, [] {}, std::vector<std::string>{"a.example"});
  const auto missed = again->take();
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_TRUE(missed[0]->contains(R"({"n":3})"));
}

TEST(HubTest, what_would_break_the_stream_is_left_out_and_told) {
  Hub hub;
  const auto reader = hub.subscribe(0, [] {});
  hub.publish("n", "a\nevent: forged");
  hub.publish("n", std::string(k_stream_message_max + 1, '1'));
  const auto frames = reader->take();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(*frames[0], "event: gap\ndata: {\"lost\":2}\n\n");
}

}  // namespace
}  // namespace sekimori::web
