// Reading mail headers.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::act {

// A header's value as a person reads it: unfolded, encoded words decoded (RFC 2047), other bytes
// taken for the character set they most likely are. Valid UTF-8 without control characters.
[[nodiscard]] std::string decoded_header(std::string_view raw);

}  // namespace sekimori::act
