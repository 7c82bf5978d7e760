// The provider's accounts: a database with PostfixAdmin's tables, used as it stands.
//
// Which columns there are is looked up (PostfixAdmin 3.3 to today differ); tables may be prefixed
// or renamed. Where there are no tables at all, those of PostfixAdmin 3.3 (schema 1847) are made.
// `active` is shown and honoured, never written: our standing lives elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "decide/ports.h"
#include "decide/ways.h"

namespace sekimori::store {

struct AccountStoreSettings {
  std::string url = {};           // database_url.h
  std::string table_prefix = {};  // PostfixAdmin's database_prefix
  // PostfixAdmin's table name → the name in this database, in place of the prefixed one.
  std::map<std::string, std::string> renamed_tables = {};
  std::string actor = "sekimori";  // who PostfixAdmin's log says it was
  // A new mailbox's maildir; {domain} and {local} are replaced. PostfixAdmin's own default.
  std::string maildir = "{domain}/{local}/";
  std::uint32_t busy_ms = 2000;
  bool create = true;              // make file and tables where there are none (SQLite)
  std::string password_file = {};  // of a database server's password; "": none is needed
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
  // Calls `each` with every mailbox's address and name, in any order: a second for a million.
  [[nodiscard]] Result<void> each_name(
      const std::function<void(std::string_view address, std::string_view name)>& each);
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
  // Who looks after the domain: active admins, by address; with `superadmins` also those of all
  // domains. Empty where the tables do not exist.
  [[nodiscard]] Result<std::vector<std::string>> admins_of(std::string_view domain,
                                                           bool superadmins);
  struct Admin {
    std::string password_hash;
    bool is_superadmin = false;
    Secret totp_secret;                // base32; not set: none
    std::vector<std::string> domains;  // theirs; a superadmin's are all, whatever stands here
  };
  // An active administrator, by their login. nullopt also where the tables do not exist.
  [[nodiscard]] Result<std::optional<Admin>> admin(std::string_view login);
  struct ListedAdmin {
    std::string login;
    bool active = true;
    bool is_superadmin = false;
    bool has_totp = false;
    std::vector<std::string> domains;
  };
  // All of them, by login. Empty where the tables do not exist.
  [[nodiscard]] Result<std::vector<ListedAdmin>> listed_admins();
  struct ListedDomain {
    std::string domain;
    std::string description;
    bool active = true;
  };
  // All of them, by name.
  [[nodiscard]] Result<std::vector<ListedDomain>> listed_domains();
  // The domain's description, where providers write the customer's number; "" = none.
  [[nodiscard]] Result<std::string> domain_description(std::string_view domain);
  // Removes the app passwords of an account (PostfixAdmin 4; a password change leaves them alone).
  // Returns how many there were; 0 where the table does not exist.
  [[nodiscard]] Result<std::uint64_t> remove_app_passwords(std::string_view address);

  // ---- the way back ----
  // Makes the app passwords of an account fit nothing, and keeps the rows: their owner sees in
  // PostfixAdmin which ones are to be made anew. Returns how many were good until now.
  [[nodiscard]] Result<std::uint64_t> suspend_app_passwords(std::string_view address);
  // How many are good.
  [[nodiscard]] Result<std::uint64_t> app_passwords(std::string_view address);
  // The authenticator's key in base32; not set where there is none, or no such column.
  [[nodiscard]] Result<Secret> totp_secret(std::string_view address);
  // How many are suspended.
  [[nodiscard]] Result<std::uint64_t> suspended_app_passwords(std::string_view address);
  // The entries of the account's own alias, as they stand: where its mail goes besides, or instead
  // of, the mailbox. Neither the account itself nor PostfixAdmin's vacation address.
  [[nodiscard]] Result<std::vector<std::string>> forwards(std::string_view address);
  // Takes out the named entries and changes nothing else in the alias; where nothing is left, the
  // mailbox itself is. Returns how many there were.
  [[nodiscard]] Result<std::uint64_t> remove_forwards(std::string_view address,
                                                      const std::vector<std::string>& targets);
  struct Stored {
    std::string address;
    std::string password_hash;
    bool active = true;
  };
  // Of at most k_stored_max accounts; those that are not there are left out.
  static constexpr std::size_t k_stored_max = 500;
  [[nodiscard]] Result<std::vector<Stored>> stored(const std::vector<std::string>& addresses);
  struct Contacts {
    std::string address;
    std::string email_other;
    std::string phone;
    Secret totp_secret;
  };
  // The accounts after `after`, by address; fewer than `limit` (≤ 1000): these were the last.
  [[nodiscard]] Result<std::vector<Contacts>> contacts(std::string_view after, std::size_t limit);
  // ---- the ways mail leaves (decide/ways.h), but for Sieve scripts ----
  // Tables and columns that are not there have no ways. An app password that is suspended is given
  // as it is while it is good.
  struct AccountWays {
    std::string account;
    Instant created;                     // unset: the database does not say
    std::vector<decide::Way> ways;       // sorted
    std::vector<std::string> suspended;  // the keys of app passwords that fit nothing now
    bool operator==(const AccountWays&) const = default;
  };
  // The accounts after `after`, by address; fewer than `limit` (≤ 1000): these were the last.
  [[nodiscard]] Result<std::vector<AccountWays>> ways(std::string_view after, std::size_t limit);
  // nullopt: there is no such account.
  [[nodiscard]] Result<std::optional<AccountWays>> ways_of(std::string_view address);
  // Puts a way of the database as it was, or away (nullopt), to the letter; twice is as once.
  // Forwards and the local copy are set_alias's. Errors: not_found (no such account).
  [[nodiscard]] Result<void> put_way(std::string_view address, decide::WayKind kind,
                                     std::string_view key,
                                     const std::optional<std::string>& content);
  // The list of the account's own alias; "" where it has none.
  [[nodiscard]] Result<std::string> alias_of(std::string_view address);
  // Who changed a way of this kind between the two, as PostfixAdmin's log tells it: "" where it
  // says nothing, where the owner is among them, or where there is no such log. Its times are taken
  // for UTC, as all of the store's are.
  [[nodiscard]] Result<std::string> editor_of(std::string_view address, decide::WayKind kind,
                                              Instant since, Instant until);
  [[nodiscard]] Result<void> set_alias(std::string_view address, std::string_view list);
  // Makes these app passwords (keys) fit nothing, or good again. Returns how many were changed.
  [[nodiscard]] Result<std::uint64_t> suspend_app_passwords(std::string_view address,
                                                            const std::vector<std::string>& keys,
                                                            bool suspend);

  // Mailboxes that the provider has set inactive, by address.
  [[nodiscard]] Result<std::vector<std::string>> inactive();

 private:
  struct Impl;
  explicit PostfixadminStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
