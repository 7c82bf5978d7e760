// The bans in force, as the login path asks for them: by address, whatever network of it is banned.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/ip_address.h"
#include "decide/ban.h"

namespace sekimori::decide {

// What a question needs of a ban; no strings, so that an attack costs no allocation.
struct BanView {
  std::uint64_t id = 0;
  BanKind kind = BanKind::guessing;
  BanReach reach = BanReach::packets;
  Instant until;
};

// Any thread. A question asks one shard for each length of prefix that is banned at all (few),
// under a mutex that is held for one look-up.
class BanTable {
 public:
  // `max`: more bans than this are not taken (false from put()); a ban takes some 300 bytes.
  explicit BanTable(const HashKey& key, std::size_t max = 1'000'000);

  // The longest ban that holds this address at `now`.
  [[nodiscard]] std::optional<BanView> find(const IpAddress&, Instant now) const;
  // It was refused because of this ban: counted.
  void hit(const IpAddress&, Instant now);

  // Replaces a ban of the same network. false: the table is full.
  bool put(Ban);
  // Ends it. nullopt: there is none.
  std::optional<Ban> remove(const IpNetwork&);
  [[nodiscard]] std::optional<Ban> get(const IpNetwork&) const;
  [[nodiscard]] std::optional<Ban> get(std::uint64_t id) const;
  // Those that are over at `now`, taken out. Looks at a part of the table each call: sixteen calls
  // look at all of it.
  [[nodiscard]] std::vector<Ban> take_over(Instant now);
  // Those refused since the last call: what the store must be told.
  [[nodiscard]] std::vector<Ban> take_hit();
  [[nodiscard]] std::vector<Ban> all() const;
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t k_table_shards = 64;
  struct Kept {
    Ban ban;
    bool hit = false;  // since the last take_hit()
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Kept> bans;  // by the network's keyed hash
  };
  // `bits` of 128, IPv4 mapped.
  [[nodiscard]] std::uint64_t key_of(const IpAddress&, int bits) const;
  [[nodiscard]] std::uint64_t key_of(const IpNetwork&) const;
  [[nodiscard]] Shard& shard_of(std::uint64_t key) const { return shards_[key % k_table_shards]; }
  template <class Found>
  bool each_match(const IpAddress&, Instant now, const Found&) const;

  HashKey key_;
  std::size_t max_;
  mutable std::array<Shard, k_table_shards> shards_;
  std::array<std::atomic<std::uint32_t>, 129> lengths_{};  // bans of each length
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint32_t> next_{0};  // the shard take_over() looks at next
};

}  // namespace sekimori::decide
