// What these prove: windows go over exactly when they should; the same wrong password counts once;
// an owner's own network is not refused by a rule over the login; memory is bounded and gives up
// the longest untouched; what is kept and read back is the same state, a torn end and foreign rules
// included.
#include "decide/sign_in_counters.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <random>

namespace sekimori::decide {
namespace {

constexpr Instant k_start{1'750'000'000'000'000};

SignInWindow rule(std::string_view text) {
  auto window = SignInWindow::parse(text);
  EXPECT_TRUE(window) << text;
  return window.value_or(SignInWindow());
}
SignInCounterOptions with(std::initializer_list<std::string_view> rules,
                          std::size_t rows = 10'000) {
  SignInCounterOptions options;
  for (const auto text : rules) options.windows.push_back(rule(text));
  options.rows_max = rows;
  return options;
}
IpAddress ip(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress()); }

TEST(SignInCounters, AnAddressIsRefusedBeyondItsLimitAndForgotten) {
  SignInCounters counters(
      with({"key=ip count=failed seconds=60 windows=10 limit=3 action=refuse"}));
  const SignInFact thief{"taro@example.jp", ip("192.0.2.1"), "0001"};
  for (int i = 0; i < 3; ++i) counters.note(thief, false, k_start);
  EXPECT_FALSE(counters.over(thief, k_start));
  counters.note(thief, false, k_start + minutes(5));
  const auto over = counters.over({"jiro@example.jp", thief.ip, ""}, k_start + minutes(5));
  ASSERT_TRUE(over);
  EXPECT_EQ(over->count, 4U);
  EXPECT_TRUE(over->window->refuse);
  EXPECT_FALSE(counters.over({"taro@example.jp", ip("192.0.2.2"), ""}, k_start + minutes(5)));
  // The first three leave the ten windows, the fourth stays five minutes longer.
  EXPECT_FALSE(counters.over(thief, k_start + minutes(10)));
  EXPECT_EQ(counters.figures(thief, k_start).size(), 0U);  // the pair has no rule
  EXPECT_EQ(counters.figures({"", thief.ip, ""}, k_start + minutes(14)).at(0).count, 1U);
  EXPECT_EQ(counters.figures({"", thief.ip, ""}, k_start + minutes(16)).at(0).count, 0U);
}

TEST(SignInCounters, TheSameWrongPasswordCountsOnce) {
  SignInCounters counters(with({"key=ip count=passwords seconds=3600 limit=3 action=refuse"}));
  const IpAddress phone = ip("192.0.2.7");
  for (int i = 0; i < 1000; ++i) {
    counters.note({"taro@example.jp", phone, "025a"}, false, k_start + seconds(i));
  }
  EXPECT_FALSE(counters.over({"taro@example.jp", phone, ""}, k_start + seconds(1000)));
  const IpAddress thief = ip("192.0.2.8");
  for (int i = 0; i < 40; ++i) {
    counters.note({"taro@example.jp", thief, fmt::format("{:04x}", i)}, false, k_start);
  }
  const auto over = counters.over({"taro@example.jp", thief, ""}, k_start);
  ASSERT_TRUE(over);
  EXPECT_NEAR(static_cast<double>(over->count), 40, 14);
}

TEST(SignInCounters, TheOwnersNetworkGoesOnWhileStrangersAreRefused) {
  SignInCounters counters(
      with({"key=login count=failed seconds=600 windows=6 limit=10 action=refuse"}));
  const SignInFact owner{"taro@example.jp", ip("198.51.100.20"), "0aaa"};
  counters.note(owner, true, k_start);
  for (int i = 0; i < 10'000; ++i) {
    const IpAddress from = ip(fmt::format("10.{}.{}.9", i / 250, i % 250));
    counters.note({owner.login, from, fmt::format("{:04x}", i % 4096)}, false, k_start);
  }
  EXPECT_TRUE(counters.over({owner.login, ip("203.0.113.5"), ""}, k_start + minutes(1)));
  EXPECT_FALSE(counters.over(owner, k_start + minutes(1)));
  EXPECT_FALSE(counters.over({owner.login, ip("198.51.100.99"), ""}, k_start + minutes(1)));
  EXPECT_FALSE(counters.knows(owner, k_start + days(61)));
}

TEST(SignInCounters, RefusingGoesBeforeWaitingAndResetForgets) {
  SignInCounters counters(with({"key=net count=all seconds=60 limit=5 action=delay delay=2",
                                "key=login_ip count=failed seconds=60 limit=5 action=refuse",
                                "key=ip count=ok seconds=60 limit=100 action=delay delay=5"}));
  const SignInFact one{"taro@example.jp", ip("2001:db8::1"), "1"};
  for (int i = 0; i < 6; ++i) counters.note(one, false, k_start);
  EXPECT_TRUE(counters.over(one, k_start)->window->refuse);
  EXPECT_EQ(counters.over({"jiro@example.jp", ip("2001:db8::77"), ""}, k_start)->window->delay, 2U);
  EXPECT_FALSE(counters.over({"jiro@example.jp", ip("2001:db8:0:1::1"), ""}, k_start));
  EXPECT_TRUE(counters.reset(one));
  EXPECT_FALSE(counters.over(one, k_start));
  EXPECT_FALSE(counters.reset(one));
}

TEST(SignInCounters, MemoryIsBoundedAndTheLongestUntouchedGoes) {
  SignInCounters counters(with({"key=ip count=failed seconds=60 limit=1 action=refuse"}, 6400));
  const auto address = [](int i) {
    return ip(fmt::format("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255));
  };
  for (int i = 0; i < 100'000; ++i) counters.note({"", address(i), ""}, false, k_start);
  EXPECT_LE(counters.rows(), 6400U + 64U);
  EXPECT_GE(counters.rows(), 6400U);
  EXPECT_EQ(counters.figures({"", address(99'999), ""}, k_start).size(), 1U);
  EXPECT_EQ(counters.figures({"", address(0), ""}, k_start).size(), 0U);
}

TEST(SignInCounters, WhatIsKeptIsReadBack) {
  const auto options = with({"key=ip count=failed seconds=60 windows=5 limit=3 action=refuse",
                             "key=login count=passwords seconds=600 limit=3 action=delay delay=1",
                             "key=net count=ok seconds=10 windows=3 limit=9 action=refuse"},
                            400'000);
  SignInCounters counters(options);
  std::mt19937 random(5);
  std::string file(SignInCounters::head());
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 2000; ++i) {
      const IpAddress from = ip(fmt::format("10.0.{}.{}", random() % 200, random() % 250));
      const std::string login = fmt::format("u{}@example.jp", random() % 3000);
      counters.note({login, from, fmt::format("{:04x}", random() % 4096)}, random() % 3 == 0,
                    k_start + seconds(round * 20 + i / 200));
      if (random() % 100 == 0) counters.reset({login, from, ""});
    }
    if (round == 10) {  // a file that is written anew while the counting goes on
      file = SignInCounters::head();
      ASSERT_TRUE(counters.dump([&](std::string_view part) {
        file += part;
        return Result<void>();
      }));
    }
    counters.take_changes(file);
  }
  SignInCounters again(options);
  ASSERT_TRUE(again.load(file));
  EXPECT_EQ(again.rows(), counters.rows());
  EXPECT_EQ(again.hash(), counters.hash());
  std::string nothing;
  again.take_changes(nothing);
  EXPECT_EQ(nothing, "");

  // A torn end loses the last record, not the file.
  SignInCounters torn(options);
  ASSERT_TRUE(torn.load(std::string_view(file).substr(0, file.size() - 3)));
  EXPECT_GE(torn.rows() + 1, counters.rows());
  // Rows of a rule that means something else today are left out, the others stay.
  SignInCounters other(with({"key=ip count=failed seconds=60 windows=5 limit=99 action=refuse",
                             "key=login count=failed seconds=600 limit=3 action=delay delay=1"},
                            400'000));
  ASSERT_TRUE(other.load(file));
  EXPECT_GT(other.rows(), 0U);
  EXPECT_LT(other.rows(), counters.rows());
  EXPECT_FALSE(SignInCounters(options).load("nonsense"));
}

}  // namespace
}  // namespace sekimori::decide
