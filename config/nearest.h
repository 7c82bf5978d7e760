// The right name an unknown one probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sekimori::config {

// Edits that turn one into the other: insert, delete, replace, or swap two neighbours (optimal
// string alignment). O(|a|·|b|); callers pass names, cut to 64 bytes.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name`, or "" where none is near: at most a third of the name's length
// may differ (2 in short ones). The first of equals.
[[nodiscard]] std::string nearest_name(std::string_view name,
                                       const std::vector<std::string_view>& candidates);

}  // namespace sekimori::config
