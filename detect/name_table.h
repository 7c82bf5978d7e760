// Account names and their indices: one arena of characters and one open-addressing table of indices,
// no allocation a name. The models themselves hold offset, length and hash of their name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detect/account_model.h"

namespace sekimori::detect {

class NameTable {
 public:
  [[nodiscard]] std::optional<AccountIndex> find(const std::vector<AccountModel>& models,
                                                 std::uint64_t hash, std::string_view name) const;
  // Puts the name of models[index] (its name_hash set) into the arena and the table.
  void add(std::vector<AccountModel>& models, AccountIndex index, std::string_view name);
  // Takes models[index] out of the table; its characters are reclaimed when half the arena is waste.
  void remove(std::vector<AccountModel>& models, AccountIndex index);
  [[nodiscard]] std::string_view name(const AccountModel& m) const {
    return std::string_view(arena_).substr(m.name_offset, m.name_length);
  }

 private:
  void rehash(const std::vector<AccountModel>& models, std::size_t slots);
  std::string arena_;
  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(64);  // index + 1; 0 free
  std::size_t used_ = 0;
  std::size_t waste_ = 0;
};

}  // namespace sekimori::detect
