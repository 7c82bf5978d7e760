#include "base/big_vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

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
    if (size * 8 >= k_huge_page) {
      EXPECT_EQ(address(v.data()) % k_huge_page, 0U) << size;
    }
    EXPECT_EQ(std::accumulate(v.begin(), v.end(), std::uint64_t{0}), n * (n - 1) / 2) << size;
  }
  const BigVector<std::uint64_t> copy = v;
  EXPECT_EQ(copy, v);
}

// Tables smaller than a huge page share one: none reaches into another, whatever came and went.
TEST(BigVector, SmallTablesShareAPageAndNotTheirBytes) {
  std::mt19937_64 random(11);
  std::vector<BigVector<std::uint32_t>> tables(200);
  for (std::uint32_t round = 0; round < 4000; ++round) {
    const std::size_t i = random() % tables.size();
    const auto value = static_cast<std::uint32_t>(i);
    if (random() % 3 == 0) {
      BigVector<std::uint32_t>().swap(tables[i]);
    } else {
      tables[i].resize(1 + random() % 600'000 / (1 + random() % 40), value);
    }
  }
  for (std::size_t i = 0; i < tables.size(); ++i) {
    EXPECT_EQ(address(tables[i].data()) % k_cache_line, 0U) << i;
    EXPECT_EQ(std::ranges::count(tables[i], static_cast<std::uint32_t>(i)),
              static_cast<std::ptrdiff_t>(tables[i].size()))
        << i;
  }
}

}  // namespace
}  // namespace sekimori
