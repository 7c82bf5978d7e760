#include "wire/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

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

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hex digits that the cursor has already checked.
std::uint32_t hex4(const char* p) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 4 | static_cast<std::uint32_t>(hex_digit(p[i]));
  return value;
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

constexpr std::string_view k_replacement = "\xef\xbf\xbd";  // U+FFFD

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool JsonCursor::begin(char bracket, const char* what) {
  skip_blanks();
  if (at_ == end_ || *at_ != bracket)
    return fail(what == std::string_view("an object") ? "no JSON object" : "no JSON array");
  ++at_;
  first_ = true;
  return true;
}

bool JsonCursor::separator(char closing) {
  if (failed()) return false;
  skip_blanks();
  if (at_ == end_) return fail("the text ends inside a value");
  if (*at_ == closing) {
    ++at_;
    return false;
  }
  if (!first_) {
    if (*at_ != ',') return fail("a comma is missing");
    ++at_;
    skip_blanks();
  }
  first_ = false;
  return true;
}

bool JsonCursor::next_member(JsonToken& key, JsonToken& value) {
  if (!separator('}')) return false;
  if (at_ == end_ || *at_ != '"') return fail("a key in quotes is missing");
  if (!read_string(key)) return false;
  skip_blanks();
  if (at_ == end_ || *at_ != ':') return fail("a colon is missing");
  ++at_;
  return read_value(value, 1);
}

bool JsonCursor::next_element(JsonToken& value) { return separator(']') && read_value(value, 1); }

bool JsonCursor::finish() {
  if (failed()) return false;
  skip_blanks();
  return at_ == end_ || fail("something follows the value");
}

bool JsonCursor::read_value(JsonToken& value, int depth) {
  skip_blanks();
  if (at_ == end_) return fail("the text ends where a value should stand");
  const char* start = at_;
  value.escaped = false;
  bool read = false;
  switch (*at_) {
    case '"': return read_string(value);
    case '{':
      value.type = JsonType::object;
      read = read_nested('}', depth);
      break;
    case '[':
      value.type = JsonType::array;
      read = read_nested(']', depth);
      break;
    case 't':
      value.type = JsonType::boolean;
      read = read_word("true");
      break;
    case 'f':
      value.type = JsonType::boolean;
      read = read_word("false");
      break;
    case 'n':
      value.type = JsonType::null;
      read = read_word("null");
      break;
    default:
      value.type = JsonType::number;
      read = read_number();
      break;
  }
  value.raw = {start, static_cast<std::size_t>(at_ - start)};
  return read;
}

bool JsonCursor::read_nested(char closing, int depth) {
  if (depth >= k_json_depth_max) return fail("values are nested too deep");
  ++at_;
  // The members of a nested value are separated by their own commas.
  const bool outer_first = first_;
  first_ = true;
  JsonToken token;
  while (separator(closing)) {
    if (closing == '}') {
      if (at_ == end_ || *at_ != '"') return fail("a key in quotes is missing");
      if (!read_string(token)) return false;
      skip_blanks();
      if (at_ == end_ || *at_ != ':') return fail("a colon is missing");
      ++at_;
    }
    if (!read_value(token, depth + 1)) return false;
  }
  first_ = outer_first;
  return !failed();
}

bool JsonCursor::read_string(JsonToken& value) {
  const char* start = ++at_;
  value.type = JsonType::string;
  value.escaped = false;
  for (;;) {
    at_ = skip_plain(at_, end_);
    if (at_ == end_) return fail("a string does not end");
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '"') {
      value.raw = {start, static_cast<std::size_t>(at_ - start)};
      ++at_;
      return true;
    }
    if (byte == '\\') {
      value.escaped = true;
      if (!read_escape()) return false;
    } else if (byte < 0x20) {
      return fail("a control character stands in a string");
    } else {
      const int length = utf8_length(at_, end_);
      if (length == 0) return fail("a string is not UTF-8");
      at_ += length;
    }
  }
}

bool JsonCursor::read_escape() {
  ++at_;
  if (at_ == end_) return fail("a string does not end");
  switch (*at_) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': ++at_; return true;
    case 'u':
      if (end_ - at_ < 5 ||
          !std::all_of(at_ + 1, at_ + 5, [](char c) { return hex_digit(c) >= 0; })) {
        return fail("\\u is not followed by four hex digits");
      }
      at_ += 5;
      return true;
    default: return fail("an unknown escape stands in a string");
  }
}

bool JsonCursor::read_number() {
  const auto here = [this] { return at_ < end_ ? *at_ : '\0'; };
  if (here() == '-') ++at_;
  if (!is_digit(here())) return fail("no JSON value");
  if (here() == '0') {
    ++at_;
  } else {
    while (is_digit(here())) ++at_;
  }
  if (here() == '.') {
    ++at_;
    if (!is_digit(here())) return fail("a number has no digit behind its point");
    while (is_digit(here())) ++at_;
  }
  if (here() == 'e' || here() == 'E') {
    ++at_;
    if (here() == '+' || here() == '-') ++at_;
    if (!is_digit(here())) return fail("a number has no exponent behind its e");
    while (is_digit(here())) ++at_;
  }
  return true;
}

bool JsonCursor::read_word(std::string_view word) {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) {
    return fail("no JSON value");
  }
  at_ += word.size();
  return true;
}

void append_json_value(std::string& out, const JsonToken& string) {
  if (!string.escaped) {
    out += string.raw;
    return;
  }
  const char* p = string.raw.data();
  const char* end = p + string.raw.size();
  while (p < end) {
    const char* backslash = std::find(p, end, '\\');
    out.append(p, backslash);
    if (backslash == end) return;
    p = backslash + 2;
    switch (backslash[1]) {
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'u': {
        std::uint32_t c = hex4(p);
        p += 4;
        if (c >= 0xd800 && c <= 0xdbff && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
          const std::uint32_t low = hex4(p + 2);
          if (low >= 0xdc00 && low <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
          }
        }
        append_utf8(out, c >= 0xd800 && c <= 0xdfff ? 0xfffd : c);
        break;
      }
      default: out += backslash[1]; break;
    }
  }
}

std::string json_value(const JsonToken& string) {
  std::string out;
  append_json_value(out, string);
  return out;
}

std::optional<double> json_double(const JsonToken& number) {
  if (number.type != JsonType::number) return std::nullopt;
  double value = 0;
  const char* end = number.raw.data() + number.raw.size();
  const auto [stop, error] = std::from_chars(number.raw.data(), end, value);
  if (stop != end || error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> json_uint(const JsonToken& number) {
  if (number.type != JsonType::number) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = number.raw.data() + number.raw.size();
  const auto [stop, error] = std::from_chars(number.raw.data(), end, value);
  if (stop == end && error == std::errc{}) return value;
  // A writer without integers (JavaScript, Lua) may say 1e3 or 3.0.
  const auto real = json_double(number);
  if (!real || *real < 0 || *real > 0x1p53 || *real != std::floor(*real)) return std::nullopt;
  return static_cast<std::uint64_t>(*real);
}

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
