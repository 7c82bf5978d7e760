// Words a thief tries first in Japan and zxcvbn's English lists do not know. Pure; any thread.
#pragma once

#include <span>

namespace sekimori::password {

// In Latin letters and lower case, each ends with NUL, the likeliest first: everyday words, names,
// places, what children love, keyboard runs. Fewer than 300: zxcvbn compares each at each position.
[[nodiscard]] std::span<const char* const> japanese_words();

}  // namespace sekimori::password
