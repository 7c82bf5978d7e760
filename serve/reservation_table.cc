#include "serve/reservation_table.h"

namespace sekimori::serve {

void ReservationTable::release(std::string_view account, std::uint32_t recipients) {
  if (recipients == 0) return;
  Shard& shard = shard_of(account);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.reserved.find(account);
  if (it == shard.reserved.end()) return;
  if (it->second <= recipients) {
    shard.reserved.erase(it);
  } else {
    it->second -= recipients;
  }
}

std::uint32_t ReservationTable::reserved(std::string_view account) const {
  const Shard& shard = shards_[Hash{}(account) % k_shards];
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.reserved.find(account);
  return it == shard.reserved.end() ? 0U : clamp(it->second);
}

}  // namespace sekimori::serve
