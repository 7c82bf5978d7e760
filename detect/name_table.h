// Account names and their indices: one arena of characters and one open-addressing table of
// indices, no allocation a name. The models themselves hold offset, length and hash of their name;
// a slot holds the upper half of the hash as well, so that a look-up touches the model it is after
// and no other.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "detect/account_model.h"

namespace sekimori::detect {

class NameTable {
 public:
  [[nodiscard]] std::optional<AccountIndex> find(const AccountModels& models, std::uint64_t hash,
                                                 std::string_view name) const;
  // Fetches the slot; and of the model that the slot names, should the name be right, all lines.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(hash)]); }
  std::optional<AccountIndex> prefetch_model(const AccountModels& models, std::uint64_t hash) const;
  void prefetch_text(const AccountModel& m) const {
    __builtin_prefetch(arena_.data() + m.name_offset);
  }
  // Puts the name of models[index] (its name_hash set) into the arena and the table.
  void add(AccountModels& models, AccountIndex index, std::string_view name);
  // Takes models[index] out of the table; its characters are reclaimed when half the arena is
  // waste.
  void remove(AccountModels& models, AccountIndex index);
  [[nodiscard]] std::string_view name(const AccountModel& m) const {
    return {arena_.data() + m.name_offset, m.name_length};
  }

 private:
  // A slot: the hash's upper half, then index + 1; 0 is a free one.
  static std::uint64_t slot_of(std::uint64_t hash, AccountIndex index) {
    return (hash & ~0xffff'ffffULL) | (std::uint64_t{index} + 1);
  }
  static AccountIndex index_of(std::uint64_t slot) {
    return static_cast<AccountIndex>(slot & 0xffff'ffffU) - 1;
  }
  // By the upper half alone: a slot then knows its own home.
  [[nodiscard]] std::size_t home(std::uint64_t hash_or_slot) const {
    return (hash_or_slot >> 32) & (slots_.size() - 1);
  }
  void rehash(std::size_t slots);
  BigVector<char> arena_;
  BigVector<std::uint64_t> slots_ = BigVector<std::uint64_t>(64);
  std::size_t used_ = 0;
  std::size_t waste_ = 0;
};

}  // namespace sekimori::detect
