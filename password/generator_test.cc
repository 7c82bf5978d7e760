#include "password/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <string>

#include "base/mail_address.h"

namespace sekimori::password {
namespace {

const PersonWords k_taro{"taro@example.jp", "example.jp", "ヤマダ タロウ", "株式会社サンプル"};

TEST(GeneratorTest, AlwaysPassesTheRules) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const auto password = generate({}, k_taro);
    ASSERT_TRUE(password);
    const std::string_view text = password->reveal();
    const Verdict verdict = judge(*password, {}, k_taro);
    ASSERT_TRUE(verdict.accepted());
    ASSERT_GE(verdict.score, 3);
    ASSERT_EQ(text.size(), 19U);
    ASSERT_EQ(text.find_first_of("01cloqvxCLOQVXI"), std::string_view::npos);
    ASSERT_EQ(std::ranges::count_if(text, [](char c) { return c >= 'A' && c <= 'Z'; }), 1);
    ASSERT_EQ(std::ranges::count(text, '-'), 2);
    seen.emplace(text);
  }
  EXPECT_EQ(seen.size(), 2000U);
}

// 51 bits are drawn, and what is drawn again costs less than half a bit: fewer than 29 in a hundred
// (1 - 2^-0.5) draws may be refused.
TEST(GeneratorTest, FewDrawsAreRefused) {
  std::mt19937_64 random(7);
  int numbers = 0;
  const Random counting = [&](std::uint32_t upper) {
    ++numbers;
    return std::uniform_int_distribution<std::uint32_t>(0, upper - 1)(random);
  };
  constexpr int k_passwords = 2000;
  for (int i = 0; i < k_passwords; ++i) ASSERT_TRUE(generate({}, k_taro, counting));
  // 12 numbers for the letters and 5 for the digits make one draw.
  const double draws = numbers / 17.0;
  EXPECT_LT((draws - k_passwords) / draws, 0.29);
  EXPECT_GE(k_generated_bits, 50);
}

TEST(GeneratorTest, GivenRandomnessGivesTheSamePassword) {
  const auto seeded = [](unsigned seed) {
    return [engine = std::mt19937(seed)](std::uint32_t upper) mutable {
      return static_cast<std::uint32_t>(engine() % upper);
    };
  };
  const auto one = generate({}, {}, seeded(1));
  const auto again = generate({}, {}, seeded(1));
  const auto other = generate({}, {}, seeded(2));
  ASSERT_TRUE(one && again && other);
  EXPECT_EQ(one->reveal(), again->reveal());
  EXPECT_NE(one->reveal(), other->reveal());
}

TEST(GeneratorTest, LongerAndStricterRulesAreMet) {
  for (const std::size_t length : {0U, 8U, 19U, 20U, 33U, 64U}) {
    PasswordRules rules;
    rules.min_length = length;
    rules.min_score = 4;
    for (int i = 0; i < 50; ++i) {
      const auto password = generate(rules, k_taro);
      ASSERT_TRUE(password) << length;
      EXPECT_GE(password->reveal().size(), length);
    }
  }
}

TEST(GeneratorTest, RulesThatCannotBeMetAreSaid) {
  PasswordRules rules;
  rules.max_bytes = 10;
  auto password = generate(rules, {});
  ASSERT_FALSE(password);
  EXPECT_EQ(password.error().kind, ErrorKind::bad_input);
  rules = {};
  rules.min_length = 65;
  EXPECT_FALSE(generate(rules, {}));
}

TEST(GeneratorTest, NeverHoldsTheNameEvenWhenDrawn) {
  // A word of the generator's own letters, at its own places: drawn first, in each of two tries.
  const PersonWords person{"kamine@example.jp", "", "", ""};
  constexpr std::array<std::uint32_t, 6> kamine = {6, 0, 7, 2, 8, 1};
  constexpr std::size_t numbers = 6 + 6 + 5;  // of one password
  std::size_t drawn = 0;
  std::mt19937 rest(7);
  const Random source = [&](std::uint32_t upper) {
    const std::size_t at = drawn++;
    const bool is_name = at < 2 * numbers && at % numbers < kamine.size();
    return is_name ? kamine[at % numbers] : static_cast<std::uint32_t>(rest() % upper);
  };
  ASSERT_EQ(ascii_lower(generate({}, {}, source)->reveal()).substr(0, 6), "kamine");
  drawn = 0;
  const auto password = generate({}, person, source);
  ASSERT_TRUE(password);
  EXPECT_EQ(ascii_lower(password->reveal()).find("kamine"), std::string::npos);
  EXPECT_GE(drawn, 3 * numbers);
}

Text read(std::string_view text) { return reading(Secret(std::string(text))); }

TEST(ReadingTest, SaysAPasswordAloud) {
  const Text text = read("Kami-4827");
  EXPECT_EQ(text.ja,
            "大文字で、京都のケー。小文字で、アメリカのエー、メキシコのエム、イタリアのアイ。"
            "ハイフン。数字で、ヨン、ハチ、ニ、ナナ。");
  EXPECT_EQ(text.en,
            "capital kilo; small alpha, mike, india; hyphen; digits four, eight, two, seven.");
}

TEST(ReadingTest, EveryCharacterHasItsOwnName) {
  std::set<std::string> ja;
  std::set<std::string> en;
  for (char c = ' '; c < '\x7f'; ++c) {
    const Text text = read(std::string_view(&c, 1));
    EXPECT_EQ(text.ja.find("読み上げられない"), std::string::npos) << c;
    ja.insert(text.ja);
    en.insert(text.en);
  }
  EXPECT_EQ(ja.size(), 95U);
  EXPECT_EQ(en.size(), 95U);
  EXPECT_EQ(read("\n\xff猫").ja,
            "読み上げられない文字。読み上げられない文字。読み上げられない文字。");
  EXPECT_EQ(read("").ja, "");
  EXPECT_EQ(read("--").en, "hyphen; hyphen.");
}

}  // namespace
}  // namespace sekimori::password
