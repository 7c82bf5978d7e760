// The reading half of SqlStateStore.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ranges>

#include "store/state_impl.h"
#include "store/state_rows.h"

namespace sekimori::store {
namespace {

using namespace decide;

constexpr std::size_t k_limit_max = 1000;

std::string page(std::size_t limit, std::size_t offset) {
  return " LIMIT " + std::to_string(std::min(limit, k_limit_max)) + " OFFSET " +
         std::to_string(offset);
}

std::uint64_t count_of(Number n) { return static_cast<std::uint64_t>(n); }

// Joins conditions with AND.
class Where {
 public:
  void add(std::string_view condition) {
    text_ += text_.empty() ? " WHERE " : " AND ";
    text_ += condition;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::vector<Step> read_steps(soci::session& sql, const std::string& rest, const Number* bound) {
  std::vector<Step> steps;
  Query query(sql);
  Number id = 0, incident = 0, epoch = 0, tries = 0, created = 0, changed = 0;
  SubjectRow subject;
  std::string kind, state, detail;
  query.into(id).into(incident).into(subject.kind).into(subject.id).into(epoch).into(kind);
  query.into(state).into(tries).into(created).into(changed).into(detail);
  if (bound != nullptr) query.bind(*bound);
  query.run(
      "SELECT id, incident, kind, subject, epoch, step, state, tries, created_us, changed_us, "
      "detail FROM step" +
      rest);
  while (query.next()) {
    Step step;
    step.id = count_of(id);
    step.incident = count_of(incident);
    step.subject = subject.value();
    step.epoch = count_of(epoch);
    step.kind = word(parse_step_kind(kind), kind);
    step.state = word(parse_step_state(state), state);
    step.tries = static_cast<std::uint32_t>(tries);
    step.created = Instant{created};
    step.changed = Instant{changed};
    step.detail = detail;
    steps.push_back(std::move(step));
  }
  return steps;
}

// Of all of them at once: a page has a thousand.
void read_evidence(soci::session& sql, std::vector<Incident>& incidents) {
  if (incidents.empty()) return;
  std::map<Number, Incident*> by_id;
  for (Incident& incident : incidents) by_id[number(incident.id)] = &incident;
  Query query(sql);
  Number incident = 0;
  EvidenceLine line;
  query.into(incident).into(line.channel).into(line.nats).into(line.text.ja).into(line.text.en);
  query.run(fmt::format(
      "SELECT incident, channel, nats, text_ja, text_en FROM evidence WHERE incident IN ({}) "
      "ORDER BY incident, line",
      fmt::join(std::views::keys(by_id), ", ")));
  while (query.next()) by_id.at(incident)->evidence.push_back(line);
}

std::vector<Incident> read_incidents(soci::session& sql, const std::string& rest,
                                     const std::vector<std::string>& texts,
                                     const Number* id_bound) {
  std::vector<Incident> incidents;
  {
    Query query(sql);
    Number id = 0, opened = 0, onset = 0, closed = 0;
    SubjectRow subject;
    std::string state, mode, standing;
    Incident row;
    query.into(id).into(subject.kind).into(subject.id).into(state).into(opened).into(onset);
    query.into(closed).into(mode).into(standing).into(row.log_r).into(row.family);
    query.into(row.summary.ja).into(row.summary.en).into(row.by);
    for (const std::string& text : texts) query.bind(text);
    if (id_bound != nullptr) query.bind(*id_bound);
    query.run(
        "SELECT id, kind, subject, state, opened_us, onset_us, closed_us, mode, standing, "
        "log_r, family, summary_ja, summary_en, opened_by FROM incident" +
        rest);
    while (query.next()) {
      row.id = count_of(id);
      row.subject = subject.value();
      row.state = word(parse_incident_state(state), state);
      row.opened = Instant{opened};
      row.onset = Instant{onset};
      row.closed = Instant{closed};
      row.mode = word(parse_mode(mode), mode);
      row.standing = word(parse_standing(standing), standing);
      incidents.push_back(row);
    }
  }
  read_evidence(sql, incidents);
  return incidents;
}

std::vector<AuditEntry> read_entries(soci::session& sql, const std::string& table_and_rest,
                                     const SubjectRow* subject_bound, const Number* bound) {
  std::vector<AuditEntry> entries;
  Query query(sql);
  Number t = 0, incident = 0;
  SubjectRow subject;
  AuditEntry row;
  query.into(t).into(row.who).into(row.action).into(subject.kind).into(subject.id).into(incident);
  query.into(row.why).into(row.detail);
  if (subject_bound != nullptr) query.bind(subject_bound->kind).bind(subject_bound->id);
  if (bound != nullptr) query.bind(*bound);
  query.run("SELECT t_us, who, action, kind, subject, incident, why, detail FROM " +
            table_and_rest);
  while (query.next()) {
    row.t = Instant{t};
    row.subject = subject.value();
    row.incident = count_of(incident);
    entries.push_back(row);
  }
  return entries;
}

}  // namespace

Result<std::vector<StandingRecord>> SqlStateStore::standings() {
  return impl_->database.read("cannot read standings", [](soci::session& sql) {
    std::vector<StandingRecord> records;
    Query query(sql);
    SubjectRow subject;
    std::string standing;
    Number epoch = 0, since = 0, incident = 0;
    StandingRecord row;
    query.into(subject.kind).into(subject.id).into(standing).into(epoch).into(since).into(row.by);
    query.into(row.reason.ja).into(row.reason.en).into(incident);
    query.run(
        "SELECT kind, id, standing, epoch, since_us, set_by, reason_ja, reason_en, incident "
        "FROM standing ORDER BY kind, id");
    while (query.next()) {
      row.subject = subject.value();
      row.standing = word(parse_standing(standing), standing);
      row.epoch = count_of(epoch);
      row.since = Instant{since};
      row.incident = count_of(incident);
      records.push_back(row);
    }
    return records;
  });
}

Result<std::vector<Step>> SqlStateStore::open_steps(std::size_t max) {
  return impl_->database.read("cannot read steps", [max](soci::session& sql) {
    return read_steps(sql, " WHERE state IN ('waiting', 'retrying') ORDER BY id" + page(max, 0),
                      nullptr);
  });
}

Result<std::vector<Step>> SqlStateStore::steps_of(std::uint64_t incident) {
  const Number id = number(incident);
  return impl_->database.read("cannot read steps", [&id](soci::session& sql) {
    return read_steps(sql, " WHERE incident = :incident ORDER BY id", &id);
  });
}

Result<std::optional<Incident>> SqlStateStore::incident(std::uint64_t id) {
  const Number bound = number(id);
  return impl_->database.read("cannot read an incident", [&bound](soci::session& sql) {
    auto found = read_incidents(sql, " WHERE id = :id", {}, &bound);
    return found.empty() ? std::optional<Incident>() : std::optional(std::move(found.front()));
  });
}

Result<std::vector<Incident>> SqlStateStore::incidents(const IncidentFilter& filter) {
  return impl_->database.read("cannot read incidents", [&filter](soci::session& sql) {
    Where where;
    std::vector<std::string> texts;
    if (filter.state) {
      where.add("state = :state");
      texts.emplace_back(to_string(*filter.state));
    }
    if (filter.subject) {
      const SubjectRow subject(*filter.subject);
      where.add("kind = :kind AND subject = :subject");
      texts.push_back(subject.kind);
      texts.push_back(subject.id);
    }
    if (!filter.within.empty()) {
      where.add("domain = :within");
      texts.push_back(filter.within);
    }
    return read_incidents(sql,
                          where.text() + " ORDER BY id DESC" + page(filter.limit, filter.offset),
                          texts, nullptr);
  });
}

Result<std::vector<HeldMessage>> SqlStateStore::holds(const HoldFilter& filter) {
  return impl_->database.read("cannot read holds", [&filter](soci::session& sql) {
    std::vector<HeldMessage> holds;
    Query query(sql);
    Number held = 0, release = 0, recipients = 0, bytes = 0, incident = 0, ended = 0;
    std::string kind, state;
    HeldMessage row;
    query.into(row.queue_id).into(row.account).into(held).into(release).into(recipients);
    query.into(bytes).into(kind).into(state).into(incident).into(row.log_r).into(row.reason.ja);
    query.into(row.reason.en).into(row.evidence).into(row.ended_by).into(ended);
    Where where;
    const std::string wanted(filter.state ? to_string(*filter.state) : std::string_view());
    const std::string pattern = within_pattern(filter.within);
    if (filter.account) {
      where.add("account = :account");
      query.bind(*filter.account);
    }
    if (!filter.within.empty()) {
      where.add("account LIKE :pattern ESCAPE '!'");
      query.bind(pattern);
    }
    if (filter.state) {
      where.add("state = :state");
      query.bind(wanted);
    }
    const Number of_incident = filter.incident ? static_cast<Number>(*filter.incident) : 0;
    if (filter.incident) {
      where.add("incident = :incident");
      query.bind(of_incident);
    }
    const std::string after = filter.after.value_or("");
    if (!after.empty()) {
      where.add("queue_id > :after");
      query.bind(after);
    }
    const Number ended_since = filter.ended_since.us;
    if (filter.ended_since.is_set()) {
      where.add("ended_us >= :since");
      query.bind(ended_since);
    }
    query.run(
        "SELECT queue_id, account, held_us, release_us, recipients, bytes, kind, state, "
        "incident, log_r, reason_ja, reason_en, evidence, ended_by, ended_us FROM hold" +
        where.text() +
        (filter.after ? " ORDER BY queue_id" : " ORDER BY held_us DESC, queue_id DESC") +
        page(filter.limit, filter.offset));
    while (query.next()) {
      row.held_at = Instant{held};
      row.release_at = Instant{release};
      row.ended_at = Instant{ended};
      row.recipients = static_cast<std::uint32_t>(recipients);
      row.size = count_of(bytes);
      row.kind = word(parse_hold_kind(kind), kind);
      row.state = word(parse_hold_state(state), state);
      row.incident = count_of(incident);
      holds.push_back(row);
    }
    return holds;
  });
}

Result<std::vector<AuditEntry>> SqlStateStore::audit(const std::optional<Subject>& subject,
                                                     std::size_t limit) {
  return impl_->database.read("cannot read the audit", [&](soci::session& sql) {
    if (!subject) {
      return read_entries(sql, "audit ORDER BY id DESC" + page(limit, 0), nullptr, nullptr);
    }
    const SubjectRow bound(*subject);
    return read_entries(
        sql, "audit WHERE kind = :kind AND subject = :subject ORDER BY id DESC" + page(limit, 0),
        &bound, nullptr);
  });
}

Result<std::vector<AuditEntry>> SqlStateStore::notes(std::uint64_t incident) {
  const Number id = number(incident);
  return impl_->database.read("cannot read notes", [&id](soci::session& sql) {
    return read_entries(sql, "note WHERE incident = :incident ORDER BY id" + page(k_limit_max, 0),
                        nullptr, &id);
  });
}

Result<std::uint64_t> SqlStateStore::last_incident_id() {
  return impl_->database.read("cannot read the last incident", [](soci::session& sql) {
    Number value = 0;
    sql << "SELECT value FROM counter WHERE name = 'incident'", soci::into(value);
    return sql.got_data() ? count_of(value) : std::uint64_t{0};
  });
}

}  // namespace sekimori::store
