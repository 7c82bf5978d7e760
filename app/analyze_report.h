// What `sekimori analyze` says on a terminal: what needs a person first, figures behind it.
#pragma once

#include <string>

#include "app/analyze_run.h"
#include "app/cli_options.h"

namespace sekimori::app {

// `colour`: with the terminal's attributes (SGR).
[[nodiscard]] std::string analysis_text(const Invocation& given, const Analysis& analysis,
                                        bool colour);

}  // namespace sekimori::app
