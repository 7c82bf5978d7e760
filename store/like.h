// Patterns for LIKE … ESCAPE '!'.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::store {

// What a person typed stands for itself.
[[nodiscard]] inline std::string like_literal(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '!' || c == '%' || c == '_') out += '!';
    out += c;
  }
  return out;
}
// "%%" where `part` is empty.
[[nodiscard]] inline std::string contains_pattern(std::string_view part) {
  return "%" + like_literal(part) + "%";
}

}  // namespace sekimori::store
