// Counts what a program asks of the heap: link count_allocations.cc into it, and operator new is
// replaced by one that counts (aligned ones too; malloc() by libraries in C is not seen).
#pragma once

#include <cstdint>

namespace sekimori::bench {

// Calls of operator new since the program began, all threads.
[[nodiscard]] std::uint64_t allocations();

}  // namespace sekimori::bench
