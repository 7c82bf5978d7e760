#include "store/account_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <set>
#include <stdexcept>

#include "base/mail_address.h"
#include "store/account_schema.h"
#include "store/database.h"

namespace sekimori::store {
namespace {

using decide::AccountRow;
using decide::DirectorySnapshot;
using soci::into;
using soci::use;

// PostfixAdmin's pseudo-domain that stands for all domains in domain_admins.
constexpr std::string_view k_all_domains = "ALL";
// Rows fetched at once when the whole directory is read.
constexpr std::size_t k_batch = 10'000;
constexpr std::size_t k_limit_max = 1000;

bool is_identifier(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
         std::string_view::npos;
}

// "2026-11-22 03:04:05", with PostgreSQL's fraction and offset ("+09"), or a date alone. What no
// database could read as a time, and PostfixAdmin's "never" (2000-01-01), is unset.
Instant read_time(std::string text) {
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

std::string write_time(Instant t) {
  std::string text = format_instant(Instant{t.us - t.us % 1'000'000});
  text[10] = ' ';
  text.resize(19);
  return text;
}

// For LIKE … ESCAPE '!'.
std::string contains_pattern(std::string_view part) {
  std::string pattern = "%";
  for (const char c : part) {
    if (c == '!' || c == '%' || c == '_') pattern += '!';
    pattern += c;
  }
  return pattern + "%";
}

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  if (const std::size_t at = text.find(mark); at != std::string::npos) {
    text.replace(at, mark.size(), by);
  }
  return text;
}

}  // namespace

struct PostfixadminStore::Impl {
  explicit Impl(AccountStoreSettings s)
      : settings(std::move(s)),
        database({.url = settings.url,
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
    query.run("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')");
    while (query.next()) names.insert(name);
    return names;
  }

  std::set<std::string, std::less<>> columns_of(soci::session& sql, std::string_view name) const {
    std::set<std::string, std::less<>> columns;
    soci::row row;
    soci::statement statement(sql);
    statement.exchange(into(row));
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
    if (names && settings.create && !names->contains(table("mailbox")) &&
        !names->contains(table("domain"))) {
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

  // The conditions of a filter, and what is bound to them in order.
  std::string where(const AccountFilter& filter, std::vector<std::string>& bound) const {
    std::string text = " WHERE 1 = 1";
    if (!filter.domain.empty()) {
      text += " AND domain = :domain";
      bound.push_back(ascii_lower(filter.domain));
    }
    if (!filter.search.empty()) {
      const std::string pattern = contains_pattern(ascii_lower(filter.search));
      text += " AND (LOWER(username) LIKE :address ESCAPE '!'";
      bound.push_back(pattern);
      if (mailbox_columns.contains("name")) {
        text += " OR LOWER(name) LIKE :name ESCAPE '!'";
        bound.push_back(pattern);
      }
      text += ")";
    }
    return text;
  }

  std::vector<AccountRow> select(soci::session& sql, const std::string& rest,
                                 const std::vector<std::string>& bound) const {
    std::vector<AccountRow> rows;
    Query query(sql);
    AccountRow row;
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
        mailbox_columns.contains("quota") ? "COALESCE(quota, 0)" : "0", text_of("created"),
        text_of("modified"), table("mailbox"), rest));
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
    sql << "SELECT COUNT(*) FROM " + table(name) + " WHERE " + column + " = :value", use(value),
        into(found);
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
        use(domain), into(days_valid);
    if (!sql.got_data() || days_valid <= 0) return "";
    std::string now;
    sql << "SELECT CURRENT_TIMESTAMP", into(now);
    return write_time(read_time(now) + days(days_valid));
  }

  // Is there room for one more mailbox in the domain (−1: none allowed, 0: no limit)?
  Result<void> check_room(soci::session& sql, const std::string& domain) const {
    if (!domain_columns.contains("mailboxes")) return {};
    long long limit = 0;
    long long used = 0;
    sql << "SELECT mailboxes FROM " + table("domain") + " WHERE domain = :domain", use(domain),
        into(limit);
    sql << "SELECT COUNT(*) FROM " + table("mailbox") + " WHERE domain = :domain", use(domain),
        into(used);
    if (limit < 0) return bad_input(fmt::format("the domain {} takes no mailboxes", domain));
    if (limit > 0 && used >= limit) {
      return bad_input(fmt::format("the domain {} has all of its {} mailboxes", domain, limit));
    }
    return {};
  }
};

PostfixadminStore::PostfixadminStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostfixadminStore::~PostfixadminStore() = default;

Result<std::unique_ptr<PostfixadminStore>> PostfixadminStore::open(AccountStoreSettings settings) {
  if (const auto path = sqlite_path(settings.url); !path) return std::unexpected(path.error());
  bool good = is_identifier(settings.table_prefix);
  for (const auto& [name, renamed] : settings.renamed_tables) {
    good = good && !renamed.empty() && is_identifier(renamed);
  }
  if (!good) return bad_input("a table name may hold letters, digits and _ only");
  return std::unique_ptr<PostfixadminStore>(
      new PostfixadminStore(std::make_unique<Impl>(std::move(settings))));
}

Result<void> PostfixadminStore::prepare() { return impl_->prepare(); }

Result<DirectorySnapshot> PostfixadminStore::directory() {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the accounts", [&impl](soci::session& sql) {
    DirectorySnapshot snapshot;
    std::vector<std::string> names(k_batch);
    soci::statement all =
        (sql.prepare << "SELECT username FROM " + impl.table("mailbox"), into(names));
    all.execute();
    while (all.fetch()) {
      for (const std::string& name : names) snapshot.accounts.push_back(ascii_lower(name));
      names.resize(k_batch);
    }
    std::ranges::sort(snapshot.accounts);
    const auto repeated = std::ranges::unique(snapshot.accounts);
    snapshot.accounts.erase(repeated.begin(), repeated.end());

    Query domains(sql);
    std::string domain;
    domains.into(domain);
    domains.run("SELECT domain FROM " + impl.table("domain") + " WHERE active = '1'" +
                (impl.domain_columns.contains("backupmx") ? " AND backupmx = '0'" : "") +
                " ORDER BY domain");
    while (domains.next()) {
      if (domain != k_all_domains) snapshot.domains.push_back(ascii_lower(domain));
    }
    if (!impl.tables.contains(impl.table("alias_domain"))) return snapshot;
    Query aliases(sql);
    std::string target;
    aliases.into(domain).into(target);
    aliases.run("SELECT alias_domain, target_domain FROM " + impl.table("alias_domain") +
                " WHERE active = '1'");
    while (aliases.next()) snapshot.alias_domains[ascii_lower(domain)] = ascii_lower(target);
    return snapshot;
  });
}

Result<std::optional<AccountRow>> PostfixadminStore::account(std::string_view address) {
  const Impl& impl = *impl_;
  const std::vector<std::string> bound{ascii_lower(address)};
  return impl_->read("cannot read an account", [&](soci::session& sql) {
    auto rows = impl.select(sql, " WHERE username = :username", bound);
    return rows.empty() ? std::optional<AccountRow>() : std::optional(std::move(rows.front()));
  });
}

Result<std::vector<AccountRow>> PostfixadminStore::accounts(const AccountFilter& filter) {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the accounts", [&](soci::session& sql) {
    std::vector<std::string> bound;
    const std::string rest =
        impl.where(filter, bound) + fmt::format(" ORDER BY username LIMIT {} OFFSET {}",
                                                std::min(filter.limit, k_limit_max), filter.offset);
    return impl.select(sql, rest, bound);
  });
}

Result<std::uint64_t> PostfixadminStore::count(const AccountFilter& filter) {
  const Impl& impl = *impl_;
  return impl_->read("cannot count the accounts", [&](soci::session& sql) {
    std::vector<std::string> bound;
    const std::string rest = impl.where(filter, bound);
    long long found = 0;
    Query query(sql);
    query.into(found);
    for (const std::string& text : bound) query.bind(text);
    query.run("SELECT COUNT(*) FROM " + impl.table("mailbox") + rest);
    if (!query.next()) throw std::runtime_error("no count came back");
    return static_cast<std::uint64_t>(found);
  });
}

Result<void> PostfixadminStore::add(const AccountRow& row, std::string_view password_hash) {
  const auto address = MailAddress::parse(row.address);
  if (!address) return std::unexpected(address.error());
  if (password_hash.empty()) return bad_input("an account needs a password");
  const Impl& impl = *impl_;
  const std::string name(address->text());
  const std::string domain(address->domain());
  const std::string local(address->local_part());
  if (local.find('/') != std::string::npos || local.starts_with('.')) {
    return bad_input("this address would leave its maildir");
  }
  return impl_->write("cannot add an account", [&](soci::session& sql) -> Result<void> {
    if (domain == ascii_lower(k_all_domains) || !impl.exists(sql, "domain", "domain", domain)) {
      return bad_input(fmt::format("there is no domain {}", domain));
    }
    if (impl.exists(sql, "mailbox", "username", name) ||
        impl.exists(sql, "alias", "address", name)) {
      return bad_input(fmt::format("the address {} is taken", name));
    }
    if (auto room = impl.check_room(sql, domain); !room) return room;
    std::vector<std::pair<std::string, std::string>> values{
        {"username", name},
        {"password", std::string(password_hash)},
        {"domain", domain},
        {"maildir",
         replaced(replaced(impl.settings.maildir, "{domain}", domain), "{local}", local)},
        {"active", row.active ? "1" : "0"}};
    const auto optional = [&](const char* column, std::string value) {
      if (impl.mailbox_columns.contains(column)) values.emplace_back(column, std::move(value));
    };
    optional("name", row.name);
    optional("local_part", local);
    optional("quota", std::to_string(row.quota_bytes));
    optional("phone", row.phone);
    optional("email_other", row.email_other);
    // An account that is made inactive must not be able to send either.
    optional("smtp_active", row.active ? "1" : "0");
    if (std::string expiry = impl.password_expiry(sql, domain); !expiry.empty()) {
      values.emplace_back("password_expiry", std::move(expiry));
    }
    impl.insert(sql, "mailbox", values, {"created", "modified"});
    // Without this row Postfix's alias map, and a catch-all, would take the mail elsewhere.
    impl.insert(sql, "alias",
                {{"address", name}, {"goto", name}, {"domain", domain}, {"active", "1"}},
                {"created", "modified"});
    impl.log(sql, domain, "create_mailbox", name);
    return {};
  });
}

Result<void> PostfixadminStore::set_password(std::string_view address,
                                             std::string_view password_hash) {
  if (password_hash.empty()) return bad_input("an account needs a password");
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  const std::string hash(password_hash);
  return impl_->write("cannot set a password", [&](soci::session& sql) -> Result<void> {
    if (!impl.exists(sql, "mailbox", "username", name)) {
      return not_found(fmt::format("there is no account {}", name));
    }
    const std::string domain(domain_of(name));
    sql << "UPDATE " + impl.table("mailbox") +
               " SET password = :password, modified = CURRENT_TIMESTAMP WHERE username = :name",
        use(hash), use(name);
    if (const std::string expiry = impl.password_expiry(sql, domain); !expiry.empty()) {
      sql << "UPDATE " + impl.table("mailbox") +
                 " SET password_expiry = :expiry WHERE username = :name",
          use(expiry), use(name);
    }
    impl.log(sql, domain, "edit_password", name);
    return {};
  });
}

Result<std::string> PostfixadminStore::password_hash(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot read a password", [&](soci::session& sql) -> Result<std::string> {
    std::string hash;
    sql << "SELECT password FROM " + impl.table("mailbox") + " WHERE username = :name", use(name),
        into(hash);
    if (!sql.got_data()) return not_found(fmt::format("there is no account {}", name));
    return hash;
  });
}

Result<void> PostfixadminStore::add_domain(std::string_view given, std::string_view description) {
  const std::string domain = ascii_lower(given);
  if (!MailAddress::parse("postmaster@" + domain) || domain.find('@') != std::string::npos ||
      domain.find('/') != std::string::npos || domain == ascii_lower(k_all_domains)) {
    return bad_input(fmt::format("\"{}\" is no domain name", given));
  }
  const Impl& impl = *impl_;
  return impl_->write("cannot add a domain", [&](soci::session& sql) -> Result<void> {
    if (impl.exists(sql, "domain", "domain", domain)) {
      return bad_input(fmt::format("the domain {} is there already", domain));
    }
    std::vector<std::pair<std::string, std::string>> values{
        {"domain", domain}, {"description", std::string(description)}, {"active", "1"}};
    for (const char* column : {"aliases", "mailboxes", "maxquota", "quota", "backupmx"}) {
      if (impl.domain_columns.contains(column)) values.emplace_back(column, "0");
    }
    if (impl.domain_columns.contains("transport")) values.emplace_back("transport", "virtual");
    impl.insert(sql, "domain", values, {"created", "modified"});
    impl.log(sql, domain, "create_domain", domain);
    return {};
  });
}

Result<std::uint64_t> PostfixadminStore::remove_app_passwords(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  std::uint64_t removed = 0;
  auto done = impl_->write("cannot remove app passwords", [&](soci::session& sql) -> Result<void> {
    const std::string table = impl.table("mailbox_app_password");
    if (!impl.tables.contains(table)) return {};
    long long found = 0;
    sql << "SELECT COUNT(*) FROM " + table + " WHERE username = :name", use(name), into(found);
    if (found == 0) return {};
    sql << "DELETE FROM " + table + " WHERE username = :name", use(name);
    impl.log(sql, std::string(domain_of(name)), "delete_app_password", name);
    removed = static_cast<std::uint64_t>(found);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

}  // namespace sekimori::store
