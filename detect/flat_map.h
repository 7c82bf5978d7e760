// A small open-addressing map from non-zero 64-bit hashes to 64-bit values: linear probing,
// deletion by shifting back (no tombstones), doubling at three quarters. Keys are keyed hashes
// already, so nobody outside can choose colliding ones.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/big_vector.h"

namespace sekimori::detect {

class FlatMap {
 public:
  explicit FlatMap(std::size_t capacity = 64) {
    std::size_t n = 16;
    while (n < capacity) n *= 2;
    slots_.resize(n);
  }
  [[nodiscard]] const std::uint64_t* find(std::uint64_t key) const {
    for (std::size_t i = home(key);; i = (i + 1) & mask()) {
      if (slots_[i].first == key) return &slots_[i].second;
      if (slots_[i].first == 0) return nullptr;
    }
  }
  // Fetches the key's home slot ahead of find().
  void prefetch(std::uint64_t key) const { __builtin_prefetch(&slots_[home(key)]); }
  [[nodiscard]] bool contains(std::uint64_t key) const { return find(key) != nullptr; }
  void put(std::uint64_t key, std::uint64_t value) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    std::size_t i = home(key);
    while (slots_[i].first != 0 && slots_[i].first != key) i = (i + 1) & mask();
    if (slots_[i].first == 0) ++size_;
    slots_[i] = {key, value};
  }
  void erase(std::uint64_t key) {
    std::size_t i = home(key);
    while (slots_[i].first != key) {
      if (slots_[i].first == 0) return;
      i = (i + 1) & mask();
    }
    --size_;
    for (std::size_t j = (i + 1) & mask(); slots_[j].first != 0; j = (j + 1) & mask()) {
      // The entry at j may move to i when its home does not lie cyclically in (i, j].
      const std::size_t h = home(slots_[j].first);
      if (((j - h) & mask()) >= ((j - i) & mask())) {
        slots_[i] = slots_[j];
        i = j;
      }
    }
    slots_[i] = {};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() {
    for (auto& slot : slots_) slot = {};
    size_ = 0;
  }

 private:
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t home(std::uint64_t key) const { return (key >> 7) & mask(); }
  void grow() {
    BigVector<std::pair<std::uint64_t, std::uint64_t>> old(slots_.size() * 2);
    old.swap(slots_);
    for (const auto& slot : old) {
      if (slot.first == 0) continue;
      std::size_t i = home(slot.first);
      while (slots_[i].first != 0) i = (i + 1) & mask();
      slots_[i] = slot;
    }
  }
  BigVector<std::pair<std::uint64_t, std::uint64_t>> slots_;
  std::size_t size_ = 0;
};

}  // namespace sekimori::detect
