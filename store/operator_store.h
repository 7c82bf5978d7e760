// The panel's own users: operators and support. In the same database as the state store. Passwords
// are kept as Argon2id hashes, authenticators' keys as they are (a code cannot be checked without).
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
#include "store/state_store.h"

namespace sekimori::store {

struct OperatorRow {
  std::string login;
  std::string role;  // "operator", "support"
  std::string hash;
  Secret totp_key;  // base32; not set: none
  Instant created;
  Instant changed;
};

// More than this is no staff but a directory, and belongs into one.
inline constexpr std::size_t k_operators_max = 1000;

// Argon2id (libsodium, interactive limits: a tenth of a second). Errors: operating (memory).
[[nodiscard]] Result<std::string> hash_operator_password(const Secret& password);
[[nodiscard]] bool operator_password_fits(const std::string& hash, const Secret& password);

// Any thread; calls are served one at a time. Never throws.
class OperatorStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<OperatorStore>> open(
      const StateStoreSettings& settings);
  ~OperatorStore();

  [[nodiscard]] Result<std::optional<OperatorRow>> find(std::string_view login);
  [[nodiscard]] Result<std::vector<OperatorRow>> list();  // by login
  // Errors: bad_input (the login is taken, too many).
  [[nodiscard]] Result<void> add(const OperatorRow& row);
  // Errors of these: not_found.
  [[nodiscard]] Result<void> set_hash(std::string_view login, std::string_view hash, Instant now);
  [[nodiscard]] Result<void> set_totp(std::string_view login, const Secret& key, Instant now);
  [[nodiscard]] Result<void> remove(std::string_view login);

  // Uses up a step of this login's authenticator (kept here or elsewhere): false when it, or a
  // later one, was used before (RFC 6238 §5.2).
  [[nodiscard]] Result<bool> use_step(std::string_view login, std::int64_t step);

 private:
  struct Impl;
  explicit OperatorStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
