#include "decide/ban_table.h"

#include <span>
#include <utility>

namespace sekimori::decide {
namespace {
constexpr int k_all_bits = 128;
constexpr int k_v4_offset = 96;  // of an IPv4 prefix, in the mapped form
}  // namespace

BanTable::BanTable(const HashKey& key, std::size_t max) : key_(key), max_(max) {}

std::uint64_t BanTable::key_of(const IpAddress& address, int bits) const {
  std::array<std::uint8_t, 17> name{};
  const auto& bytes = address.bytes();
  const auto whole = static_cast<std::size_t>(bits / 8);
  for (std::size_t i = 0; i < whole; ++i) name[i] = bytes[i];
  if (bits % 8 != 0) {
    name[whole] = static_cast<std::uint8_t>(bytes[whole] & (0xff00U >> (bits % 8)));
  }
  name[16] = static_cast<std::uint8_t>(bits);
  return keyed_hash(key_, std::span<const std::uint8_t>(name));
}

std::uint64_t BanTable::key_of(const IpNetwork& network) const {
  return key_of(network.address(), network.bits() + (network.address().is_v4() ? k_v4_offset : 0));
}

// Calls found(kept) under its shard's lock for the longest ban in force; true when there is one.
template <class Found>
bool BanTable::each_match(const IpAddress& address, Instant now, const Found& found) const {
  if (size() == 0 || !address.is_set()) return false;
  const int least = address.is_v4() ? k_v4_offset : 0;
  for (int bits = k_all_bits; bits >= least; --bits) {
    if (lengths_[static_cast<std::size_t>(bits)].load(std::memory_order_relaxed) == 0) continue;
    const std::uint64_t key = key_of(address, bits);
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.bans.find(key);
    if (at == shard.bans.end() || at->second.ban.is_over(now)) continue;
    found(at->second);
    return true;
  }
  return false;
}

std::optional<BanView> BanTable::find(const IpAddress& address, Instant now) const {
  std::optional<BanView> out;
  each_match(address, now, [&](const Kept& kept) {
    out = BanView{kept.ban.id, kept.ban.kind, kept.ban.reach, kept.ban.until};
  });
  return out;
}

void BanTable::hit(const IpAddress& address, Instant now) {
  each_match(address, now, [&](Kept& kept) {
    ++kept.ban.hits;
    kept.ban.last_hit = now;
    kept.hit = true;
    hits_.fetch_add(1, std::memory_order_relaxed);
  });
}

bool BanTable::put(Ban ban) {
  const std::uint64_t key = key_of(ban.network);
  const int bits = ban.network.bits() + (ban.network.address().is_v4() ? k_v4_offset : 0);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.bans.find(key);
  if (at != shard.bans.end()) {
    at->second = {std::move(ban), false};
    return true;
  }
  if (size() >= max_) return false;
  shard.bans.emplace(key, Kept{std::move(ban), false});
  size_.fetch_add(1, std::memory_order_relaxed);
  lengths_[static_cast<std::size_t>(bits)].fetch_add(1, std::memory_order_relaxed);
  return true;
}

std::optional<Ban> BanTable::remove(const IpNetwork& network) {
  const std::uint64_t key = key_of(network);
  const int bits = network.bits() + (network.address().is_v4() ? k_v4_offset : 0);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.bans.find(key);
  if (at == shard.bans.end()) return std::nullopt;
  Ban gone = std::move(at->second.ban);
  shard.bans.erase(at);
  size_.fetch_sub(1, std::memory_order_relaxed);
  lengths_[static_cast<std::size_t>(bits)].fetch_sub(1, std::memory_order_relaxed);
  return gone;
}

std::optional<Ban> BanTable::get(const IpNetwork& network) const {
  const std::uint64_t key = key_of(network);
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.bans.find(key);
  if (at == shard.bans.end()) return std::nullopt;
  return at->second.ban;
}

std::optional<Ban> BanTable::get(std::uint64_t id) const {
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [key, kept] : shard.bans) {
      if (kept.ban.id == id) return kept.ban;
    }
  }
  return std::nullopt;
}

std::vector<Ban> BanTable::take_over(Instant now) {
  std::vector<Ban> out;
  constexpr std::size_t k_part = k_table_shards / 16;
  for (std::size_t i = 0; i < k_part; ++i) {
    Shard& shard = shards_[next_.fetch_add(1, std::memory_order_relaxed) % k_table_shards];
    const std::lock_guard lock(shard.mutex);
    for (auto at = shard.bans.begin(); at != shard.bans.end();) {
      if (!at->second.ban.is_over(now)) {
        ++at;
        continue;
      }
      const IpNetwork& network = at->second.ban.network;
      const int bits = network.bits() + (network.address().is_v4() ? k_v4_offset : 0);
      lengths_[static_cast<std::size_t>(bits)].fetch_sub(1, std::memory_order_relaxed);
      size_.fetch_sub(1, std::memory_order_relaxed);
      out.push_back(std::move(at->second.ban));
      at = shard.bans.erase(at);
    }
  }
  return out;
}

std::vector<Ban> BanTable::take_hit() {
  std::vector<Ban> out;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto& [key, kept] : shard.bans) {
      if (!kept.hit) continue;
      kept.hit = false;
      out.push_back(kept.ban);
    }
  }
  return out;
}

std::vector<Ban> BanTable::all() const {
  std::vector<Ban> out;
  out.reserve(size());
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [key, kept] : shard.bans) out.push_back(kept.ban);
  }
  return out;
}

}  // namespace sekimori::decide
