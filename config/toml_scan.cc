#include "config/toml_scan.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace sekimori::config {
namespace {

constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view k_full_width_blank = "\xe3\x80\x80";  // U+3000

bool is_lead_byte(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

Stray at(std::string_view text, std::size_t where, Text what) {
  const std::string_view before = text.substr(0, where);
  const auto newline = before.rfind('\n');
  const std::string_view line =
      newline == std::string_view::npos ? before : before.substr(newline + 1);
  return {static_cast<int>(std::ranges::count(before, '\n')) + 1,
          static_cast<int>(std::ranges::count_if(line, is_lead_byte)) + 1, std::move(what)};
}

Text stray_letter(std::string_view rest) {
  if (rest.starts_with(k_full_width_blank)) {
    return {"全角の空白があります。半角の空白にしてください。",
            "a full-width blank; write an ordinary one"};
  }
  std::size_t size = 1;
  while (size < std::min<std::size_t>(rest.size(), 4) && !is_lead_byte(rest[size])) ++size;
  const auto lead = static_cast<unsigned char>(rest.front());
  const bool whole = (lead >= 0xc2 && lead < 0xe0 && size == 2) ||
                     (lead >= 0xe0 && lead < 0xf0 && size == 3) ||
                     (lead >= 0xf0 && lead < 0xf5 && size == 4);
  const std::string_view letter = whole ? rest.substr(0, size) : "?";
  return {fmt::format(
              "「{}」は引用符の外では使えません。文字列は \" で囲み、記号は半角で書いてください。",
              letter),
          fmt::format("'{}' cannot stand outside quotes; quote texts, and write signs half-width",
                      letter)};
}

// One past the closing quote of the string that opens at `open`; npos where its line ends first.
std::size_t string_end(std::string_view text, std::size_t open) {
  const char quote = text[open];
  for (std::size_t i = open + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == quote) return i + 1;
    if (quote == '"' && text[i] == '\\' && i + 1 < text.size() && text[i + 1] != '\n') ++i;
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<Stray> find_stray(std::string_view text) {
  std::size_t i = text.starts_with(k_byte_order_mark) ? k_byte_order_mark.size() : 0;
  char before = '\n';  // the last sign that is no blank; '"' for a whole string
  while (i < text.size()) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == '"' || c == '\'') {
      if (text.substr(i).starts_with(c == '"' ? "\"\"\"" : "'''")) {
        return at(text, i,
                  {"複数行の文字列は使えません。1 行で書いてください。",
                   "multi-line strings are not taken; write it as one line"});
      }
      // Keys and values begin there, and nothing else: a quote within a number opens no string for
      // toml++, which would meet the letters behind it.
      if (std::string_view("\n=,[{.").find(before) == std::string_view::npos) {
        return at(text, i,
                  {"引用符がここにあります。値の全体を \" で囲んでください。",
                   "a quote cannot stand here; quote the whole value"});
      }
      const std::size_t end = string_end(text, i);
      if (end == std::string_view::npos) {
        return at(text, i,
                  {"引用符が閉じられていません。行の終わりまでに閉じてください。",
                   "this quote is never closed; close it before the end of the line"});
      }
      i = end;
      before = '"';
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return at(text, i, stray_letter(text.substr(i)));
    } else {
      if (c != ' ' && c != '\t' && c != '\r') before = c;
      ++i;
    }
  }
  return std::nullopt;
}

}  // namespace sekimori::config
