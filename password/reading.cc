// How a password is said aloud (generator.h).
#include <array>
#include <string>
#include <string_view>

#include "password/characters.h"
#include "password/generator.h"

namespace sekimori::password {
namespace {

struct Name {
  std::string_view ja;
  std::string_view en;
};

// Japanese: a word everyone connects with the letter, and its name; English: ICAO's alphabet
// (Annex 10, volume II, figure 5-1).
constexpr std::array<Name, 26> k_letters{{{"アメリカのエー", "alpha"},
                                          {"ブラジルのビー", "bravo"},
                                          {"チャイナのシー", "charlie"},
                                          {"デンマークのディー", "delta"},
                                          {"エジプトのイー", "echo"},
                                          {"フランスのエフ", "foxtrot"},
                                          {"ギリシャのジー", "golf"},
                                          {"香港のエイチ", "hotel"},
                                          {"イタリアのアイ", "india"},
                                          {"ジャパンのジェー", "juliett"},
                                          {"京都のケー", "kilo"},
                                          {"ロンドンのエル", "lima"},
                                          {"メキシコのエム", "mike"},
                                          {"名古屋のエヌ", "november"},
                                          {"大阪のオー", "oscar"},
                                          {"パリのピー", "papa"},
                                          {"クイーンのキュー", "quebec"},
                                          {"ローマのアール", "romeo"},
                                          {"さくらのエス", "sierra"},
                                          {"東京のティー", "tango"},
                                          {"上野のユー", "uniform"},
                                          {"ビクトリーのブイ", "victor"},
                                          {"ワシントンのダブリュー", "whiskey"},
                                          {"エックス線のエックス", "x-ray"},
                                          {"横浜のワイ", "yankee"},
                                          {"ゼブラのゼット", "zulu"}}};

constexpr std::array<Name, 10> k_digit_names{{{"ゼロ", "zero"},
                                              {"イチ", "one"},
                                              {"ニ", "two"},
                                              {"サン", "three"},
                                              {"ヨン", "four"},
                                              {"ゴ", "five"},
                                              {"ロク", "six"},
                                              {"ナナ", "seven"},
                                              {"ハチ", "eight"},
                                              {"キュウ", "nine"}}};

Name symbol_name(char c) {
  switch (c) {
    case '!': return {"感嘆符（びっくりマーク）", "exclamation mark"};
    case '"': return {"二重引用符", "double quote"};
    case '#': return {"シャープ", "hash"};
    case '$': return {"ドル記号", "dollar sign"};
    case '%': return {"パーセント", "percent sign"};
    case '&': return {"アンド記号", "ampersand"};
    case '\'': return {"アポストロフィー", "apostrophe"};
    case '(': return {"丸かっこの開き", "opening round bracket"};
    case ')': return {"丸かっこの閉じ", "closing round bracket"};
    case '*': return {"アスタリスク", "asterisk"};
    case '+': return {"プラス", "plus"};
    case ',': return {"コンマ", "comma"};
    case '-': return {"ハイフン", "hyphen"};
    case '.': return {"ドット", "dot"};
    case '/': return {"スラッシュ", "slash"};
    case ':': return {"コロン", "colon"};
    case ';': return {"セミコロン", "semicolon"};
    case '<': return {"小なり記号", "less-than sign"};
    case '=': return {"イコール", "equals sign"};
    case '>': return {"大なり記号", "greater-than sign"};
    case '?': return {"疑問符（はてなマーク）", "question mark"};
    case '@': return {"アットマーク", "at sign"};
    case '[': return {"角かっこの開き", "opening square bracket"};
    case '\\': return {"円記号またはバックスラッシュ", "backslash"};
    case ']': return {"角かっこの閉じ", "closing square bracket"};
    case '^': return {"ハット記号", "caret"};
    case '_': return {"アンダーバー", "underscore"};
    case '`': return {"バッククォート", "backquote"};
    case '{': return {"波かっこの開き", "opening curly bracket"};
    case '|': return {"縦棒", "vertical bar"};
    case '}': return {"波かっこの閉じ", "closing curly bracket"};
    case '~': return {"チルダ", "tilde"};
    case ' ': return {"空白", "space"};
    default: return {"読み上げられない文字", "a character that cannot be read out"};
  }
}

enum class Kind : unsigned char { none, upper, lower, digit, other };

Kind kind_of(char c) {
  if (is_upper(c)) return Kind::upper;
  if (is_lower(c)) return Kind::lower;
  return is_digit(c) ? Kind::digit : Kind::other;
}

Name prefix(Kind kind) {
  switch (kind) {
    case Kind::upper: return {"大文字で、", "capital "};
    case Kind::lower: return {"小文字で、", "small "};
    case Kind::digit: return {"数字で、", "digits "};
    default: return {"", ""};
  }
}

Name name_of(char c) {
  if (is_digit(c)) return k_digit_names[static_cast<std::size_t>(c - '0')];
  if (is_upper(c)) return k_letters[static_cast<std::size_t>(c - 'A')];
  if (is_lower(c)) return k_letters[static_cast<std::size_t>(c - 'a')];
  return symbol_name(c);
}

}  // namespace

Text reading(const Secret& password) {
  Text text;
  Kind last = Kind::none;
  std::string_view rest = password.reveal();
  while (!rest.empty()) {
    const Character character = first_character(rest);
    const char c = character.bytes == 1 ? rest.front() : '\0';
    const Kind kind = kind_of(c);
    // A change of kind ends a breath; symbols each stand alone.
    const bool new_breath = kind != last || kind == Kind::other;
    if (last != Kind::none) {
      text.ja += new_breath ? "。" : "、";
      text.en += new_breath ? "; " : ", ";
    }
    if (new_breath) {
      text.ja += prefix(kind).ja;
      text.en += prefix(kind).en;
    }
    text.ja += name_of(c).ja;
    text.en += name_of(c).en;
    last = kind;
    rest.remove_prefix(character.bytes);
  }
  if (last != Kind::none) {
    text.ja += "。";
    text.en += ".";
  }
  return text;
}

}  // namespace sekimori::password
