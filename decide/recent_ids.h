// Remembers which event ids were folded, so that an event that is read twice (log read again, retry
// between machines) counts once. Two generations of hashes: bounded, and at least the last `k_max`
// ids are always known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/result.h"

namespace sekimori::decide {

class RecentIds {
 public:
  // 64 shards × 2 × 32,768 ids × ~32 bytes: 128 MiB when all are full, some four million events.
  static constexpr std::size_t k_max = 32'768;

  [[nodiscard]] bool contains(std::uint64_t id_hash) const {
    return young_.contains(id_hash) || old_.contains(id_hash);
  }
  void insert(std::uint64_t id_hash) {
    if (contains(id_hash)) return;
    if (young_.size() >= k_max) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_.insert(id_hash);
  }
  [[nodiscard]] std::uint64_t hash() const {
    std::uint64_t sum = young_.size() * 31 + old_.size();
    for (const auto id : young_) sum ^= id;
    for (const auto id : old_) sum ^= id * 3;
    return sum;
  }
  void save(std::string& out) const;
  // Reads what save() wrote from the front of `bytes` and removes it there. Errors: bad_input.
  [[nodiscard]] Result<void> load(std::string_view& bytes);

 private:
  std::unordered_set<std::uint64_t> young_;
  std::unordered_set<std::uint64_t> old_;
};

}  // namespace sekimori::decide
