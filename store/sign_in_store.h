// Logins and addresses that programs let in or block for a time (decide/sign_in_book.h), in the
// same database as the state store.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/sign_in_book.h"
#include "store/state_store.h"

namespace sekimori::store {

// Longer keys have no place: a login of 320 bytes with its address fits.
inline constexpr std::size_t k_sign_in_key_max = 400;

struct SignInChange {
  decide::SignInEntry entry;
  bool removed = false;
};

// Any thread; calls are served one at a time. Never throws.
class SignInStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<SignInStore>> open(
      const StateStoreSettings& settings);
  ~SignInStore();

  [[nodiscard]] Result<std::vector<decide::SignInEntry>> all(Instant now);
  // All or none, in this order; of two with one key the later counts.
  [[nodiscard]] Result<void> write(std::span<const SignInChange> changes);
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit SignInStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
