// Why the machine did something, for people and in both languages: `why` has the rule and its
// figures for experts. It stands in an audit entry's detail as {"words":{"ja","en"}};
// web/json_views shows it apart.
#pragma once

#include <string>

#include "base/text.h"
#include "decide/records.h"

namespace sekimori::app {

// {"words":{"ja":…,"en":…}}
[[nodiscard]] std::string words_detail(const Text& words);

// A change of standing by the machine says why in the words that people are told.
[[nodiscard]] decide::AuditEntry with_words(decide::AuditEntry entry, const Text& reason);

}  // namespace sekimori::app
