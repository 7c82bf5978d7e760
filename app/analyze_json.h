// What `sekimori analyze --json` prints. Keys are stable (docs/operate/analyze.md).
#pragma once

#include <boost/json/object.hpp>

#include "app/analyze_run.h"
#include "base/text.h"

namespace sekimori::app {

[[nodiscard]] boost::json::object analysis_json(const Analysis& analysis, Language language);

}  // namespace sekimori::app
