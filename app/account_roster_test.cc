#include "app/account_roster.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sekimori::app {
namespace {

Roster roster_of(const std::vector<std::pair<std::string, std::string>>& all) {
  Roster::Builder builder;
  for (const auto& [address, name] : all) builder.add(address, name);
  return std::move(builder).build();
}
std::string listed(const Roster& roster, std::string_view search, std::string_view domain = "") {
  std::string out;
  for (const auto number : roster.matching(search, domain)) {
    out += std::string(roster.address(number)) + " ";
  }
  // Asked one by one it is the same.
  std::string one_by_one;
  for (std::uint32_t number = 0; number < roster.size(); ++number) {
    if (roster.matches(number, search, domain)) {
      one_by_one += std::string(roster.address(number)) + " ";
    }
  }
  EXPECT_EQ(one_by_one, out) << search << " in " << domain;
  return out;
}

TEST(Roster, ListsSearchesAndFinds) {
  const auto roster = roster_of({{"taro@example.jp", "関守 太郎"},
                                 {"Hanako@example.jp", "HANAKO\tSuzuki"},
                                 {"taro@example.org", ""},
                                 {"hanako@example.jp", "twice"},
                                 {"50%@example.jp", "t_ro"}});
  ASSERT_EQ(roster.size(), 4U);
  EXPECT_EQ(listed(roster, ""),
            "50%@example.jp hanako@example.jp taro@example.jp taro@example.org ");
  EXPECT_EQ(listed(roster, "TARO"), "taro@example.jp taro@example.org ");
  EXPECT_EQ(listed(roster, "太郎"), "taro@example.jp ");
  EXPECT_EQ(listed(roster, "hanako suzuki"), "hanako@example.jp ");
  EXPECT_EQ(listed(roster, "t_ro"), "50%@example.jp ");
  EXPECT_EQ(listed(roster, "example.jp", "example.org"), "");
  EXPECT_EQ(listed(roster, "taro", "Example.ORG"), "taro@example.org ");
  // Neither what separates, nor across two lines.
  EXPECT_EQ(listed(roster, "\t"), "");
  EXPECT_EQ(listed(roster, "\n"), "");
  EXPECT_EQ(roster.find("hanako@example.jp"), 1U);
  EXPECT_EQ(roster.find("zoe@example.jp"), std::nullopt);
  EXPECT_EQ(roster.find("hanako"), std::nullopt);
  EXPECT_EQ(roster_of({}).size(), 0U);
  EXPECT_EQ(listed(roster_of({}), "x"), "");
}

// Whatever is searched for: as looking at every line by itself finds it.
TEST(Roster, FindsWhatEveryLineHas) {
  std::vector<std::pair<std::string, std::string>> all;
  for (int i = 0; i < 500; ++i) {
    all.emplace_back(
        "u" + std::to_string(i * 7919 % 1000) + "@d" + std::to_string(i % 7) + ".example",
        i % 3 == 0 ? "aa a" : "ab");
  }
  const auto roster = roster_of(all);
  for (const std::string search : {"u1", "9@d", "a", "aa", "b", ".example", "u999", "77", "zz"}) {
    for (const std::string domain : {"", "d3.example", "nowhere.example"}) {
      std::vector<std::string> expected;
      for (const auto& [address, name] : all) {
        if (!domain.empty() && !address.ends_with("@" + domain)) continue;
        if (address.contains(search) || name.contains(search)) expected.push_back(address);
      }
      std::ranges::sort(expected);
      const auto repeated = std::ranges::unique(expected);
      expected.erase(repeated.begin(), repeated.end());
      std::string text;
      for (const auto& address : expected) text += address + " ";
      EXPECT_EQ(listed(roster, search, domain), text) << search << " " << domain;
    }
  }
}

TEST(Roster, KnowsHowManyAccountsEachDomainHas) {
  const auto roster = roster_of({{"b@one.example", ""},
                                 {"A@One.example", ""},
                                 {"a@one.example", "twice"},
                                 {"c@two.example", "x@one.example"}});
  EXPECT_EQ(roster.by_domain(), (Roster::Counts{{"one.example", 2}, {"two.example", 1}}));
  EXPECT_TRUE(roster_of({}).by_domain().empty());
}

TEST(AccountRoster, ReadsAnewAndTellsWhatIsWrong) {
  int accounts = 1;
  bool is_down = false;
  AccountRoster roster([&](const AccountRoster::Each& each) -> Result<void> {
    if (is_down) return operating_failure("down");
    for (int i = 0; i < accounts; ++i) each("u" + std::to_string(i) + "@example.jp", "");
    return {};
  });
  EXPECT_EQ(roster.get().value()->size(), 1U);
  accounts = 2;
  EXPECT_EQ(roster.get().value()->size(), 2U);
  is_down = true;
  EXPECT_FALSE(roster.get());
}

}  // namespace
}  // namespace sekimori::app
