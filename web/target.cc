#include "web/target.h"

#include <algorithm>
#include <cstdint>

namespace sekimori::web {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out.push_back(' ');
    } else if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_input("a '%' without two hexadecimal digits");
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  if (!is_utf8(out)) return bad_input("the address of the request is not UTF-8");
  if (has_control(out)) return bad_input("a control character in the address of the request");
  return out;
}

Result<void> read_query(std::string_view text, Target& out) {
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto key = decode(pair.substr(0, equals), true);
    if (!key) return std::unexpected(key.error());
    auto value = equals == std::string_view::npos ? Result<std::string>("")
                                                  : decode(pair.substr(equals + 1), true);
    if (!value) return std::unexpected(value.error());
    if (out.find(*key)) return bad_input("'" + *key + "' is given twice");
    if (out.query.size() == k_query_keys_max) return bad_input("too many query parameters");
    out.query.emplace_back(std::move(*key), std::move(*value));
  }
  return {};
}

}  // namespace

std::optional<std::string_view> Target::find(std::string_view key) const {
  const auto at = std::ranges::find(
      query, key, [](const auto& pair) -> std::string_view { return pair.first; });
  if (at == query.end()) return std::nullopt;
  return std::string_view(at->second);
}

Result<Target> parse_target(std::string_view text) {
  if (text.size() > k_target_max) return bad_input("the address of the request is too long");
  if (text.empty() || text.front() != '/') {
    return bad_input("the address of the request must begin with '/'");
  }
  Target out;
  const auto question = text.find('?');
  auto path = text.substr(1, question == std::string_view::npos ? question : question - 1);
  // A slash at the end names the same thing: /api/v1/accounts/ is the list.
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  while (!path.empty()) {
    const auto raw = path.substr(0, path.find('/'));
    const bool last = raw.size() == path.size();
    path.remove_prefix(last ? path.size() : raw.size() + 1);
    if (raw.empty() || (!last && path.empty())) return bad_input("an empty part in the path");
    auto segment = decode(raw, false);
    if (!segment) return std::unexpected(segment.error());
    if (*segment == "." || *segment == "..") return bad_input("'.' and '..' have no meaning here");
    out.segments.push_back(std::move(*segment));
  }
  if (question != std::string_view::npos) {
    if (auto read = read_query(text.substr(question + 1), out); !read) {
      return std::unexpected(read.error());
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto first = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    std::uint32_t point = 0;
    if (first < 0x80) {
      ++i;
      continue;
    }
    if (first >= 0xC2 && first <= 0xDF) {
      more = 1;
      point = first & 0x1FU;
    } else if (first >= 0xE0 && first <= 0xEF) {
      more = 2;
      point = first & 0x0FU;
    } else if (first >= 0xF0 && first <= 0xF4) {
      more = 3;
      point = first & 0x07U;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80U) return false;
      point = (point << 6U) | (next & 0x3FU);
    }
    if ((more == 2 && point < 0x800) || (more == 3 && point < 0x10000) || point > 0x10FFFF ||
        (point >= 0xD800 && point <= 0xDFFF)) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

bool has_control(std::string_view text, bool lines) {
  return std::ranges::any_of(text, [lines](char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (lines && (c == '\n' || c == '\t')) return false;
    return byte < 0x20 || byte == 0x7F;
  });
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view k_hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(k_hex[byte >> 4U]);
      out.push_back(k_hex[byte & 0x0FU]);
    }
  }
  return out;
}

}  // namespace sekimori::web
