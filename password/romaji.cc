#include "password/romaji.h"

#include <algorithm>
#include <array>
#include <utility>

#include "password/characters.h"

namespace sekimori::password {
namespace {

constexpr char32_t k_first = 0x30a1;  // ァ
constexpr char32_t k_small_tu = 0x30c3;
constexpr char32_t k_long = 0x30fc;

// ァ (U+30A1) to ヴ (U+30F4), in Unicode's order; small vowels and small ya, yu, yo are "+" and
// what replaces the vowel before them.
constexpr std::array<std::string_view, 84> k_hepburn{
    "+a",  "a",  "+i", "i",  "+u",  "u",  "+e", "e",   "+o",  "o",  "ka",  "ga", "ki",  "gi",
    "ku",  "gu", "ke", "ge", "ko",  "go", "sa", "za",  "shi", "ji", "su",  "zu", "se",  "ze",
    "so",  "zo", "ta", "da", "chi", "ji", "",   "tsu", "zu",  "te", "de",  "to", "do",  "na",
    "ni",  "nu", "ne", "no", "ha",  "ba", "pa", "hi",  "bi",  "pi", "fu",  "bu", "pu",  "he",
    "be",  "pe", "ho", "bo", "po",  "ma", "mi", "mu",  "me",  "mo", "+ya", "ya", "+yu", "yu",
    "+yo", "yo", "ra", "ri", "ru",  "re", "ro", "+wa", "wa",  "i",  "e",   "o",  "n",   "vu"};

// ｦ (U+FF66) to ﾟ (U+FF9F): the full-width katakana of each, the sound marks as their own.
constexpr std::u32string_view k_half_width =
    U"ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモ"
    U"ヤユヨラリルレロワン゛゜";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string shortened(std::string text) {
  for (const auto& [from, to] :
       {std::pair{"ou", "o"}, {"oo", "o"}, {"uu", "u"}, {"aa", "a"}, {"ee", "e"}, {"ii", "i"}}) {
    replace_all(text, from, to);
  }
  return text;
}

std::string with_m(std::string text) {
  for (const auto& [from, to] : {std::pair{"nb", "mb"}, {"nm", "mm"}, {"np", "mp"}}) {
    replace_all(text, from, to);
  }
  return text;
}

std::string kunrei(std::string text) {
  for (const auto& [from, to] : {std::pair{"shi", "si"},
                                 {"sh", "sy"},
                                 {"tch", "tty"},
                                 {"chi", "ti"},
                                 {"ch", "ty"},
                                 {"tsu", "tu"},
                                 {"fu", "hu"},
                                 {"ji", "zi"},
                                 {"j", "zy"},
                                 {"ttyi", "tti"}}) {
    replace_all(text, from, to);
  }
  return text;
}

// Joins a small ya, yu, yo or vowel to the syllable before it: shi+ya → sha, ki+ya → kya,
// fu+a → fa, te+i → ti, u+i → wi.
void join(std::string& out, std::string_view small) {
  if (out.empty()) {
    out += small;
    return;
  }
  const char vowel = out.back();
  if (std::string_view("aiueon").find(vowel) == std::string_view::npos) {
    out += small;
    return;
  }
  const bool syllable = out.size() > 1 && std::string_view("aiueon").find(out[out.size() - 2]) ==
                                              std::string_view::npos;
  if (!syllable) {  // a vowel alone: ウィ is wi, anything else stays
    if (vowel == 'u' && small.size() == 1) out.back() = 'w';
    out += small;
    return;
  }
  out.pop_back();
  const bool soft = out.ends_with("sh") || out.ends_with("ch") || out.ends_with("j");
  out += soft && small.size() == 2 ? small.substr(1) : small;
}

std::string hepburn(std::u32string_view kana) {
  std::string out;
  bool doubled = false;
  for (const char32_t c : kana) {
    if (c == k_long) continue;
    if (c == k_small_tu) {
      doubled = true;
      continue;
    }
    const std::string_view sound = k_hepburn[c - k_first];
    if (sound.starts_with('+')) {
      join(out, sound.substr(1));
    } else {
      if (doubled && is_letter(sound.front())) out += sound.starts_with("ch") ? 't' : sound.front();
      out += sound;
    }
    doubled = false;
  }
  return out;
}

}  // namespace

std::string to_katakana(std::string_view text) {
  std::u32string wide;
  std::string out;
  const auto flush = [&] {
    for (const char32_t c : wide) append_utf8(out, c);
    wide.clear();
  };
  while (!text.empty()) {
    const Character character = first_character(text);
    char32_t c = character.code;
    if (c == k_not_utf8) {
      flush();
      out += text.front();
    } else {
      if (c >= 0x3041 && c <= 0x3096) c += 0x60;  // hiragana
      if (c >= 0xff66 && c <= 0xff9f) c = k_half_width[c - 0xff66];
      // The kana with a sound mark follow the one without: カ U+30AB, ガ U+30AC; ハ, バ, パ.
      const char32_t last = wide.empty() ? 0 : wide.back();
      if ((c == U'゛' || c == 0x3099) && last == U'ウ') {
        wide.back() = U'ヴ';
      } else if ((c == U'゛' || c == 0x3099) && last >= U'カ' && last <= U'ホ') {
        wide.back() = last + 1;
      } else if ((c == U'゜' || c == 0x309a) && last >= U'ハ' && last <= U'ホ') {
        wide.back() = last + 2;
      } else {
        wide += c;
      }
    }
    text.remove_prefix(character.bytes);
  }
  flush();
  return out;
}

std::vector<std::string> romaji(std::string_view kana) {
  const std::string katakana = to_katakana(kana);
  std::u32string letters;
  for (std::string_view rest = katakana; !rest.empty();) {
    const Character character = first_character(rest);
    const bool known = (character.code >= k_first && character.code < k_first + k_hepburn.size()) ||
                       character.code == k_long;
    if (!known) return {};
    letters += character.code;
    rest.remove_prefix(character.bytes);
  }
  const std::string plain = hepburn(letters);
  std::vector<std::string> spellings;
  for (std::string spelling : {plain, shortened(plain), with_m(plain), with_m(shortened(plain)),
                               kunrei(plain), kunrei(shortened(plain))}) {
    if (!spelling.empty() && std::ranges::find(spellings, spelling) == spellings.end()) {
      spellings.push_back(std::move(spelling));
    }
  }
  return spellings;
}

}  // namespace sekimori::password
