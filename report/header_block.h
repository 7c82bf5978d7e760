// A block of header fields as text (RFC 5322 §2.2), as they stand in a mail's head, in a delivery
// status or quoted in the middle of a letter.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sekimori::report {

inline constexpr std::size_t k_fields_max = 300;
inline constexpr std::size_t k_field_bytes_max = 16 * 1024;

// Names in lower case; values unfolded, white space collapsed, as bytes of whatever charset.
class HeaderBlock {
 public:
  // Reads to the first empty line, or to the end; lines that are no fields are skipped. At most
  // k_fields_max fields of k_field_bytes_max bytes.
  [[nodiscard]] static HeaderBlock read(std::string_view text);

  // The first of this name (lower case), "" where there is none.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// The length of a field's name where a line begins with "Name:", else 0 (RFC 5322 §2.2).
[[nodiscard]] std::size_t field_name_length(std::string_view line);

}  // namespace sekimori::report
