// Waiting mail in the state database: what the clock (decide/waiting_mail.h) must not lose.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "decide/waiting_mail.h"
#include "store/state_store.h"

namespace sekimori::store {

// Any thread; calls are served one at a time. Never throws.
class WaitingStore {
 public:
  // Makes or updates its table. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<WaitingStore>> open(
      const StateStoreSettings& settings);
  ~WaitingStore();

  // All there is, by id.
  [[nodiscard]] Result<std::vector<decide::WaitingMessage>> all();
  // All or none; insert or replace by id. Durable when it returns. Doing it again changes nothing.
  [[nodiscard]] Result<void> keep(const decide::WaitingBook::Changes& changes);

 private:
  struct Impl;
  explicit WaitingStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
