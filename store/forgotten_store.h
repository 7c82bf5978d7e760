// Mail programs with an old password (decide/forgotten.h), in the same database as the state store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/forgotten.h"
#include "store/state_store.h"

namespace sekimori::store {

// Any thread; calls are served one at a time. Never throws.
class ForgottenStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<ForgottenStore>> open(
      const StateStoreSettings& settings);
  ~ForgottenStore();

  // Inserts or replaces by account and device_of(). Errors: operating, uncertain (idempotent).
  [[nodiscard]] Result<void> put(const decide::ForgottenDevice& device);
  // Of one account, the latest first, at most 20.
  [[nodiscard]] Result<std::vector<decide::ForgottenDevice>> of(std::string_view account);
  [[nodiscard]] Result<std::optional<decide::ForgottenDevice>> find(
      const decide::ForgottenSetting& setting);
  // Removes what was noticed last before.
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit ForgottenStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
