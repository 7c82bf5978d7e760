// Text put into HTML and XML.
#pragma once

#include <string>
#include <string_view>

namespace sekimori {

// As character data or the value of a quoted attribute: & < > " ' as references, and a control
// character that XML 1.0 (section 2.2) has no room for as a space. UTF-8 passes as it is.
[[nodiscard]] std::string markup_text(std::string_view text);

}  // namespace sekimori
