// A study's figures as JSON lines.
#pragma once

#include <string>
#include <vector>

#include "bench/detect_study.h"

namespace sekimori::bench {

// One JSON object a figure, each with its baseline; the same study gives the same bytes.
[[nodiscard]] std::vector<std::string> figure_lines(const Study& study);

}  // namespace sekimori::bench
