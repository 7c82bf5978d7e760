// What the way back reads and writes in the provider's store.
#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"
#include "store/account_impl.h"

namespace sekimori::store {
namespace {

using soci::into;
using soci::use;

constexpr std::size_t k_contacts_page_max = 1000;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::vector<std::string> entries_of(std::string_view list) {
  std::vector<std::string> entries;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    const std::string_view entry = trimmed(list.substr(at, end - at));
    if (!entry.empty()) entries.emplace_back(entry);
    at = end + 1;
  }
  return entries;
}

// user#domain@<vacation domain>, whatever that domain is.
bool is_vacation(const std::string& entry, const std::string& account) {
  std::string local = account;
  if (const std::size_t at = local.rfind('@'); at != std::string::npos) local[at] = '#';
  return entry.starts_with(local + "@");
}

bool is_forward(const std::string& entry, const std::string& account) {
  const std::string plain = ascii_lower(entry);
  return plain != account && !is_vacation(plain, account);
}

}  // namespace

Result<std::uint64_t> PostfixadminStore::suspend_app_passwords(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  std::uint64_t suspended = 0;
  auto done = impl_->write("cannot suspend app passwords", [&](soci::session& sql) -> Result<void> {
    const std::string table = impl.table("mailbox_app_password");
    if (!impl.tables.contains(table)) return {};
    const std::string mark(k_suspended);
    const std::string pattern = mark + "%";
    long long good = 0;
    sql << "SELECT COUNT(*) FROM " + table +
               " WHERE username = :name AND password_hash NOT LIKE :mark",
        use(name), use(pattern), into(good);
    if (good == 0) return {};
    sql << "UPDATE " + table +
               " SET password_hash = :mark || password_hash "
               "WHERE username = :name AND password_hash NOT LIKE :pattern",
        use(mark), use(name), use(pattern);
    impl.log(sql, std::string(domain_of(name)), "edit_app_password", name);
    suspended = static_cast<std::uint64_t>(good);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return suspended;
}

Result<std::uint64_t> PostfixadminStore::app_passwords(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot count app passwords", [&](soci::session& sql) {
    const std::string table = impl.table("mailbox_app_password");
    long long good = 0;
    if (!impl.tables.contains(table)) return static_cast<std::uint64_t>(good);
    const std::string pattern = std::string(k_suspended) + "%";
    sql << "SELECT COUNT(*) FROM " + table +
               " WHERE username = :name AND password_hash NOT LIKE :mark",
        use(name), use(pattern), into(good);
    return static_cast<std::uint64_t>(good);
  });
}

Result<std::uint64_t> PostfixadminStore::suspended_app_passwords(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot count app passwords", [&](soci::session& sql) {
    const std::string table = impl.table("mailbox_app_password");
    long long suspended = 0;
    if (!impl.tables.contains(table)) return static_cast<std::uint64_t>(suspended);
    const std::string pattern = std::string(k_suspended) + "%";
    sql << "SELECT COUNT(*) FROM " + table + " WHERE username = :name AND password_hash LIKE :mark",
        use(name), use(pattern), into(suspended);
    return static_cast<std::uint64_t>(suspended);
  });
}

Result<Secret> PostfixadminStore::totp_secret(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot read an authenticator", [&](soci::session& sql) -> Result<Secret> {
    if (!impl.mailbox_columns.contains("totp_secret")) return Secret();
    std::string key;
    sql << "SELECT COALESCE(totp_secret, '') FROM " + impl.table("mailbox") +
               " WHERE username = :name",
        use(name), into(key);
    return sql.got_data() ? Secret(std::move(key)) : Secret();
  });
}

Result<std::vector<std::string>> PostfixadminStore::forwards(std::string_view address) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  return impl_->read("cannot read an alias", [&](soci::session& sql) {
    std::string targets;
    // Also of an inactive alias: it comes back with its mailbox.
    sql << "SELECT goto FROM " + impl.table("alias") + " WHERE address = :name", use(name),
        into(targets);
    std::vector<std::string> found;
    if (!sql.got_data()) return found;
    for (std::string& entry : entries_of(targets)) {
      if (is_forward(entry, name)) found.push_back(std::move(entry));
    }
    return found;
  });
}

Result<std::uint64_t> PostfixadminStore::remove_forwards(std::string_view address,
                                                         const std::vector<std::string>& targets) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(address);
  std::uint64_t removed = 0;
  auto done = impl_->write("cannot change an alias", [&](soci::session& sql) -> Result<void> {
    std::string before;
    sql << "SELECT goto FROM " + impl.table("alias") + " WHERE address = :name", use(name),
        into(before);
    if (!sql.got_data()) return not_found(fmt::format("there is no alias {}", name));
    std::string after;
    for (const std::string& entry : entries_of(before)) {
      const auto is_named = [&](const std::string& target) {
        return ascii_lower(target) == ascii_lower(entry);
      };
      if (is_forward(entry, name) && std::ranges::any_of(targets, is_named)) {
        ++removed;
        continue;
      }
      after += (after.empty() ? "" : ",") + entry;
    }
    if (removed == 0) return {};
    if (after.empty()) after = name;
    sql << "UPDATE " + impl.table("alias") +
               " SET goto = :goto, modified = CURRENT_TIMESTAMP WHERE address = :name",
        use(after), use(name);
    impl.log(sql, std::string(domain_of(name)), "edit_alias", name);
    return {};
  });
  if (!done) return std::unexpected(done.error());
  return removed;
}

Result<std::vector<PostfixadminStore::Stored>> PostfixadminStore::stored(
    const std::vector<std::string>& addresses) {
  const Impl& impl = *impl_;
  if (addresses.size() > k_stored_max) return bad_input("too many accounts at once");
  if (addresses.empty()) return std::vector<Stored>();
  return impl_->read("cannot read stored passwords", [&](soci::session& sql) {
    std::vector<Stored> rows;
    Query query(sql);
    Stored row;
    int active = 0;
    query.into(row.address).into(row.password_hash).into(active);
    std::string places;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      places += fmt::format("{}:a{}", i == 0 ? "" : ", ", i);
      query.bind(addresses[i]);
    }
    query.run("SELECT username, password, CASE WHEN active = '1' THEN 1 ELSE 0 END FROM " +
              impl.table("mailbox") + " WHERE username IN (" + places + ")");
    while (query.next()) {
      row.active = active != 0;
      rows.push_back(row);
    }
    return rows;
  });
}

Result<std::vector<PostfixadminStore::Contacts>> PostfixadminStore::contacts(std::string_view after,
                                                                             std::size_t limit) {
  const Impl& impl = *impl_;
  const std::string from(after);
  return impl_->read("cannot read contacts", [&](soci::session& sql) {
    std::vector<Contacts> rows;
    Query query(sql);
    std::string address, email_other, phone, key;
    query.into(address).into(email_other).into(phone).into(key).bind(from);
    const auto text_of = [&](std::string_view column) {
      return fmt::format("COALESCE({}, '')", impl.optional_column(column));
    };
    query.run(
        fmt::format("SELECT username, {}, {}, {} FROM {} WHERE {} > :after ORDER BY {} LIMIT {}",
                    text_of("email_other"), text_of("phone"), text_of("totp_secret"),
                    impl.table("mailbox"), impl.in_bytes("username"), impl.in_bytes("username"),
                    std::min(limit, k_contacts_page_max)));
    while (query.next()) rows.push_back({address, email_other, phone, Secret(key)});
    return rows;
  });
}

Result<std::vector<std::string>> PostfixadminStore::inactive() {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the accounts", [&](soci::session& sql) {
    std::vector<std::string> names;
    Query query(sql);
    std::string name;
    query.into(name);
    query.run("SELECT username FROM " + impl.table("mailbox") +
              " WHERE NOT active = '1' ORDER BY username");
    while (query.next()) names.push_back(ascii_lower(name));
    return names;
  });
}

}  // namespace sekimori::store
