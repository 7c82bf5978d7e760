#include "base/blacklist.h"

#include <gtest/gtest.h>

#include <random>

namespace sekimori {
namespace {

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }
Blacklist list(std::string_view line) { return parse_blacklist(line).value(); }
ListAnswer answer(const Blacklist& of, std::initializer_list<std::string_view> codes) {
  std::vector<IpAddress> out;
  for (const auto code : codes) out.push_back(ip(code));
  return read_list_answer(of, std::move(out));
}

TEST(Blacklist, known_lists_and_ones_own) {
  const auto zen = list("spamhaus-zen");
  EXPECT_EQ(zen.zone, "zen.spamhaus.org");
  EXPECT_EQ(zen.codes.size(), 6U);
  EXPECT_TRUE(zen.v6);
  const auto keyed = list("spamhaus-zen key_file=/etc/sekimori/dqs weight=7");
  EXPECT_EQ(keyed.zone, "{key}.zen.dq.spamhaus.net");
  EXPECT_EQ(keyed.name, "zen.spamhaus.org");
  EXPECT_EQ(keyed.weight, 7);
  EXPECT_FALSE(list("spamcop").v6);
  const auto own = list(
      "BL.example.net name=ours weight=4 v6=no codes=127.0.0.2,127.0.0.4-127.0.0.7=bots:1.5 "
      "url=https://example.net/?{ip} text=No mail from {ip}, see {url}");
  EXPECT_EQ(own.zone, "bl.example.net");
  EXPECT_EQ(own.codes[1].weight, 1.5);
  EXPECT_EQ(own.codes[1].meaning, "bots");
  EXPECT_EQ(own.text, "No mail from {ip}, see {url}");
  EXPECT_EQ(list("{key}.bl.example.net key_file=/k").zone, "{key}.bl.example.net");
}

TEST(Blacklist, what_is_wrong_is_said) {
  for (const auto* line :
       {"", "example", "bl..example.net", "bl.example.net weight=0", "bl.example.net weight=1e9",
        "bl.example.net weight=nan", "bl.example.net codes=10.0.0.1",
        "bl.example.net codes=127.0.0.7-127.0.0.4", "bl.example.net codes=", "bl.example.net v6=1",
        "bl.example.net url=ftp://x", "bl.example.net key_file=/x", "{key}.bl.example.net",
        "spamhaus-authbl", "spamcop key_file=/x", "bl.example.net nonsense",
        "bl.example.net colour=red", "bl.ex\nample.net", "spamhaus-zen key_file=dqs"}) {
    const auto parsed = parse_blacklist(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().kind, ErrorKind::bad_input);
    EXPECT_FALSE(parsed.error().text.empty());
  }
}

TEST(Blacklist, errors_and_foreign_addresses_are_never_listings) {
  const auto zen = list("spamhaus-zen");
  EXPECT_EQ(answer(zen, {}).state, ListState::clean);
  EXPECT_EQ(answer(zen, {"127.0.0.4"}).state, ListState::listed);
  for (const auto* code :
       {"127.255.255.252", "127.255.255.254", "127.255.255.255", "192.0.2.1", "2001:db8::1"}) {
    for (const auto& one : {answer(zen, {code}), answer(zen, {"127.0.0.2", code}),
                            answer(list("bl.example.net"), {code})}) {
      EXPECT_EQ(one.state, ListState::unknown) << code;
      EXPECT_FALSE(one.trouble.empty());
    }
  }
  EXPECT_EQ(answer(zen, {"127.0.0.99"}).state, ListState::clean) << "no code of this list";
  EXPECT_EQ(answer(list("bl.example.net"), {"127.0.0.99"}).state, ListState::listed);
  EXPECT_EQ(answer(list("bl.example.net codes=127.0.0.2,127.0.0.3:0"), {"127.0.0.3"}).state,
            ListState::clean);
}

TEST(Blacklist, several_answers_are_kept_and_the_heaviest_weighs) {
  const auto zen = list("spamhaus-zen");
  const auto both = answer(zen, {"127.0.0.4", "127.0.0.11"});
  EXPECT_EQ(both.codes.size(), 2U);
  EXPECT_EQ(both.reason, "XBL, PBL");
  EXPECT_EQ(both.weight, 5);
  const auto own = list("bl.example.net weight=2 codes=127.0.0.2,127.0.0.3:4");
  EXPECT_EQ(answer(own, {"127.0.0.2", "127.0.0.3"}).weight, 4);
}

TEST(Blacklist, the_score_decides_with_the_lists_own_words) {
  const std::vector<Blacklist> lists = {list("spamhaus-zen"), list("spamcop"), list("barracuda"),
                                        list("bl.example.net weight=1 text=Go away {ip}: {url}")};
  const BlacklistLimits limits{.refuse = 5, .defer = 4, .mark = 3};
  const auto address = ip("192.0.2.9");
  std::vector<ListAnswer> answers(4);
  EXPECT_EQ(weigh(lists, answers, limits, address).action, BlacklistAction::none);
  answers[1] = answer(lists[1], {"127.0.0.2"});
  auto verdict = weigh(lists, answers, limits, address);
  EXPECT_EQ(verdict.action, BlacklistAction::mark);
  EXPECT_EQ(verdict.header, "X-Sekimori-Blacklist: score=3.0 lists=bl.spamcop.net");
  answers[3] = answer(lists[3], {"127.0.0.2"});
  verdict = weigh(lists, answers, limits, address);
  EXPECT_EQ(verdict.action, BlacklistAction::defer);
  EXPECT_EQ(verdict.text,
            "450 4.7.1 Client host [192.0.2.9] is listed by bl.spamcop.net; see "
            "https://www.spamcop.net/bl.shtml?192.0.2.9");
  answers[0] = answer(lists[0], {"127.0.0.2"});
  answers[0].reason = "https://check.spamhaus.org/query/ip/192.0.2.9";
  verdict = weigh(lists, answers, limits, address);
  EXPECT_EQ(verdict.action, BlacklistAction::refuse);
  EXPECT_EQ(verdict.text,
            "554 5.7.1 Client host [192.0.2.9] is listed by zen.spamhaus.org: "
            "https://check.spamhaus.org/query/ip/192.0.2.9");
  EXPECT_EQ(verdict.score, 9);
  EXPECT_EQ(weigh(lists, answers, {}, address).action, BlacklistAction::none);
  EXPECT_EQ(weigh(lists, std::span(answers).first(1), limits, address).score, 5);
  answers = std::vector<ListAnswer>(4);
  answers[3] = answer(lists[3], {"127.0.0.2"});
  answers[3].weight = 9;
  EXPECT_EQ(weigh(lists, answers, limits, address).text, "554 5.7.1 Go away 192.0.2.9: ");
}

TEST(Blacklist, any_line_is_read_or_refused) {
  std::mt19937 random(11);
  const std::string_view letters = "abz.{key}=127.0-:, weightcodesnameurltext/5\"\x7f";
  for (int i = 0; i < 20'000; ++i) {
    std::string line = i % 2 == 0 ? "bl.example.net " : "";
    for (unsigned n = random() % 50; n > 0; --n) line += letters[random() % letters.size()];
    if (const auto parsed = parse_blacklist(line)) {
      EXPECT_GT(parsed->weight, 0);
      EXPECT_FALSE(parsed->zone.empty());
    }
  }
}

}  // namespace
}  // namespace sekimori
