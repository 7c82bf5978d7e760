// What only shows when settings are looked at together.
#pragma once

#include "config/check.h"

namespace sekimori::config {

// Adds to loaded.findings where two settings contradict each other (errors), or where the whole is
// hardly what was meant (warnings). Each stands at the line of a setting that the file holds.
void add_cross_findings(Loaded& loaded);

}  // namespace sekimori::config
