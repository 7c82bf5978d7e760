// Whether a text is what a setting's format asks for.
#pragma once

#include <optional>
#include <string_view>

#include "base/text.h"
#include "config/definition.h"

namespace sekimori::config {

// What is wrong with `text`, or nullopt. Never repeats the text of a secret_file or of a URL, where
// people write passwords by mistake.
// The caller judges the empty text, which often means "none"; `text` is not empty here.
[[nodiscard]] std::optional<Text> wrong_format(Format format, std::string_view text);

}  // namespace sekimori::config
