// Recipients that were promised at DATA but are not counted yet. Between DATA and END-OF-MESSAGE a
// message may take minutes to upload; without this, parallel sessions would all see the same room
// under a limit and each take the whole of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sekimori::serve {

// Any thread. Holds an entry only for accounts with a live reservation, so it is bounded by the
// desk's transactions.
class ReservationTable {
 public:
  // Asks `may(reserved by others)` and, when it agrees, adds `recipients` to what the account has
  // reserved. Two sessions of one account ask one after the other, so the last place under a limit
  // is given once. `may` is called under a lock: it must be short and must not come back here.
  template <class May>
  bool reserve(std::string_view account, std::uint32_t recipients, May&& may) {
    Shard& shard = shard_of(account);
    const std::lock_guard lock(shard.mutex);
    auto it = shard.reserved.find(account);
    if (!may(it == shard.reserved.end() ? 0U : clamp(it->second))) return false;
    if (recipients == 0) return true;
    if (it == shard.reserved.end())
      it = shard.reserved.emplace(std::string(account), std::uint64_t{0}).first;
    it->second += recipients;
    return true;
  }
  void release(std::string_view account, std::uint32_t recipients);
  [[nodiscard]] std::uint32_t reserved(std::string_view account) const;

 private:
  static constexpr std::size_t k_shards = 64;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> reserved;
  };
  [[nodiscard]] static std::uint32_t clamp(std::uint64_t n) {
    return static_cast<std::uint32_t>(n < 0xffffffffU ? n : 0xffffffffU);
  }
  [[nodiscard]] Shard& shard_of(std::string_view account) {
    return shards_[Hash{}(account) % k_shards];
  }
  std::array<Shard, k_shards> shards_;
};

}  // namespace sekimori::serve
