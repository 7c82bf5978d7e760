// The provider's accounts: a database with PostfixAdmin's tables, used as it stands.
//
// Which columns there are is looked up (PostfixAdmin 3.3 to today differ); tables may be prefixed
// or renamed. Where there are no tables at all, those of PostfixAdmin 3.3 (schema 1847) are made.
// `active` is shown and honoured, never written: our standing lives elsewhere.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "decide/ports.h"

namespace sekimori::store {

struct AccountStoreSettings {
  std::string url = {};           // "sqlite:///path"
  std::string table_prefix = {};  // PostfixAdmin's database_prefix
  // PostfixAdmin's table name → the name in this database, in place of the prefixed one.
  std::map<std::string, std::string> renamed_tables = {};
  std::string actor = "sekimori";  // who PostfixAdmin's log says it was
  // A new mailbox's maildir; {domain} and {local} are replaced. PostfixAdmin's own default.
  std::string maildir = "{domain}/{local}/";
  std::uint32_t busy_ms = 2000;
  bool create = true;  // make file and tables where there are none
};

// Any thread may call; calls are served one at a time. Reading needs no write permission. Never
// throws.
class PostfixadminStore : public decide::AccountStore {
 public:
  // Opens nothing yet: a database that is down at start is tried again by every call. Errors:
  // bad_input (URL, table names).
  [[nodiscard]] static Result<std::unique_ptr<PostfixadminStore>> open(
      AccountStoreSettings settings);
  ~PostfixadminStore() override;

  // Connects and looks at the tables, as the first call of any kind does. Errors: operating, in
  // words for a person (which table or column is missing).
  [[nodiscard]] Result<void> prepare();

  // Every mailbox, active or not (with smtp_active an inactive one may still send). Domains: active
  // ones whose mail lives here (no backup MX).
  [[nodiscard]] Result<decide::DirectorySnapshot> directory() override;
  [[nodiscard]] Result<std::optional<decide::AccountRow>> account(
      std::string_view address) override;
  [[nodiscard]] Result<std::vector<decide::AccountRow>> accounts(const AccountFilter&) override;
  [[nodiscard]] Result<std::uint64_t> count(const AccountFilter&) override;
  // Uses address, name, phone, email_other, quota_bytes and active of the row; the times are the
  // database's. Errors: bad_input (no such domain, it is full, or the address is taken).
  [[nodiscard]] Result<void> add(const decide::AccountRow&,
                                 std::string_view password_hash) override;
  // Also moves password_expiry on where the domain asks for it. Errors: not_found.
  [[nodiscard]] Result<void> set_password(std::string_view address,
                                          std::string_view password_hash) override;
  // Errors: not_found.
  [[nodiscard]] Result<std::string> password_hash(std::string_view address) override;

  // Adds a domain without limits. Errors: bad_input when it is there or no domain name.
  [[nodiscard]] Result<void> add_domain(std::string_view domain, std::string_view description);
  // Removes the app passwords of an account (PostfixAdmin 4; a password change leaves them alone).
  // Returns how many there were; 0 where the table does not exist.
  [[nodiscard]] Result<std::uint64_t> remove_app_passwords(std::string_view address);

 private:
  struct Impl;
  explicit PostfixadminStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
