#include "detect/name_table.h"

namespace sekimori::detect {

std::optional<AccountIndex> NameTable::find(const AccountModels& models, std::uint64_t hash,
                                            std::string_view name_asked) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = home(hash); slots_[i] != 0; i = (i + 1) & mask) {
    if ((slots_[i] ^ hash) >> 32 != 0) continue;
    const AccountModel& m = models[index_of(slots_[i])];
    // Whoever finds an account goes on to its model: fetch its lines together, not one by one.
    const auto* lines = reinterpret_cast<const char*>(&m);
    for (std::size_t at = 0; at < sizeof m; at += 64) __builtin_prefetch(lines + at);
    if (m.name_hash == hash && name(m) == name_asked) return index_of(slots_[i]);
  }
  return std::nullopt;
}

std::optional<AccountIndex> NameTable::prefetch_model(const AccountModels& models,
                                                      std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = home(hash); slots_[i] != 0; i = (i + 1) & mask) {
    if ((slots_[i] ^ hash) >> 32 != 0) continue;
    const AccountIndex index = index_of(slots_[i]);
    const auto* lines = reinterpret_cast<const char*>(&models[index]);
    for (std::size_t at = 0; at < sizeof(AccountModel); at += k_cache_line) {
      __builtin_prefetch(lines + at);
    }
    return index;
  }
  return std::nullopt;
}

void NameTable::rehash(std::size_t slots) {
  BigVector<std::uint64_t> old(slots);
  old.swap(slots_);
  const std::size_t mask = slots - 1;
  for (const std::uint64_t slot : old) {
    if (slot == 0) continue;
    std::size_t i = home(slot);
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void NameTable::add(AccountModels& models, AccountIndex index, std::string_view name) {
  if ((used_ + 1) * 4 > slots_.size() * 3) rehash(slots_.size() * 2);
  AccountModel& m = models[index];
  m.name_offset = static_cast<std::uint32_t>(arena_.size());
  m.name_length = static_cast<std::uint16_t>(name.size());
  arena_.insert(arena_.end(), name.begin(), name.end());
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = home(m.name_hash);
  while (slots_[i] != 0) i = (i + 1) & mask;
  slots_[i] = slot_of(m.name_hash, index);
  ++used_;
}

void NameTable::remove(AccountModels& models, AccountIndex index) {
  const std::size_t mask = slots_.size() - 1;
  const std::uint64_t slot = slot_of(models[index].name_hash, index);
  std::size_t i = home(slot);
  while (slots_[i] != slot) {
    if (slots_[i] == 0) return;
    i = (i + 1) & mask;
  }
  --used_;
  waste_ += models[index].name_length;
  models[index].name_length = 0;
  for (std::size_t j = (i + 1) & mask; slots_[j] != 0; j = (j + 1) & mask) {
    const std::size_t h = home(slots_[j]);
    if (((j - h) & mask) >= ((j - i) & mask)) {
      slots_[i] = slots_[j];
      i = j;
    }
  }
  slots_[i] = 0;
  if (waste_ < 65536 || waste_ < arena_.size() / 2) return;
  BigVector<char> fresh;
  fresh.reserve(arena_.size() - waste_);
  for (AccountModel& m : models) {
    const std::string_view kept = name(m);
    m.name_offset = static_cast<std::uint32_t>(fresh.size());
    fresh.insert(fresh.end(), kept.begin(), kept.end());
  }
  arena_ = std::move(fresh);
  waste_ = 0;
}

}  // namespace sekimori::detect
