#include "base/big_vector.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>

namespace sekimori {
namespace {

std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

// What grows keeps its values and stands where it should at every size, across the huge page's.
TEST(BigVector, StandsOnLinesAndPagesAndKeepsItsValues) {
  BigVector<std::uint64_t> v;
  std::uint64_t n = 0;
  for (std::size_t size = 1; size * 8 <= 4 * k_huge_page; size *= 2) {
    while (v.size() < size) v.push_back(n++);
    v.shrink_to_fit();
    EXPECT_EQ(address(v.data()) % k_cache_line, 0U) << size;
    if (size * 8 >= k_huge_page) EXPECT_EQ(address(v.data()) % k_huge_page, 0U) << size;
    EXPECT_EQ(std::accumulate(v.begin(), v.end(), std::uint64_t{0}), n * (n - 1) / 2) << size;
  }
  const BigVector<std::uint64_t> copy = v;
  EXPECT_EQ(copy, v);
}

}  // namespace
}  // namespace sekimori
