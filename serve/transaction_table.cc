#include "serve/transaction_table.h"

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

namespace {
// Up to here a look through the names themselves is as quick as a table of hashes, and needs none.
constexpr std::uint32_t k_few = 8;
constexpr std::size_t k_small = 512;  // bytes of a buffer worth keeping for the next transaction

// Is `line` one of the first k_few lines?
bool holds_line(std::string_view lines, std::string_view line) {
  for (std::uint32_t n = 0; n < k_few && !lines.empty(); ++n) {
    const std::size_t end = lines.find('\n');
    if (lines.substr(0, end) == line) return true;
    lines.remove_prefix(end + 1);
  }
  return false;
}
}  // namespace

bool Transaction::note_recipient(std::string_view recipient, std::uint64_t hash) {
  if (holds_line(recipients, recipient)) return false;
  if (recipients_kept >= k_few && !asked.insert(hash)) return false;
  recipients += recipient;
  recipients += '\n';
  ++recipients_kept;
  return true;
}

void Transaction::reset() {
  for (std::string* text :
       {&account, &recipients, &standing_refusal, &data_answer, &final_answer}) {
    if (text->capacity() > k_small) *text = {};
    text->clear();
  }
  asked.clear();
  login = 0;
  recipients_kept = reserved = data_count = 0;
  data_answered = warned = false;
}

std::uint32_t TransactionTable::find(const Shard& shard, std::uint64_t key) {
  if (shard.slots.empty()) return k_none;
  const std::size_t mask = shard.slots.size() - 1;
  for (std::size_t i = home(shard, key); shard.slots[i].at != k_none; i = (i + 1) & mask) {
    if (shard.slots[i].key == key) return shard.slots[i].at;
  }
  return k_none;
}

void TransactionTable::put_slot(Shard& shard, std::uint64_t key, std::uint32_t at) {
  const std::size_t mask = shard.slots.size() - 1;
  std::size_t i = home(shard, key);
  while (shard.slots[i].at != k_none) i = (i + 1) & mask;
  shard.slots[i] = {key, at};
}

// Linear probing without tombstones: what follows moves up where it may.
void TransactionTable::remove_slot(Shard& shard, std::uint64_t key) {
  const std::size_t mask = shard.slots.size() - 1;
  std::size_t hole = home(shard, key);
  while (shard.slots[hole].key != key || shard.slots[hole].at == k_none) hole = (hole + 1) & mask;
  for (std::size_t i = (hole + 1) & mask; shard.slots[i].at != k_none; i = (i + 1) & mask) {
    const std::size_t wanted = home(shard, shard.slots[i].key);
    if (((i - wanted) & mask) >= ((i - hole) & mask)) {
      shard.slots[hole] = shard.slots[i];
      hole = i;
    }
  }
  shard.slots[hole] = {};
}

std::uint32_t TransactionTable::add(Shard& shard, std::uint64_t key) {
  if (shard.slots.size() < 2 * (shard.size + 1)) {
    std::vector<Slot> old(shard.slots.empty() ? 64 : shard.slots.size() * 2);
    old.swap(shard.slots);
    for (const Slot& slot : old) {
      if (slot.at != k_none) put_slot(shard, slot.key, slot.at);
    }
  }
  if (shard.free == k_none) {
    const auto first = static_cast<std::uint32_t>(shard.chunks.size()) * k_chunk;
    shard.chunks.push_back(std::make_unique<std::array<Entry, k_chunk>>());
    for (std::uint32_t i = k_chunk; i-- > 0;) {
      entry(shard, first + i).newer = shard.free;
      shard.free = first + i;
    }
  }
  const std::uint32_t at = shard.free;
  Entry& e = entry(shard, at);
  shard.free = e.newer;
  e.key = key;
  e.counted = 0;
  put_slot(shard, key, at);
  link_newest(shard, at);
  ++shard.size;
  return at;
}

void TransactionTable::drop(Shard& shard, std::uint32_t at) {
  Entry& e = entry(shard, at);
  remove_slot(shard, e.key);
  unlink(shard, at);
  shard.bytes -= e.counted;
  --shard.size;
  e.reset();
  e.newer = shard.free;
  shard.free = at;
}

void TransactionTable::unlink(Shard& shard, std::uint32_t at) {
  const Entry& e = entry(shard, at);
  (e.older == k_none ? shard.oldest : entry(shard, e.older).newer) = e.newer;
  (e.newer == k_none ? shard.newest : entry(shard, e.newer).older) = e.older;
}

void TransactionTable::link_newest(Shard& shard, std::uint32_t at) {
  Entry& e = entry(shard, at);
  e.older = shard.newest;
  e.newer = k_none;
  (shard.newest == k_none ? shard.oldest : entry(shard, shard.newest).newer) = at;
  shard.newest = at;
}

std::size_t TransactionTable::size() const {
  std::size_t n = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    n += shard.size;
  }
  return n;
}

}  // namespace sekimori::serve
