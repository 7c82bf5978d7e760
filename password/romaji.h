// How a Japanese name is typed in a password: kana in Latin letters. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sekimori::password {

// The common spellings of a word written in kana (full or half width), in lower case, without
// repetition: Hepburn, the same with long vowels shortened or m before b, m and p, and Kunrei
// (ISO 3602). タロウ → tarou, taro; シンバシ → shinbashi, shimbashi, sinbasi. Empty where the word
// has any other character. At most 6.
[[nodiscard]] std::vector<std::string> romaji(std::string_view kana);

// Katakana of the half-width block as full-width, with its sound marks joined (ﾔﾏﾀﾞ → ヤマダ), and
// hiragana as katakana; everything else unchanged.
[[nodiscard]] std::string to_katakana(std::string_view text);

}  // namespace sekimori::password
