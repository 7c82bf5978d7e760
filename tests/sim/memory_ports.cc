#include "tests/sim/memory_ports.h"

#include <algorithm>

#include "base/mail_address.h"

namespace sekimori::sim {

using namespace decide;

namespace {

bool is_open(const HeldMessage& hold) {
  return hold.state == HoldState::held || hold.state == HoldState::releasing;
}

// As StateStore::put_hold: the end of an earlier hold, or the beginning of one that has ended.
bool comes_late(const HeldMessage& stored, const HeldMessage& hold) {
  return stored.held_at > hold.held_at ||
         (stored.held_at == hold.held_at && !is_open(stored) && is_open(hold));
}

}  // namespace

Result<std::uint64_t> MemoryJournal::append(const Event& event) {
  const auto effect = [&]() -> Result<std::uint64_t> {
    events_.push_back(event);
    return events_.size();
  };
  // A disk that takes every line, or is full now and then. As store/journal: what it took of a line
  // is cut off again, so what was refused is never found in the journal. A line that were would be
  // folded twice, since the snapshot that holds its effect names the line before it. The process
  // may die around either.
  const FaultRates all = faults_.rates;
  faults_.rates.fail = may_fail_ ? all.fail + all.uncertain : 0;
  faults_.rates.uncertain = 0;
  struct Restore {
    Faults& faults;
    FaultRates rates;
    ~Restore() { faults.rates = rates; }
  } restore{faults_, all};
  auto done = faults_.call("journal", effect);
  if (!done) ++failures_;
  return done;
}

std::size_t MemoryJournal::power_cut() {
  const std::size_t lost = events_.size() - synced_;
  events_.resize(synced_);
  return lost;
}

void MemoryState::insert_audit(const AuditEntry& entry) {
  if (std::ranges::find(tables_.audit, entry) == tables_.audit.end()) {
    tables_.audit.push_back(entry);
  }
}

void MemoryState::insert_incident(const Incident& incident) {
  tables_.incidents[incident.id] = incident;
  tables_.last_incident = std::max(tables_.last_incident, incident.id);
}

Result<void> MemoryState::apply(const StandingChange& change) {
  return faults_.call("store.apply", [&]() -> Result<void> {
    const StandingRecord& record = change.record;
    if (const auto it = tables_.standings.find(record.subject); it != tables_.standings.end()) {
      const StandingRecord& stored = it->second;
      const bool newer = record.epoch != stored.epoch
                             ? record.epoch > stored.epoch
                             : stored.by == "machine" && record.by != "machine";
      if (!newer) return {};
    }
    tables_.standings[record.subject] = record;
    if (change.open_incident) insert_incident(*change.open_incident);
    if (change.incident_state && record.incident != 0) {
      if (const auto it = tables_.incidents.find(record.incident); it != tables_.incidents.end()) {
        it->second.state = *change.incident_state;
      }
    }
    for (const StepKind kind : change.steps) {
      Step step;
      step.id = tables_.steps.empty() ? 1 : tables_.steps.rbegin()->first + 1;
      step.incident = record.incident;
      step.subject = record.subject;
      step.epoch = record.epoch;
      step.kind = kind;
      step.created = step.changed = change.audit.t.is_set() ? change.audit.t : record.since;
      tables_.steps[step.id] = step;
    }
    insert_audit(change.audit);
    return {};
  });
}

Result<void> MemoryState::put_incident(const Incident& incident) {
  return faults_.call("store.put_incident", [&]() -> Result<void> {
    insert_incident(incident);
    return {};
  });
}

Result<void> MemoryState::put_hold(const HeldMessage& hold) {
  return faults_.call("store.put_hold", [&]() -> Result<void> {
    const auto it = tables_.holds.find(hold.queue_id);
    if (it != tables_.holds.end() && comes_late(it->second, hold)) return {};
    if (on_hold) on_hold(it == tables_.holds.end() ? nullptr : &it->second, hold);
    tables_.holds[hold.queue_id] = hold;
    return {};
  });
}

Result<void> MemoryState::append_audit(const AuditEntry& entry) {
  return faults_.call("store.append_audit", [&]() -> Result<void> {
    insert_audit(entry);
    return {};
  });
}

// One transaction: others see what it ends in, not its lines one by one.
Result<void> MemoryState::put_records(std::span<const Record> records) {
  return faults_.call("store.put_records", [&]() -> Result<void> {
    std::map<std::string, HeldMessage> after;
    for (const Record& record : records) {
      const auto* hold = std::get_if<HeldMessage>(&record);
      if (hold == nullptr) {
        insert_audit(std::get<AuditEntry>(record));
        continue;
      }
      const auto it = tables_.holds.find(hold->queue_id);
      if (it != tables_.holds.end() && comes_late(it->second, *hold)) continue;
      const auto [mine, is_new] = after.try_emplace(hold->queue_id, *hold);
      if (!is_new && !comes_late(mine->second, *hold)) mine->second = *hold;
    }
    for (const auto& [id, hold] : after) {
      const auto it = tables_.holds.find(id);
      if (on_hold) on_hold(it == tables_.holds.end() ? nullptr : &it->second, hold);
      tables_.holds[id] = hold;
    }
    return {};
  });
}

Result<void> MemoryState::put_step(const Step& step) {
  return faults_.call("store.put_step", [&]() -> Result<void> {
    tables_.steps[step.id] = step;
    return {};
  });
}

Result<void> MemoryState::add_note(std::uint64_t, const AuditEntry&) {
  return not_found("nobody writes notes here");
}

Result<std::vector<StandingRecord>> MemoryState::standings() {
  return faults_.call("store.standings", [&]() -> Result<std::vector<StandingRecord>> {
    std::vector<StandingRecord> out;
    for (const auto& [subject, record] : tables_.standings) out.push_back(record);
    return out;
  });
}

Result<std::vector<Step>> MemoryState::open_steps(std::size_t max) {
  return faults_.call("store.open_steps", [&]() -> Result<std::vector<Step>> {
    std::vector<Step> out;
    for (const auto& [id, step] : tables_.steps) {
      if (out.size() == max) break;
      if (step.state == StepState::waiting || step.state == StepState::retrying) {
        out.push_back(step);
      }
    }
    return out;
  });
}

Result<std::vector<Step>> MemoryState::steps_of(std::uint64_t incident) {
  std::vector<Step> out;
  for (const auto& [id, step] : tables_.steps) {
    if (step.incident == incident) out.push_back(step);
  }
  return out;
}

Result<std::optional<Incident>> MemoryState::incident(std::uint64_t id) {
  return faults_.call("store.incident", [&]() -> Result<std::optional<Incident>> {
    const auto it = tables_.incidents.find(id);
    if (it == tables_.incidents.end()) return std::nullopt;
    return it->second;
  });
}

Result<std::vector<Incident>> MemoryState::incidents(const IncidentFilter&) {
  std::vector<Incident> out;
  for (const auto& [id, incident] : tables_.incidents) out.push_back(incident);
  return out;
}

Result<std::vector<HeldMessage>> MemoryState::holds(const HoldFilter& filter) {
  return faults_.call("store.holds", [&]() -> Result<std::vector<HeldMessage>> {
    std::vector<HeldMessage> all;
    for (const auto& [id, hold] : tables_.holds) {
      if (filter.account && hold.account != *filter.account) continue;
      if (!filter.within.empty() && domain_of(hold.account) != filter.within) continue;
      if (filter.state && hold.state != *filter.state) continue;
      if (filter.incident && hold.incident != *filter.incident) continue;
      if (filter.after && hold.queue_id <= *filter.after) continue;
      if (filter.ended_since.is_set() && hold.ended_at < filter.ended_since) continue;
      all.push_back(hold);
    }
    const auto from = std::min(filter.offset, all.size());
    const auto to = std::min(all.size(), from + filter.limit);
    return std::vector<HeldMessage>(all.begin() + static_cast<std::ptrdiff_t>(from),
                                    all.begin() + static_cast<std::ptrdiff_t>(to));
  });
}

Result<std::vector<AuditEntry>> MemoryState::audit(const std::optional<Subject>&, std::size_t) {
  return tables_.audit;
}

Result<void> MemoryState::put_approval(const decide::Approval& approval) {
  return faults_.call("store.put_approval", [&]() -> Result<void> {
    const auto [it, fresh] = tables_.approvals.try_emplace(approval.id, approval);
    if (!fresh && decide::is_newer(approval, it->second)) it->second = approval;
    return {};
  });
}

Result<std::vector<decide::Approval>> MemoryState::approvals(const ApprovalFilter& filter) {
  std::vector<decide::Approval> out;
  for (auto it = tables_.approvals.rbegin(); it != tables_.approvals.rend(); ++it) {
    const auto& a = it->second;
    if ((filter.account && a.account != *filter.account) ||
        (filter.state && a.state != *filter.state) || (filter.id && a.id != *filter.id)) {
      continue;
    }
    out.push_back(a);
  }
  out.erase(out.begin(),
            out.begin() + static_cast<std::ptrdiff_t>(std::min(filter.offset, out.size())));
  if (out.size() > filter.limit) out.resize(filter.limit);
  return out;
}

Result<std::uint64_t> MemoryState::last_approval_id() {
  return tables_.approvals.empty() ? std::uint64_t{0} : tables_.approvals.rbegin()->first;
}

Result<std::uint64_t> MemoryState::last_incident_id() {
  return faults_.call("store.last_incident_id",
                      [&]() -> Result<std::uint64_t> { return tables_.last_incident; });
}

Result<void> MemoryGuard::put(const GuardRow& row) {
  return faults_.call("guard.put", [&]() -> Result<void> {
    const auto it = rows_.find(row.subject);
    if (it == rows_.end() || row.epoch >= it->second.epoch) rows_[row.subject] = row;
    return {};
  });
}

Result<std::vector<GuardRow>> MemoryGuard::rows() {
  std::vector<GuardRow> out;
  for (const auto& [subject, row] : rows_) out.push_back(row);
  return out;
}

Result<void> MemoryGuard::set_bypass(bool on) {
  return faults_.call("guard.set_bypass", [&]() -> Result<void> {
    bypass_ = on;
    return {};
  });
}

Result<void> MemoryGuard::rebuild(const std::vector<GuardRow>& rows) {
  return faults_.call("guard.rebuild", [&]() -> Result<void> {
    rows_.clear();
    for (const auto& row : rows) rows_[row.subject] = row;
    return {};
  });
}

}  // namespace sekimori::sim
