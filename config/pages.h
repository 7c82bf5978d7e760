// The pages printed from settings.def: committed, and held to it by pages_test.cc
// (SEKIMORI_REGENERATE=1 writes them anew).
#pragma once

#include <string>

#include "base/text.h"

namespace sekimori::config {

// docs/settings.md (en) and docs/settings.ja.md (ja).
[[nodiscard]] std::string print_reference(Language language);
// packaging/sekimori.example.toml: every setting commented out with its default.
[[nodiscard]] std::string print_example();

}  // namespace sekimori::config
