// Countries by name, as ISO 3166-1 lists them: places are told to people in their own language.
#pragma once

#include <string_view>

#include "base/text.h"

namespace sekimori {

// The short name of an alpha-2 code in upper case ("BR": ブラジル, Brazil; the English one is
// ASCII). A code that is not in the list is its own name, so the answer is never empty for a code.
[[nodiscard]] Text country_name(std::string_view alpha2);

}  // namespace sekimori
