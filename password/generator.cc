#include "password/generator.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/mail_address.h"
#include "password/characters.h"

namespace sekimori::password {
namespace {

// No c, l, q, v, x: c is k or s, l is 1 or r, v is b in Japanese ears, q and x have no syllables.
constexpr std::string_view k_consonants = "bdfghjkmnprstwyz";
// No o: it is 0, in writing and in speech.
constexpr std::string_view k_vowels = "aeiu";
constexpr std::string_view k_digits = "23456789";
static_assert(k_consonants.size() == 16 && k_vowels.size() == 4 && k_digits.size() == 8);

constexpr std::size_t k_group_syllables = 3;
constexpr std::size_t k_digit_count = 5;
constexpr std::size_t k_length_max = 64;

// What syllables of these letters may spell and nobody wants to hear from a support desk, in
// Japanese and in English. About one draw in forty has one.
constexpr auto k_unwanted = std::to_array<std::string_view>(
    {"baka", "hage", "debu", "busu", "buta", "sine", "kusa", "kasu", "unti",
     "beni", "peni", "puta", "fuku", "suka", "rape", "nazi", "nigg", "nige",
     "tit",  "fag",  "fuk",  "hate", "kire", "haka", "juda", "satan"});

// Redrawing so often, a password of 51 bits that the rules can accept has long come.
constexpr int k_draws_max = 200;

std::uint32_t system_random(std::uint32_t upper) { return randombytes_uniform(upper); }

void add_group(std::string& text, const Random& random) {
  for (std::size_t i = 0; i < k_group_syllables; ++i) {
    text += k_consonants[random(k_consonants.size())];
    text += k_vowels[random(k_vowels.size())];
  }
}

bool is_unwanted(std::string_view text) {
  std::string letters(text);
  std::erase(letters, '-');
  letters = ascii_lower(letters);
  return std::ranges::any_of(
      k_unwanted, [&](std::string_view word) { return letters.find(word) != std::string::npos; });
}

std::string draw(std::size_t min_length, const Random& random) {
  std::string text;
  text.reserve(k_length_max + 16);
  add_group(text, random);
  text.front() = static_cast<char>(text.front() ^ 0x20);
  do {
    text += '-';
    add_group(text, random);
  } while (text.size() + 1 + k_digit_count < min_length);
  text += '-';
  for (std::size_t i = 0; i < k_digit_count; ++i) text += k_digits[random(k_digits.size())];
  return text;
}

}  // namespace

Result<Secret> generate(const PasswordRules& rules, const PersonWords& person,
                        const Random& random) {
  const Random source = random ? random : Random(system_random);
  if (rules.min_length > k_length_max) {
    return bad_input("no password is generated for rules that ask for more than 64 characters");
  }
  for (int i = 0; i < k_draws_max; ++i) {
    Secret password(draw(rules.min_length, source));
    if (!is_unwanted(password.reveal()) && judge(password, rules, person).accepted()) {
      return password;
    }
  }
  return bad_input("no generated password meets these rules; allow more bytes (max_bytes)");
}

}  // namespace sekimori::password
