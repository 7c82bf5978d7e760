#include "store/operator_store.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using soci::into;
using soci::use;

const Migrations& operator_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE panel_operator (login VARCHAR(320) NOT NULL PRIMARY KEY, "
          "role VARCHAR(16) NOT NULL, hash VARCHAR(128) NOT NULL, totp_key VARCHAR(256) NOT NULL, "
          "created_us BIGINT NOT NULL, changed_us BIGINT NOT NULL)",
          "CREATE TABLE panel_totp_use (login VARCHAR(320) NOT NULL PRIMARY KEY, "
          "step BIGINT NOT NULL)",
      },
  };
  return migrations;
}

}  // namespace

struct OperatorStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
  Result<void> update(const std::string& login, const std::string& column, const std::string& value,
                      Instant now);
};

OperatorStore::OperatorStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OperatorStore::~OperatorStore() = default;

Result<std::string> hash_operator_password(const Secret& password) {
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  const auto text = password.reveal();
  if (crypto_pwhash_str(hash.data(), text.data(), text.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                        crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0) {
    return operating_failure("not enough memory to hash a password");
  }
  return std::string(hash.data());
}

bool operator_password_fits(const std::string& hash, const Secret& password) {
  const auto text = password.reveal();
  return crypto_pwhash_str_verify(hash.c_str(), text.data(), text.size()) == 0;
}

Result<std::unique_ptr<OperatorStore>> OperatorStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "operators", operator_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<OperatorStore>(new OperatorStore(std::move(*impl)));
}

Result<std::vector<OperatorRow>> OperatorStore::list() {
  return impl_->database.read("cannot read the operators", [](soci::session& sql) {
    std::vector<OperatorRow> rows;
    Query query(sql);
    std::string login, role, hash, key;
    Number created = 0, changed = 0;
    query.into(login).into(role).into(hash).into(key).into(created).into(changed);
    query.run(
        "SELECT login, role, hash, totp_key, created_us, changed_us FROM panel_operator "
        "ORDER BY login");
    while (query.next()) {
      rows.push_back({login, role, hash, Secret(key), Instant{created}, Instant{changed}});
    }
    return rows;
  });
}

Result<std::optional<OperatorRow>> OperatorStore::find(std::string_view login) {
  const std::string wanted(login);
  return impl_->database.read("cannot read an operator", [&wanted](soci::session& sql) {
    std::optional<OperatorRow> row;
    std::string role, hash, key;
    Number created = 0, changed = 0;
    sql << "SELECT role, hash, totp_key, created_us, changed_us FROM panel_operator "
           "WHERE login = :login",
        use(wanted), into(role), into(hash), into(key), into(created), into(changed);
    if (sql.got_data()) {
      row = OperatorRow{wanted, role, hash, Secret(key), Instant{created}, Instant{changed}};
    }
    return row;
  });
}

Result<void> OperatorStore::add(const OperatorRow& row) {
  return impl_->database.write(
      "cannot add an operator", [&row](soci::session& sql) -> Result<void> {
        Number count = 0, same = 0;
        sql << "SELECT COUNT(*) FROM panel_operator", into(count);
        sql << "SELECT COUNT(*) FROM panel_operator WHERE login = :login", use(row.login),
            into(same);
        if (same != 0) return bad_input(fmt::format("there is an operator {} already", row.login));
        if (static_cast<std::size_t>(count) >= k_operators_max) {
          return bad_input(fmt::format("there are {} operators already", count));
        }
        const std::string key(row.totp_key.reveal());
        const Number created = row.created.us, changed = row.changed.us;
        sql << "INSERT INTO panel_operator (login, role, hash, totp_key, created_us, changed_us) "
               "VALUES (:login, :role, :hash, :totp_key, :created, :changed)",
            use(row.login), use(row.role), use(row.hash), use(key), use(created), use(changed);
        return {};
      });
}

Result<void> OperatorStore::Impl::update(const std::string& login, const std::string& column,
                                         const std::string& value, Instant now) {
  return database.write("cannot change an operator", [&](soci::session& sql) -> Result<void> {
    Number count = 0;
    const Number changed = now.us;
    sql << "SELECT COUNT(*) FROM panel_operator WHERE login = :login", use(login), into(count);
    if (count == 0) return not_found(fmt::format("there is no operator {}", login));
    sql << "UPDATE panel_operator SET " + column +
               " = :value, changed_us = :changed WHERE login = :login",
        use(value), use(changed), use(login);
    return {};
  });
}

Result<void> OperatorStore::set_hash(std::string_view login, std::string_view hash, Instant now) {
  return impl_->update(std::string(login), "hash", std::string(hash), now);
}

Result<void> OperatorStore::set_totp(std::string_view login, const Secret& key, Instant now) {
  return impl_->update(std::string(login), "totp_key", std::string(key.reveal()), now);
}

Result<void> OperatorStore::remove(std::string_view login) {
  const std::string wanted(login);
  return impl_->database.write(
      "cannot remove an operator", [&wanted](soci::session& sql) -> Result<void> {
        Number count = 0;
        sql << "SELECT COUNT(*) FROM panel_operator WHERE login = :login", use(wanted), into(count);
        if (count == 0) return not_found(fmt::format("there is no operator {}", wanted));
        sql << "DELETE FROM panel_operator WHERE login = :login", use(wanted);
        return {};
      });
}

Result<bool> OperatorStore::use_step(std::string_view login, std::int64_t step) {
  const std::string wanted(login);
  bool fresh = false;
  auto done = impl_->database.write(
      "cannot use an authenticator's code", [&](soci::session& sql) -> Result<void> {
        Number last = 0;
        const Number now = step;
        sql << "SELECT step FROM panel_totp_use WHERE login = :login", use(wanted), into(last);
        const bool is_known = sql.got_data();
        if (is_known && last >= now) return {};
        fresh = true;
        if (is_known) {
          sql << "UPDATE panel_totp_use SET step = :step WHERE login = :login", use(now),
              use(wanted);
        } else {
          sql << "INSERT INTO panel_totp_use (login, step) VALUES (:login, :step)", use(wanted),
              use(now);
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return fresh;
}

}  // namespace sekimori::store
