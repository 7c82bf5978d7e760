#include "store/ways_store.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "store/own_migrations.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using decide::Way;
using decide::WayChange;
using decide::WayKind;
using soci::into;
using soci::use;

std::string encoded(std::string_view text) {
  std::string out(sodium_base64_encoded_len(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // the zero byte
  return out;
}

std::string decoded(const std::string& text) {
  std::string out(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    throw std::runtime_error("a remembered way is not base64");
  }
  out.resize(size);
  return out;
}

constexpr std::string_view k_columns =
    "id, account, kind, wkey, has_before, content_before, has_after, content_after, looked_us, "
    "seen_us, external, told, state, changed_us, changed_by, reason, incident, editor";

struct Flat {
  Number id = 0, has_before = 0, has_after = 0, looked = 0, seen = 0, external = 0, told = 0;
  Number changed = 0, incident = 0;
  std::string account, kind, key, before, after, state, by, reason, editor;

  Flat() = default;
  explicit Flat(const WayChange& c)
      : id(number(c.id)),
        has_before(c.before ? 1 : 0),
        has_after(c.after ? 1 : 0),
        looked(c.looked.us),
        seen(c.seen.us),
        external(c.is_external ? 1 : 0),
        told(c.is_told ? 1 : 0),
        changed(c.changed.us),
        incident(number(c.incident)),
        account(c.account),
        kind(to_string(c.kind)),
        key(c.key),
        before(encoded(c.before.value_or(""))),
        after(encoded(c.after.value_or(""))),
        state(to_string(c.state)),
        by(c.by),
        reason(c.reason),
        editor(c.editor) {}

  void into_query(Query& query) {
    query.into(id).into(account).into(kind).into(key).into(has_before).into(before);
    query.into(has_after).into(after).into(looked).into(seen).into(external).into(told);
    query.into(state).into(changed).into(by).into(reason).into(incident).into(editor);
  }
  void bind_to(Query& query) const {
    query.bind(id).bind(account).bind(kind).bind(key).bind(has_before).bind(before);
    query.bind(has_after).bind(after).bind(looked).bind(seen).bind(external).bind(told);
    query.bind(state).bind(changed).bind(by).bind(reason).bind(incident).bind(editor);
  }
  [[nodiscard]] WayChange value() const {
    WayChange c;
    c.id = static_cast<std::uint64_t>(id);
    c.account = account;
    c.kind = word(decide::parse_way_kind(kind), kind);
    c.key = key;
    if (has_before != 0) c.before = decoded(before);
    if (has_after != 0) c.after = decoded(after);
    c.looked = Instant{looked};
    c.seen = Instant{seen};
    c.is_external = external != 0;
    c.is_told = told != 0;
    c.state = word(decide::parse_way_state(state), state);
    c.changed = Instant{changed};
    c.by = by;
    c.reason = reason;
    c.incident = static_cast<std::uint64_t>(incident);
    c.editor = editor;
    return c;
  }
};

template <class Bind>
std::vector<WayChange> select(soci::session& sql, const std::string& rest, const Bind& bind) {
  std::vector<WayChange> changes;
  Query query(sql);
  Flat flat;
  flat.into_query(query);
  bind(query);
  query.run(fmt::format("SELECT {} FROM way_change {}", k_columns, rest));
  while (query.next()) changes.push_back(flat.value());
  return changes;
}

void remove_way(soci::session& sql, const std::string& account, WayKind kind,
                const std::string& key) {
  const std::string word(to_string(kind));
  sql << "DELETE FROM way WHERE account = :account AND kind = :kind AND wkey = :wkey", use(account),
      use(word), use(key);
}

}  // namespace

const Migrations& ways_migrations() {
  // Contents are base64: scripts hold any byte, and PostgreSQL's TEXT does not.
  static const Migrations migrations{
      {
          "CREATE TABLE way (account VARCHAR(320) NOT NULL, kind VARCHAR(16) NOT NULL, "
          "wkey VARCHAR(320) NOT NULL, content TEXT NOT NULL, PRIMARY KEY (account, kind, wkey))",
          "CREATE TABLE way_change (id BIGINT NOT NULL PRIMARY KEY, "
          "account VARCHAR(320) NOT NULL, kind VARCHAR(16) NOT NULL, wkey VARCHAR(320) NOT NULL, "
          "has_before INTEGER NOT NULL, content_before TEXT NOT NULL, "
          "has_after INTEGER NOT NULL, content_after TEXT NOT NULL, looked_us BIGINT NOT NULL, "
          "seen_us BIGINT NOT NULL, external INTEGER NOT NULL, told INTEGER NOT NULL, "
          "state VARCHAR(16) NOT NULL, changed_us BIGINT NOT NULL, "
          "changed_by VARCHAR(320) NOT NULL, reason TEXT NOT NULL, incident BIGINT NOT NULL)",
          "CREATE INDEX way_change_account ON way_change (account, seen_us)",
          "CREATE INDEX way_change_seen ON way_change (seen_us)",
          "CREATE INDEX way_change_told ON way_change (told, id)",
          "CREATE INDEX way_change_state ON way_change (state)",
          "CREATE TABLE way_watch (name VARCHAR(16) NOT NULL PRIMARY KEY, "
          "after_account VARCHAR(320) NOT NULL, rounds BIGINT NOT NULL, begun_us BIGINT NOT NULL, "
          "before_us BIGINT NOT NULL)",
      },
      // 2: who made it, where the provider's log says.
      {
          "ALTER TABLE way_change ADD COLUMN editor VARCHAR(320) NOT NULL DEFAULT ''",
      },
  };
  return migrations;
}

struct WaysStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

WaysStore::WaysStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WaysStore::~WaysStore() = default;

Result<std::unique_ptr<WaysStore>> WaysStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "ways", ways_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<WaysStore>(new WaysStore(std::move(*impl)));
}

Result<WaysStore::Known> WaysStore::known(std::string_view after, std::string_view last) {
  const std::string from(after);
  const std::string to(last);
  return impl_->database.read("cannot read the remembered ways", [&](soci::session& sql) {
    Known known;
    Query query(sql);
    std::string account, kind, key, content;
    query.into(account).into(kind).into(key).into(content).bind(from);
    if (!to.empty()) query.bind(to);
    query.run("SELECT account, kind, wkey, content FROM way WHERE account > :after" +
              std::string(to.empty() ? "" : " AND account <= :last"));
    while (query.next()) {
      known[account].push_back({word(decide::parse_way_kind(kind), kind), key, decoded(content)});
    }
    for (auto& [name, ways] : known) std::ranges::sort(ways);
    return known;
  });
}

Result<std::vector<Way>> WaysStore::known_of(std::string_view account) {
  const std::string name(account);
  return impl_->database.read("cannot read the remembered ways", [&](soci::session& sql) {
    std::vector<Way> ways;
    Query query(sql);
    std::string kind, key, content;
    query.into(kind).into(key).into(content).bind(name);
    query.run("SELECT kind, wkey, content FROM way WHERE account = :account");
    while (query.next()) {
      ways.push_back({word(decide::parse_way_kind(kind), kind), key, decoded(content)});
    }
    std::ranges::sort(ways);
    return ways;
  });
}

Result<WayWatch> WaysStore::watch(std::string_view name) {
  const std::string who(name);
  return impl_->database.read("cannot read the remembered ways", [&](soci::session& sql) {
    WayWatch watch;
    Number rounds = 0, begun = 0, before = 0;
    sql << "SELECT after_account, rounds, begun_us, before_us FROM way_watch WHERE name = :name",
        into(watch.after), into(rounds), into(begun), into(before), use(who);
    watch.rounds = static_cast<std::uint64_t>(rounds);
    watch.begun = Instant{begun};
    watch.before = Instant{before};
    return watch;
  });
}

Result<void> WaysStore::write(WaysWrite& what) {
  return impl_->database.write("cannot keep the ways", [&](soci::session& sql) -> Result<void> {
    for (const std::string& account : what.gone) {
      sql << "DELETE FROM way WHERE account = :account", use(account);
    }
    for (const auto& account : what.accounts) {
      for (const auto& [kind, key] : account.remove) remove_way(sql, account.name, kind, key);
      for (const Way& way : account.put) {
        remove_way(sql, account.name, way.kind, way.key);
        const std::string kind(to_string(way.kind));
        const std::string content = encoded(way.content);
        sql << "INSERT INTO way (account, kind, wkey, content) VALUES (:account, :kind, :wkey, "
               ":content)",
            use(account.name), use(kind), use(way.key), use(content);
      }
    }
    if (!what.changes.empty()) {
      // Never given twice, also after the newest was forgotten.
      Number id = 0;
      sql << "SELECT COALESCE(MAX(rounds), 0) FROM way_watch WHERE name = '#id'", into(id);
      for (WayChange& change : what.changes) {
        change.id = static_cast<std::uint64_t>(++id);
        const Flat flat(change);
        Query query(sql);
        flat.bind_to(query);
        query.execute(
            fmt::format("INSERT INTO way_change ({}) VALUES (:id, :account, :kind, :wkey, "
                        ":has_before, :before, :has_after, :after, :looked, :seen, :external, "
                        ":told, :state, :changed, :who, :reason, :incident, :editor)",
                        k_columns));
      }
      sql << "DELETE FROM way_watch WHERE name = '#id'";
      sql << "INSERT INTO way_watch (name, after_account, rounds, begun_us, before_us) VALUES "
             "('#id', '', :id, 0, 0)",
          use(id);
    }
    if (!what.watch_name.empty()) {
      const Number rounds = number(what.watch.rounds);
      const Number begun = what.watch.begun.us;
      const Number before = what.watch.before.us;
      sql << "DELETE FROM way_watch WHERE name = :name", use(what.watch_name);
      sql << "INSERT INTO way_watch (name, after_account, rounds, begun_us, before_us) VALUES "
             "(:name, :after, :rounds, :begun, :before)",
          use(what.watch_name), use(what.watch.after), use(rounds), use(begun), use(before);
    }
    return {};
  });
}

Result<std::vector<WayChange>> WaysStore::changes(std::string_view account, Instant since) {
  const std::string name(account);
  const Number from = since.us;
  return impl_->database.read("cannot read what changed", [&](soci::session& sql) {
    return select(sql, "WHERE account = :account AND seen_us >= :since ORDER BY id",
                  [&](Query& query) { query.bind(name).bind(from); });
  });
}

Result<std::vector<WayChange>> WaysStore::changes_within(std::string_view domain, Instant since,
                                                         std::size_t max) {
  const std::string pattern = within_pattern(domain);
  const Number from = since.us;
  return impl_->database.read("cannot read what changed", [&](soci::session& sql) {
    return select(sql,
                  fmt::format("WHERE account LIKE :pattern ESCAPE '!' AND seen_us >= :since "
                              "ORDER BY account, id LIMIT {}",
                              max),
                  [&](Query& query) { query.bind(pattern).bind(from); });
  });
}

Result<std::vector<std::string>> WaysStore::changed_accounts(std::string_view domain, Instant since,
                                                             std::string_view after,
                                                             std::size_t max) {
  const std::string pattern = within_pattern(domain);
  const std::string from(after);
  const Number seen = since.us;
  return impl_->database.read("cannot read what changed", [&](soci::session& sql) {
    std::vector<std::string> accounts;
    Query query(sql);
    std::string account;
    query.into(account).bind(pattern).bind(seen).bind(from);
    query.run(
        fmt::format("SELECT DISTINCT account FROM way_change WHERE account LIKE :pattern "
                    "ESCAPE '!' AND seen_us >= :since AND account > :after ORDER BY account "
                    "LIMIT {}",
                    max));
    while (query.next()) accounts.push_back(account);
    return accounts;
  });
}

Result<std::vector<WayChange>> WaysStore::latest(std::string_view account) {
  const std::string name(account);
  return impl_->database.read("cannot read what changed", [&](soci::session& sql) {
    return select(sql,
                  "WHERE id IN (SELECT MAX(id) FROM way_change WHERE account = :account "
                  "GROUP BY kind, wkey) ORDER BY id",
                  [&](Query& query) { query.bind(name); });
  });
}

Result<std::vector<WayChange>> WaysStore::untold(std::size_t max) {
  return impl_->database.read("cannot read what changed", [&](soci::session& sql) {
    return select(sql, fmt::format("WHERE told = 0 ORDER BY id LIMIT {}", max), [](Query&) {});
  });
}

Result<void> WaysStore::put(const std::vector<WayChange>& changes) {
  return impl_->database.write("cannot keep a change", [&](soci::session& sql) -> Result<void> {
    for (const WayChange& change : changes) {
      const Flat flat(change);
      sql << "UPDATE way_change SET state = :state, changed_us = :changed, changed_by = :who, "
             "reason = :reason, incident = :incident, told = :told WHERE id = :id",
          use(flat.state), use(flat.changed), use(flat.by), use(flat.reason), use(flat.incident),
          use(flat.told), use(flat.id);
    }
    return {};
  });
}

Result<void> WaysStore::prune(Instant before) {
  const Number until = before.us;
  return impl_->database.write("cannot forget changes", [&](soci::session& sql) -> Result<void> {
    sql << "DELETE FROM way_change WHERE seen_us < :before AND state <> 'paused'", use(until);
    return {};
  });
}

Result<WaysStore::Counts> WaysStore::counts() {
  return impl_->database.read("cannot count the ways", [&](soci::session& sql) {
    Number ways = 0, open = 0, paused = 0;
    sql << "SELECT COUNT(*) FROM way", into(ways);
    sql << "SELECT COUNT(*) FROM way_change WHERE state = 'open'", into(open);
    sql << "SELECT COUNT(*) FROM way_change WHERE state = 'paused'", into(paused);
    return Counts{static_cast<std::uint64_t>(ways), static_cast<std::uint64_t>(open),
                  static_cast<std::uint64_t>(paused)};
  });
}

}  // namespace sekimori::store
