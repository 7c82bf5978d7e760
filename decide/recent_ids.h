// Remembers which event ids were folded, so that an event that is read twice (log read again, retry
// between machines) counts once. Two generations of hashes: bounded, and at least the last `k_max`
// ids are always known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/big_vector.h"
#include "base/result.h"

namespace sekimori::decide {

class RecentIds {
 public:
  // 64 shards × 2 × 32,768 ids × 16 bytes: 64 MiB when all are full, some four million events.
  static constexpr std::size_t k_max = 32'768;

  explicit RecentIds(std::size_t max = k_max) : max_(max) {}

  [[nodiscard]] bool contains(std::uint64_t id_hash) const {
    return young_.contains(id_hash) || old_.contains(id_hash);
  }
  // Fetches what contains() and insert() will look at.
  void prefetch(std::uint64_t id_hash) const {
    young_.prefetch(id_hash);
    old_.prefetch(id_hash);
  }
  void insert(std::uint64_t id_hash) {
    if (contains(id_hash)) return;
    if (young_.size() >= max_) {
      std::swap(old_, young_);
      young_.clear();
    }
    young_.insert(id_hash);
  }
  [[nodiscard]] std::size_t size() const { return young_.size() + old_.size(); }
  [[nodiscard]] std::uint64_t hash() const {
    std::uint64_t sum = young_.size() * 31 + old_.size();
    young_.each([&sum](std::uint64_t id) { sum ^= id; });
    old_.each([&sum](std::uint64_t id) { sum ^= id * 3; });
    return sum;
  }
  void save(std::string& out) const;
  // Reads what save() wrote from the front of `bytes` and removes it there. Errors: bad_input.
  [[nodiscard]] Result<void> load(std::string_view& bytes);

 private:
  // Open addressing, at most half full: every event asks, and a node a question would be a cache
  // miss more. The ids are keyed hashes, so nobody outside can choose colliding ones.
  class Ids {
   public:
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool contains(std::uint64_t id) const {
      return !slots_.empty() && slots_[place(id)] != 0;
    }
    void insert(std::uint64_t id) {
      if (slots_.size() < 2 * (size_ + 1)) grow();
      std::uint64_t& slot = slots_[place(id)];
      if (slot == 0) ++size_;
      slot = used(id);
    }
    void prefetch(std::uint64_t id) const {
      if (!slots_.empty()) __builtin_prefetch(&slots_[id & (slots_.size() - 1)]);
    }
    void clear() {
      slots_.assign(slots_.size(), 0);
      size_ = 0;
    }
    template <class Use>
    void each(Use use) const {
      for (const std::uint64_t id : slots_) {
        if (id != 0) use(id);
      }
    }

   private:
    static std::uint64_t used(std::uint64_t id) { return id == 0 ? 1 : id; }  // 0 is a free slot
    // Where the id stands, or the free slot where it would.
    [[nodiscard]] std::size_t place(std::uint64_t id) const {
      const std::size_t mask = slots_.size() - 1;
      std::size_t i = id & mask;
      while (slots_[i] != 0 && slots_[i] != used(id)) i = (i + 1) & mask;
      return i;
    }
    void grow() {
      BigVector<std::uint64_t> old(slots_.empty() ? 64 : slots_.size() * 2);
      old.swap(slots_);
      for (const std::uint64_t id : old) {
        if (id != 0) slots_[place(id)] = id;
      }
    }
    BigVector<std::uint64_t> slots_;
    std::size_t size_ = 0;
  };

  std::size_t max_;
  Ids young_;
  Ids old_;
};

}  // namespace sekimori::decide
