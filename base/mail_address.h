// A mailbox address as people and mail servers spell it, and the one form in which we keep it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori {

// An address in the form the guard compares: whole address in lower case (RFC 5321 §2.4 lets the
// local part be case-sensitive; no mail host in the field treats it so, and a thief who writes
// TARO@ must not become another account).
class MailAddress {
 public:
  // Reads `local@domain`, with or without angle brackets. Errors: bad_input when there is no '@',
  // a part is empty, it has a control character or blank, or is longer than 320 bytes
  // (64 + 1 + 255, RFC 5321 §4.5.3.1).
  [[nodiscard]] static Result<MailAddress> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string_view local_part() const;
  [[nodiscard]] std::string_view domain() const;
  // The same address without its extension: taro+shop@example.jp → taro@example.jp. `delimiters` as
  // Postfix's recipient_delimiter ("+", "+-"); a local part that begins with one is left alone.
  [[nodiscard]] MailAddress without_extension(std::string_view delimiters) const;
  auto operator<=>(const MailAddress&) const = default;

 private:
  std::string text_;
  std::size_t at_ = 0;
};

// Lower-cases ASCII letters only (addresses in UTF-8 keep their other bytes; RFC 6532).
[[nodiscard]] std::string ascii_lower(std::string_view text);
// The part behind the last '@', or "" without one.
[[nodiscard]] std::string_view domain_of(std::string_view address);

}  // namespace sekimori
