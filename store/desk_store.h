// What the people's side keeps beside standings, incidents and rules (rule_store.h): one-time
// recovery codes, and the counts that lists need. In the same database as the state store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "base/secret.h"
#include "decide/ports.h"
#include "store/state_store.h"

namespace sekimori::store {

// Wrong codes after which the code is void.
inline constexpr int k_code_tries_max = 5;

// Any thread; calls are served one at a time. Never throws.
class DeskStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<DeskStore>> open(const StateStoreSettings& settings);
  ~DeskStore();

  // Makes a code that is easy to read out over the telephone (three groups of four from an alphabet
  // without look-alikes: 58 bits), keeps only its Argon2id hash, and ends the account's earlier
  // one.
  [[nodiscard]] Result<Secret> new_recovery_code(std::string_view account, Instant expires,
                                                 std::string_view by);
  // True when it is the account's code, not over and not used: it is used up then. A wrong try
  // counts, and after k_code_tries_max the code is void. Read as typed_code() reads it.
  [[nodiscard]] Result<bool> take_recovery_code(std::string_view account, const Secret& code,
                                                Instant now);

  [[nodiscard]] Result<std::uint64_t> count_incidents(const decide::StateStore::IncidentFilter&);
  [[nodiscard]] Result<std::uint64_t> count_holds(const decide::StateStore::HoldFilter&);
  [[nodiscard]] Result<std::optional<decide::HeldMessage>> hold(std::string_view queue_id);

 private:
  struct Impl;
  explicit DeskStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
