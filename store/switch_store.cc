#include "store/switch_store.h"

#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using soci::use;

const Migrations& switch_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE account_switch (account VARCHAR(320) NOT NULL, what VARCHAR(16) NOT NULL, "
          "is_off INTEGER NOT NULL, is_done INTEGER NOT NULL, since_us BIGINT NOT NULL, "
          "until_us BIGINT NOT NULL, set_by VARCHAR(320) NOT NULL, reason TEXT NOT NULL, "
          "PRIMARY KEY (account, what))",
      },
      {
          "ALTER TABLE account_switch ADD COLUMN letter VARCHAR(16) NOT NULL DEFAULT 'none'",
          "ALTER TABLE account_switch ADD COLUMN changed_us BIGINT NOT NULL DEFAULT 0",
      },
  };
  return migrations;
}

}  // namespace

struct SwitchStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

SwitchStore::SwitchStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SwitchStore::~SwitchStore() = default;

Result<std::unique_ptr<SwitchStore>> SwitchStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "account_switch", switch_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<SwitchStore>(new SwitchStore(std::move(*impl)));
}

Result<std::vector<SwitchRow>> SwitchStore::rows() {
  return impl_->database.read("cannot read the accounts' switches", [&](soci::session& sql) {
    std::vector<SwitchRow> rows;
    Query query(sql);
    SwitchRow row;
    std::string what;
    int is_off = 0;
    int is_done = 0;
    Number since = 0;
    Number until = 0;
    query.into(row.off.account).into(what).into(is_off).into(is_done).into(since).into(until);
    std::string letter;
    Number changed = 0;
    query.into(row.off.by).into(row.off.reason).into(letter).into(changed);
    query.run(
        "SELECT account, what, is_off, is_done, since_us, until_us, set_by, reason, letter, "
        "changed_us FROM account_switch ORDER BY account, what");
    while (query.next()) {
      const auto known = decide::parse_account_switch(what);
      if (!known) continue;  // of a later version
      row.off.what = *known;
      row.is_off = is_off != 0;
      row.is_done = is_done != 0;
      row.off.since = Instant{since};
      row.off.until = Instant{until};
      row.letter = decide::parse_switch_letter(letter).value_or(decide::SwitchLetter::none);
      row.changed = Instant{changed};
      rows.push_back(row);
    }
    return rows;
  });
}

Result<void> SwitchStore::put(const SwitchRow& row) {
  const std::string what(to_string(row.off.what));
  const int is_off = row.is_off ? 1 : 0;
  const int is_done = row.is_done ? 1 : 0;
  const Number since = row.off.since.us;
  const Number until = row.off.until.us;
  const Number changed = row.changed.us;
  const std::string letter(to_string(row.letter));
  return impl_->database.write(
      "cannot write an account's switch", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM account_switch WHERE account = :account AND what = :what",
            use(row.off.account), use(what);
        sql << "INSERT INTO account_switch (account, what, is_off, is_done, since_us, until_us, "
               "set_by, reason, letter, changed_us) VALUES (:account, :what, :off, :done, :since, "
               ":until, :set_by, :reason, :letter, :changed)",
            use(row.off.account), use(what), use(is_off), use(is_done), use(since), use(until),
            use(row.off.by), use(row.off.reason), use(letter), use(changed);
        return {};
      });
}

Result<void> SwitchStore::remove(const std::string& account, decide::AccountSwitch what) {
  const std::string name(to_string(what));
  return impl_->database.write(
      "cannot remove an account's switch", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM account_switch WHERE account = :account AND what = :what", use(account),
            use(name);
        return {};
      });
}

}  // namespace sekimori::store
