#include "password/characters.h"

#include <cstdint>

#include "base/mail_address.h"

namespace sekimori::password {
namespace {

enum class Sort : std::uint8_t { plain, blank, wide_blank, other_blank, invisible, wide, other };

constexpr bool between(char32_t c, char32_t first, char32_t last) {
  return c >= first && c <= last;
}

Sort sort_of(char32_t c) {
  if (c == ' ') return Sort::blank;
  if (between(c, 0x21, 0x7e)) return Sort::plain;
  if (c < 0x20 || between(c, 0x7f, 0x9f)) return Sort::invisible;
  if (c == 0x3000) return Sort::wide_blank;
  if (c == 0xa0 || c == 0x1680 || between(c, 0x2000, 0x200a) || c == 0x202f || c == 0x205f) {
    return Sort::other_blank;
  }
  // Soft hyphen, zero-width characters, directions, line separators, the byte order mark: they come
  // along when a password is copied from a page or a document.
  if (c == 0xad || between(c, 0x200b, 0x200f) || between(c, 0x2028, 0x202e) ||
      between(c, 0x2060, 0x206f) || c == 0xfeff) {
    return Sort::invisible;
  }
  if (between(c, 0xff01, 0xff5e) || between(c, 0xffe0, 0xffe6)) return Sort::wide;
  return Sort::other;
}

constexpr bool is_blank(Sort sort) {
  return sort == Sort::blank || sort == Sort::wide_blank || sort == Sort::other_blank;
}

}  // namespace

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {k_not_utf8, 1};
  char32_t code = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {k_not_utf8, 1};
    code = (code << 6U) | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10ffff || between(code, 0xd800, 0xdfff)) return {k_not_utf8, 1};
  return {code, length};
}

void append_utf8(std::string& out, char32_t code) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((code >> shift) & 0x3fU));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

Folded fold(std::string_view password) {
  Folded result;
  std::string text;
  // Folding never lengthens: one allocation, wiped with the Secret, and none left behind half full.
  text.reserve(password.size() + 1);
  std::size_t characters = 0;
  // Where the last character that is no blank ends: what follows is trailing.
  std::size_t end = 0;
  std::size_t characters_at_end = 0;
  bool trailing_wide = false;
  bool inner_wide = false;
  bool inner_other = false;
  bool pending_wide = false;  // blanks seen since the last visible character
  bool pending_other = false;
  for (std::size_t i = 0; i < password.size();) {
    const Character character = first_character(password.substr(i));
    const Sort sort = sort_of(character.code);
    if (sort == Sort::invisible) {
      result.invisible = true;
    } else if (is_blank(sort)) {
      if (end == 0) {
        result.leading_blank = true;
        result.wide_blank |= sort == Sort::wide_blank;
      } else {
        text += ' ';
        ++characters;
        pending_wide |= sort == Sort::wide_blank;
        pending_other |= sort == Sort::other_blank;
      }
    } else {
      if (sort == Sort::wide) {
        result.full_width = true;
      } else if (sort == Sort::other) {
        result.non_ascii = true;
      }
      if (sort == Sort::wide && character.code <= 0xff5e) {
        text += static_cast<char>(character.code - 0xfee0);
      } else {
        text += password.substr(i, character.bytes);
      }
      ++characters;
      end = text.size();
      characters_at_end = characters;
      inner_wide |= pending_wide;
      inner_other |= pending_other;
      pending_wide = pending_other = false;
    }
    i += character.bytes;
  }
  result.trailing_blank = text.size() > end;
  trailing_wide = pending_wide;
  result.wide_blank |= trailing_wide;
  result.full_width |= inner_wide;
  result.non_ascii |= inner_other;
  text.resize(end);
  result.characters = characters_at_end;
  result.text = Secret(std::move(text));
  return result;
}

std::string without_leet(std::string_view text) {
  std::string out = ascii_lower(text);
  for (char& c : out) {
    switch (c) {
      case '4':
      case '@': c = 'a'; break;
      case '8': c = 'b'; break;
      case '(': c = 'c'; break;
      case '3': c = 'e'; break;
      case '6':
      case '9': c = 'g'; break;
      case '1':
      case '!':
      case '|': c = 'i'; break;
      case '0': c = 'o'; break;
      case '5':
      case '$': c = 's'; break;
      case '7':
      case '+': c = 't'; break;
      case '2': c = 'z'; break;
      default: break;
    }
  }
  return out;
}

}  // namespace sekimori::password
