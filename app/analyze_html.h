// The analysis as one HTML file: no script, nothing fetched, charts as SVG inside it, fit for
// print.
#pragma once

#include <string>
#include <string_view>

#include "app/analyze_run.h"
#include "base/text.h"

namespace sekimori::app {

[[nodiscard]] std::string analysis_html(const Analysis& analysis, Language language);

// Text as HTML's: &, <, >, quotes as references, control characters and broken UTF-8 replaced.
// What a log holds was written by strangers.
[[nodiscard]] std::string html_text(std::string_view text);

}  // namespace sekimori::app
