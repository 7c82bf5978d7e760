// The ways mail leaves an account, as far as they stand in the provider's database.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "base/mail_address.h"
#include "store/account_impl.h"

namespace sekimori::store {
namespace {

using decide::RowFields;
using decide::Way;
using decide::WayKind;
using soci::into;
using soci::use;

constexpr std::size_t k_page_max = 1000;

// A table whose rows are ways.
struct WayTable {
  WayKind kind;
  std::string_view name;
  std::string_view account;  // the column with the account
  std::string_view key;      // the column that names the row; "": there is one for an account
  // Columns that change by themselves.
  std::array<std::string_view, 5> ignored;
  std::string_view log;  // PostfixAdmin's name of changing it
};
constexpr std::array k_tables{
    WayTable{WayKind::vacation,
             "vacation",
             "email",
             "",
             {"created", "modified", "cache"},
             "edit_vacation"},
    WayTable{WayKind::fetchmail,
             "fetchmail",
             "mailbox",
             "id",
             {"created", "modified", "date", "returned_text"},
             "edit_fetchmail"},
    WayTable{WayKind::app_password,
             "mailbox_app_password",
             "username",
             "id",
             {"created", "modified", "last_used"},
             "edit_app_password"},
    WayTable{WayKind::totp_exception,
             "totp_exception_address",
             "username",
             "id",
             {"created", "modified"},
             "edit_totp_exception"},
};

// Of whom is spoken: one account, or those of a page.
struct Range {
  std::string after;  // the account itself where `last` is empty
  std::string last;
  [[nodiscard]] std::string where(std::string_view column, std::string_view in_bytes) const {
    return last.empty() ? fmt::format(" WHERE {} = :name", column)
                        : fmt::format(" WHERE {0} > :after AND {0} <= :last", in_bytes);
  }
  void bind_to(Query& query) const {
    query.bind(after);
    if (!last.empty()) query.bind(last);
  }
};

// What PostfixAdmin's names of changing it have in common ("edit_alias", "delete_alias", …).
std::string_view log_word(WayKind kind) {
  switch (kind) {
    case WayKind::forward:
    case WayKind::local_copy:
    case WayKind::alias: return "alias";
    case WayKind::vacation: return "vacation";
    case WayKind::fetchmail: return "fetchmail";
    case WayKind::app_password: return "app_pass";
    case WayKind::totp:
    case WayKind::totp_exception: return "totp";
    case WayKind::contact: return "mailbox";
    default: return {};
  }
}

const WayTable* table_of(WayKind kind) {
  const auto found = std::ranges::find(k_tables, kind, &WayTable::kind);
  return found == k_tables.end() ? nullptr : &*found;
}

}  // namespace

namespace {

template <class Impl>
std::vector<std::string> columns_of(const Impl& impl, soci::session& sql, const WayTable& table) {
  std::vector<std::string> columns;
  for (const std::string& column : impl.columns_of(sql, table.name)) {
    if (std::ranges::find(table.ignored, column) == table.ignored.end()) columns.push_back(column);
  }
  return columns;
}

using Accounts = std::map<std::string, PostfixadminStore::AccountWays*>;

// A hash as it is while it is good; whether it is.
bool take_mark(RowFields& fields) {
  for (auto& [column, value] : fields) {
    if (column != "password_hash" || !value || !value->starts_with(k_suspended)) continue;
    value->erase(0, k_suspended.size());
    return true;
  }
  return false;
}

template <class Impl>
void read_rows(const Impl& impl, soci::session& sql, const WayTable& table, const Range& range,
               const Accounts& accounts) {
  if (!impl.tables.contains(impl.table(table.name))) return;
  const auto columns = columns_of(impl, sql, table);
  Query query(sql);
  std::string account;
  std::string key;
  query.into(account).into(key);
  std::deque<std::pair<std::string, soci::indicator>> values(columns.size());
  std::string selected;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    query.into(values[i].first, values[i].second);
    selected += ", " + impl.as_text(columns[i]);
  }
  range.bind_to(query);
  query.run(fmt::format(
      "SELECT {}, {}{} FROM {}{} ORDER BY {}{}", table.account,
      table.key.empty() ? "''" : impl.as_text(table.key), selected, impl.table(table.name),
      range.where(table.account, impl.in_bytes(table.account)), impl.in_bytes(table.account),
      table.key.empty() ? "" : fmt::format(", {}", table.key)));
  while (query.next()) {
    const auto found = accounts.find(ascii_lower(account));
    if (found == accounts.end() || found->second->ways.size() >= decide::k_ways_max) continue;
    RowFields fields;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      fields.emplace_back(columns[i], values[i].second == soci::i_null
                                          ? std::nullopt
                                          : std::optional(values[i].first));
    }
    if (table.kind == WayKind::app_password && take_mark(fields)) {
      found->second->suspended.push_back(key);
    }
    found->second->ways.push_back({table.kind, decide::way_key(key), decide::row_text(fields)});
  }
}

template <class Impl>
void read_aliases(const Impl& impl, soci::session& sql, const Range& range,
                  const Accounts& accounts) {
  Query query(sql);
  std::string address;
  std::string list;
  query.into(address).into(list);
  range.bind_to(query);
  // Most go to their own mailbox and nowhere else.
  query.run(fmt::format("SELECT address, goto FROM {}{} AND goto <> address", impl.table("alias"),
                        range.where("address", impl.in_bytes("address"))));
  while (query.next()) {
    const auto found = accounts.find(ascii_lower(address));
    if (found == accounts.end()) continue;
    for (Way& way : decide::ways_of_alias(found->first, list)) {
      found->second->ways.push_back(std::move(way));
    }
  }
}

template <class Impl>
std::vector<PostfixadminStore::AccountWays> read_ways(const Impl& impl, soci::session& sql,
                                                      Range range, std::size_t limit) {
  std::vector<PostfixadminStore::AccountWays> out;
  {
    Query query(sql);
    std::string username, created, email_other, phone, totp;
    query.into(username).into(created).into(email_other).into(phone).into(totp);
    query.bind(range.after);
    const auto text_of = [&](std::string_view column) {
      return fmt::format("COALESCE({}, '')", impl.as_text(impl.optional_column(column)));
    };
    query.run(
        fmt::format("SELECT username, {}, {}, {}, {} FROM {} WHERE {} :name ORDER BY {} LIMIT {}",
                    impl.time_column("created"), text_of("email_other"), text_of("phone"),
                    text_of("totp_secret"), impl.table("mailbox"),
                    limit == 0 ? "username =" : impl.in_bytes("username") + " >",
                    impl.in_bytes("username"), std::max<std::size_t>(limit, 1)));
    while (query.next()) {
      PostfixadminStore::AccountWays account;
      account.account = ascii_lower(username);
      account.created = read_time(created);
      if (!email_other.empty()) {
        account.ways.push_back({WayKind::contact, "email_other", email_other});
      }
      if (!phone.empty()) account.ways.push_back({WayKind::contact, "phone", phone});
      if (!totp.empty()) account.ways.push_back({WayKind::totp, "", totp});
      if (limit > 0) range.last = username;
      out.push_back(std::move(account));
    }
  }
  if (out.empty()) return out;
  Accounts accounts;
  for (auto& account : out) accounts.emplace(account.account, &account);
  read_aliases(impl, sql, range, accounts);
  for (const WayTable& table : k_tables) read_rows(impl, sql, table, range, accounts);
  for (auto& account : out) std::ranges::sort(account.ways);
  return out;
}

}  // namespace

Result<std::vector<PostfixadminStore::AccountWays>> PostfixadminStore::ways(std::string_view after,
                                                                            std::size_t limit) {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the ways mail leaves", [&](soci::session& sql) {
    return read_ways(impl, sql, {std::string(after), {}},
                     std::clamp<std::size_t>(limit, 1, k_page_max));
  });
}

Result<std::optional<PostfixadminStore::AccountWays>> PostfixadminStore::ways_of(
    std::string_view address) {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the ways mail leaves", [&](soci::session& sql) {
    auto found = read_ways(impl, sql, {ascii_lower(address), {}}, 0);
    return found.empty() ? std::optional<AccountWays>() : std::optional(std::move(found.front()));
  });
}

Result<std::string> PostfixadminStore::editor_of(std::string_view address, WayKind kind,
                                                 Instant since, Instant until) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  const std::string_view word = log_word(kind);
  if (word.empty()) return std::string();
  const std::string domain(domain_of(name));
  const std::string from = impl.moment(since);
  const std::string to = impl.moment(until);
  return impl_->read("cannot read the log", [&](soci::session& sql) {
    std::string editor;
    if (!impl.tables.contains(impl.table("log"))) return editor;
    Query query(sql);
    std::string who, action, data;
    query.into(who).into(action).into(data).bind(domain);
    // By (domain, timestamp), for which PostfixAdmin has an index.
    query.run("SELECT username, action, data FROM " + impl.table("log") +
              " WHERE domain = :domain AND timestamp >= " + from + " AND timestamp <= " + to +
              " ORDER BY timestamp");
    while (query.next()) {
      // "actor (address)"; the data is the account, perhaps with more behind it.
      const std::string of = ascii_lower(data.substr(0, data.find_first_of(" ,;")));
      if (of != name || action.find(word) == std::string::npos) continue;
      std::string actor = ascii_lower(who.substr(0, who.find(" (")));
      if (actor == name || actor.empty()) return std::string();
      if (actor != ascii_lower(impl.settings.actor)) editor = std::move(actor);
    }
    return editor;
  });
}

Result<void> PostfixadminStore::put_way(std::string_view address, WayKind kind,
                                        std::string_view key,
                                        const std::optional<std::string>& content) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  const std::string value = content.value_or("");
  if (kind == WayKind::contact || kind == WayKind::totp) {
    const std::string column = kind == WayKind::totp ? "totp_secret" : std::string(key);
    if (column != "totp_secret" && column != "email_other" && column != "phone") {
      return bad_input("no such contact");
    }
    return impl_->write("cannot put a contact back", [&](soci::session& sql) -> Result<void> {
      if (!impl.mailbox_columns.contains(column)) return bad_input("the database has no " + column);
      // (MySQL does not count a row that is as it was.)
      if (!impl.exists(sql, "mailbox", "username", name)) {
        return not_found("there is no account " + name);
      }
      // A key that is not there is NULL; an address that is not there is empty.
      const bool is_null = kind == WayKind::totp && !content;
      soci::statement statement =
          (sql.prepare << "UPDATE " + impl.table("mailbox") + " SET " + column + " = " +
                              (is_null ? "NULLIF(:value, '')" : ":value") +
                              " WHERE username = :name",
           use(value), use(name));
      statement.execute(true);
      impl.log(sql, std::string(domain_of(name)), "edit_mailbox", name);
      return {};
    });
  }
  const WayTable* const table = table_of(kind);
  if (table == nullptr) return bad_input("this way does not stand in a table");
  const std::string row_key(key);
  return impl_->write("cannot put a row back", [&](soci::session& sql) -> Result<void> {
    const std::string full = impl.table(table->name);
    if (!impl.tables.contains(full)) return bad_input("the database has no table " + full);
    std::string where = fmt::format(" WHERE {} = :account", table->account);
    if (!table->key.empty()) where += fmt::format(" AND {} = :key", impl.as_text(table->key));
    const auto bind_where = [&](Query& query) {
      query.bind(name);
      if (!table->key.empty()) query.bind(row_key);
    };
    if (!content) {
      Query query(sql);
      bind_where(query);
      query.execute("DELETE FROM " + full + where);
    } else {
      auto fields = decide::parse_row(*content);
      if (!fields) return std::unexpected(fields.error());
      // Columns that an older or newer PostfixAdmin does not have are left out.
      const auto columns = impl.columns_of(sql, table->name);
      std::erase_if(*fields, [&](const auto& field) { return !columns.contains(field.first); });
      if (fields->empty()) return bad_input("the table has none of the columns it had");
      long long found = 0;
      {
        Query query(sql);
        query.into(found);
        bind_where(query);
        query.run("SELECT COUNT(*) FROM " + full + where);
        (void)query.next();
      }
      Query query(sql);
      std::string names;
      std::string places;
      std::string sets;
      const std::string none;
      soci::indicator null = soci::i_null;
      for (const auto& [column, text] : *fields) {
        const char* comma = names.empty() ? "" : ", ";
        names += comma + column;
        places += fmt::format("{}:v_{}", comma, column);
        sets += fmt::format("{}{} = :v_{}", comma, column, column);
        if (text) {
          query.bind(*text);
        } else {
          query.bind(none, null);
        }
      }
      if (found > 0) {
        bind_where(query);
        query.execute("UPDATE " + full + " SET " + sets + where);
      } else {
        // What was not remembered, as it changes by itself; some databases have no default for it.
        for (const std::string_view column : table->ignored) {
          if (!columns.contains(column) || column == "last_used") continue;
          const bool is_text = column == "cache" || column == "returned_text";
          names += fmt::format(", {}", column);
          places += is_text ? ", ''" : ", CURRENT_TIMESTAMP";
        }
        query.execute("INSERT INTO " + full + " (" + names + ") VALUES (" + places + ")");
      }
    }
    impl.log(sql, std::string(domain_of(name)), std::string(table->log), name);
    return {};
  });
}

Result<std::string> PostfixadminStore::alias_of(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot read an alias", [&](soci::session& sql) {
    std::string list;
    sql << "SELECT goto FROM " + impl.table("alias") + " WHERE address = :name", use(name),
        into(list);
    return sql.got_data() ? list : std::string();
  });
}

Result<void> PostfixadminStore::set_alias(std::string_view address, std::string_view list) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  const std::string text(list);
  return impl_->write("cannot change an alias", [&](soci::session& sql) -> Result<void> {
    if (!impl.exists(sql, "alias", "address", name)) {
      return not_found(fmt::format("there is no alias {}", name));
    }
    sql << "UPDATE " + impl.table("alias") +
               " SET goto = :goto, modified = CURRENT_TIMESTAMP WHERE address = :name",
        use(text), use(name);
    impl.log(sql, std::string(domain_of(name)), "edit_alias", name);
    return {};
  });
}

Result<std::uint64_t> PostfixadminStore::suspend_app_passwords(std::string_view address,
                                                               const std::vector<std::string>& keys,
                                                               bool suspend) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  std::uint64_t changed = 0;
  if (keys.empty()) return changed;
  auto done = impl_->write("cannot change app passwords", [&](soci::session& sql) -> Result<void> {
    const std::string table = impl.table("mailbox_app_password");
    if (!impl.tables.contains(table)) return {};
    const std::string mark(k_suspended);
    const std::string pattern = mark + "%";
    for (const std::string& key : keys) {
      // Exactly what stood there comes back: the mark is put before it and taken away again.
      soci::statement statement =
          suspend ? (sql.prepare << "UPDATE " + table +
                                        " SET password_hash = :mark || password_hash WHERE "
                                        "username = :name AND " +
                                        impl.as_text("id") +
                                        " = :key AND password_hash NOT LIKE :pattern",
                     use(mark), use(name), use(key), use(pattern))
                  : (sql.prepare << fmt::format("UPDATE {} SET password_hash = "
                                                "substr(password_hash, {}) WHERE username = :name "
                                                "AND {} = :key AND password_hash LIKE :pattern",
                                                table, mark.size() + 1, impl.as_text("id")),
                     use(name), use(key), use(pattern));
      statement.execute(true);
      changed += static_cast<std::uint64_t>(statement.get_affected_rows());
    }
    if (changed > 0) impl.log(sql, std::string(domain_of(name)), "edit_app_password", name);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return changed;
}

}  // namespace sekimori::store
