// Vectors for tables that are looked at in random order and together are larger than the caches.
//
// Their first byte stands on a cache line, so that what is made to fill one line never straddles
// two; from 64 KiB on they stand on huge pages where the kernel gives them (madvise(2),
// transparent_hugepage=madvise or always), several small ones on one page (64 shards' tables are
// small each), so that a look-up costs one miss and not one more for the address's translation.
// Where it does not, they are ordinary memory.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace sekimori {

inline constexpr std::size_t k_cache_line = 64;
inline constexpr std::size_t k_huge_page = 2UL * 1024 * 1024;

// As operator new and delete; any thread. `bytes` of the two calls must be the same.
[[nodiscard]] void* big_allocate(std::size_t bytes);
void big_deallocate(void* memory, std::size_t bytes) noexcept;

template <class T>
struct BigAllocator {
  using value_type = T;
  BigAllocator() = default;
  template <class U>
  BigAllocator(const BigAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t n) { return static_cast<T*>(big_allocate(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) noexcept { big_deallocate(memory, n * sizeof(T)); }
  bool operator==(const BigAllocator&) const = default;
};

// As std::vector. Of plain values: growing copies.
template <class T>
using BigVector = std::vector<T, BigAllocator<T>>;

}  // namespace sekimori
