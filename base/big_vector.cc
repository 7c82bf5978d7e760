#include "base/big_vector.h"

#include <sys/mman.h>

#include <array>
#include <bit>
#include <mutex>

namespace sekimori {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool k_pooled = false;  // each block by itself, so that a step beyond its end is seen
#else
constexpr bool k_pooled = true;
#endif

constexpr std::size_t k_smallest = 64UL * 1024;  // below it a table fits the caches
constexpr std::size_t k_sizes = std::countr_zero(k_huge_page / k_smallest);

bool is_pooled(std::size_t bytes) {
  return k_pooled && bytes >= k_smallest && bytes <= k_huge_page / 2;
}

std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes >= k_huge_page ? k_huge_page : k_cache_line};
}

void* page_of_its_own(std::size_t bytes) {
  void* const memory = ::operator new(bytes, alignment(bytes));
  // A wish: where it is refused the memory is as good, only slower.
  if (bytes >= k_huge_page) (void)::madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

// Blocks of 64 KiB, 128 KiB … 1 MiB, cut from huge pages by halving. A page that was cut stays so:
// tables grow by doubling, and what one gives back the next of that size takes.
class Pool {
 public:
  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t wanted = size_class(bytes);
    std::size_t at = wanted;
    while (at < k_sizes && free_[at] == nullptr) ++at;
    if (at == k_sizes) {
      auto* const page = static_cast<std::byte*>(page_of_its_own(k_huge_page));
      give(k_sizes - 1, page + k_huge_page / 2);
      give(k_sizes - 1, page);
      at = k_sizes - 1;
    }
    std::byte* const block = take(at);
    while (at > wanted) {
      --at;
      give(at, block + (k_smallest << at));
    }
    return block;
  }
  void deallocate(void* block, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    give(size_class(bytes), static_cast<std::byte*>(block));
  }

 private:
  struct Free {
    Free* next;
  };
  static std::size_t size_class(std::size_t bytes) {
    return static_cast<std::size_t>(std::countr_zero(std::bit_ceil(bytes) / k_smallest));
  }
  void give(std::size_t at, std::byte* block) { free_[at] = ::new (block) Free{free_[at]}; }
  std::byte* take(std::size_t at) {
    Free* const block = free_[at];
    free_[at] = block->next;
    return reinterpret_cast<std::byte*>(block);
  }
  std::mutex mutex_;
  std::array<Free*, k_sizes> free_{};
};

// As the heap that it stands beside, it outlives every table.
Pool& pool() {
  static Pool& the_pool = *new Pool;
  return the_pool;
}

}  // namespace

void* big_allocate(std::size_t bytes) {
  return is_pooled(bytes) ? pool().allocate(bytes) : page_of_its_own(bytes);
}

void big_deallocate(void* memory, std::size_t bytes) noexcept {
  if (is_pooled(bytes)) {
    pool().deallocate(memory, bytes);
  } else {
    ::operator delete(memory, alignment(bytes));
  }
}

}  // namespace sekimori
