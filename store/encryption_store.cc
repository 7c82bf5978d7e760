#include "store/encryption_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"
#include "store/database.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::EncryptionException;
using decide::EncryptionRule;
using soci::into;
using soci::use;

constexpr std::size_t k_limit_max = 1000;

const Migrations& encryption_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE plain_sign_in (account VARCHAR(320) NOT NULL, service VARCHAR(16) NOT "
          "NULL, day BIGINT NOT NULL, domain VARCHAR(255) NOT NULL, tries BIGINT NOT NULL, "
          "last_us BIGINT NOT NULL, ip VARCHAR(64) NOT NULL, client VARCHAR(120) NOT NULL, "
          "PRIMARY KEY (account, service, day))",
          "CREATE INDEX plain_sign_in_day ON plain_sign_in (day)",
          "CREATE INDEX plain_sign_in_domain ON plain_sign_in (domain, day)",
          "CREATE TABLE plain_told (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "told_us BIGINT NOT NULL)",
          "CREATE TABLE encryption_rule (domain VARCHAR(255) NOT NULL PRIMARY KEY, "
          "from_us BIGINT NOT NULL, reason TEXT NOT NULL, set_by VARCHAR(320) NOT NULL, "
          "created_us BIGINT NOT NULL)",
          "CREATE TABLE encryption_exception (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "until_us BIGINT NOT NULL, reason TEXT NOT NULL, set_by VARCHAR(320) NOT NULL, "
          "created_us BIGINT NOT NULL)",
      },
  };
  return migrations;
}

// The conditions of a filter and what is bound to them, in their order.
struct Where {
  explicit Where(const decide::PlainFilter& filter) : since(filter.since), now(filter.now.us) {
    text = " WHERE p.day >= :since";
    if (!filter.domain.empty()) {
      domain = filter.domain;
      text += " AND p.domain = :domain";
    }
    if (!filter.search.empty()) {
      search = contains_pattern(ascii_lower(filter.search));
      text += " AND p.account LIKE :search ESCAPE '!'";
    }
    if (filter.service) {
      service = to_string(*filter.service);
      text += " AND p.service = :service";
    }
    hit = filter.hit;
    if (hit) {
      text +=
          " AND NOT EXISTS (SELECT 1 FROM encryption_exception e WHERE e.account = p.account "
          "AND e.until_us > :now)";
    }
  }
  void bind(Query& query) const {
    query.bind(since);
    if (!domain.empty()) query.bind(domain);
    if (!search.empty()) query.bind(search);
    if (!service.empty()) query.bind(service);
    if (hit) query.bind(now);
  }
  std::string text;
  Number since = 0;
  Number now = 0;
  std::string domain;
  std::string search;
  std::string service;
  bool hit = false;
};

}  // namespace

struct EncryptionStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

EncryptionStore::EncryptionStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EncryptionStore::~EncryptionStore() = default;

Result<std::unique_ptr<EncryptionStore>> EncryptionStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "encryption", encryption_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<EncryptionStore>(new EncryptionStore(std::move(*impl)));
}

Result<void> EncryptionStore::add(std::span<const decide::PlainDay> days) {
  return impl_->database.write(
      "cannot write unencrypted sign-ins", [&](soci::session& sql) -> Result<void> {
        for (const decide::PlainDay& one : days) {
          const std::string service(to_string(one.service));
          const std::string domain(domain_of(one.account));
          const std::string client = one.client.substr(0, 120);
          const Number day = one.day;
          const Number last = one.last.us;
          Number tries = 0;
          sql << "SELECT COALESCE(SUM(tries), 0) FROM plain_sign_in WHERE account = :account AND "
                 "service = :service AND day = :day",
              into(tries), use(one.account), use(service), use(day);
          sql << "DELETE FROM plain_sign_in WHERE account = :account AND service = :service AND "
                 "day = :day",
              use(one.account), use(service), use(day);
          tries += static_cast<Number>(one.count);
          sql << "INSERT INTO plain_sign_in (account, service, day, domain, tries, last_us, ip, "
                 "client) VALUES (:account, :service, :day, :domain, :tries, :last, :ip, :client)",
              use(one.account), use(service), use(day), use(domain), use(tries), use(last),
              use(one.ip), use(client);
        }
        return {};
      });
}

Result<decide::PlainAccounts> EncryptionStore::accounts(const decide::PlainFilter& filter) {
  return impl_->database.read("cannot read unencrypted sign-ins", [&](soci::session& sql) {
    decide::PlainAccounts out;
    const Where where(filter);
    {
      Number total = 0;
      Query query(sql);
      query.into(total);
      where.bind(query);
      query.run("SELECT COUNT(DISTINCT p.account) FROM plain_sign_in p" + where.text);
      if (query.next()) out.total = static_cast<std::uint64_t>(total);
    }
    {
      std::string account;
      Number count = 0;
      Number last = 0;
      Query query(sql);
      query.into(account).into(count).into(last);
      where.bind(query);
      query.run(
          fmt::format("SELECT p.account, SUM(p.tries), MAX(p.last_us) FROM plain_sign_in p{} "
                      "GROUP BY p.account ORDER BY 3 DESC, 1 LIMIT {} OFFSET {}",
                      where.text, std::min(filter.limit, k_limit_max), filter.offset));
      while (query.next()) {
        decide::PlainAccount one;
        one.account = account;
        one.count = static_cast<std::uint64_t>(count);
        one.last = Instant{last};
        out.items.push_back(std::move(one));
      }
    }
    for (decide::PlainAccount& one : out.items) {
      decide::PlainDay row;
      row.account = one.account;
      std::string service;
      Number day = 0;
      Number tries = 0;
      Number last = 0;
      Query query(sql);
      const Number since = filter.since;
      query.into(service).into(day).into(tries).into(last).into(row.ip).into(row.client);
      query.bind(one.account).bind(since);
      query.run(
          "SELECT service, day, tries, last_us, ip, client FROM plain_sign_in "
          "WHERE account = :account AND day >= :since ORDER BY day, service");
      while (query.next()) {
        row.service = parse_service(service);
        row.day = day;
        row.count = static_cast<std::uint64_t>(tries);
        row.last = Instant{last};
        one.days.push_back(row);
      }
      Number told = 0;
      sql << "SELECT COALESCE(MAX(told_us), 0) FROM plain_told WHERE account = :account",
          into(told), use(one.account);
      one.told = Instant{told};
    }
    return out;
  });
}

Result<decide::EncryptionSummary> EncryptionStore::summary(decide::DayNumber since,
                                                           const std::string& domain) {
  return impl_->database.read("cannot read unencrypted sign-ins", [&](soci::session& sql) {
    decide::EncryptionSummary out;
    decide::PlainFilter filter;
    filter.since = since;
    filter.domain = domain;
    const Where where(filter);
    Number accounts = 0;
    Number count = 0;
    Number last = 0;
    {
      Query query(sql);
      query.into(accounts).into(count);
      where.bind(query);
      query.run("SELECT COUNT(DISTINCT p.account), COALESCE(SUM(p.tries), 0) FROM plain_sign_in p" +
                where.text);
      if (query.next()) {
        out.accounts = static_cast<std::uint64_t>(accounts);
        out.count = static_cast<std::uint64_t>(count);
      }
    }
    {
      Number day = 0;
      Query query(sql);
      query.into(day).into(accounts).into(count);
      where.bind(query);
      query.run("SELECT p.day, COUNT(DISTINCT p.account), SUM(p.tries) FROM plain_sign_in p" +
                where.text + " GROUP BY p.day ORDER BY p.day");
      while (query.next()) {
        out.trend.push_back(
            {day, static_cast<std::uint64_t>(accounts), static_cast<std::uint64_t>(count)});
      }
    }
    decide::EncryptionDomain one;
    Query query(sql);
    query.into(one.domain).into(accounts).into(count).into(last);
    where.bind(query);
    query.run(
        "SELECT p.domain, COUNT(DISTINCT p.account), SUM(p.tries), MAX(p.last_us) FROM "
        "plain_sign_in p" +
        where.text + " GROUP BY p.domain ORDER BY 2 DESC, 1");
    while (query.next()) {
      one.accounts = static_cast<std::uint64_t>(accounts);
      one.count = static_cast<std::uint64_t>(count);
      one.last = Instant{last};
      out.domains.push_back(one);
    }
    return out;
  });
}

Result<std::vector<EncryptionRule>> EncryptionStore::rules() {
  return impl_->database.read("cannot read the encryption rules", [&](soci::session& sql) {
    std::vector<EncryptionRule> out;
    EncryptionRule rule;
    Number from = 0;
    Number created = 0;
    Query query(sql);
    query.into(rule.domain).into(from).into(rule.reason).into(rule.by).into(created);
    query.run(
        fmt::format("SELECT domain, from_us, reason, set_by, created_us FROM encryption_rule "
                    "ORDER BY domain LIMIT {}",
                    k_encryption_rules_max));
    while (query.next()) {
      rule.from = Instant{from};
      rule.created = Instant{created};
      out.push_back(rule);
    }
    return out;
  });
}

Result<void> EncryptionStore::put_rule(const EncryptionRule& rule) {
  return impl_->database.write(
      "cannot write the encryption rule", [&](soci::session& sql) -> Result<void> {
        const Number from = rule.from.us;
        const Number created = rule.created.us;
        sql << "DELETE FROM encryption_rule WHERE domain = :domain", use(rule.domain);
        sql << "INSERT INTO encryption_rule (domain, from_us, reason, set_by, created_us) VALUES "
               "(:domain, :from_us, :reason, :set_by, :created)",
            use(rule.domain), use(from), use(rule.reason), use(rule.by), use(created);
        return {};
      });
}

Result<bool> EncryptionStore::remove_rule(const std::string& domain) {
  bool there = false;
  auto done = impl_->database.write(
      "cannot remove the encryption rule", [&](soci::session& sql) -> Result<void> {
        Number n = 0;
        sql << "SELECT COUNT(*) FROM encryption_rule WHERE domain = :domain", into(n), use(domain);
        there = n > 0;
        sql << "DELETE FROM encryption_rule WHERE domain = :domain", use(domain);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return there;
}

Result<std::vector<EncryptionException>> EncryptionStore::exceptions(Instant now) {
  return impl_->database.read("cannot read the encryption exceptions", [&](soci::session& sql) {
    std::vector<EncryptionException> out;
    EncryptionException one;
    Number until = 0;
    Number created = 0;
    const Number bound = now.us;
    Query query(sql);
    query.into(one.account).into(until).into(one.reason).into(one.by).into(created).bind(bound);
    query.run(fmt::format(
        "SELECT account, until_us, reason, set_by, created_us FROM encryption_exception "
        "WHERE until_us > :now ORDER BY account LIMIT {}",
        k_encryption_rules_max));
    while (query.next()) {
      one.until = Instant{until};
      one.created = Instant{created};
      out.push_back(one);
    }
    return out;
  });
}

Result<void> EncryptionStore::put_exception(const EncryptionException& one) {
  return impl_->database.write(
      "cannot write the encryption exception", [&](soci::session& sql) -> Result<void> {
        const Number until = one.until.us;
        const Number created = one.created.us;
        sql << "DELETE FROM encryption_exception WHERE account = :account", use(one.account);
        sql << "INSERT INTO encryption_exception (account, until_us, reason, set_by, created_us) "
               "VALUES (:account, :until_us, :reason, :set_by, :created)",
            use(one.account), use(until), use(one.reason), use(one.by), use(created);
        return {};
      });
}

Result<bool> EncryptionStore::remove_exception(const std::string& account) {
  bool there = false;
  auto done = impl_->database.write(
      "cannot remove the encryption exception", [&](soci::session& sql) -> Result<void> {
        Number n = 0;
        sql << "SELECT COUNT(*) FROM encryption_exception WHERE account = :account", into(n),
            use(account);
        there = n > 0;
        sql << "DELETE FROM encryption_exception WHERE account = :account", use(account);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return there;
}

Result<Instant> EncryptionStore::told(const std::string& account) {
  return impl_->database.read("cannot read who was told", [&](soci::session& sql) {
    Number told = 0;
    sql << "SELECT COALESCE(MAX(told_us), 0) FROM plain_told WHERE account = :account", into(told),
        use(account);
    return Instant{told};
  });
}

Result<void> EncryptionStore::put_told(const std::string& account, Instant t) {
  return impl_->database.write(
      "cannot write who was told", [&](soci::session& sql) -> Result<void> {
        const Number told = t.us;
        sql << "DELETE FROM plain_told WHERE account = :account", use(account);
        sql << "INSERT INTO plain_told (account, told_us) VALUES "
               "(:account, :told)",
            use(account), use(told);
        return {};
      });
}

Result<void> EncryptionStore::prune(decide::DayNumber before, Instant now) {
  const Number day = before;
  const Number bound = now.us;
  return impl_->database.write(
      "cannot remove old unencrypted sign-ins", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM plain_sign_in WHERE day < :day", use(day);
        sql << "DELETE FROM encryption_exception WHERE until_us <= :now", use(bound);
        return {};
      });
}

}  // namespace sekimori::store
