#include "decide/address_rules.h"

#include <gtest/gtest.h>

#include <random>

#include "decide/rule_words.h"

namespace sekimori::decide {
namespace {

AddressRule rule(std::uint64_t id, std::string_view target, RuleAction action,
                 Subject scope = {SubjectKind::server, ""}, RuleUse use = RuleUse::both) {
  AddressRule out;
  out.id = id;
  out.target = *RuleTarget::parse(target);
  out.action = action;
  out.scope = std::move(scope);
  out.use = use;
  out.reason = "test";
  return out;
}
const Subject k_taro{SubjectKind::account, "taro@example.jp"};
const Subject k_domain{SubjectKind::domain, "example.jp"};

AddressQuestion question(std::string_view ip, RuleUse use = RuleUse::login) {
  AddressQuestion q;
  q.ip = *IpAddress::parse(ip);
  q.place.country[0] = 'J';
  q.place.country[1] = 'P';
  q.place.asn = 64500;
  q.account = "taro@example.jp";
  q.domain = "example.jp";
  q.use = use;
  q.now = Instant{1'000'000};
  return q;
}
std::uint64_t best(const std::vector<AddressRule>& rules, const AddressQuestion& q) {
  const AddressRuleSet set(rules);
  const auto* found = set.best(q);
  return found == nullptr ? 0 : found->id;
}

TEST(RuleTarget, reads_what_it_prints) {
  for (const auto* text : {"192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0",
                           "AS64500", "AS4294967295", "country:KP"}) {
    const auto target = RuleTarget::parse(text);
    ASSERT_TRUE(target) << text;
    EXPECT_EQ(target->to_string(), text);
    EXPECT_EQ(*RuleTarget::parse(target->to_string()), *target);
  }
  EXPECT_EQ(RuleTarget::parse("asn:64500")->to_string(), "AS64500");
  EXPECT_EQ(RuleTarget::parse("asn:AS64500")->to_string(), "AS64500");
  EXPECT_EQ(RuleTarget::parse("Country:kp")->to_string(), "country:KP");
  for (const auto* text : {"", "JP", "country:", "country:JPN", "country:1P", "AS", "AS0", "asn:",
                           "AS4294967296", "AS12x", "192.0.2.1/24", "192.0.2.0/33", "example.jp"}) {
    EXPECT_FALSE(RuleTarget::parse(text)) << text;
  }
}

// The whole of the precedence as one table: what is known, and what decides.
TEST(Precedence, allow_beats_deny_beats_ban_beats_policy) {
  const RuleRank allow{RuleAction::allow, SubjectKind::server, RuleTarget::Kind::country, 0, 1};
  const RuleRank deny{RuleAction::deny, SubjectKind::account, RuleTarget::Kind::network, 32, 2};
  struct Row {
    std::optional<RuleRank> rule;
    bool banned;
    bool policy;
    AddressVerdict wanted;
  };
  const Row rows[] = {
      {std::nullopt, false, false, {AddressLayer::none, true}},
      {std::nullopt, false, true, {AddressLayer::policy, false}},
      {std::nullopt, true, false, {AddressLayer::ban, false}},
      {std::nullopt, true, true, {AddressLayer::ban, false}},
      {deny, false, false, {AddressLayer::deny, false}},
      {deny, true, true, {AddressLayer::deny, false}},
      {allow, false, false, {AddressLayer::allow, true}},
      {allow, true, false, {AddressLayer::allow, true}},
      {allow, true, true, {AddressLayer::allow, true}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(decide_address({row.rule, row.banned, row.policy}), row.wanted);
  }
}

TEST(Precedence, of_two_rules_the_one_on_the_left_decides) {
  const auto allow = RuleAction::allow;
  const auto deny = RuleAction::deny;
  const std::pair<AddressRule, AddressRule> rows[] = {
      // allow before deny, whatever else
      {rule(2, "country:JP", allow), rule(1, "192.0.2.1", deny, k_taro)},
      {rule(2, "0.0.0.0/0", allow), rule(1, "192.0.2.1", deny)},
      // the narrower scope, whatever the prefix
      {rule(2, "192.0.0.0/8", deny, k_taro), rule(1, "192.0.2.1", deny, k_domain)},
      {rule(2, "country:JP", deny, k_domain), rule(1, "192.0.2.1", deny)},
      {rule(2, "192.0.0.0/8", allow, k_taro), rule(1, "192.0.2.1", allow)},
      // the longer prefix
      {rule(2, "192.0.2.1", deny), rule(1, "192.0.2.0/24", deny)},
      {rule(2, "192.0.2.0/24", allow), rule(1, "192.0.0.0/16", allow)},
      // a range before an ASN before a country
      {rule(2, "192.0.0.0/8", deny), rule(1, "AS64500", deny)},
      {rule(2, "AS64500", deny), rule(1, "country:JP", deny)},
      // the older one
      {rule(1, "192.0.2.1", deny, {SubjectKind::server, ""}, RuleUse::login),
       rule(2, "192.0.2.1", deny)},
  };
  for (const auto& [wins, loses] : rows) {
    EXPECT_TRUE(decides_before(rank_of(wins), rank_of(loses))) << wins.target.to_string();
    EXPECT_FALSE(decides_before(rank_of(loses), rank_of(wins))) << wins.target.to_string();
    EXPECT_EQ(best({loses, wins}, question("192.0.2.1")), wins.id);
    EXPECT_EQ(best({wins, loses}, question("192.0.2.1")), wins.id);
  }
}

TEST(AddressRuleSet, a_rule_holds_for_its_use_scope_family_and_time) {
  const auto deny = RuleAction::deny;
  const auto login = rule(1, "192.0.2.0/24", deny, {SubjectKind::server, ""}, RuleUse::login);
  EXPECT_EQ(best({login}, question("192.0.2.7", RuleUse::login)), 1U);
  EXPECT_EQ(best({login}, question("192.0.2.7", RuleUse::receive)), 0U);
  EXPECT_EQ(best({login}, question("192.0.3.7", RuleUse::login)), 0U);
  auto other = question("192.0.2.7");
  other.account = "hanako@example.jp";
  EXPECT_EQ(best({rule(1, "192.0.2.0/24", deny, k_taro)}, other), 0U);
  EXPECT_EQ(best({rule(1, "192.0.2.0/24", deny, k_domain)}, other), 1U);
  other.domain = "";
  EXPECT_EQ(best({rule(1, "192.0.2.0/24", deny, k_domain)}, other), 0U);
  auto over = rule(1, "192.0.2.0/24", deny);
  over.expires = Instant{1'000'000};
  EXPECT_EQ(best({over}, question("192.0.2.7")), 0U);
  over.expires = Instant{1'000'001};
  EXPECT_EQ(best({over}, question("192.0.2.7")), 1U);
  EXPECT_EQ(best({rule(1, "::/0", RuleAction::allow)}, question("192.0.2.7")), 0U);
  EXPECT_EQ(best({rule(1, "::/0", RuleAction::allow)}, question("2001:db8::1")), 1U);
  EXPECT_EQ(best({rule(1, "0.0.0.0/0", RuleAction::allow)}, question("192.0.2.7")), 1U);
  EXPECT_EQ(best({rule(1, "AS64501", deny), rule(2, "country:US", deny)}, question("192.0.2.7")),
            0U);
  EXPECT_FALSE(AddressRuleSet({login}).wants_place());
  EXPECT_TRUE(AddressRuleSet({rule(2, "country:US", deny)}).wants_place());
}

// The set against the rules one by one, on random rules and questions.
TEST(AddressRuleSet, agrees_with_a_walk_over_all_rules) {
  std::mt19937_64 random(8);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 60; ++round) {
    std::vector<AddressRule> rules;
    for (std::uint64_t id = 1; id <= 80; ++id) {
      std::string target;
      switch (pick(6)) {
        case 0: target = "country:" + std::string(pick(2) ? "JP" : "US"); break;
        case 1: target = "AS" + std::to_string(64499 + pick(3)); break;
        case 2: {
          const int bits = static_cast<int>(pick(129));
          const auto ip = IpAddress::parse("2001:db8:0:" + std::to_string(pick(4)) +
                                           "::" + std::to_string(pick(4)));
          target = ip->network(32, bits).is_set() ? ip->network(32, bits).to_string() : "::";
          target += "/" + std::to_string(bits);
          break;
        }
        default: {
          const int bits = static_cast<int>(pick(33));
          const auto ip = IpAddress::parse("192.0.2." + std::to_string(pick(8)));
          target = ip->network(bits, 128).to_string() + "/" + std::to_string(bits);
        }
      }
      const Subject scopes[] = {
          {SubjectKind::server, ""}, k_domain, k_taro, {SubjectKind::account, "hanako@example.jp"}};
      const RuleUse uses[] = {RuleUse::login, RuleUse::receive, RuleUse::both};
      auto one = rule(id, target, pick(2) ? RuleAction::allow : RuleAction::deny, scopes[pick(4)],
                      uses[pick(3)]);
      if (pick(4) == 0) one.expires = Instant{static_cast<std::int64_t>(pick(2'000'000)) + 1};
      rules.push_back(std::move(one));
    }
    const AddressRuleSet set(rules);
    for (int i = 0; i < 30; ++i) {
      auto q = question(pick(3) ? "192.0.2." + std::to_string(pick(9))
                                : "2001:db8:0:" + std::to_string(pick(5)) + "::1",
                        pick(2) ? RuleUse::login : RuleUse::receive);
      if (pick(3) == 0) q.place = {};
      std::vector<const AddressRule*> wanted;
      for (const auto& one : rules) {
        const bool scope =
            one.scope.kind == SubjectKind::server || one.scope == k_domain || one.scope == k_taro;
        const bool over = one.expires.is_set() && one.expires <= q.now;
        if (scope && !over && is_for(one.use, q.use) && one.target.covers(q.ip, q.place)) {
          wanted.push_back(&one);
        }
      }
      std::ranges::sort(wanted, [](const auto* a, const auto* b) {
        return decides_before(rank_of(*a), rank_of(*b));
      });
      const auto found = set.all(q);
      ASSERT_EQ(found.size(), wanted.size());
      for (std::size_t n = 0; n < found.size(); ++n) EXPECT_EQ(found[n]->id, wanted[n]->id);
      const auto* first = set.best(q);
      EXPECT_EQ(first == nullptr ? 0 : first->id, wanted.empty() ? 0 : wanted[0]->id);
    }
  }
}

TEST(AddressRule, wants_a_reason_and_no_denial_of_the_world) {
  auto one = rule(1, "10.0.0.0/7", RuleAction::deny);
  EXPECT_FALSE(check_rule(one));
  one.action = RuleAction::allow;
  EXPECT_TRUE(check_rule(one));
  EXPECT_FALSE(check_rule(rule(1, "2001::/15", RuleAction::deny)) &&
               check_rule(rule(1, "::/0", RuleAction::deny)));
  one.reason = "";
  EXPECT_FALSE(check_rule(one));
  EXPECT_TRUE(check_rule(rule(1, "country:KP", RuleAction::deny)));
}

TEST(RuleLines, are_taken_line_by_line) {
  const auto lines = parse_rule_lines(
      "; Spamhaus DROP List\r\n192.0.2.0/24 ; SBL123\n\n  AS64500 # bad host\ncountry:KP\n"
      "192.0.2.1/24\n192.0.2.0/24\nnonsense");
  ASSERT_EQ(lines.good.size(), 3U);
  EXPECT_EQ(lines.good[0].target.to_string(), "192.0.2.0/24");
  EXPECT_EQ(lines.good[0].note, "SBL123");
  EXPECT_EQ(lines.good[0].line, 2U);
  EXPECT_EQ(lines.good[1].note, "bad host");
  EXPECT_EQ(lines.repeated, 1U);
  ASSERT_EQ(lines.errors.size(), 2U);
  EXPECT_EQ(lines.errors[0].line, 6U);
  EXPECT_NE(lines.errors[0].what.find("192.0.2.0/24"), std::string::npos) << "what is meant";
  EXPECT_NE(rule_line_words(lines.errors[0]).ja.find("192.0.2.0/24"), std::string::npos);
  EXPECT_EQ(rule_line_words(lines.errors[0]).en, lines.errors[0].what);
  EXPECT_EQ(lines.errors[1].line, 8U);
  EXPECT_EQ(lines.errors[1].text, "nonsense");
}

TEST(RuleLines, any_bytes_are_lines) {
  std::mt19937_64 random(3);
  const std::string_view letters = "19.:/#; \n\rASn\xff\0c";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::uint64_t n = random() % 60; n > 0; --n) text += letters[random() % letters.size()];
    const auto lines = parse_rule_lines(text);
    for (const auto& line : lines.good) {
      EXPECT_EQ(*RuleTarget::parse(line.target.to_string()), line.target);
    }
  }
}

TEST(RuleLines, EachErrorSaysInJapaneseHowToWriteIt) {
  const auto says = [](const char* line) { return rule_line_words({1, line, "what"}).ja; };
  for (const auto& [line, part] : std::initializer_list<std::pair<const char*, const char*>>{
           {"192.0.2.77/24", "192.0.2.0/24"},
           {"192.0.2.0/33", "32"},
           {"2001:db8::/x", "128"},
           {"nonsense/8", "アドレスではありません"},
           {"country:JPN", "2 文字"},
           {"as0", "AS64500"},
           {"asn:x", "AS64500"},
           {"10.0.0.0/7", "/8"},
           {"somebody", "country:JP"},
           {"", "100000 行"}}) {
    EXPECT_NE(says(line).find(part), std::string::npos) << line << ": " << says(line);
  }
}

}  // namespace
}  // namespace sekimori::decide
