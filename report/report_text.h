// Small readers of text that all parts of report/ share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sekimori::report {

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);
// Runs of white space and control characters become one blank; at most `max` bytes, never cutting a
// UTF-8 character; bytes that are no UTF-8 become '?'.
[[nodiscard]] std::string one_line(std::string_view text, std::size_t max);
// The next line of `rest` without its end ("\n" or "\r\n"), which is taken off `rest`.
[[nodiscard]] std::string_view take_line(std::string_view& rest);

// An address in lower case (at most 320 bytes, with one '@' and a dot or more in its domain), where
// one begins at `at` or after it; `at` is moved behind it.
[[nodiscard]] std::optional<std::string> next_address(std::string_view text, std::size_t& at);
// The first address of a header's value: what stands in < > where there is such a thing.
[[nodiscard]] std::string address_of(std::string_view value);
// "rfc822; a@b" → "a@b"; "dns; host" → "host".
[[nodiscard]] std::string_view after_type(std::string_view value);

}  // namespace sekimori::report
