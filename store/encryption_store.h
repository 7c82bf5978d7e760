// Unencrypted sign-ins by account, service and day, the rules that end them and the exceptions
// (decide/encryption.h), in the same database as the state store.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/encryption.h"
#include "store/state_store.h"

namespace sekimori::store {

// Rules and exceptions are read into memory: more than this is a list for another tool.
inline constexpr std::size_t k_encryption_rules_max = 100'000;

// Any thread; calls are served one at a time. Never throws.
class EncryptionStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<EncryptionStore>> open(
      const StateStoreSettings& settings);
  ~EncryptionStore();

  // Adds to what is there of the same account, service and day; all or none.
  [[nodiscard]] Result<void> add(std::span<const decide::PlainDay> days);
  [[nodiscard]] Result<decide::PlainAccounts> accounts(const decide::PlainFilter& filter);
  // Without the rules (their keeper has them in memory); trend only of days that have something.
  [[nodiscard]] Result<decide::EncryptionSummary> summary(decide::DayNumber since,
                                                          const std::string& domain);

  [[nodiscard]] Result<std::vector<decide::EncryptionRule>> rules();
  [[nodiscard]] Result<void> put_rule(const decide::EncryptionRule& rule);
  // False: there was none.
  [[nodiscard]] Result<bool> remove_rule(const std::string& domain);
  [[nodiscard]] Result<std::vector<decide::EncryptionException>> exceptions(Instant now);
  [[nodiscard]] Result<void> put_exception(const decide::EncryptionException& exception);
  [[nodiscard]] Result<bool> remove_exception(const std::string& account);

  // When the owner was last told; unset: never.
  [[nodiscard]] Result<Instant> told(const std::string& account);
  [[nodiscard]] Result<void> put_told(const std::string& account, Instant t);
  [[nodiscard]] Result<void> prune(decide::DayNumber before, Instant now);

 private:
  struct Impl;
  explicit EncryptionStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
