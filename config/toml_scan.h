// A look over TOML text before toml++ reads it.
//
// TOML allows letters beyond ASCII only within strings and comments (TOML 1.0 §Keys). A full-width
// blank or sign elsewhere is the commonest slip of a Japanese keyboard, so it is named here with
// its place; and toml++ 3.3 must not see one, since its test for blanks (and its joining of lines
// in multi-line strings) is undefined for kana and other letters.
#pragma once

#include <optional>
#include <string_view>

#include "base/text.h"

namespace sekimori::config {

struct Stray {
  int line = 0;    // from 1
  int column = 0;  // from 1, in characters
  Text what;
};

// The first letter beyond ASCII outside strings and comments, the first multi-line string (no
// setting has one), the first quote where no string can begin, or one that is never closed.
[[nodiscard]] std::optional<Stray> find_stray(std::string_view text);

}  // namespace sekimori::config
