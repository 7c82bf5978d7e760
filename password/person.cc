#include "password/person.h"

#include <algorithm>
#include <array>

#include "base/mail_address.h"
#include "password/characters.h"
#include "password/romaji.h"

namespace sekimori::password {
namespace {

constexpr std::size_t k_field_bytes_max = 256;
constexpr std::size_t k_word_bytes_max = 64;

// Labels every other domain has too.
constexpr auto k_generic = std::to_array<std::string_view>(
    {"mail", "smtp", "imap", "pop", "www", "host", "server", "co",      "ne",  "or",
     "ac",   "go",   "ed",   "gr",  "ad",  "lg",   "jp",     "com",     "net", "org",
     "inc",  "ltd",  "corp", "llc", "kk",  "info", "biz",    "company", "the", "and"});

// What is the same in every company's name, longest first.
constexpr auto k_legal_forms = std::to_array<std::string_view>({"特定非営利活動法人",
                                                                "一般社団法人",
                                                                "一般財団法人",
                                                                "公益社団法人",
                                                                "公益財団法人",
                                                                "社会福祉法人",
                                                                "医療法人社団",
                                                                "医療法人",
                                                                "学校法人",
                                                                "宗教法人",
                                                                "株式会社",
                                                                "有限会社",
                                                                "合同会社",
                                                                "合資会社",
                                                                "合名会社",
                                                                "（株）",
                                                                "（有）",
                                                                "（同）",
                                                                "(株)",
                                                                "(有)",
                                                                "(同)",
                                                                "㈱",
                                                                "㈲"});

std::string_view cut(std::string_view text) {
  if (text.size() <= k_field_bytes_max) return text;
  std::size_t end = k_field_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

enum class Script : std::uint8_t { none, letter, digit, kana, other };

Script script_of(char32_t c) {
  if (c < 0x80) {
    const char ascii = static_cast<char>(c);
    return is_letter(ascii) ? Script::letter : is_digit(ascii) ? Script::digit : Script::none;
  }
  if (c == k_not_utf8 || c == 0x30fb || c == 0xff65) return Script::none;  // ・ parts names
  if ((c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fc) ||
      (c >= 0xff66 && c <= 0xff9f)) {
    return Script::kana;
  }
  // Punctuation of both widths, blanks.
  if (c < 0xc0 || (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x3004) ||
      (c >= 0x3008 && c <= 0x3030)) {
    return Script::none;
  }
  return Script::other;
}

struct Part {
  std::string text;
  Script script = Script::none;
};

// Runs of one script, the full-width letters as half-width ones.
std::vector<Part> parts_of(std::string_view text) {
  std::vector<Part> parts;
  Script last = Script::none;
  while (!text.empty()) {
    const Character character = first_character(text);
    char32_t c = character.code;
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;
    const Script script = script_of(c);
    // ー belongs to the kana before it, a sound mark of the half width as well.
    if (script != Script::none) {
      if (script != last) parts.push_back({{}, script});
      append_utf8(parts.back().text, c);
    }
    last = script;
    text.remove_prefix(character.bytes);
  }
  return parts;
}

class Collector {
 public:
  void add(std::string_view text, WordSource source, bool generic = false) {
    if (words_.size() >= k_person_words_max || text.size() < 2) return;
    PersonWord word{ascii_lower(text.substr(0, k_word_bytes_max)), source, generic};
    if (std::ranges::find(k_generic, word.text) != k_generic.end() && source == WordSource::name) {
      word.generic = true;
    }
    // Digits alone (a birth year in the address) are for the guesser; 4 of them in a password say
    // little of its owner.
    if (std::ranges::all_of(word.text, is_digit)) word.generic = true;
    if (std::ranges::find(words_, word.text, &PersonWord::text) == words_.end()) {
      words_.push_back(std::move(word));
    }
  }

  void add_part(const Part& part, WordSource source) {
    add(part.text, source);
    if (part.script != Script::kana) return;
    for (const std::string& spelling : romaji(part.text)) add(spelling, source);
  }

  // A person's parts: each, and two neighbours joined in both orders.
  void add_name(std::string_view text, WordSource source) {
    const std::vector<Part> parts = parts_of(cut(text));
    for (const Part& part : parts) add_part(part, source);
    for (std::size_t i = 0; i + 1 < parts.size() && i < 3; ++i) {
      if (parts[i].script == Script::digit || parts[i + 1].script == Script::digit) continue;
      for (const std::string& first : spellings(parts[i])) {
        for (const std::string& second : spellings(parts[i + 1])) {
          add(first + second, source);
          add(second + first, source);
        }
      }
    }
  }

  void add_domain(std::string_view domain) {
    for (const Part& part : parts_of(cut(domain))) {
      const bool generic = std::ranges::find(k_generic, ascii_lower(part.text)) != k_generic.end();
      add(part.text, WordSource::address, generic);
    }
    // example-shop.jp: also as one word.
    std::string label(domain.substr(0, domain.find('.')));
    std::erase(label, '-');
    add(label, WordSource::address, std::ranges::find(k_generic, label) != k_generic.end());
  }

  std::vector<PersonWord> take() && { return std::move(words_); }

 private:
  // The one or two ways that matter; all of them squared would fill the list.
  static std::vector<std::string> spellings(const Part& part) {
    if (part.script != Script::kana) return {part.text};
    std::vector<std::string> all = romaji(part.text);
    if (all.size() > 2) all.resize(2);
    return all;
  }

  std::vector<PersonWord> words_;
};

std::string without_legal_form(std::string_view company) {
  std::string text(cut(company));
  for (const std::string_view form : k_legal_forms) {
    if (const std::size_t at = text.find(form); at != std::string::npos) {
      text.replace(at, form.size(), " ");
    }
  }
  return text;
}

bool holds_word(std::string_view text, std::string_view word) {
  const bool ascii = std::ranges::all_of(word, [](char c) { return (c & '\x80') == 0; });
  const std::size_t anywhere = ascii ? 4 : 6;
  if (word.size() < 3) return false;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    if (word.size() >= anywhere) return true;
    const std::size_t end = at + word.size();
    const bool touched =
        (at > 0 && is_letter(text[at - 1])) || (end < text.size() && is_letter(text[end]));
    if (!touched) return true;
  }
  return false;
}

}  // namespace

std::vector<PersonWord> person_words(const PersonWords& person) {
  Collector words;
  const std::string_view address = cut(person.address);
  const std::size_t at = address.rfind('@');
  const std::string_view local = address.substr(0, at);
  words.add(local, WordSource::address);
  words.add_name(local, WordSource::address);
  words.add_name(person.name, WordSource::name);
  const std::string company = without_legal_form(person.company);
  for (const Part& part : parts_of(company)) words.add_part(part, WordSource::name);
  if (at != std::string_view::npos) words.add_domain(address.substr(at + 1));
  words.add_domain(cut(person.domain));
  return std::move(words).take();
}

bool holds(std::string_view text, const PersonWord& word) {
  if (word.generic) return false;
  const std::string lower = ascii_lower(text);
  if (holds_word(lower, word.text)) return true;
  // 1985 of taro1985 would read as letters itself: only words without digits are looked for there.
  if (std::ranges::any_of(word.text, is_digit)) return false;
  return word.text.size() >= 4 && holds_word(without_leet(text), word.text);
}

}  // namespace sekimori::password
