// The request target of an HTTP request (RFC 9112 §3.2.1, origin-form) as path segments and query.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sekimori::web {

// An address is at most 320 bytes, three times as long when every byte is escaped.
inline constexpr std::size_t k_target_max = 4096;
inline constexpr std::size_t k_query_keys_max = 32;

struct Target {
  std::vector<std::string> segments;                       // decoded; "/" has none
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, keys unique
  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
};

// Reads "/api/v1/accounts/taro%40example.jp?limit=5". '+' in the query means a blank (HTML forms).
// Errors: bad_input when it is no origin-form, is too long, an escape is broken, the decoded text
// is not UTF-8 or has a control character, an empty segment, "." or "..", or a key stands twice.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

// Is it UTF-8 (RFC 3629: no overlong form, no surrogate, at most U+10FFFF)?
[[nodiscard]] bool is_utf8(std::string_view text);
// Has it a control character (C0, DEL; line feed and tab allowed when `lines`)?
[[nodiscard]] bool has_control(std::string_view text, bool lines = false);
// Escapes all but RFC 3986's unreserved characters: one path segment or query value.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace sekimori::web
