#include "store/sign_in_store.h"

#include <optional>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

const Migrations& sign_in_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE sign_in_entry (list VARCHAR(8) NOT NULL, entry VARCHAR(400) NOT NULL, "
          "network VARCHAR(64) NOT NULL, login VARCHAR(320) NOT NULL, created_us BIGINT NOT NULL, "
          "expires_us BIGINT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (list, entry))",
          "CREATE INDEX sign_in_entry_expires ON sign_in_entry (expires_us)",
      },
  };
  return migrations;
}

// A row, filled by SOCI or bound to it.
struct EntryRow {
  std::string list, key, network, login, reason;
  Number created = 0, expires = 0;

  [[nodiscard]] std::optional<decide::SignInEntry> value() const {
    decide::SignInEntry entry;
    const auto which = decide::parse_sign_in_list(list);
    const auto range = network.empty() ? Result<IpNetwork>(IpNetwork()) : IpNetwork::parse(network);
    if (!which || !range) return std::nullopt;
    entry.list = *which;
    entry.network = *range;
    entry.login = login;
    entry.created = Instant{created};
    entry.expires = Instant{expires};
    entry.reason = reason;
    return entry;
  }
  void set(const decide::SignInEntry& entry) {
    list = to_string(entry.list);
    key = entry.key();
    network = entry.network.address().is_set() ? entry.network.to_string() : "";
    login = entry.login;
    created = entry.created.us;
    expires = entry.expires.us;
    reason = entry.reason;
  }
};

}  // namespace

struct SignInStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

SignInStore::SignInStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SignInStore::~SignInStore() = default;

Result<std::unique_ptr<SignInStore>> SignInStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "sign_in", sign_in_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<SignInStore>(new SignInStore(std::move(*impl)));
}

Result<std::vector<decide::SignInEntry>> SignInStore::all(Instant now) {
  const Number bound = now.us;
  return impl_->database.read("cannot read the sign-in entries", [&](soci::session& sql) {
    std::vector<decide::SignInEntry> out;
    Query query(sql);
    EntryRow row;
    query.into(row.list).into(row.network).into(row.login).into(row.created).into(row.expires);
    query.into(row.reason);
    query.bind(bound);
    query.run(
        "SELECT list, network, login, created_us, expires_us, reason FROM sign_in_entry "
        "WHERE expires_us > :now");
    while (query.next()) {
      if (auto entry = row.value()) out.push_back(std::move(*entry));
    }
    return out;
  });
}

Result<void> SignInStore::write(std::span<const SignInChange> changes) {
  return impl_->database.write(
      "cannot write the sign-in entries", [&](soci::session& sql) -> Result<void> {
        EntryRow row;
        soci::statement gone =
            (sql.prepare << "DELETE FROM sign_in_entry WHERE list = :list AND entry = :entry",
             soci::use(row.list), soci::use(row.key));
        soci::statement made =
            (sql.prepare << "INSERT INTO sign_in_entry (list, entry, network, login, created_us, "
                            "expires_us, reason) VALUES (:list, :entry, :network, :login, "
                            ":created, :expires, :reason)",
             soci::use(row.list), soci::use(row.key), soci::use(row.network), soci::use(row.login),
             soci::use(row.created), soci::use(row.expires), soci::use(row.reason));
        for (const SignInChange& change : changes) {
          row.set(change.entry);
          gone.execute(true);
          if (change.removed) continue;
          if (row.key.size() > k_sign_in_key_max) return bad_input("the entry is too long");
          made.execute(true);
        }
        return {};
      });
}

Result<void> SignInStore::prune(Instant before) {
  const Number bound = before.us;
  return impl_->database.write(
      "cannot remove old sign-in entries", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM sign_in_entry WHERE expires_us <= :before", soci::use(bound);
        return {};
      });
}

}  // namespace sekimori::store
