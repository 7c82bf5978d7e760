#include "serve/transaction_table.h"

#include <iterator>
#include <utility>

namespace sekimori::serve {

bool HashSet::insert(std::uint64_t hash) {
  if (hash == 0) hash = 1;  // 0 marks a free slot
  if (slots_.size() < 2 * (size_ + 1)) {
    std::vector<std::uint64_t> old(slots_.empty() ? 8 : slots_.size() * 2);
    old.swap(slots_);
    for (const std::uint64_t h : old) {
      if (h == 0) continue;
      std::size_t i = h & (slots_.size() - 1);
      while (slots_[i] != 0) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = h;
    }
  }
  std::size_t i = hash & (slots_.size() - 1);
  for (; slots_[i] != 0; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i] == hash) return false;
  }
  slots_[i] = hash;
  ++size_;
  return true;
}

void HashSet::clear() {
  slots_ = {};
  size_ = 0;
}

TransactionTable::Order::iterator TransactionTable::find_or_make(Shard& shard, std::uint64_t key) {
  const auto found = shard.by_key.find(key);
  if (found != shard.by_key.end()) {
    shard.order.splice(shard.order.end(), shard.order, found->second);
    return found->second;
  }
  shard.order.emplace_back();
  const auto made = std::prev(shard.order.end());
  made->key = key;
  shard.by_key.emplace(key, made);
  return made;
}

void TransactionTable::account_memory(Shard& shard, Entry& entry) {
  const std::size_t bytes = entry.memory();
  shard.bytes += bytes - entry.counted;
  entry.counted = bytes;
}

void TransactionTable::drop_oldest(Shard& shard) {
  shard.bytes -= shard.order.front().counted;
  shard.by_key.erase(shard.order.front().key);
  shard.order.pop_front();
}

std::size_t TransactionTable::size() const {
  std::size_t n = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    n += shard.order.size();
  }
  return n;
}

}  // namespace sekimori::serve
