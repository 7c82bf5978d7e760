#include "password/similar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sekimori::password {
namespace {

Secret secret(std::string_view text) { return Secret(std::string(text)); }

Likeness like(std::string_view old, std::string_view fresh) {
  return compare(secret(old), secret(fresh));
}

TEST(SimilarTest, TheSamePassword) {
  EXPECT_EQ(like("Taro2024!", "Taro2024!"), Likeness::same);
  EXPECT_EQ(like("Taro2024!", " Taro2024!\u3000"), Likeness::same);
  EXPECT_EQ(like("Taro2024!", "Ｔａｒｏ2024!"), Likeness::same);
  EXPECT_EQ(like("", ""), Likeness::different);
}

TEST(SimilarTest, HabitsAreAlike) {
  for (const auto& [old, fresh] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"Taro2024!", "taro2024!"},            // case
           {"Taro2024!", "Taro2025!"},            // counted up
           {"Taro2024!", "Taro19991231!"},        // another number
           {"tokyo1tower", "tokyo2025tower"},     // a number inside
           {"Taro2024!", "##Taro77??"},           // only the ends changed
           {"password", "Xx-password-7741-abc"},  // the old one inside the new
           {"Xx-password-7741-abc", "7741-abc"},  // and the reverse
           {"sakuranbo", "S4kur4nb0"},            // letters as digits
           {"Sakura-Fuji", "ijuF-arukaS"},        // turned round
           {"sakura2024", "2024sakura"},          // rotated
           {"Sakuranbo!7", "Sakurinba!8"},        // a few edits
           {"12345678", "12345679"}}) {
    EXPECT_EQ(like(old, fresh), Likeness::alike) << old << " " << fresh;
    EXPECT_EQ(like(fresh, old), Likeness::alike) << fresh << " " << old;
  }
}

TEST(SimilarTest, OtherPasswordsAreDifferent) {
  for (const auto& [old, fresh] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"Kamine-resuta-48275", "Bugeta-hizumi-73952"},
           {"Taro2024!", "Nezumi+Wadachi77"},
           {"abc", "abcdefgh-ijk"},
           {"", "Nezumi+Wadachi77"},
           {"  ", "Nezumi+Wadachi77"},
           {"20240401", "19991231"}}) {
    EXPECT_EQ(like(old, fresh), Likeness::different) << old << " " << fresh;
  }
}

// What people did with the old password to make the new one must be undone.
TEST(SimilarTest, PredecessorsAreFoundByTheStoredHash) {
  for (const auto& [old, fresh] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"Taro2024!", "Taro2025!"},
           {"Taro2023!", "Taro2025!"},
           {"Taro2022!", "Taro2025!"},
           {"Taro24!", "Taro2024!"},
           {"Taro9!", "Taro10!"},
           {"Taro09!", "Taro10!"},
           {"Taro1!", "Taro12!"},
           {"Taro!", "Taro1!"},
           {"Taro2024", "Taro2024!"},
           {"Taro", "Taro2024!"},
           {"taro", "Taro2024!"},
           {"taro2024", "Taro2024!"},
           {"taro2024!", "Taro2024!"},
           {"taro2024!", "TARO2024!"},
           {"Taro2024!", "Taro!2024"},
           {"Taro2024?", "Taro2024!"},
           {"sakura77", "s4kur477"},
           {"Sakura77!", "S4kur477!"},
           {"Sakura", "S4kur4!"},
           {"sakura", "arukas"},
           {"sakura", "2024sakura"},
           {"2024sakura", "2025sakura"},
           {"Kamine-resuta", "Kamine-resuta-"}}) {
    int checks = 0;
    const auto fits = [&](const Secret& guess) -> Result<bool> {
      ++checks;
      return guess.reveal() == old;
    };
    const auto likeness = compare_with_stored(secret(fresh), fits);
    ASSERT_TRUE(likeness);
    EXPECT_EQ(*likeness, Likeness::alike) << old << " " << fresh;
    EXPECT_LE(checks, static_cast<int>(k_stored_checks_max));
  }
}

TEST(SimilarTest, PredecessorsAreBoundedAndEachTriedOnce) {
  for (const std::string& fresh :
       {std::string("S4kur4-77!"), std::string("2024Taro!!1999??"), std::string("a"),
        std::string("!!!!"), std::string("99999999999999999999"), std::string("\xff\xfe"),
        std::string("0"), std::string(128, '9'), std::string(129, 'x'), std::string()}) {
    const Secret candidate{std::string(fresh)};
    const auto all = likely_predecessors(candidate);
    EXPECT_LE(all.size(), k_stored_checks_max);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(all[i].is_set());
      EXPECT_NE(all[i].reveal(), fresh);
      for (std::size_t j = 0; j < i; ++j) EXPECT_NE(all[i].reveal(), all[j].reveal());
    }
    EXPECT_EQ(likely_predecessors(candidate, 2).size(), std::min<std::size_t>(all.size(), 2));
  }
  EXPECT_GE(likely_predecessors(secret("Taro2024!")).size(), 20U);
}

TEST(SimilarTest, StoredChecksStopAtAnErrorAndAtTheLimit) {
  int checks = 0;
  const auto fails = [&](const Secret&) -> Result<bool> {
    if (++checks == 3) return operating_failure("gone");
    return false;
  };
  const auto result = compare_with_stored(secret("Taro2024!"), fails);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::operating);
  EXPECT_EQ(checks, 3);

  checks = 0;
  const auto never = [&](const Secret&) -> Result<bool> {
    ++checks;
    return false;
  };
  EXPECT_EQ(compare_with_stored(secret("Taro2024!"), never, 5), Likeness::different);
  EXPECT_EQ(checks, 5);
  checks = 0;
  EXPECT_EQ(compare_with_stored(secret("Taro2024!"), never, 0), Likeness::different);
  EXPECT_EQ(checks, 0);
}

}  // namespace
}  // namespace sekimori::password
