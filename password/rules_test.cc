#include "password/rules.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace sekimori::password {
namespace {

const PersonWords k_taro{"taro@example.jp", "example.jp", "山田 太郎", "株式会社サンプル"};

Secret secret(std::string_view text) { return Secret(std::string(text)); }

std::set<std::string> problems(const Verdict& verdict) {
  std::set<std::string> words;
  for (const Finding& finding : verdict.findings) words.emplace(to_string(finding.problem));
  return words;
}

std::set<std::string> problems(std::string_view password, const PersonWords& person = k_taro,
                               const PasswordRules& rules = {}) {
  return problems(judge(secret(password), rules, person));
}

using Set = std::set<std::string>;

TEST(RulesTest, AcceptsAGoodPassword) {
  for (const std::string_view good :
       {"Kamine-resuta-48275", "nezumi+Wadachi77", "correct Horse7 battery-staple", "xK9$mQ2pVw"}) {
    const Verdict verdict = judge(secret(good), {}, k_taro);
    EXPECT_EQ(problems(verdict), Set{}) << good;
    EXPECT_GE(verdict.score, 3);
    EXPECT_FALSE(verdict.strength.ja.empty());
  }
}

TEST(RulesTest, RefusesWhatOwnersReallyChoose) {
  EXPECT_EQ(problems("Taro2024!"), (Set{"common", "contains_address"}));
  EXPECT_EQ(problems("T4r0-2024"), (Set{"common", "contains_address"}));
  EXPECT_TRUE(problems("Yamada-0401", {"info@example.jp", "", "ヤマダ タロウ", ""})
                  .contains("contains_name"));
  EXPECT_TRUE(problems("Tarou#19850401", {"info@example.jp", "", "やまだ たろう", ""})
                  .contains("contains_name"));
  EXPECT_TRUE(problems("Sanpuru-2025-kaisya", k_taro).contains("contains_name"));
  EXPECT_TRUE(problems("Sumpuru-2025-Sampuru", k_taro).contains("contains_name"));
  EXPECT_TRUE(problems("Example#7731-zk", k_taro).contains("contains_address"));
  EXPECT_EQ(problems("Password1!"), Set{"common"});
  EXPECT_EQ(problems("P@ssw0rd"), Set{"common"});
  EXPECT_EQ(problems("Qwerty123!"), Set{"common"});
  EXPECT_EQ(problems("Sakura2024!"), Set{"common"});
  EXPECT_EQ(problems("Doraemon-100"), Set{"common"});
  EXPECT_EQ(problems("Hanako-0315!"), Set{"common"});
  EXPECT_EQ(problems("Ar1gat0u1!"), Set{"common"});
  EXPECT_EQ(problems("Nihon-2024"), Set{"common"});
  EXPECT_EQ(problems("Sakura-8301-2947"), Set{});  // enough beside the word
  EXPECT_EQ(problems("Aa123456!"), Set{"guessable"});
  EXPECT_EQ(problems("12345678"), (Set{"no_upper", "no_lower", "no_symbol", "common"}));
}

TEST(RulesTest, NamesEverythingAtOnce) {
  EXPECT_EQ(problems("taro"),
            (Set{"too_short", "no_upper", "no_digit", "no_symbol", "common", "contains_address"}));
  EXPECT_EQ(problems(""), Set{"too_short"});
  EXPECT_EQ(problems("  　"), (Set{"too_short", "leading_blank"}));
}

TEST(RulesTest, BlanksAtTheEndsAreNamedAndWhichOne) {
  EXPECT_EQ(problems(" Kamine-resuta-48275"), Set{"leading_blank"});
  EXPECT_EQ(problems("Kamine-resuta-48275 "), Set{"trailing_blank"});
  EXPECT_EQ(problems("\u3000Kamine-resuta-48275\u3000"), (Set{"leading_blank", "trailing_blank"}));
  const Verdict wide = judge(secret("Kamine-resuta-48275\u3000"), {}, k_taro);
  ASSERT_EQ(wide.findings.size(), 1U);
  EXPECT_NE(wide.findings[0].words.ja.find("全角の空白"), std::string::npos);
  // A blank inside is a character like any other.
  EXPECT_EQ(problems("Kamine resuta-48275"), Set{});
  EXPECT_EQ(problems("Kamine\u3000resuta-48275"), Set{"full_width"});
}

TEST(RulesTest, FullWidthAndOtherCharactersAreNamed) {
  // Typed in half width it would be good: nothing else is said.
  EXPECT_EQ(problems("Ｋａｍｉｎｅ－ｒｅｓｕｔａ－４８２７５"), Set{"full_width"});
  EXPECT_EQ(problems("Kamine-resuta-48275！"), Set{"full_width"});
  EXPECT_EQ(problems("Kamine-resuta-48275猫"), Set{"non_ascii"});
  EXPECT_EQ(problems("Kamine-resuta-48275é"), Set{"non_ascii"});
  EXPECT_EQ(problems("Kamine-resuta-48275\xff"), Set{"non_ascii"});
  EXPECT_EQ(problems("Kamine-resuta-48275\n"), Set{"control"});
  EXPECT_EQ(problems("Kamine-\u200bresuta-48275"), Set{"control"});
  EXPECT_EQ(problems(std::string("Kamine-resuta\0-48275", 20)), Set{"control"});
  EXPECT_TRUE(problems("山田太郎-Kx7").contains("contains_name") ||
              problems("山田-Kx7-太郎").contains("contains_name"));
}

TEST(RulesTest, LengthCountsCharacters) {
  PasswordRules rules;
  rules.min_length = 12;
  rules.min_score = 0;
  // 11 characters, 13 bytes.
  EXPECT_TRUE(problems("Kx7-猫pqwzjt", {}, rules).contains("too_short"));
  EXPECT_FALSE(problems("Kx7-猫pqwzjtb", {}, rules).contains("too_short"));
  rules.max_bytes = 16;
  EXPECT_TRUE(problems("Kx7-pqwzjtbmrRs!t", {}, rules).contains("too_long"));
  EXPECT_FALSE(problems("Kx7-pqwzjtbmrRs!", {}, rules).contains("too_long"));
  rules.max_bytes = 100'000;
  EXPECT_FALSE(problems("Kx7-" + std::string(508, 'q'), {}, rules).contains("too_long"));
  EXPECT_TRUE(problems("Kx7-" + std::string(509, 'q'), {}, rules).contains("too_long"));
  // Cut at the limit, a character that is split there is no finding of its own.
  EXPECT_FALSE(problems("Kx7-x" + std::string(506, 'q') + "Ａ", {}, rules).contains("non_ascii"));
}

TEST(RulesTest, EveryRuleCanBeTurnedOff) {
  const PasswordRules off{.min_length = 0,
                          .need_upper = false,
                          .need_lower = false,
                          .need_digit = false,
                          .need_symbol = false,
                          .min_score = 0,
                          .max_bytes = 512};
  EXPECT_EQ(problems("abc", k_taro, off), Set{});
  EXPECT_EQ(problems("", k_taro, off), Set{"too_short"});
}

TEST(RulesTest, OldPasswordTypedOrStored) {
  const Secret old = secret("Kamine-resuta-48275");
  JudgeOptions options;
  options.old_password = &old;
  EXPECT_EQ(problems(judge(old, {}, k_taro, options)), Set{"same_as_old"});
  EXPECT_EQ(problems(judge(secret("Kamine-resuta-48276"), {}, k_taro, options)), Set{"like_old"});
  EXPECT_EQ(problems(judge(secret("Bugeta-hizumi-73952"), {}, k_taro, options)), Set{});

  JudgeOptions stored;
  stored.fits_stored = [&](const Secret& guess) -> Result<bool> {
    return guess.reveal() == old.reveal();
  };
  EXPECT_EQ(problems(judge(old, {}, k_taro, stored)), Set{"same_as_old"});
  EXPECT_EQ(problems(judge(secret("Kamine-resuta-48276"), {}, k_taro, stored)), Set{"like_old"});
  EXPECT_EQ(problems(judge(secret("Bugeta-hizumi-73952"), {}, k_taro, stored)), Set{});

  stored.fits_stored = [](const Secret&) -> Result<bool> { return bad_input("no such scheme"); };
  const Verdict verdict = judge(secret("Bugeta-hizumi-73952"), {}, k_taro, stored);
  EXPECT_TRUE(verdict.accepted());
  ASSERT_TRUE(verdict.old_not_checked);
  EXPECT_EQ(verdict.old_not_checked->text, "no such scheme");
}

TEST(RulesTest, WhatNoHashCanHoldIsNotAskedOfOne) {
  int checks = 0;
  JudgeOptions options;
  options.fits_stored = [&](const Secret&) -> Result<bool> {
    ++checks;
    return false;
  };
  for (const std::string& text : {std::string(), std::string(600, 'x'), std::string("a\0b", 3)}) {
    (void)judge(Secret(text), {}, k_taro, options);
  }
  EXPECT_EQ(checks, 0);
  (void)judge(secret("Taro2024!"), {}, k_taro, options);
  EXPECT_GT(checks, 8);
  EXPECT_LE(checks, static_cast<int>(k_stored_checks_max));
}

TEST(RulesTest, EveryProblemHasAnExampleAndWords) {
  const Secret old = secret("Kamine-resuta-48275");
  JudgeOptions options;
  options.old_password = &old;
  std::set<Problem> seen;
  for (const std::string& example :
       {std::string("a1"), std::string(600, 'x'), std::string("TARO"), std::string("Sampuru-9-Zqw"),
        std::string("Password1!"), std::string(" Zqwv-Ａ猫\t "), std::string(old.reveal()),
        std::string("Kamine-resuta-48276"), std::string("--")}) {
    const Verdict verdict = judge(Secret(example), {}, k_taro, options);
    for (const Finding& finding : verdict.findings) {
      seen.insert(finding.problem);
      EXPECT_TRUE(finding.words.ja.ends_with("ください。")) << finding.words.ja;
      EXPECT_TRUE(finding.words.en.ends_with("."));
    }
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(Problem::count_); ++i) {
    const auto problem = static_cast<Problem>(i);
    EXPECT_TRUE(seen.contains(problem)) << to_string(problem);
    EXPECT_EQ(parse_problem(to_string(problem)), problem);
  }
  EXPECT_EQ(parse_problem("nonsense"), std::nullopt);
}

TEST(RulesTest, DescribesTheRules) {
  EXPECT_EQ(describe({}).ja.substr(0, describe({}).ja.find("お名前")),
            "半角で8文字以上、英大文字・英小文字・数字・記号をそれぞれ1文字以上入れてください。");
  PasswordRules rules;
  rules.need_upper = rules.need_lower = rules.need_digit = rules.need_symbol = false;
  EXPECT_TRUE(describe(rules).en.starts_with("Please use at least 8 characters. It must"));
}

// Any bytes, with fragments that steer into every branch.
TEST(RulesTest, JudgesAnyBytes) {
  std::mt19937 random(20240401);
  const std::vector<std::string> fragments{"taro", "\u3000", "Ａ",   "2024", "!",    "\xe3\x81",
                                           "\xf0", "猫",     "\xc0", " ",    "\x7f", "password"};
  for (int i = 0; i < 4000; ++i) {
    std::string text;
    for (std::uint32_t n = random() % 12; n > 0; --n) {
      if (random() % 2 == 0) {
        text += fragments[random() % fragments.size()];
      } else {
        text += static_cast<char>(random() % 256);
      }
    }
    const PersonWords person{text, text, text, text};
    const Secret old(text + "1");
    JudgeOptions options;
    options.old_password = &old;
    const Verdict verdict = judge(Secret(text), {}, i % 2 == 0 ? k_taro : person, options);
    EXPECT_GE(verdict.score, 0);
    EXPECT_LE(verdict.score, 4);
    // The words are the table's, so the password cannot be in them.
    for (const Finding& finding : verdict.findings) {
      EXPECT_TRUE(finding.words == words_for(finding.problem, {}, false) ||
                  finding.words == words_for(finding.problem, {}, true));
    }
  }
}

}  // namespace
}  // namespace sekimori::password
