#include "store/state_store.h"

#include "store/own_store.h"
#include "store/state_impl.h"
#include "store/state_rows.h"
#include "store/state_schema.h"

namespace sekimori::store {
namespace {

using namespace decide;
using soci::into;
using soci::use;

constexpr std::string_view k_machine = "machine";

bool exists(soci::session& sql) { return sql.got_data(); }

// Raises a counter to at least `value`.
void raise_counter(soci::session& sql, const std::string& name, Number value) {
  Number now = 0;
  sql << "SELECT value FROM counter WHERE name = :name", use(name), into(now);
  if (!exists(sql)) {
    sql << "INSERT INTO counter (name, value) VALUES (:name, :value)", use(name), use(value);
  } else if (now < value) {
    sql << "UPDATE counter SET value = :value WHERE name = :name", use(value), use(name);
  }
}
Number next_number(soci::session& sql, const std::string& name) {
  Number now = 0;
  sql << "SELECT value FROM counter WHERE name = :name", use(name), into(now);
  const Number next = exists(sql) ? now + 1 : 1;
  raise_counter(sql, name, next);
  return next;
}

// Is the record newer than what stands in the table?
bool is_newer(soci::session& sql, const StandingRecord& record, bool& known) {
  const SubjectRow subject(record.subject);
  Number epoch = 0;
  std::string by;
  sql << "SELECT epoch, set_by FROM standing WHERE kind = :kind AND id = :id", use(subject.kind),
      use(subject.id), into(epoch), into(by);
  known = exists(sql);
  if (!known) return true;
  const auto stored = static_cast<std::uint64_t>(epoch);
  if (record.epoch != stored) return record.epoch > stored;
  return by == k_machine && record.by != k_machine;
}

void write_standing(soci::session& sql, const StandingRecord& record, bool known) {
  const SubjectRow subject(record.subject);
  const std::string standing(to_string(record.standing));
  const Number epoch = number(record.epoch);
  const Number since = number(record.since);
  const Number incident = number(record.incident);
  const std::string statement =
      known ? "UPDATE standing SET standing = :standing, epoch = :epoch, since_us = :since, "
              "set_by = :by, reason_ja = :ja, reason_en = :en, incident = :incident "
              "WHERE kind = :kind AND id = :id"
            : "INSERT INTO standing (standing, epoch, since_us, set_by, reason_ja, reason_en, "
              "incident, kind, id) VALUES (:standing, :epoch, :since, :by, :ja, :en, :incident, "
              ":kind, :id)";
  sql << statement, use(standing), use(epoch), use(since), use(record.by), use(record.reason.ja),
      use(record.reason.en), use(incident), use(subject.kind), use(subject.id);
}

void write_evidence(soci::session& sql, Number incident, const std::vector<EvidenceLine>& lines) {
  sql << "DELETE FROM evidence WHERE incident = :incident", use(incident);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const EvidenceLine& line = lines[i];
    const int at = static_cast<int>(i);
    const double nats = real(line.nats);
    sql << "INSERT INTO evidence (incident, line, channel, nats, text_ja, text_en) "
           "VALUES (:incident, :line, :channel, :nats, :ja, :en)",
        use(incident), use(at), use(line.channel), use(nats), use(line.text.ja), use(line.text.en);
  }
}

void write_incident(soci::session& sql, const Incident& incident) {
  const Number id = number(incident.id);
  int found = 0;
  sql << "SELECT COUNT(*) FROM incident WHERE id = :id", use(id), into(found);
  const std::string statement =
      found > 0
          ? "UPDATE incident SET kind = :kind, subject = :subject, state = :state, "
            "opened_us = :opened, onset_us = :onset, closed_us = :closed, mode = :mode, "
            "standing = :standing, log_r = :log_r, family = :family, summary_ja = :ja, "
            "summary_en = :en, opened_by = :by, domain = :domain WHERE id = :id"
          : "INSERT INTO incident (kind, subject, state, opened_us, onset_us, closed_us, mode, "
            "standing, log_r, family, summary_ja, summary_en, opened_by, domain, id) VALUES "
            "(:kind, :subject, :state, :opened, :onset, :closed, :mode, :standing, :log_r, "
            ":family, :ja, :en, :by, :domain, :id)";
  const SubjectRow subject(incident.subject);
  const std::string state(to_string(incident.state));
  const Number opened = number(incident.opened);
  const Number onset = number(incident.onset);
  const Number closed = number(incident.closed);
  const std::string mode(to_string(incident.mode));
  const std::string domain = domain_column(incident.subject);
  const std::string standing(to_string(incident.standing));
  const double log_r = real(incident.log_r);
  sql << statement, use(subject.kind), use(subject.id), use(state), use(opened), use(onset),
      use(closed), use(mode), use(standing), use(log_r), use(incident.family),
      use(incident.summary.ja), use(incident.summary.en), use(incident.by), use(domain), use(id);
  write_evidence(sql, id, incident.evidence);
  raise_counter(sql, "incident", id);
}

void set_incident_state(soci::session& sql, std::uint64_t incident, IncidentState state,
                        Instant t) {
  const Number id = number(incident);
  const std::string word(to_string(state));
  const Number closed = state == IncidentState::closed ? number(t) : 0;
  sql << "UPDATE incident SET state = :state, closed_us = :closed WHERE id = :id", use(word),
      use(closed), use(id);
}

// Into `audit` or `note`, unless the very same entry is there.
void write_entry(soci::session& sql, const std::string& table, const AuditEntry& entry) {
  const SubjectRow subject(entry.subject);
  const Number t = number(entry.t);
  const Number incident = number(entry.incident);
  int found = 0;
  sql << "SELECT COUNT(*) FROM " + table +
             " WHERE kind = :kind AND subject = :subject AND t_us = :t AND who = :who AND "
             "action = :action AND incident = :incident AND why = :why AND detail = :detail",
      use(subject.kind), use(subject.id), use(t), use(entry.who), use(entry.action), use(incident),
      use(entry.why), use(entry.detail), into(found);
  if (found > 0) return;
  const Number id = next_number(sql, table);
  const std::string domain = domain_column(entry.subject);
  sql << "INSERT INTO " + table +
             " (id, t_us, who, action, kind, subject, incident, why, detail, domain) VALUES (:id, "
             ":t, :who, :action, :kind, :subject, :incident, :why, :detail, :domain)",
      use(id), use(t), use(entry.who), use(entry.action), use(subject.kind), use(subject.id),
      use(incident), use(entry.why), use(entry.detail), use(domain);
}

void write_step(soci::session& sql, const Step& step, bool known) {
  const SubjectRow subject(step.subject);
  const Number id = number(step.id);
  const Number incident = number(step.incident);
  const Number epoch = number(step.epoch);
  const std::string kind(to_string(step.kind));
  const std::string state(to_string(step.state));
  const Number tries = step.tries;
  const Number created = number(step.created);
  const Number changed = number(step.changed);
  const std::string statement =
      known
          ? "UPDATE step SET incident = :incident, kind = :kind, subject = :subject, "
            "epoch = :epoch, step = :step, state = :state, tries = :tries, created_us = :created, "
            "changed_us = :changed, detail = :detail WHERE id = :id"
          : "INSERT INTO step (incident, kind, subject, epoch, step, state, tries, created_us, "
            "changed_us, detail, id) VALUES (:incident, :kind, :subject, :epoch, :step, :state, "
            ":tries, :created, :changed, :detail, :id)";
  sql << statement, use(incident), use(subject.kind), use(subject.id), use(epoch), use(kind),
      use(state), use(tries), use(created), use(changed), use(step.detail), use(id);
}

void insert_step(soci::session& sql, Step step) {
  step.id = static_cast<std::uint64_t>(next_number(sql, "step"));
  write_step(sql, step, false);
}

bool has_step_like(soci::session& sql, const Step& step) {
  const SubjectRow subject(step.subject);
  const Number incident = number(step.incident);
  const Number epoch = number(step.epoch);
  const std::string kind(to_string(step.kind));
  const Number created = number(step.created);
  int found = 0;
  sql << "SELECT COUNT(*) FROM step WHERE kind = :kind AND subject = :subject AND epoch = :epoch "
         "AND incident = :incident AND step = :step AND created_us = :created AND detail = :detail",
      use(subject.kind), use(subject.id), use(epoch), use(incident), use(kind), use(created),
      use(step.detail), into(found);
  return found > 0;
}

// An incident shows the tightest standing it came to: restricted, then suspended.
void raise_incident_standing(soci::session& sql, std::uint64_t incident, Standing standing) {
  if (standing != Standing::restricted && standing != Standing::suspended) return;
  const std::string word(to_string(standing));
  const std::string tightest(to_string(Standing::suspended));
  const Number id = number(incident);
  sql << "UPDATE incident SET standing = :standing WHERE id = :id AND standing <> :tightest",
      use(word), use(id), use(tightest);
}

void write_hold(soci::session& sql, const HeldMessage& hold) {
  const Number held = number(hold.held_at);
  const Number release = number(hold.release_at);
  const Number ended = number(hold.ended_at);
  const Number recipients = hold.recipients;
  const Number bytes = number(hold.size);
  const std::string kind(to_string(hold.kind));
  const std::string state(to_string(hold.state));
  const Number incident = number(hold.incident);
  const double log_r = real(hold.log_r);
  int found = 0;
  sql << "SELECT COUNT(*) FROM hold WHERE queue_id = :id AND held_us > :held", use(hold.queue_id),
      use(held), into(found);
  if (found > 0) return;  // held again meanwhile: the end of the first time comes late
  if (hold.state == HoldState::held || hold.state == HoldState::releasing) {
    sql << "SELECT COUNT(*) FROM hold WHERE queue_id = :id AND held_us = :held AND state IN "
           "('released', 'deleted')",
        use(hold.queue_id), use(held), into(found);
    if (found > 0) return;  // ended meanwhile: this is the retry of an earlier, uncertain write
  }
  sql << "SELECT COUNT(*) FROM hold WHERE queue_id = :id", use(hold.queue_id), into(found);
  const std::string statement =
      found > 0
          ? "UPDATE hold SET account = :account, held_us = :held, release_us = :release, "
            "recipients = :recipients, bytes = :bytes, kind = :kind, state = :state, "
            "incident = :incident, log_r = :log_r, reason_ja = :ja, reason_en = :en, "
            "evidence = :evidence, ended_by = :by, ended_us = :ended WHERE queue_id = :id"
          : "INSERT INTO hold (account, held_us, release_us, recipients, bytes, kind, state, "
            "incident, log_r, reason_ja, reason_en, evidence, ended_by, ended_us, queue_id) VALUES "
            "(:account, :held, :release, :recipients, :bytes, :kind, :state, :incident, "
            ":log_r, :ja, :en, :evidence, :by, :ended, :id)";
  sql << statement, use(hold.account), use(held), use(release), use(recipients), use(bytes),
      use(kind), use(state), use(incident), use(log_r), use(hold.reason.ja), use(hold.reason.en),
      use(hold.evidence), use(hold.ended_by), use(ended), use(hold.queue_id);
}

// A change that comes after its successor (two threads changed one subject) is no longer in force,
// and its steps would undo the other's; but it happened, and its incident is where later entries
// point.
void remember_overtaken(soci::session& sql, const StandingChange& change) {
  if (change.audit.t.is_set()) write_entry(sql, "audit", change.audit);
  if (!change.open_incident) return;
  const Number id = number(change.open_incident->id);
  int found = 0;
  sql << "SELECT COUNT(*) FROM incident WHERE id = :id", use(id), into(found);
  if (found > 0) return;
  const SubjectRow subject(change.record.subject);
  std::string word;
  Number since = 0;
  sql << "SELECT standing, since_us FROM standing WHERE kind = :kind AND id = :id",
      use(subject.kind), use(subject.id), into(word), into(since);
  Incident incident = *change.open_incident;
  switch (parse_standing(word).value_or(Standing::normal)) {
    case Standing::restricted:
    case Standing::suspended: incident.state = IncidentState::contained; break;
    case Standing::recovering:
    case Standing::probation: incident.state = IncidentState::recovering; break;
    case Standing::normal:
      incident.state = IncidentState::closed;
      incident.closed = Instant{since};
      break;
  }
  write_incident(sql, incident);
}

}  // namespace

SqlStateStore::SqlStateStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqlStateStore::~SqlStateStore() = default;

Result<std::unique_ptr<SqlStateStore>> SqlStateStore::open(StateStoreSettings settings) {
  if (const auto address = parse_database_url(settings.url); !address) {
    return std::unexpected(address.error());
  }
  auto impl = open_own<Impl>(settings, "state", state_migrations());
  if (!impl) return std::unexpected(impl.error());
  return std::unique_ptr<SqlStateStore>(new SqlStateStore(std::move(*impl)));
}

Result<void> SqlStateStore::apply(const StandingChange& change) {
  return impl_->database.write("cannot write a standing", [&](soci::session& sql) -> Result<void> {
    const StandingRecord& record = change.record;
    bool known = false;
    const Instant t = change.audit.t.is_set() ? change.audit.t : record.since;
    if (!is_newer(sql, record, known)) {
      remember_overtaken(sql, change);
      return {};
    }
    write_standing(sql, record, known);
    if (change.open_incident) write_incident(sql, *change.open_incident);
    if (change.incident_state && record.incident != 0) {
      set_incident_state(sql, record.incident, *change.incident_state, t);
      raise_incident_standing(sql, record.incident, record.standing);
    }
    for (const StepKind kind : change.steps) {
      Step step;
      step.incident = record.incident;
      step.subject = record.subject;
      step.epoch = record.epoch;
      step.kind = kind;
      step.created = step.changed = t;
      insert_step(sql, std::move(step));
    }
    write_entry(sql, "audit", change.audit);
    return {};
  });
}

Result<void> SqlStateStore::put_incident(const Incident& incident) {
  return impl_->database.write("cannot write an incident", [&](soci::session& sql) -> Result<void> {
    write_incident(sql, incident);
    return {};
  });
}

Result<void> SqlStateStore::put_hold(const HeldMessage& hold) {
  return impl_->database.write("cannot write a hold", [&](soci::session& sql) -> Result<void> {
    write_hold(sql, hold);
    return {};
  });
}

Result<void> SqlStateStore::put_records(std::span<const Record> records) {
  return impl_->database.write("cannot write holds and audit entries",
                               [&](soci::session& sql) -> Result<void> {
                                 for (const Record& record : records) {
                                   if (const auto* hold = std::get_if<HeldMessage>(&record)) {
                                     write_hold(sql, *hold);
                                   } else {
                                     write_entry(sql, "audit", std::get<AuditEntry>(record));
                                   }
                                 }
                                 return {};
                               });
}

Result<void> SqlStateStore::try_write() {
  return impl_->database.write("nothing can be written", [](soci::session& sql) -> Result<void> {
    sql << "UPDATE schema_version SET version = version WHERE name = 'state'";
    return {};
  });
}

Result<void> SqlStateStore::append_audit(const AuditEntry& entry) {
  return impl_->database.write("cannot write the audit", [&](soci::session& sql) -> Result<void> {
    write_entry(sql, "audit", entry);
    return {};
  });
}

Result<void> SqlStateStore::put_step(const Step& step) {
  return impl_->database.write("cannot write a step", [&](soci::session& sql) -> Result<void> {
    if (step.id == 0) {
      if (!has_step_like(sql, step)) insert_step(sql, step);
      return {};
    }
    const Number id = number(step.id);
    int found = 0;
    sql << "SELECT COUNT(*) FROM step WHERE id = :id", use(id), into(found);
    write_step(sql, step, found > 0);
    raise_counter(sql, "step", id);
    return {};
  });
}

Result<void> SqlStateStore::add_note(std::uint64_t incident, const AuditEntry& entry) {
  return impl_->database.write("cannot write a note", [&](soci::session& sql) -> Result<void> {
    const Number id = number(incident);
    int found = 0;
    sql << "SELECT COUNT(*) FROM incident WHERE id = :id", use(id), into(found);
    if (found == 0) return not_found("there is no incident " + std::to_string(incident));
    AuditEntry note = entry;
    note.incident = incident;
    write_entry(sql, "note", note);
    return {};
  });
}

Result<void> SqlStateStore::prune(Instant before) {
  return impl_->database.write(
      "cannot remove old records", [&](soci::session& sql) -> Result<void> {
        const Number t = number(before);
        const std::string closed =
            "(SELECT id FROM incident WHERE state = 'closed' AND closed_us > 0 AND closed_us < :t)";
        sql << "DELETE FROM evidence WHERE incident IN " + closed, use(t);
        sql << "DELETE FROM note WHERE incident IN " + closed, use(t);
        sql << "DELETE FROM incident WHERE state = 'closed' AND closed_us > 0 AND closed_us < :t",
            use(t);
        sql << "DELETE FROM step WHERE state IN ('done', 'failed') AND changed_us < :t", use(t);
        sql << "DELETE FROM hold WHERE state IN ('released', 'deleted') AND held_us < :t", use(t);
        sql << "DELETE FROM audit WHERE t_us < :t", use(t);
        sql << "DELETE FROM approval WHERE until_us < :t", use(t);
        return {};
      });
}

}  // namespace sekimori::store
