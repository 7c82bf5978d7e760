#include "password/person.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "password/characters.h"
#include "password/romaji.h"

namespace sekimori::password {
namespace {

std::set<std::string> texts(const PersonWords& person, bool generic = false) {
  std::set<std::string> out;
  for (const PersonWord& word : person_words(person)) {
    if (word.generic == generic) out.insert(word.text);
  }
  return out;
}

TEST(PersonTest, SplitsAnAddress) {
  const PersonWords person{"Taro.Yamada1985@sample-shop.co.jp", "", "", ""};
  const auto words = texts(person);
  for (const char* word : {"taro", "yamada", "taroyamada", "yamadataro", "taro.yamada1985",
                           "sample", "shop", "sampleshop"}) {
    EXPECT_TRUE(words.contains(word)) << word;
  }
  EXPECT_EQ(texts(person, true), (std::set<std::string>{"1985", "co", "jp"}));
  // The most telling first.
  EXPECT_EQ(person_words(person).front().text, "taro.yamada1985");
}

TEST(PersonTest, ReadsKanaAndLeavesTheLegalFormOut) {
  const auto words = texts({"", "", "ヤマダ　タロウ", "株式会社サンプル"});
  for (const char* word : {"yamada", "tarou", "taro", "yamadatarou", "tarouyamada", "sanpuru",
                           "sampuru", "サンプル"}) {
    EXPECT_TRUE(words.contains(word)) << word;
  }
  EXPECT_FALSE(std::ranges::any_of(
      words, [](const std::string& w) { return w.find("株式会社") != std::string::npos; }));
  EXPECT_TRUE(texts({"", "", "山田太郎", ""}).contains("山田太郎"));
}

TEST(PersonTest, FullWidthLettersAreLetters) {
  EXPECT_TRUE(texts({"", "", "", "（株）ＳＡＭＰＬＥ"}).contains("sample"));
}

TEST(PersonTest, IsBounded) {
  std::string long_name;
  for (int i = 0; i < 1000; ++i) long_name += "ab" + std::to_string(i) + ".";
  const auto words = person_words({long_name + "@" + long_name, long_name, long_name, long_name});
  EXPECT_LE(words.size(), k_person_words_max);
  EXPECT_TRUE(person_words({}).empty());
}

TEST(PersonTest, ShortWordsOnlyStandAlone) {
  const PersonWord ken{"ken", WordSource::address, false};
  EXPECT_TRUE(holds("Ken-48275!", ken));
  EXPECT_TRUE(holds("77ken", ken));
  EXPECT_FALSE(holds("token-48275!", ken));
  EXPECT_FALSE(holds("kenya", ken));
  const PersonWord taro{"taro", WordSource::address, false};
  EXPECT_TRUE(holds("xxTAROxx", taro));
  EXPECT_TRUE(holds("xx74r0xx", taro));
  EXPECT_FALSE(holds("xxtoraxx", taro));
  EXPECT_FALSE(holds("mail", {"mail", WordSource::address, true}));
  EXPECT_FALSE(holds("ab", {"ab", WordSource::address, false}));
}

TEST(RomajiTest, SpellsNamesAsPeopleDo) {
  const auto has = [](std::string_view kana, std::string_view spelling) {
    const auto all = romaji(kana);
    return std::ranges::find(all, spelling) != all.end();
  };
  EXPECT_TRUE(has("タロウ", "tarou") && has("タロウ", "taro"));
  EXPECT_TRUE(has("さとう", "satou") && has("さとう", "sato"));
  EXPECT_TRUE(has("シンバシ", "shinbashi") && has("シンバシ", "shimbashi") &&
              has("シンバシ", "sinbasi"));
  EXPECT_TRUE(has("ジュンイチ", "junichi") && has("ジュンイチ", "zyuniti"));
  EXPECT_TRUE(has("キョウコ", "kyouko") && has("キョウコ", "kyoko"));
  EXPECT_TRUE(has("ハットリ", "hattori"));
  EXPECT_TRUE(has("マッチャ", "matcha") && has("マッチャ", "mattya"));
  EXPECT_TRUE(has("フジツウ", "fujitsuu") && has("フジツウ", "fujitsu"));
  EXPECT_TRUE(has("ファースト", "fasuto"));
  EXPECT_TRUE(has("パーティー", "pati"));
  EXPECT_TRUE(has("ウィング", "wingu"));
  EXPECT_TRUE(has("ヴァイオリン", "vaiorin"));
  EXPECT_TRUE(has("ﾔﾏﾀﾞ", "yamada"));
  EXPECT_TRUE(has("ﾎﾟﾝﾌﾟ", "ponpu"));
  EXPECT_TRUE(romaji("山田").empty());
  EXPECT_TRUE(romaji("abc").empty());
  EXPECT_TRUE(romaji("").empty());
  EXPECT_TRUE(romaji("ッー").empty());
}

TEST(RomajiTest, EveryKanaHasASound) {
  for (char32_t c = 0x30a1; c <= 0x30f4; ++c) {
    if (c == U'ッ') continue;
    std::string kana;
    append_utf8(kana, c);
    ASSERT_FALSE(romaji(kana).empty()) << kana;
    EXPECT_EQ(romaji(kana).front().find('+'), std::string::npos) << kana;
  }
  EXPECT_EQ(romaji("ン").front(), "n");
  EXPECT_EQ(romaji("ヴ").front(), "vu");
  EXPECT_EQ(romaji("ヲ").front(), "o");
}

TEST(CharactersTest, ReadsUtf8AndNothingElse) {
  const auto first = [](std::string_view text) { return first_character(text); };
  EXPECT_EQ(first("A").code, U'A');
  EXPECT_EQ(first("é").code, U'é');
  EXPECT_EQ(first("猫").code, U'猫');
  EXPECT_EQ(first("😀").code, U'😀');
  EXPECT_EQ(first("😀").bytes, 4U);
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf8\x88\x80\x80", "\xff", "\xe7\x8c", "\xe7"}) {
    EXPECT_EQ(first(bad).code, k_not_utf8);
    EXPECT_EQ(first(bad).bytes, 1U);
  }
}

TEST(CharactersTest, EveryCharacterSurvivesWriting) {
  for (char32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 61) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(first_character(text).code, c);
    ASSERT_EQ(first_character(text).bytes, text.size());
  }
}

}  // namespace
}  // namespace sekimori::password
