// PostfixAdmin's administrators, who sign in to the panel with the password they have there.
#include <fmt/format.h>

#include <map>

#include "store/account_impl.h"

namespace sekimori::store {

using soci::into;
using soci::use;

Result<std::optional<PostfixadminStore::Admin>> PostfixadminStore::admin(std::string_view login) {
  const Impl& impl = *impl_;
  const std::string name = ascii_lower(login);
  return impl_->read("cannot read an administrator", [&](soci::session& sql) {
    std::optional<Admin> found;
    const std::string admins = impl.table("admin");
    const std::string of_domains = impl.table("domain_admins");
    if (!impl.tables.contains(admins) || !impl.tables.contains(of_domains)) return found;
    std::string hash;
    int superadmin = 0;
    sql << "SELECT password, CASE WHEN superadmin = '1' THEN 1 ELSE 0 END FROM " + admins +
               " WHERE lower(username) = :name AND active = '1'",
        use(name), into(hash), into(superadmin);
    if (!sql.got_data()) return found;
    Admin admin;
    admin.password_hash = hash;
    admin.is_superadmin = superadmin != 0;
    if (impl.columns_of(sql, "admin").contains("totp_secret")) {
      std::string key;
      sql << "SELECT COALESCE(totp_secret, '') FROM " + admins + " WHERE lower(username) = :name",
          use(name), into(key);
      admin.totp_secret = Secret(key);
    }
    Query query(sql);
    std::string domain;
    query.into(domain).bind(name);
    query.run("SELECT domain FROM " + of_domains +
              " WHERE lower(username) = :name AND active = '1' AND domain <> 'ALL' "
              "ORDER BY domain");
    while (query.next()) admin.domains.push_back(ascii_lower(domain));
    found = std::move(admin);
    return found;
  });
}

Result<std::vector<PostfixadminStore::ListedAdmin>> PostfixadminStore::listed_admins() {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the administrators", [&](soci::session& sql) {
    std::vector<ListedAdmin> out;
    const std::string admins = impl.table("admin");
    const std::string of_domains = impl.table("domain_admins");
    if (!impl.tables.contains(admins) || !impl.tables.contains(of_domains)) return out;
    const auto columns = impl.columns_of(sql, "admin");
    std::map<std::string, std::size_t> places;
    {
      Query query(sql);
      ListedAdmin one;
      int active = 0;
      int superadmin = 0;
      int totp = 0;
      query.into(one.login).into(active).into(superadmin).into(totp);
      query.run(fmt::format(
          "SELECT username, CASE WHEN active = '1' THEN 1 ELSE 0 END, {}, {} FROM {} "
          "ORDER BY username",
          columns.contains("superadmin") ? "CASE WHEN superadmin = '1' THEN 1 ELSE 0 END" : "0",
          columns.contains("totp_secret")
              ? "CASE WHEN COALESCE(totp_secret, '') <> '' THEN 1 ELSE 0 END"
              : "0",
          admins));
      while (query.next()) {
        one.active = active != 0;
        one.is_superadmin = superadmin != 0;
        one.has_totp = totp != 0;
        places[ascii_lower(one.login)] = out.size();
        out.push_back(one);
      }
    }
    Query query(sql);
    std::string login;
    std::string domain;
    query.into(login).into(domain);
    query.run("SELECT username, domain FROM " + of_domains +
              " WHERE active = '1' ORDER BY username, domain");
    while (query.next()) {
      const auto at = places.find(ascii_lower(login));
      if (at == places.end()) continue;
      // Older versions made superadmins by the domain "ALL".
      if (domain == "ALL") {
        out[at->second].is_superadmin = true;
      } else {
        out[at->second].domains.push_back(ascii_lower(domain));
      }
    }
    return out;
  });
}

Result<std::vector<PostfixadminStore::ListedDomain>> PostfixadminStore::listed_domains() {
  const Impl& impl = *impl_;
  return impl_->read("cannot read the domains", [&](soci::session& sql) {
    std::vector<ListedDomain> out;
    Query query(sql);
    ListedDomain one;
    int active = 0;
    query.into(one.domain).into(one.description).into(active);
    query.run(fmt::format(
        "SELECT domain, {}, CASE WHEN active = '1' THEN 1 ELSE 0 END FROM {} "
        "WHERE domain <> 'ALL' ORDER BY domain",
        impl.domain_columns.contains("description") ? "COALESCE(description, '')" : "''",
        impl.table("domain")));
    while (query.next()) {
      one.domain = ascii_lower(one.domain);
      one.active = active != 0;
      out.push_back(one);
    }
    return out;
  });
}

}  // namespace sekimori::store
