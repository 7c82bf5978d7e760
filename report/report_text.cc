#include "report/report_text.h"

#include <algorithm>
#include <cstdint>

namespace sekimori::report {
namespace {

constexpr std::size_t k_address_max = 320;  // RFC 5321 §4.5.3.1

bool is_atom(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') ||
         std::string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != std::string_view::npos;
}
bool is_host(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_';
}

// Bytes of the UTF-8 character that begins here; 0 where none does.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t n = first >= 0xF0 && first < 0xF5   ? 4
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xC2 && first < 0xE0 ? 2
                                                        : 0;
  if (n == 0 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond Unicode.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) {
    return 0;
  }
  return n;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string one_line(std::string_view text, std::size_t max) {
  std::string out;
  bool gap = false;
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    if (first <= 0x20 || first == 0x7F) {
      gap = !out.empty();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t n = character(text);
    if (out.size() + (gap ? 1 : 0) + std::max<std::size_t>(n, 1) > max) break;
    if (gap) out += ' ';
    gap = false;
    if (n == 0) {
      out += '?';
      text.remove_prefix(1);
    } else {
      out.append(text.substr(0, n));
      text.remove_prefix(n);
    }
  }
  return out;
}

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::optional<std::string> next_address(std::string_view text, std::size_t& at) {
  while (at < text.size()) {
    const std::size_t sign = text.find('@', at);
    if (sign == std::string_view::npos) break;
    std::size_t begin = sign;
    while (begin > at && is_atom(text[begin - 1]) && sign - begin < k_address_max) --begin;
    // "smtp;a@b", "=a@b" and "'a@b" begin behind the sign.
    while (begin < sign && (text[begin] == '=' || text[begin] == '\'' || text[begin] == '.')) {
      ++begin;
    }
    std::size_t end = sign + 1;
    while (end < text.size() && is_host(text[end]) && end - begin < k_address_max) ++end;
    std::size_t last = end;
    while (last > sign + 1 && (text[last - 1] == '.' || text[last - 1] == '-')) --last;
    const std::string_view domain = text.substr(sign + 1, last - sign - 1);
    at = std::max(end, sign + 1);
    if (begin < sign && domain.find('.') != std::string_view::npos && domain.front() != '.' &&
        last - begin <= k_address_max) {
      return lower(text.substr(begin, last - begin));
    }
  }
  at = text.size();
  return std::nullopt;
}

std::string address_of(std::string_view value) {
  std::size_t at = 0;
  if (const auto open = value.rfind('<'); open != std::string_view::npos) {
    const std::string_view inside = value.substr(open);
    if (auto found = next_address(inside, at)) return *found;
    at = 0;
  }
  if (auto found = next_address(value, at)) return *found;
  return {};
}

std::string_view after_type(std::string_view value) {
  const auto end = value.find(';');
  // "dns; host" and "rfc822;a@b"; what has no type is taken whole.
  if (end == std::string_view::npos || end > 20) return trim(value);
  return trim(value.substr(end + 1));
}

}  // namespace sekimori::report
