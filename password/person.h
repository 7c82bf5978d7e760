// The words a thief tries first for one mailbox: its address, its owner, the company. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sekimori::password {

// What is known of a mailbox's owner; empty where it is not. Each is read up to 256 bytes.
struct PersonWords {
  std::string address;  // taro.yamada@example.jp
  std::string domain;   // example.jp; the address's own is taken without being named here
  std::string name;     // 山田 太郎, ヤマダ タロウ, Taro Yamada
  std::string company;  // 株式会社サンプル, Sample Inc.
};

enum class WordSource : std::uint8_t { address, name };

struct PersonWord {
  std::string text;  // ASCII letters in lower case
  WordSource source = WordSource::address;
  // Says nothing of this person by itself ("mail", "com"): for the guesser's dictionary only, never
  // a reason to refuse.
  bool generic = false;
  bool operator==(const PersonWord&) const = default;
};

// At most this many words: zxcvbn compares each at each position of the password.
inline constexpr std::size_t k_person_words_max = 48;

// The parts of all of them, the most telling first, without repetition: split at separators and
// between letters and digits, names also joined (yamadataro, taroyamada), kana also in Latin
// letters (romaji.h), a company also without its legal form (株式会社, Inc.). Parts of at least 2
// characters.
[[nodiscard]] std::vector<PersonWord> person_words(const PersonWords& person);

// Does the text (lower or upper case, digits for letters undone) hold this word? Long words (4
// characters of ASCII, 2 of Japanese) anywhere, of 3 only where no other letter touches them, so
// that ken@ may still write "token".
[[nodiscard]] bool holds(std::string_view text, const PersonWord& word);

}  // namespace sekimori::password
