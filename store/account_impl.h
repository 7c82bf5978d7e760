// Shared by the parts of the account store: how PostfixAdmin's tables are found, read and written.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <mutex>
#include <set>
#include <stdexcept>

#include "base/mail_address.h"
#include "store/account_schema.h"
#include "store/account_store.h"
#include "store/database.h"
#include "store/like.h"

namespace sekimori::store {

// "2026-11-22 03:04:05", with PostgreSQL's fraction and offset ("+09"), or a date alone. What no
// database could read as a time, and PostfixAdmin's "never" (2000-01-01), is unset.
inline Instant read_time(std::string text) {
  if (text.starts_with("2000-01-01")) return {};
  if (text.size() == 10) text += " 00:00:00";
  if (text.size() < 19) return {};
  text[10] = 'T';
  const std::size_t zone = text.find_first_of("+-Z", 19);
  if (zone == std::string::npos)
    text += 'Z';
  else if (text.size() - zone == 3)
    text += ":00";
  return parse_instant(text).value_or(Instant{});
}

inline std::string write_time(Instant t) {
  std::string text = format_instant(Instant{t.us - t.us % 1'000'000});
  text[10] = ' ';
  text.resize(19);
  return text;
}

// Before the hash of an app password that is to fit nothing. No scheme hashes to it: crypt(3) never
// returns a '!', and with the scheme named nobody takes it for a password in clear.
inline constexpr std::string_view k_suspended = "{CRYPT}!suspended!";

struct PostfixadminStore::Impl {
  explicit Impl(AccountStoreSettings s)
      : settings(std::move(s)),
        database({.url = settings.url,
                  .password_file = settings.password_file,
                  .busy_ms = settings.busy_ms,
                  .own = false,
                  .create = settings.create,
                  .file_mode = 0660}) {}

  AccountStoreSettings settings;
  Database database;
  std::atomic<bool> prepared = false;
  // Set once by prepare(), before `prepared`.
  std::set<std::string, std::less<>> tables;
  std::set<std::string, std::less<>> mailbox_columns;
  std::set<std::string, std::less<>> domain_columns;
  std::mutex prepare_mutex;

  [[nodiscard]] std::string table(std::string_view name) const {
    const auto renamed = settings.renamed_tables.find(std::string(name));
    if (renamed != settings.renamed_tables.end()) return renamed->second;
    return settings.table_prefix + std::string(name);
  }

  std::set<std::string, std::less<>> table_names(soci::session& sql) const {
    std::set<std::string, std::less<>> names;
    Query query(sql);
    std::string name;
    query.into(name);
    switch (database.dialect()) {
      case Dialect::sqlite:
        query.run("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')");
        break;
      case Dialect::postgresql:
        query.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = "
            "ANY(current_schemas(false))");
        break;
      case Dialect::mysql:
        query.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()");
        break;
    }
    while (query.next()) names.insert(name);
    return names;
  }

  std::set<std::string, std::less<>> columns_of(soci::session& sql, std::string_view name) const {
    std::set<std::string, std::less<>> columns;
    soci::row row;
    soci::statement statement(sql);
    statement.exchange(soci::into(row));
    statement.alloc();
    statement.prepare("SELECT * FROM " + table(name) + " WHERE 1 = 0");
    statement.define_and_bind();
    statement.execute();
    for (std::size_t i = 0; i < row.size(); ++i) {
      columns.insert(ascii_lower(row.get_properties(i).get_name()));
    }
    return columns;
  }

  Result<void> create_tables() {
    return database.write(
        "cannot make the account tables", [&](soci::session& sql) -> Result<void> {
          if (table_names(sql).contains(table("mailbox"))) return {};  // somebody was quicker
          for (const std::string& statement :
               postfixadmin_tables([&](std::string_view name) { return table(name); })) {
            sql << statement;
          }
          return {};
        });
  }

  Result<void> prepare() {
    if (prepared) return {};
    const std::lock_guard guard(prepare_mutex);
    if (prepared) return {};
    auto names = database.read("cannot open the account store",
                               [&](soci::session& sql) { return table_names(sql); });
    if (names && settings.create && database.dialect() == Dialect::sqlite &&
        !names->contains(table("mailbox")) && !names->contains(table("domain"))) {
      if (auto made = create_tables(); !made) return made;
      names = database.read("cannot open the account store",
                            [&](soci::session& sql) { return table_names(sql); });
    }
    if (!names) return std::unexpected(names.error());
    for (const std::string_view needed : {"mailbox", "alias", "domain"}) {
      if (!names->contains(table(needed))) {
        return operating_failure(fmt::format(
            "the account store has no table {}: check accounts.table_prefix", table(needed)));
      }
    }
    auto looked = database.read("cannot look at the account tables", [&](soci::session& sql) {
      mailbox_columns = columns_of(sql, "mailbox");
      domain_columns = columns_of(sql, "domain");
      return true;
    });
    if (!looked) return std::unexpected(looked.error());
    for (const std::string_view needed : {"username", "password", "maildir", "domain", "active"}) {
      if (!mailbox_columns.contains(needed)) {
        return operating_failure(
            fmt::format("the account store's table {} has no column {}", table("mailbox"), needed));
      }
    }
    tables = std::move(*names);
    prepared = true;
    return {};
  }

  template <class Work>
  auto read(std::string_view what, const Work& work) -> decltype(database.read(what, work)) {
    if (auto ready = prepare(); !ready) return std::unexpected(ready.error());
    return database.read(what, work);
  }
  Result<void> write(std::string_view what,
                     const std::function<Result<void>(soci::session&)>& work) {
    if (auto ready = prepare(); !ready) return ready;
    return database.write(what, work);
  }

  // A column of mailbox, or '' where this PostfixAdmin does not have it.
  [[nodiscard]] std::string optional_column(std::string_view name) const {
    return mailbox_columns.contains(name) ? std::string(name) : "''";
  }

  // What the databases spell differently.
  [[nodiscard]] std::string as_text(std::string_view expression) const {
    const bool mysql = database.dialect() == Dialect::mysql;
    return fmt::format("CAST({} AS {})", expression, mysql ? "CHAR" : "TEXT");
  }
  // In the order of bytes, as the other sides of a comparison have it.
  [[nodiscard]] std::string in_bytes(std::string_view column) const {
    switch (database.dialect()) {
      case Dialect::sqlite: break;
      case Dialect::postgresql: return fmt::format("{} COLLATE \"C\"", column);
      case Dialect::mysql: return fmt::format("CAST({} AS BINARY)", column);
    }
    return std::string(column);
  }
  // To be compared with any text: PostfixAdmin's addresses are latin1 on MySQL, which refuses to
  // put them beside what latin1 does not have.
  [[nodiscard]] std::string any_text(std::string_view column) const {
    if (database.dialect() != Dialect::mysql) return std::string(column);
    return fmt::format("CONVERT({} USING utf8mb4)", column);
  }
  // A time for read_time(); '' where this PostfixAdmin does not have the column. MySQL's has no
  // zone: PostfixAdmin writes the server's own time.
  [[nodiscard]] std::string time_column(std::string_view name) const {
    if (!mailbox_columns.contains(name)) return "''";
    if (database.dialect() != Dialect::mysql) {
      return fmt::format("COALESCE({}, '')", as_text(name));
    }
    return fmt::format(
        "COALESCE(CASE WHEN {0} < '2000-01-02' THEN '' ELSE CAST(TIMESTAMPADD(SECOND, "
        "TIMESTAMPDIFF(SECOND, NOW(), UTC_TIMESTAMP()), {0}) AS CHAR) END, '')",
        name);
  }

  // A moment as SQL to compare PostfixAdmin's times with: MySQL's are in the server's own zone.
  [[nodiscard]] std::string moment(Instant t) const {
    if (database.dialect() != Dialect::mysql) return fmt::format("'{}'", write_time(t));
    return fmt::format("FROM_UNIXTIME({})", t.us / 1'000'000);
  }

  // The conditions of a filter, and what is bound to them in order.
  std::string where(const AccountFilter& filter, std::vector<std::string>& bound) const {
    std::string text = " WHERE 1 = 1";
    if (!filter.domain.empty()) {
      text += " AND domain = :domain";
      bound.push_back(ascii_lower(filter.domain));
    }
    if (!filter.search.empty()) {
      const std::string pattern = contains_pattern(ascii_lower(filter.search));
      text += " AND (LOWER(" + any_text("username") + ") LIKE :address ESCAPE '!'";
      bound.push_back(pattern);
      if (mailbox_columns.contains("name")) {
        text += " OR LOWER(" + any_text("name") + ") LIKE :name ESCAPE '!'";
        bound.push_back(pattern);
      }
      text += ")";
    }
    return text;
  }

  std::vector<decide::AccountRow> select(soci::session& sql, const std::string& rest,
                                         const std::vector<std::string>& bound) const {
    std::vector<decide::AccountRow> rows;
    Query query(sql);
    decide::AccountRow row;
    int active = 0;
    long long quota = 0;
    std::string created, modified;
    query.into(row.address).into(row.name).into(row.domain).into(active).into(row.phone);
    query.into(row.email_other).into(quota).into(created).into(modified);
    for (const std::string& text : bound) query.bind(text);
    const auto text_of = [&](std::string_view column) {
      return fmt::format("COALESCE({}, '')", optional_column(column));
    };
    query.run(fmt::format(
        "SELECT username, {}, COALESCE(domain, ''), CASE WHEN active = '1' THEN 1 ELSE 0 END, {}, "
        "{}, {}, {}, {} FROM {}{}",
        text_of("name"), text_of("phone"), text_of("email_other"),
        mailbox_columns.contains("quota") ? "COALESCE(quota, 0)" : "0", time_column("created"),
        time_column("modified"), table("mailbox"), rest));
    while (query.next()) {
      row.active = active != 0;
      row.quota_bytes = quota > 0 ? static_cast<std::uint64_t>(quota) : 0;
      row.created = read_time(created);
      row.modified = read_time(modified);
      rows.push_back(row);
    }
    return rows;
  }

  // INSERT of texts; every database turns '1' into its own truth and '5' into a number. `times` are
  // columns that get the database's clock.
  void insert(soci::session& sql, std::string_view name,
              const std::vector<std::pair<std::string, std::string>>& values,
              std::initializer_list<std::string_view> times) const {
    Query query(sql);
    std::string columns;
    std::string places;
    for (const auto& [column, value] : values) {
      const char* comma = columns.empty() ? "" : ", ";
      columns += comma + column;
      places += comma + (":" + column);
      query.bind(value);
    }
    for (const std::string_view column : times) {
      columns += ", " + std::string(column);
      places += ", CURRENT_TIMESTAMP";
    }
    query.execute("INSERT INTO " + table(name) + " (" + columns + ") VALUES (" + places + ")");
  }

  // What PostfixAdmin's "View Log" shows; the actions are ones it knows.
  void log(soci::session& sql, const std::string& domain, const std::string& action,
           const std::string& data) const {
    if (!tables.contains(table("log"))) return;
    insert(sql, "log",
           {{"username", settings.actor + " (localhost)"},
            {"domain", domain},
            {"action", action},
            {"data", data}},
           {"timestamp"});
  }

  [[nodiscard]] bool exists(soci::session& sql, std::string_view name, const std::string& column,
                            const std::string& value) const {
    int found = 0;
    sql << "SELECT COUNT(*) FROM " + table(name) + " WHERE " + column + " = :value",
        soci::use(value), soci::into(found);
    return found > 0;
  }

  // When a password set now is over, where the domain limits that; "" otherwise.
  std::string password_expiry(soci::session& sql, const std::string& domain) const {
    if (!mailbox_columns.contains("password_expiry") ||
        !domain_columns.contains("password_expiry")) {
      return "";
    }
    int days_valid = 0;
    sql << "SELECT COALESCE(password_expiry, 0) FROM " + table("domain") +
               " WHERE domain = :domain",
        soci::use(domain), soci::into(days_valid);
    if (!sql.got_data() || days_valid <= 0) return "";
    std::string now;
    sql << "SELECT CURRENT_TIMESTAMP", soci::into(now);
    return write_time(read_time(now) + days(days_valid));
  }

  // Is there room for one more mailbox in the domain (−1: none allowed, 0: no limit)?
  Result<void> check_room(soci::session& sql, const std::string& domain) const {
    if (!domain_columns.contains("mailboxes")) return {};
    long long limit = 0;
    long long used = 0;
    sql << "SELECT mailboxes FROM " + table("domain") + " WHERE domain = :domain",
        soci::use(domain), soci::into(limit);
    sql << "SELECT COUNT(*) FROM " + table("mailbox") + " WHERE domain = :domain",
        soci::use(domain), soci::into(used);
    if (limit < 0) return bad_input(fmt::format("the domain {} takes no mailboxes", domain));
    if (limit > 0 && used >= limit) {
      return bad_input(fmt::format("the domain {} has all of its {} mailboxes", domain, limit));
    }
    return {};
  }
};

}  // namespace sekimori::store
