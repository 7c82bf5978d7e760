#include "store/account_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/mail_address.h"
#include "store/account_impl.h"

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

std::string replaced(std::string text, std::string_view mark, std::string_view by) {
  if (const std::size_t at = text.find(mark); at != std::string::npos) {
    text.replace(at, mark.size(), by);
  }
  return text;
}

}  // namespace

PostfixadminStore::PostfixadminStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PostfixadminStore::~PostfixadminStore() = default;

Result<std::unique_ptr<PostfixadminStore>> PostfixadminStore::open(AccountStoreSettings settings) {
  if (const auto address = parse_database_url(settings.url); !address) {
    return std::unexpected(address.error());
  }
  bool good = is_identifier(settings.table_prefix);
  for (const auto& [name, renamed] : settings.renamed_tables) {
    good = good && !renamed.empty() && is_identifier(renamed);
  }
  if (!good) return bad_input("a table name may hold letters, digits and _ only");
  return std::unique_ptr<PostfixadminStore>(
      new PostfixadminStore(std::make_unique<Impl>(std::move(settings))));
}

Result<void> PostfixadminStore::prepare() { return impl_->prepare(); }

namespace {
// Some 100 MB of addresses; of those beyond it bounces are nobody's.
constexpr std::size_t k_aliases_max = 1'000'000;
}  // namespace

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
    Query own(sql);
    std::string target;
    own.into(domain).into(target);
    // One target only, and not itself: PostfixAdmin writes lists with commas.
    own.run("SELECT address, goto FROM " + impl.table("alias") +
            " WHERE active = '1' AND address <> goto AND goto NOT LIKE '%,%' ORDER BY address" +
            fmt::format(" LIMIT {}", k_aliases_max));
    while (own.next()) {
      std::string address = ascii_lower(domain);
      std::string receiver = ascii_lower(target);
      if (!address.starts_with('@') && !std::ranges::binary_search(snapshot.accounts, address) &&
          std::ranges::binary_search(snapshot.accounts, receiver)) {
        snapshot.aliases.emplace(std::move(address), std::move(receiver));
      }
    }
    if (!impl.tables.contains(impl.table("alias_domain"))) return snapshot;
    Query aliases(sql);
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
  // No address of PostfixAdmin's; MySQL would call the comparison an error.
  if (std::ranges::any_of(address, [](unsigned char c) { return c >= 0x80; })) {
    return std::optional<AccountRow>();
  }
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

Result<void> PostfixadminStore::each_name(
    const std::function<void(std::string_view address, std::string_view name)>& each) {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the accounts", [&](soci::session& sql) -> Result<void> {
    std::vector<std::string> addresses(k_batch);
    std::vector<std::string> names(k_batch);
    soci::statement all =
        (sql.prepare << fmt::format("SELECT username, COALESCE({}, '') FROM {}",
                                    impl.optional_column("name"), impl.table("mailbox")),
         into(addresses), into(names));
    all.execute();
    while (all.fetch()) {
      for (std::size_t i = 0; i < addresses.size(); ++i) each(addresses[i], names[i]);
      addresses.resize(k_batch);
      names.resize(k_batch);
    }
    return {};
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

Result<std::vector<std::string>> PostfixadminStore::admins_of(std::string_view domain,
                                                              bool superadmins) {
  const Impl& impl = *impl_;
  const std::string wanted = ascii_lower(domain);
  return impl_->read("cannot read the administrators", [&](soci::session& sql) {
    std::vector<std::string> admins;
    if (!impl.tables.contains(impl.table("admin")) ||
        !impl.tables.contains(impl.table("domain_admins"))) {
      return admins;
    }
    Query query(sql);
    std::string name;
    query.into(name).bind(wanted);
    query.run("SELECT DISTINCT a.username FROM " + impl.table("admin") + " a, " +
              impl.table("domain_admins") +
              " d WHERE d.username = a.username AND a.active = '1' AND d.active = '1' AND "
              "(lower(d.domain) = :domain" +
              (superadmins ? " OR (d.domain = 'ALL' AND a.superadmin = '1')" : "") +
              ") ORDER BY a.username");
    while (query.next()) admins.push_back(ascii_lower(name));
    return admins;
  });
}

Result<std::string> PostfixadminStore::domain_description(std::string_view domain) {
  const Impl& impl = *impl_;
  const std::string wanted = ascii_lower(domain);
  return impl_->read("cannot read a domain", [&](soci::session& sql) {
    std::string description;
    if (!impl.domain_columns.contains("description")) return description;
    sql << "SELECT description FROM " + impl.table("domain") + " WHERE domain = :domain",
        use(wanted), into(description);
    return sql.got_data() ? description : std::string();
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
