// What is wrong with a line of a pasted list, for people. Pure.
#pragma once

#include "base/text.h"
#include "decide/address_rules.h"

namespace sekimori::decide {

// English is the error's own; Japanese says the same with how to write it.
[[nodiscard]] Text rule_line_words(const RuleLineError& error);

}  // namespace sekimori::decide
