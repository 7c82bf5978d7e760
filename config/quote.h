// Texts as TOML spells them.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::config {

// A TOML basic string (TOML 1.0 §String): quotes, with control characters, " and \ escaped.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace sekimori::config
