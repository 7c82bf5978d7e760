// The difference of two texts in the unified format (POSIX.1-2017, diff -U), as people read it and
// patch(1) takes it. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::wire {

struct DiffNames {
  std::string before;  // "/dev/null" for a file that is new
  std::string after;
};

// "" where they are the same. Three lines of context.
[[nodiscard]] std::string unified_diff(std::string_view before, std::string_view after,
                                       const DiffNames& names);

}  // namespace sekimori::wire
