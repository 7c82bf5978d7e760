// What a password is made of, whatever bytes were sent: characters, blanks at its ends, full-width
// forms. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace sekimori::password {

// One character of a text that may be no UTF-8 at all.
struct Character {
  char32_t code = 0;      // k_not_utf8 for a byte that belongs to no character
  std::size_t bytes = 1;  // at least 1
};
inline constexpr char32_t k_not_utf8 = 0xffffffff;

// The first character of `text`, which must not be empty (RFC 3629: no overlong form, no
// surrogate, nothing above U+10FFFF; anything else is one byte of k_not_utf8).
[[nodiscard]] Character first_character(std::string_view text);

// Appends the character in UTF-8.
void append_utf8(std::string& out, char32_t code);

// A password as its owner meant to type it, and what was found on the way.
struct Folded {
  // Without blanks at the ends and without invisible characters, full-width letters in half width
  // (Ａ → A). What cannot be folded stays as it was sent.
  Secret text;
  std::size_t characters = 0;  // in `text`
  bool leading_blank = false;
  bool trailing_blank = false;
  bool wide_blank = false;  // a blank at an end is the full-width one (U+3000)
  bool full_width = false;  // Ａ １ ！ or U+3000 between others
  bool invisible = false;   // control and zero-width characters
  bool non_ascii = false;   // anything else no keyboard in half-width mode types; bytes not UTF-8
};
[[nodiscard]] Folded fold(std::string_view password);

[[nodiscard]] constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
[[nodiscard]] constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
[[nodiscard]] constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool is_letter(char c) { return is_upper(c) || is_lower(c); }
// Printable ASCII that is neither letter, digit nor blank.
[[nodiscard]] constexpr bool is_symbol(char c) {
  return c > ' ' && c < '\x7f' && !is_letter(c) && !is_digit(c);
}

// The letter for which a digit or symbol commonly stands (4 → a, @ → a, 0 → o, $ → s …), in lower
// case; other characters unchanged. As long as its input.
[[nodiscard]] std::string without_leet(std::string_view text);

}  // namespace sekimori::password
