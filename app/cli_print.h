// The API's answers in words for people.
#pragma once

#include <string>
#include <string_view>

#include "app/cli_options.h"

namespace sekimori::app {

// What to print for a command whose request succeeded. A body that is not of the expected form is
// printed as it came.
[[nodiscard]] std::string printed_answer(const Invocation& given, std::string_view body);
// The sentence of an error answer, with its detail.
[[nodiscard]] std::string printed_error(const Invocation& given, int status, std::string_view body);

}  // namespace sekimori::app
