#include "decide/ways.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sekimori::decide {
namespace {

constexpr const char* k_me = "taro@d.example";

TEST(Ways, TheUsualAliasIsNone) {
  EXPECT_TRUE(ways_of_alias(k_me, k_me).empty());
  const auto ways = ways_of_alias(k_me, " Taro@D.example , X@Evil.example,x@evil.example");
  ASSERT_EQ(ways.size(), 2U);
  EXPECT_EQ(ways[0], (Way{WayKind::forward, "x@evil.example", "X@Evil.example"}));
  EXPECT_EQ(ways[1].kind, WayKind::alias);
  const auto gone = ways_of_alias(k_me, "x@evil.example");
  ASSERT_EQ(gone.size(), 3U);
  EXPECT_EQ(gone[1].kind, WayKind::local_copy);
}

TEST(Ways, RowsComeBackToTheLetter) {
  const RowFields row{{"id", "7"}, {"note", std::nullopt}, {"hash", "{CRYPT}a:b=3:-"}, {"x", ""}};
  EXPECT_EQ(parse_row(row_text(row)), row);
  EXPECT_EQ(field_of(row, "hash"), "{CRYPT}a:b=3:-");
  EXPECT_EQ(field_of(row, "note"), "");
  const std::string text = row_text(row);
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto part = parse_row(std::string_view(text).substr(0, n));
    EXPECT_TRUE(!part || part->size() < row.size());
  }
  EXPECT_FALSE(parse_row("99999999999999999999:x-"));
  EXPECT_FALSE(parse_row("1:x=5:ab"));
}

TEST(Ways, DifferencesNameWhatCameWentAndChanged) {
  const std::vector<Way> before{{WayKind::forward, "a@x", "a@x"},
                                {WayKind::sieve_script, "s", "keep;"},
                                {WayKind::vacation, "", "1"}};
  const std::vector<Way> after{{WayKind::forward, "b@x", "b@x"},
                               {WayKind::sieve_script, "s", "stop;"},
                               {WayKind::vacation, "", "1"}};
  const auto all = differences(before, after, true, true);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_FALSE(all[0].after);
  EXPECT_EQ(all[1].after, "b@x");
  EXPECT_FALSE(all[1].before);
  EXPECT_EQ(all[2].before, "keep;");
  // What was not looked at is not gone.
  EXPECT_EQ(differences(before, {}, false, true).size(), 1U);
  EXPECT_EQ(differences(before, {}, true, false).size(), 2U);
  EXPECT_TRUE(differences(before, before, true, true).empty());
}

// Applying the differences to what was gives what is, whatever the two are.
TEST(Ways, DifferencesAreComplete) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    const auto some = [&random] {
      std::vector<Way> ways;
      for (int kind = 0; kind < static_cast<int>(WayKind::count_); ++kind) {
        for (const char* key : {"", "a", "b"}) {
          if (random() % 2 == 0) continue;
          ways.push_back({static_cast<WayKind>(kind), key, random() % 2 == 0 ? "1" : "2"});
        }
      }
      return ways;
    };
    const auto before = some();
    const auto after = some();
    std::vector<Way> made = before;
    for (const WayChange& change : differences(before, after, true, true)) {
      std::erase_if(
          made, [&](const Way& way) { return way.kind == change.kind && way.key == change.key; });
      if (change.after) made.push_back({change.kind, change.key, *change.after});
    }
    std::ranges::sort(made);
    EXPECT_EQ(made, after);
  }
}

TEST(Ways, ASummaryIsFromTheFirstToTheLast) {
  const auto change = [](std::uint64_t id, const char* key, std::optional<std::string> before,
                         std::optional<std::string> after) {
    WayChange c;
    c.id = id;
    c.kind = WayKind::sieve_script;
    c.key = key;
    c.before = std::move(before);
    c.after = std::move(after);
    return c;
  };
  std::vector<WayChange> changes{change(1, "a", "1", "2"), change(2, "b", std::nullopt, "x"),
                                 change(3, "a", "2", "3"), change(4, "b", "x", std::nullopt)};
  auto seen = summary(changes);
  ASSERT_EQ(seen.size(), 1U);  // b came and went
  EXPECT_EQ(seen[0].id, 1U);
  EXPECT_EQ(seen[0].before, "1");
  EXPECT_EQ(seen[0].after, "3");
  // Decided once and changed again: the question is open again.
  changes[0].state = WayState::kept;
  EXPECT_EQ(summary(changes)[0].state, WayState::open);
  // Planted again and gone again: what was paused is still to be answered for.
  changes[1].state = WayState::paused;
  seen = summary(changes);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].state, WayState::paused);
  EXPECT_EQ(seen[1].after, "x");
  // What was paused is remembered although nothing differs now.
  changes[3].state = WayState::paused;
  changes[1].state = WayState::paused;
  EXPECT_EQ(summary(changes).size(), 2U);
}

TEST(Ways, AliasesAreChangedByOneEntryAndNothingElse) {
  const std::string old = "taro@d.example, Home@x.example";
  const std::string now = "taro@d.example, Home@x.example,thief@evil.example";
  // Out again: what stood before, blank for blank.
  EXPECT_EQ(alias_with(k_me, now, "thief@evil.example", false, {old}), old);
  // In again: what stood then.
  EXPECT_EQ(alias_with(k_me, old, "thief@evil.example", true, {old, now}), now);
  EXPECT_EQ(alias_with(k_me, "", "home@x.example", true, {old}), "Home@x.example");
  EXPECT_EQ(alias_with(k_me, "new@x.example,taro@d.example", "home@x.example", true, {old}),
            "taro@d.example,Home@x.example,new@x.example");
  // Nothing is left: the mailbox itself.
  EXPECT_EQ(alias_with(k_me, "thief@evil.example", "thief@evil.example", false, {}), k_me);
  EXPECT_EQ(alias_with(k_me, old, "nobody@x.example", false, {}), "taro@d.example,Home@x.example");
}

TEST(Ways, NothingSecretIsShown) {
  const std::string row =
      row_text({{"id", "3"}, {"description", "phone"}, {"password_hash", "$6$secret"}});
  EXPECT_EQ(shown(WayKind::app_password, row).en, "phone");
  EXPECT_EQ(shown(WayKind::totp, "JBSWY3DPEHPK3PXP").en, "enrolled");
  const std::string mail = row_text({{"src_user", "u"},
                                     {"src_server", "pop.example"},
                                     {"src_password", "secret"},
                                     {"protocol", "POP3"}});
  EXPECT_EQ(shown(WayKind::fetchmail, mail).en, "u@pop.example (POP3)");
  EXPECT_EQ(shown(WayKind::fetchmail, "not a row").en, "");
}

TEST(Ways, LongKeysStayApart) {
  const std::string a(400, 'a');
  EXPECT_LE(way_key(a).size(), k_way_key_max);
  EXPECT_NE(way_key(a), way_key(a + "b"));
  EXPECT_EQ(way_key("short"), "short");
  EXPECT_EQ(way_key(a), way_key(a));
}

}  // namespace
}  // namespace sekimori::decide
