#include "store/recovery_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "store/own_migrations.h"
#include "store/own_store.h"
#include "store/recovery_impl.h"

namespace sekimori::store {
namespace {

using decide::GateKind;
using decide::Recovery;
using soci::into;
using soci::use;

constexpr std::string_view k_columns =
    "id, account, incident, contained_us, begun_us, begun_by, earlier_hash, current_hash, "
    "earlier_pwhashes, pwhash, by_machine, times, ended_us, ended_by, epoch, was_active, "
    "told_us, ready_us, networks, kept";

std::vector<std::string> split(const std::string& text, char by = ' ') {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(by, at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string joined(const std::vector<std::string>& words, char by) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += by;
    text += word;
  }
  return text;
}

// One row of the table, as SOCI binds it.
struct Flat {
  Number id = 0, incident = 0, contained = 0, begun = 0, by_machine = 0, times = 0, ended = 0;
  Number epoch = 0, was_active = 0, told = 0, ready = 0;
  std::string account, begun_by, earlier_hash, current_hash, earlier_pwhashes, pwhash, ended_by;
  std::string networks, kept;

  Flat() = default;
  explicit Flat(const RecoveryRow& row)
      : id(number(row.id)),
        incident(number(row.recovery.incident)),
        contained(row.recovery.contained.us),
        begun(row.recovery.begun.us),
        by_machine(row.recovery.by_machine ? 1 : 0),
        times(row.recovery.times),
        ended(row.recovery.ended.us),
        epoch(number(row.epoch)),
        was_active(row.was_active ? 1 : 0),
        told(row.told.us),
        ready(row.ready.us),
        account(row.recovery.account),
        begun_by(row.recovery.begun_by),
        earlier_hash(row.recovery.earlier_hash),
        current_hash(row.recovery.current_hash),
        earlier_pwhashes(joined(row.recovery.earlier_pwhashes, ' ')),
        pwhash(row.recovery.pwhash),
        ended_by(row.recovery.ended_by),
        networks(joined(row.networks, ' ')),
        kept(joined(row.kept, '\n')) {}

  void into_query(Query& query) {
    query.into(id).into(account).into(incident).into(contained).into(begun).into(begun_by);
    query.into(earlier_hash).into(current_hash).into(earlier_pwhashes).into(pwhash);
    query.into(by_machine).into(times).into(ended).into(ended_by).into(epoch);
    query.into(was_active).into(told).into(ready).into(networks).into(kept);
  }
  void bind_to(Query& query) const {
    query.bind(id).bind(account).bind(incident).bind(contained).bind(begun).bind(begun_by);
    query.bind(earlier_hash).bind(current_hash).bind(earlier_pwhashes).bind(pwhash);
    query.bind(by_machine).bind(times).bind(ended).bind(ended_by).bind(epoch);
    query.bind(was_active).bind(told).bind(ready).bind(networks).bind(kept);
  }
  [[nodiscard]] RecoveryRow value() const {
    RecoveryRow row;
    Recovery& r = row.recovery;
    row.id = static_cast<std::uint64_t>(id);
    r.account = account;
    r.incident = static_cast<std::uint64_t>(incident);
    r.contained = Instant{contained};
    r.begun = Instant{begun};
    r.begun_by = begun_by;
    r.earlier_hash = earlier_hash;
    r.current_hash = current_hash;
    r.earlier_pwhashes = split(earlier_pwhashes);
    r.pwhash = pwhash;
    r.by_machine = by_machine != 0;
    r.times = static_cast<std::uint32_t>(times);
    r.ended = Instant{ended};
    r.ended_by = ended_by;
    row.epoch = static_cast<std::uint64_t>(epoch);
    row.was_active = was_active != 0;
    row.told = Instant{told};
    row.ready = Instant{ready};
    row.networks = split(networks);
    row.kept = split(kept, '\n');
    return row;
  }
};

void insert(soci::session& sql, const RecoveryRow& row) {
  {
    const Flat flat(row);
    Query query(sql);
    flat.bind_to(query);
    query.execute(fmt::format(
        "INSERT INTO recovery ({}) VALUES (:id, :account, :incident, :contained, :begun, "
        ":begun_by, :earlier, :current, :earlier_pw, :pwhash, :by_machine, :times, :ended, "
        ":ended_by, :epoch, :active, :told, :ready, :networks, :kept)",
        k_columns));
  }
  const Number id = number(row.id);
  for (std::size_t i = 0; i < decide::k_gates; ++i) {
    const std::string kind(to_string(static_cast<GateKind>(i)));
    const decide::Gate& gate = row.recovery.gates[i];
    const std::string state(to_string(gate.state));
    const Number when = gate.when.us;
    sql << "INSERT INTO recovery_gate (recovery, gate, state, evidence_ja, evidence_en, proved_us) "
           "VALUES (:recovery, :gate, :state, :ja, :en, :proved)",
        use(id), use(kind), use(state), use(gate.evidence.ja), use(gate.evidence.en), use(when);
  }
}

void remove(soci::session& sql, Number id) {
  sql << "DELETE FROM recovery_gate WHERE recovery = :id", use(id);
  sql << "DELETE FROM recovery WHERE id = :id", use(id);
}

void read_gates(soci::session& sql, RecoveryRow& row) {
  const Number id = number(row.id);
  Query query(sql);
  std::string kind, state, ja, en;
  Number when = 0;
  query.into(kind).into(state).into(ja).into(en).into(when).bind(id);
  query.run(
      "SELECT gate, state, evidence_ja, evidence_en, proved_us FROM recovery_gate "
      "WHERE recovery = :id");
  while (query.next()) {
    const auto gate = decide::parse_gate_kind(kind);
    if (!gate) continue;  // of a newer program
    row.recovery.gate(*gate) = {
        word(decide::parse_gate_state(state), state), {ja, en}, Instant{when}};
  }
}

template <class Bind>
std::vector<RecoveryRow> select(soci::session& sql, const std::string& rest, const Bind& bind) {
  std::vector<RecoveryRow> rows;
  {
    Query query(sql);
    Flat flat;
    flat.into_query(query);
    bind(query);
    query.run(fmt::format("SELECT {} FROM recovery {}", k_columns, rest));
    while (query.next()) rows.push_back(flat.value());
  }
  for (RecoveryRow& row : rows) read_gates(sql, row);
  return rows;
}

constexpr ContactKind k_contact_kinds[] = {ContactKind::email_other, ContactKind::phone,
                                           ContactKind::totp};

const std::string& value_of(const ContactsRow& row, ContactKind kind) {
  switch (kind) {
    case ContactKind::email_other: return row.email_other;
    case ContactKind::phone: return row.phone;
    case ContactKind::totp: return row.totp;
  }
  return row.email_other;
}

struct Known {
  Number since = 0;
  std::size_t values = 0;
  std::string value;
};
using KnownContacts = std::map<std::pair<std::string, std::string>, Known>;

// What is known of the accounts after `after` up to `last` ("" = to the end).
KnownContacts known_contacts(soci::session& sql, const std::string& after,
                             const std::string& last) {
  KnownContacts known;
  Query query(sql);
  std::string account, kind, value;
  Number since = 0;
  query.into(account).into(kind).into(since).into(value).bind(after);
  if (!last.empty()) query.bind(last);
  query.run("SELECT account, kind, since_us, value FROM contact WHERE account > :after" +
            std::string(last.empty() ? "" : " AND account <= :last") +
            " ORDER BY account, kind, since_us");
  while (query.next()) {
    Known& one = known[{account, kind}];
    ++one.values;
    one.since = since;
    one.value = value;
  }
  return known;
}

}  // namespace

const Migrations& recovery_migrations() {
  static const Migrations migrations{
      {
          "CREATE TABLE recovery (id BIGINT NOT NULL PRIMARY KEY, account VARCHAR(320) NOT NULL, "
          "incident BIGINT NOT NULL, contained_us BIGINT NOT NULL, begun_us BIGINT NOT NULL, "
          "begun_by VARCHAR(320) NOT NULL, earlier_hash VARCHAR(64) NOT NULL, "
          "current_hash VARCHAR(64) NOT NULL, earlier_pwhashes VARCHAR(256) NOT NULL, "
          "pwhash VARCHAR(32) NOT NULL, by_machine INTEGER NOT NULL, times INTEGER NOT NULL, "
          "ended_us BIGINT NOT NULL, ended_by VARCHAR(320) NOT NULL, epoch BIGINT NOT NULL, "
          "was_active INTEGER NOT NULL, told_us BIGINT NOT NULL, ready_us BIGINT NOT NULL, "
          "networks TEXT NOT NULL, kept TEXT NOT NULL)",
          "CREATE INDEX recovery_account ON recovery (account, id)",
          "CREATE INDEX recovery_ended ON recovery (ended_us)",
          "CREATE TABLE recovery_gate (recovery BIGINT NOT NULL, gate VARCHAR(32) NOT NULL, "
          "state VARCHAR(16) NOT NULL, evidence_ja TEXT NOT NULL, evidence_en TEXT NOT NULL, "
          "proved_us BIGINT NOT NULL, PRIMARY KEY (recovery, gate))",
          "CREATE TABLE contact (account VARCHAR(320) NOT NULL, kind VARCHAR(16) NOT NULL, "
          "since_us BIGINT NOT NULL, value VARCHAR(320) NOT NULL, "
          "PRIMARY KEY (account, kind, since_us))",
          "CREATE TABLE contact_code (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "hash VARCHAR(128) NOT NULL, expires_us BIGINT NOT NULL, tries INTEGER NOT NULL, "
          "hour_us BIGINT NOT NULL, sent INTEGER NOT NULL)",
          "CREATE TABLE totp_use (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "step BIGINT NOT NULL, window_us BIGINT NOT NULL, tries INTEGER NOT NULL)",
          "CREATE TABLE owner_session (token VARCHAR(64) NOT NULL PRIMARY KEY, "
          "account VARCHAR(320) NOT NULL, proof VARCHAR(16) NOT NULL, expires_us BIGINT NOT NULL)",
          "CREATE INDEX owner_session_account ON owner_session (account)",
      },
      // 2: what owners keep at the portal
      {
          "CREATE TABLE owner_totp (account VARCHAR(320) NOT NULL PRIMARY KEY, "
          "secret VARCHAR(256) NOT NULL, since_us BIGINT NOT NULL)",
          "CREATE TABLE owner_network (account VARCHAR(320) NOT NULL, "
          "network VARCHAR(64) NOT NULL, mine INTEGER NOT NULL, at_us BIGINT NOT NULL, "
          "PRIMARY KEY (account, network))",
      },
  };
  return migrations;
}

std::string_view to_string(ContactKind kind) {
  switch (kind) {
    case ContactKind::email_other: return "email_other";
    case ContactKind::phone: return "phone";
    case ContactKind::totp: return "totp";
  }
  return "email_other";
}

RecoveryStore::RecoveryStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RecoveryStore::~RecoveryStore() = default;

Result<std::unique_ptr<RecoveryStore>> RecoveryStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "recovery", recovery_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<RecoveryStore>(new RecoveryStore(std::move(*impl)));
}

Result<RecoveryRow> RecoveryStore::begin(const RecoveryRow& given) {
  RecoveryRow row = given;
  auto done =
      impl_->database.write("cannot open a recovery", [&](soci::session& sql) -> Result<void> {
        auto open = select(sql, "WHERE account = :account AND ended_us = 0 ORDER BY id",
                           [&](Query& query) { query.bind(given.recovery.account); });
        if (!open.empty()) {
          row = std::move(open.front());
          return {};
        }
        Number id = 0;
        sql << "SELECT COALESCE(MAX(id), 0) + 1 FROM recovery", into(id);
        row.id = static_cast<std::uint64_t>(id);
        insert(sql, row);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return row;
}

Result<void> RecoveryStore::put(const RecoveryRow& row) {
  return impl_->database.write("cannot keep a recovery", [&](soci::session& sql) -> Result<void> {
    const Number id = number(row.id);
    Number found = 0;
    sql << "SELECT COUNT(*) FROM recovery WHERE id = :id", use(id), into(found);
    if (found == 0) return not_found(fmt::format("there is no recovery {}", row.id));
    remove(sql, id);
    insert(sql, row);
    return {};
  });
}

Result<std::optional<RecoveryRow>> RecoveryStore::latest(std::string_view account) {
  const std::string who(account);
  return impl_->database.read("cannot read a recovery", [&](soci::session& sql) {
    auto rows = select(
        sql,
        "WHERE account = :account ORDER BY CASE ended_us WHEN 0 THEN 0 ELSE 1 END, id DESC LIMIT 1",
        [&](Query& query) { query.bind(who); });
    return rows.empty() ? std::optional<RecoveryRow>() : std::optional(std::move(rows.front()));
  });
}

Result<std::vector<RecoveryRow>> RecoveryStore::under_way(std::size_t max) {
  return impl_->database.read("cannot read the recoveries", [&](soci::session& sql) {
    return select(sql, fmt::format("WHERE ended_us = 0 ORDER BY id LIMIT {}", max), [](Query&) {});
  });
}

Result<std::uint32_t> RecoveryStore::by_machine_since(std::string_view account, Instant since) {
  const std::string who(account);
  const Number from = since.us;
  return impl_->database.read("cannot count recoveries", [&](soci::session& sql) {
    Number count = 0;
    sql << "SELECT COUNT(*) FROM recovery WHERE account = :account AND by_machine = 1 "
           "AND contained_us >= :since",
        use(who), use(from), into(count);
    return static_cast<std::uint32_t>(count);
  });
}

Result<std::uint64_t> RecoveryStore::count_under_way() {
  return impl_->database.read("cannot count recoveries", [&](soci::session& sql) {
    Number count = 0;
    sql << "SELECT COUNT(*) FROM recovery WHERE ended_us = 0", into(count);
    return static_cast<std::uint64_t>(count);
  });
}

Result<void> RecoveryStore::observe_contacts(std::string_view after,
                                             std::span<const ContactsRow> page, bool is_last,
                                             Instant now) {
  const std::string from(after);
  const std::string last = is_last || page.empty() ? std::string() : page.back().account;
  // Mostly nothing is new, and then nothing is written.
  auto known = impl_->database.read(
      "cannot read contacts", [&](soci::session& sql) { return known_contacts(sql, from, last); });
  if (!known) return std::unexpected(known.error());
  struct Change {
    std::string account, kind, value;
    Number replaced = 0;  // 0: a further value
  };
  std::vector<Change> changes;
  std::set<std::string, std::less<>> gone;
  for (const auto& [key, one] : *known) gone.insert(key.first);
  for (const ContactsRow& row : page) {
    gone.erase(row.account);
    for (const ContactKind kind : k_contact_kinds) {
      const auto found = known->find({row.account, std::string(to_string(kind))});
      const std::string& value = value_of(row, kind);
      if (found == known->end() ? value.empty() : found->second.value == value) continue;
      const bool full = found != known->end() && found->second.values >= k_contact_values_max;
      changes.push_back(
          {row.account, std::string(to_string(kind)), value, full ? found->second.since : 0});
    }
  }
  if (changes.empty() && gone.empty()) return {};
  const Number at = now.us;
  return impl_->database.write("cannot keep contacts", [&](soci::session& sql) -> Result<void> {
    for (const Change& change : changes) {
      // A clock that stands still, or was set back, changes the value of the same moment.
      sql << "DELETE FROM contact WHERE account = :account AND kind = :kind AND "
             "(since_us = :replaced OR since_us >= :now)",
          use(change.account), use(change.kind), use(change.replaced), use(at);
      sql << "INSERT INTO contact (account, kind, since_us, value) "
             "VALUES (:account, :kind, :since, :value)",
          use(change.account), use(change.kind), use(at), use(change.value);
    }
    for (const std::string& account : gone) {
      sql << "DELETE FROM contact WHERE account = :account", use(account);
    }
    return {};
  });
}

Result<std::optional<Contact>> RecoveryStore::contact_at(std::string_view account, ContactKind kind,
                                                         Instant t) {
  const std::string who(account);
  const std::string word(to_string(kind));
  return impl_->database.read("cannot read a contact", [&](soci::session& sql) {
    std::optional<Contact> found;
    Query query(sql);
    std::string value;
    Number since = 0;
    query.into(since).into(value).bind(who).bind(word);
    query.run(
        "SELECT since_us, value FROM contact WHERE account = :account AND kind = :kind "
        "ORDER BY since_us");
    bool is_newest_then = false;
    while (query.next()) {
      is_newest_then = since <= t.us;
      if (is_newest_then) found = Contact{value, Instant{since}, true};
    }
    if (found) found->unchanged = is_newest_then;
    if (found && found->value.empty()) found.reset();
    return found;
  });
}

Result<void> RecoveryStore::prune(Instant now, Instant before) {
  const Number over = now.us;
  const Number old = before.us;
  const Number session_window = (now - hours(1)).us;
  return impl_->database.write(
      "cannot tidy up the recoveries", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM recovery_gate WHERE recovery IN (SELECT id FROM recovery "
               "WHERE ended_us <> 0 AND ended_us < :before)",
            use(old);
        sql << "DELETE FROM recovery WHERE ended_us <> 0 AND ended_us < :before", use(old);
        sql << "DELETE FROM owner_session WHERE expires_us <= :now", use(over);
        sql << "DELETE FROM contact_code WHERE expires_us <= :now AND hour_us <= :window",
            use(over), use(session_window);
        // Values that were replaced, by another one that is itself old.
        // (The inner SELECT is a table of its own to MySQL.)
        sql << "DELETE FROM contact WHERE (account, kind, since_us) IN (SELECT account, kind, "
               "since_us FROM (SELECT o.account, o.kind, o.since_us FROM contact o JOIN contact n "
               "ON n.account = o.account AND n.kind = o.kind AND n.since_us > o.since_us "
               "AND n.since_us < :before WHERE o.since_us < :before2) AS replaced)",
            use(old), use(old);
        return {};
      });
}

}  // namespace sekimori::store
