// Bans in the state database: those in force, and what became of the others. The decision path
// does not know of it; app/ban_service writes behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/ban.h"
#include "store/state_store.h"

namespace sekimori::store {

// Any thread; calls are served one at a time. Never throws.
class BanStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<BanStore>> open(const StateStoreSettings& settings);
  ~BanStore();

  // Inserts or replaces by id, in one transaction. Errors: operating, uncertain (idempotent).
  [[nodiscard]] Result<void> put(std::span<const decide::BanRecord> records);
  // The largest id ever given (0: none).
  [[nodiscard]] Result<std::uint64_t> last_id();
  // All in force by their record, in the order of ids.
  [[nodiscard]] Result<std::vector<decide::Ban>> in_force();
  // Those that ended at or after `since`, oldest first, at most `limit`.
  [[nodiscard]] Result<std::vector<decide::Ban>> ended_since(Instant since, std::size_t limit);
  [[nodiscard]] Result<std::vector<decide::BanRecord>> list(const decide::BanFilter&);
  [[nodiscard]] Result<std::uint64_t> count(const decide::BanFilter&);
  [[nodiscard]] Result<std::optional<decide::BanRecord>> find(std::uint64_t id);
  // The one in force, else the latest.
  [[nodiscard]] Result<std::optional<decide::BanRecord>> find(const IpNetwork&);
  // Removes what ended before.
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit BanStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
