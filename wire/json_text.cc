#include "wire/json_text.h"

#include <array>
#include <cstddef>
#include <numeric>

namespace sekimori::wire {
namespace {

// The length of the well-formed UTF-8 character at `p` (Unicode 15, table 3-7), or 0.
int utf8_length(const char* p, const char* end) {
  const auto at = [&](int i) { return static_cast<unsigned char>(p[i]); };
  const auto follows = [&](int i) { return (at(i) & 0xc0U) == 0x80U; };
  const auto left = end - p;
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return left >= 2 && follows(1) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    if (left < 3 || !follows(1) || !follows(2)) return 0;
    if (lead == 0xe0 && at(1) < 0xa0) return 0;
    if (lead == 0xed && at(1) > 0x9f) return 0;
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (left < 4 || !follows(1) || !follows(2) || !follows(3)) return 0;
    if (lead == 0xf0 && at(1) < 0x90) return 0;
    if (lead == 0xf4 && at(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// 0: stands for itself in a string.
constexpr auto k_special = [] {
  std::array<bool, 256> table{};
  for (std::size_t i = 0; i < 0x20; ++i) table[i] = true;
  table['"'] = table['\\'] = true;
  for (std::size_t i = 0x80; i < 256; ++i) table[i] = true;
  return table;
}();

const char* skip_plain(const char* p, const char* end) {
  while (p < end && !k_special[static_cast<unsigned char>(*p)]) ++p;
  return p;
}

constexpr std::string_view k_replacement = "\xef\xbf\xbd";  // U+FFFD

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr char k_hex[] = "0123456789abcdef";
  out += '"';
  const char* p = text.data();
  const char* end = p + text.size();
  while (p < end) {
    const char* plain = p;
    p = skip_plain(p, end);
    out.append(plain, p);
    if (p == end) break;
    const auto byte = static_cast<unsigned char>(*p);
    if (byte >= 0x80) {
      const int length = utf8_length(p, end);
      if (length == 0) {
        out += k_replacement;
        ++p;
      } else {
        out.append(p, static_cast<std::size_t>(length));
        p += length;
      }
      continue;
    }
    ++p;
    switch (byte) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += k_hex[byte >> 4];
        out += k_hex[byte & 15U];
        break;
    }
  }
  out += '"';
}

std::string valid_utf8(std::string_view text) {
  // Nearly all of what comes here is ASCII.
  const auto all = std::accumulate(text.begin(), text.end(), 0U, [](unsigned bits, char c) {
    return bits | static_cast<unsigned char>(c);
  });
  if (all < 0x80) return std::string(text);
  std::string out;
  out.reserve(text.size());
  const char* p = text.data();
  const char* end = p + text.size();
  while (p < end) {
    const int length = utf8_length(p, end);
    if (length == 0) {
      out += k_replacement;
      ++p;
    } else {
      out.append(p, static_cast<std::size_t>(length));
      p += length;
    }
  }
  return out;
}

}  // namespace sekimori::wire
