// The words of rules.h.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "base/words.h"
#include "password/rules.h"

namespace sekimori::password {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Problem::count_)> k_problems{
    "too_short",     "too_long",       "no_upper",   "no_lower",         "no_digit",
    "no_symbol",     "common",         "guessable",  "contains_address", "contains_name",
    "leading_blank", "trailing_blank", "full_width", "non_ascii",        "control",
    "same_as_old",   "like_old"};

}  // namespace

std::string_view to_string(Problem problem) { return word_of(k_problems, problem); }
std::optional<Problem> parse_problem(std::string_view word) {
  return value_of<Problem>(k_problems, word);
}

Text words_for(Problem problem, const PasswordRules& rules, bool wide) {
  switch (problem) {
    case Problem::too_short:
      return {fmt::format("短すぎます。{}文字以上にしてください。",
                          std::max<std::size_t>(rules.min_length, 1)),
              fmt::format("It is too short. Please use at least {} characters.",
                          std::max<std::size_t>(rules.min_length, 1))};
    case Problem::too_long: {
      const std::size_t limit = std::min(rules.max_bytes, k_max_bytes);
      return {fmt::format("長すぎます。半角{}文字以内にしてください。", limit),
              fmt::format("It is too long. Please use at most {} characters.", limit)};
    }
    case Problem::no_upper:
      return {"英大文字（A～Z）が入っていません。1文字以上加えてください。",
              "It has no capital letter. Please add at least one (A-Z)."};
    case Problem::no_lower:
      return {"英小文字（a～z）が入っていません。1文字以上加えてください。",
              "It has no small letter. Please add at least one (a-z)."};
    case Problem::no_digit:
      return {"数字（0～9）が入っていません。1文字以上加えてください。",
              "It has no digit. Please add at least one (0-9)."};
    case Problem::no_symbol:
      return {"記号（- ! # など）が入っていません。1文字以上加えてください。",
              "It has no symbol. Please add at least one (such as - ! #)."};
    case Problem::common:
      return {
          "広く使われている言葉やパスワードがもとになっていて、最初に試されます。別の言葉を選び、"
          "関係のない言葉をいくつか組み合わせてください。",
          "It is built on a widely used word or password, which is tried first. Please choose "
          "another, and combine several unrelated words."};
    case Problem::guessable:
      return {
          "推測されやすい組み合わせです。名前、日付、並んだ文字（abc、123）を避けて、"
          "もう少し長くしてください。",
          "It is easy to guess. Please avoid names, dates and runs such as abc or 123, and make "
          "it a little longer."};
    case Problem::contains_address:
      return {
          "メールアドレスの一部が入っています。アドレスと関係のない言葉にしてください。",
          "It contains a part of the mail address. Please use words that have nothing to do with "
          "the address."};
    case Problem::contains_name:
      return {
          "お名前または会社名が入っています。お名前や会社名と関係のない言葉にしてください。",
          "It contains your name or the company's name. Please use words that have nothing to do "
          "with either."};
    case Problem::leading_blank:
      return {
          wide ? "先頭か末尾に全角の空白が入っています。コピーしたときに入ることがあります。"
                 "先頭の空白を消してください。"
               : "先頭に空白が入っています。コピーしたときに入ることがあります。"
                 "先頭の空白を消してください。",
          "There is a blank at the beginning; copying often brings one along. Please remove it."};
    case Problem::trailing_blank:
      return {wide ? "先頭か末尾に全角の空白が入っています。コピーしたときに入ることがあります。"
                     "末尾の空白を消してください。"
                   : "末尾に空白が入っています。コピーしたときに入ることがあります。"
                     "末尾の空白を消してください。",
              "There is a blank at the end; copying often brings one along. Please remove it."};
    case Problem::full_width:
      return {"全角文字が含まれています。入力を半角英数字に切り替えて、もう一度入力してください。",
              "It contains full-width characters. Please switch to half-width input and type it "
              "again."};
    case Problem::non_ascii:
      return {
          "半角の英字・数字・記号のほかの文字が含まれています。メールソフトによっては入力や送信が"
          "できないため、半角の英字・数字・記号だけにしてください。",
          "It contains characters other than plain letters, digits and symbols, which many mail "
          "programs cannot type or send. Please use only those."};
    case Problem::control:
      return {
          "改行やタブなど、目に見えない文字が含まれています。コピーせずに、"
          "キーボードで入力してください。",
          "It contains invisible characters such as a line break or a tab. Please type it on the "
          "keyboard instead of copying it."};
    case Problem::same_as_old:
      return {
          "今までのパスワードと同じです。知られているおそれがあるため、新しいものにしてください。",
          "It is the same as the old password, which others may know. Please choose a new one."};
    case Problem::like_old:
      return {
          "今までのパスワードとよく似ています。数字や記号だけを変えても推測されるため、"
          "まったく別のものにしてください。",
          "It is very much like the old password. Changing only digits or symbols can be guessed; "
          "please choose an entirely different one."};
    case Problem::count_: break;
  }
  SEKIMORI_CHECK(false);
}

Text describe(const PasswordRules& rules) {
  std::string ja;
  std::string en;
  const auto name = [&](bool needed, std::string_view in_ja, std::string_view in_en) {
    if (!needed) return;
    ja += fmt::format("{}{}", ja.empty() ? "" : "・", in_ja);
    en += fmt::format("{}{}", en.empty() ? "" : ", ", in_en);
  };
  name(rules.need_upper, "英大文字", "a capital letter");
  name(rules.need_lower, "英小文字", "a small letter");
  name(rules.need_digit, "数字", "a digit");
  name(rules.need_symbol, "記号", "a symbol");
  const std::size_t length = std::max<std::size_t>(rules.min_length, 1);
  Text text{fmt::format("半角で{}文字以上にしてください。", length),
            fmt::format("Please use at least {} characters.", length)};
  if (!ja.empty()) {
    text.ja = fmt::format("半角で{}文字以上、{}をそれぞれ1文字以上入れてください。", length, ja);
    text.en = fmt::format("Please use at least {} characters with {}.", length, en);
  }
  text.ja += "お名前、メールアドレス、会社名、これまでのパスワードに似たものは使えません。";
  text.en += " It must not resemble your name, mail address, company's name or earlier passwords.";
  return text;
}

}  // namespace sekimori::password
