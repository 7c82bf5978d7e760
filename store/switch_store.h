// What people switched off of single accounts (decide/switches.h), in the state database. guard.db
// is made from it at every start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/switches.h"
#include "store/state_store.h"

namespace sekimori::store {

struct SwitchRow {
  decide::SwitchedOff off;
  // false: switched on again (`off.by` and `off.reason` are of that), and remembered until
  // everything that it takes is done.
  bool is_off = true;
  // Are Dovecot's memory and the open sessions dealt with (is_off), or told to forget (not)?
  bool is_done = false;
  decide::SwitchLetter letter = decide::SwitchLetter::none;
  Instant changed = {};  // when a person, or time, last changed it
  bool operator==(const SwitchRow&) const = default;
};

// Any thread; calls are served one at a time. Never throws.
class SwitchStore {
 public:
  // Makes or updates its table. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<SwitchStore>> open(
      const StateStoreSettings& settings);
  ~SwitchStore();

  // All of them, by account. Errors: operating.
  [[nodiscard]] Result<std::vector<SwitchRow>> rows();
  // In place of what was known of this account and switch. Durable when it returns.
  [[nodiscard]] Result<void> put(const SwitchRow& row);
  // Forgets it; what is not there is no error.
  [[nodiscard]] Result<void> remove(const std::string& account, decide::AccountSwitch what);

 private:
  struct Impl;
  explicit SwitchStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
