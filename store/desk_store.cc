#include "store/desk_store.h"

#include <fmt/format.h>
#include <sodium.h>

#include "store/database.h"
#include "store/desk_schema.h"
#include "store/one_time_code.h"
#include "store/own_store.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

// No 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V: what a voice on the telephone cannot tell apart.
constexpr std::string_view k_code_alphabet = "ACDEFGHJKMNPQRTWXY34679";
constexpr int k_code_groups = 3;
constexpr int k_code_group = 4;

}  // namespace

struct DeskStore::Impl {
  explicit Impl(DatabaseSettings settings) : database(std::move(settings)) {}
  Database database;
};

DeskStore::DeskStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DeskStore::~DeskStore() = default;

Result<std::unique_ptr<DeskStore>> DeskStore::open(const StateStoreSettings& settings) {
  auto impl = open_own<Impl>(settings, "desk", desk_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<DeskStore>(new DeskStore(std::move(*impl)));
}

Result<Secret> DeskStore::new_recovery_code(std::string_view account, Instant expires,
                                            std::string_view by) {
  std::string shown;
  for (int group = 0; group < k_code_groups; ++group) {
    if (group > 0) shown += '-';
    for (int i = 0; i < k_code_group; ++i) {
      shown += k_code_alphabet[randombytes_uniform(k_code_alphabet.size())];
    }
  }
  Secret code(std::move(shown));
  auto hash = hash_code(typed_code(code));
  if (!hash) return std::unexpected(hash.error());
  const std::string who(account);
  const std::string kept(std::move(*hash));
  const std::string maker(by);
  const Number until = expires.us;
  auto done = impl_->database.write(
      "cannot write the recovery code", [&](soci::session& sql) -> Result<void> {
        sql << "DELETE FROM recovery_code WHERE account = :account", soci::use(who);
        sql << "INSERT INTO recovery_code (account, hash, expires_us, tries, made_by) "
               "VALUES (:account, :hash, :expires, 0, :made_by)",
            soci::use(who), soci::use(kept), soci::use(until), soci::use(maker);
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return code;
}

Result<bool> DeskStore::take_recovery_code(std::string_view account, const Secret& code,
                                           Instant now) {
  const std::string who(account);
  bool right = false;
  auto done = impl_->database.write(
      "cannot check the recovery code", [&](soci::session& sql) -> Result<void> {
        std::string hash;
        Number expires = 0;
        Number tries = 0;
        sql << "SELECT hash, expires_us, tries FROM recovery_code WHERE account = :account",
            soci::into(hash), soci::into(expires), soci::into(tries), soci::use(who);
        if (!sql.got_data()) return {};
        if (expires <= now.us || tries >= k_code_tries_max) {
          sql << "DELETE FROM recovery_code WHERE account = :account", soci::use(who);
          return {};
        }
        right = code_matches(hash, typed_code(code));
        if (right) {
          sql << "DELETE FROM recovery_code WHERE account = :account", soci::use(who);
        } else {
          sql << "UPDATE recovery_code SET tries = tries + 1 WHERE account = :account",
              soci::use(who);
        }
        return {};
      });
  if (!done) return std::unexpected(done.error());
  return right;
}

Result<std::uint64_t> DeskStore::count_incidents(const decide::StateStore::IncidentFilter& filter) {
  const std::string state(filter.state ? to_string(*filter.state) : std::string_view());
  const SubjectRow subject(filter.subject.value_or(decide::Subject{}));
  return impl_->database.read("cannot count incidents", [&](soci::session& sql) {
    Query query(sql);
    Number count = 0;
    query.into(count);
    std::string where = " WHERE 1 = 1";
    if (filter.state) {
      where += " AND state = :state";
      query.bind(state);
    }
    if (filter.subject) {
      where += " AND kind = :kind AND subject = :subject";
      query.bind(subject.kind).bind(subject.id);
    }
    if (!filter.within.empty()) {
      where += " AND domain = :within";
      query.bind(filter.within);
    }
    query.run("SELECT COUNT(*) FROM incident" + where);
    (void)query.next();
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::uint64_t> DeskStore::count_holds(const decide::StateStore::HoldFilter& filter) {
  const std::string state(filter.state ? to_string(*filter.state) : std::string_view());
  const std::string pattern = within_pattern(filter.within);
  return impl_->database.read("cannot count holds", [&](soci::session& sql) {
    Query query(sql);
    Number count = 0;
    query.into(count);
    std::string where = " WHERE 1 = 1";
    if (filter.account) {
      where += " AND account = :account";
      query.bind(*filter.account);
    }
    if (!filter.within.empty()) {
      where += " AND account LIKE :pattern ESCAPE '!'";
      query.bind(pattern);
    }
    if (filter.state) {
      where += " AND state = :state";
      query.bind(state);
    }
    const Number incident = filter.incident ? static_cast<Number>(*filter.incident) : 0;
    if (filter.incident) {
      where += " AND incident = :incident";
      query.bind(incident);
    }
    query.run("SELECT COUNT(*) FROM hold" + where);
    (void)query.next();
    return static_cast<std::uint64_t>(count);
  });
}

Result<std::optional<decide::HeldMessage>> DeskStore::hold(std::string_view queue_id) {
  const std::string wanted(queue_id);
  return impl_->database.read("cannot read the held message", [&](soci::session& sql) {
    std::optional<decide::HeldMessage> found;
    Query query(sql);
    decide::HeldMessage row;
    Number held = 0;
    Number release = 0;
    Number ended = 0;
    Number recipients = 0;
    Number bytes = 0;
    Number incident = 0;
    std::string kind;
    std::string state;
    query.into(row.queue_id).into(row.account).into(held).into(release).into(recipients);
    query.into(bytes).into(kind).into(state).into(incident).into(row.log_r).into(row.reason.ja);
    query.into(row.reason.en).into(row.evidence).into(row.ended_by).into(ended);
    query.bind(wanted);
    query.run(
        "SELECT queue_id, account, held_us, release_us, recipients, bytes, kind, state, incident, "
        "log_r, reason_ja, reason_en, evidence, ended_by, ended_us FROM hold "
        "WHERE queue_id = :queue_id");
    if (query.next()) {
      row.held_at = Instant{held};
      row.release_at = Instant{release};
      row.ended_at = Instant{ended};
      row.recipients = static_cast<std::uint32_t>(recipients);
      row.size = static_cast<std::uint64_t>(bytes);
      row.kind = word(decide::parse_hold_kind(kind), kind);
      row.state = word(decide::parse_hold_state(state), state);
      row.incident = static_cast<std::uint64_t>(incident);
      found = row;
    }
    return found;
  });
}

}  // namespace sekimori::store
