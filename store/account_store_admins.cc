// PostfixAdmin's administrators, who sign in to the panel with the password they have there.
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
    if (impl.columns_of(sql, admins).contains("totp_secret")) {
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

}  // namespace sekimori::store
