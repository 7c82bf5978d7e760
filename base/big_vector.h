// Vectors for tables that are larger than the caches and are looked at in random order.
//
// Their first byte stands on a cache line, so that what is made to fill one line never straddles
// two; from 2 MiB on they stand on huge pages where the kernel gives them (madvise(2),
// transparent_hugepage=madvise or always), so that a look-up costs one miss and not one more for
// the address's translation. Where it does not, they are ordinary memory.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace sekimori {

inline constexpr std::size_t k_cache_line = 64;
inline constexpr std::size_t k_huge_page = 2UL * 1024 * 1024;

template <class T>
struct BigAllocator {
  using value_type = T;
  BigAllocator() = default;
  template <class U>
  BigAllocator(const BigAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    void* const memory = ::operator new(bytes, alignment(bytes));
    // A wish: where it is refused the memory is as good, only slower.
    if (bytes >= k_huge_page) (void)::madvise(memory, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    ::operator delete(memory, alignment(n * sizeof(T)));
  }
  bool operator==(const BigAllocator&) const = default;

 private:
  static std::align_val_t alignment(std::size_t bytes) {
    return std::align_val_t{bytes >= k_huge_page ? k_huge_page : k_cache_line};
  }
};

// As std::vector. Of plain values: growing copies.
template <class T>
using BigVector = std::vector<T, BigAllocator<T>>;

}  // namespace sekimori
