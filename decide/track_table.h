// A table of small records by keyed hash, of fixed size: for counters that an attacker fills.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <type_traits>

#include "base/check.h"
#include "base/hash.h"

namespace sekimori::decide {

// Record: plain bytes, all zero when free, with `std::uint64_t key` and `std::uint32_t seen` (the
// second of its last event). A new one takes the place of the one in its window that was seen least
// lately, so memory is what it was made with, and a flood forgets the oldest first. Pages are taken
// from the kernel when first written: an idle table costs nothing.
//
// Any thread: a call holds one of 64 mutexes for the length of `work`. Never nest two calls of one
// table.
template <class Record>
class TrackTable {
 public:
  using Kept = Record;
  static_assert(std::is_trivially_copyable_v<Record>);
  // Room for about `records`: a third more slots, so that few windows overflow.
  explicit TrackTable(std::size_t records)
      : slots_of_shard_(records * 3 / 2 / k_shards_of_table + k_window),
        slots_(
            static_cast<Record*>(std::calloc(slots_of_shard_ * k_shards_of_table, sizeof(Record)))),
        marks_of_shard_((slots_of_shard_ + 63) / 64),
        marks_(static_cast<std::uint64_t*>(
            std::calloc(marks_of_shard_ * k_shards_of_table, sizeof(std::uint64_t)))) {
    SEKIMORI_CHECK(slots_ != nullptr && marks_ != nullptr);
  }

  // work(record, fresh) on the record of this key, made when it is new.
  template <class Work>
  auto with(std::uint64_t key, std::uint32_t second, const Work& work) {
    key |= k_taken;
    const std::lock_guard lock(mutexes_[key % k_shards_of_table]);
    bool fresh = false;
    Record& record = place_of(key, fresh);
    if (fresh) {
      record = Record{};
      record.key = key;
      record.seen = second;
    }
    const std::size_t slot = static_cast<std::size_t>(&record - slots_.get()) % slots_of_shard_;
    marks_[(key % k_shards_of_table) * marks_of_shard_ + slot / 64] |= 1ULL << slot % 64;
    return work(record, fresh);
  }
  // work(record) on those that with() was called for since they were last told of, of whole shards
  // until `most` were told; true: of all. One thread.
  template <class Work>
  bool take_changed(std::size_t most, const Work& work) {
    std::size_t told = 0;
    for (std::size_t looked = 0; looked < k_shards_of_table; ++looked) {
      if (told >= most) return false;
      const std::size_t shard = next_told_++ % k_shards_of_table;
      const std::lock_guard lock(mutexes_[shard]);
      for (std::size_t i = 0; i < marks_of_shard_; ++i) {
        std::uint64_t& marks = marks_[shard * marks_of_shard_ + i];
        for (; marks != 0; marks &= marks - 1, ++told) {
          work(slots_[shard * slots_of_shard_ + i * 64 +
                      static_cast<std::size_t>(std::countr_zero(marks))]);
        }
      }
    }
    return true;
  }
  // A record as it was told of: takes the place of its key's.
  void put(const Record& told) {
    with(told.key, told.seen, [&](Record& record, bool) { record = told; });
  }
  // work(const record) when there is one; false otherwise.
  template <class Work>
  bool look(std::uint64_t key, const Work& work) const {
    key |= k_taken;
    const std::lock_guard lock(mutexes_[key % k_shards_of_table]);
    const Record* const found = find(key);
    if (found == nullptr) return false;
    work(*found);
    return true;
  }

  [[nodiscard]] std::size_t bytes() const {
    return (slots_of_shard_ * sizeof(Record) + marks_of_shard_ * sizeof(std::uint64_t)) *
           k_shards_of_table;
  }
  [[nodiscard]] std::size_t records() const {
    std::size_t count = 0;
    each([&](const Record&) { ++count; });
    return count;
  }
  // Equal tables, equal hash.
  [[nodiscard]] std::uint64_t hash(const HashKey& hash_key) const {
    std::uint64_t sum = 0;
    each([&](const Record& record) {
      sum +=
          keyed_hash(hash_key, std::span<const std::uint8_t>(
                                   reinterpret_cast<const std::uint8_t*>(&record), sizeof(Record)));
    });
    return sum;
  }
  template <class Work>
  void each(const Work& work) const {
    for (std::size_t shard = 0; shard < k_shards_of_table; ++shard) {
      const std::lock_guard lock(mutexes_[shard]);
      for (std::size_t i = 0; i < slots_of_shard_; ++i) {
        const Record& record = slots_[shard * slots_of_shard_ + i];
        if (record.key != 0) work(record);
      }
    }
  }

 private:
  static constexpr std::size_t k_shards_of_table = 64;
  static constexpr std::size_t k_window = 32;
  static constexpr std::uint64_t k_taken = std::uint64_t{1} << 63U;  // no key is 0
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  [[nodiscard]] std::size_t first_of(std::uint64_t key) const {
    // The shard took the lowest bits, k_taken the highest.
    const auto spread = static_cast<std::uint32_t>(mix64(key) >> 32U);
    const std::size_t room = slots_of_shard_ - k_window + 1;
    return (key % k_shards_of_table) * slots_of_shard_ +
           static_cast<std::size_t>((static_cast<std::uint64_t>(spread) * room) >> 32U);
  }
  // Slots are never freed, so the first free one ends the search.
  [[nodiscard]] const Record* find(std::uint64_t key) const {
    const std::size_t first = first_of(key);
    for (std::size_t i = first; i < first + k_window; ++i) {
      if (slots_[i].key == key) return &slots_[i];
      if (slots_[i].key == 0) return nullptr;
    }
    return nullptr;
  }
  [[nodiscard]] Record& place_of(std::uint64_t key, bool& fresh) {
    const std::size_t first = first_of(key);
    std::size_t oldest = first;
    for (std::size_t i = first; i < first + k_window; ++i) {
      if (slots_[i].key == key) return slots_[i];
      if (slots_[i].key == 0) {
        oldest = i;
        break;
      }
      if (slots_[i].seen < slots_[oldest].seen) oldest = i;
    }
    fresh = true;
    return slots_[oldest];
  }

  std::size_t slots_of_shard_;
  std::unique_ptr<Record[], Free> slots_;
  std::size_t marks_of_shard_;
  std::unique_ptr<std::uint64_t[], Free> marks_;  // a bit a slot: not told of yet
  std::size_t next_told_ = 0;
  mutable std::array<std::mutex, k_shards_of_table> mutexes_;
};

}  // namespace sekimori::decide
