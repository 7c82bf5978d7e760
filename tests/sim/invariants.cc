// What must hold at every moment, and what must hold once everything works again.
#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"
#include "decide/standing.h"
#include "tests/sim/simulation.h"

namespace sekimori::sim {

using namespace decide;

namespace {

bool says_the_same(const GuardRow& a, const GuardRow& b) {
  return a.epoch == b.epoch && a.no_send == b.no_send && a.no_login == b.no_login &&
         a.no_receive == b.no_receive;
}

constexpr bool is_open(HoldState state) {
  return state == HoldState::held || state == HoldState::releasing;
}

bool is_change(const AuditEntry& entry) {
  static constexpr std::string_view k_changes[] = {"restrict", "suspend", "begin_recovery",
                                                   "restore", "end_probation"};
  return std::ranges::find(k_changes, entry.action) != std::end(k_changes);
}

}  // namespace

void Simulation::require(bool held, const std::string& what) const {
  if (held) return;
  throw Violation(fmt::format("seed {}, {} steps: violated: {}\n{}", scenario_.seed,
                              scenario_.steps, what, trace_.tail()));
}

StandingRecord Simulation::stored(const Subject& subject) const {
  const auto it = state_.tables().standings.find(subject);
  if (it != state_.tables().standings.end()) return it->second;
  StandingRecord none;
  none.subject = subject;
  return none;
}

// By what was announced as durable, of the account, its domain or (sending) the server.
bool Simulation::is_closed(const std::string& account, bool (*what)(Standing)) const {
  const auto closed = [&](const Subject& subject) {
    const auto it = announced_.find(subject);
    return it != announced_.end() && what(it->second.standing) &&
           stored(subject).epoch == it->second.epoch;
  };
  return closed({SubjectKind::account, account});
}

void Simulation::saw_hold(const HeldMessage* before, const HeldMessage& after) {
  if (before == nullptr || is_open(before->state) || !is_open(after.state)) return;
  // Held again after an end: only mail that is still there, and by a new hold.
  const bool again = mail_.queue.contains(after.queue_id) && after.held_at > before->held_at;
  require(again, "the ended hold " + after.queue_id + " does not come back");
}

// What a person let go is held again by a later containment alone.
void Simulation::saw_held(const Mail& mail) {
  const auto let_go = released_by_person_.find(mail.id);
  if (let_go == released_by_person_.end()) return;
  const auto closed_since = [&](const Subject& subject) {
    const StandingRecord record = stored(subject);
    return forbids_sending(record.standing) && record.since > let_go->second;
  };
  require(closed_since({SubjectKind::account, mail.login}) ||
              closed_since({SubjectKind::domain, std::string(domain_of(mail.login))}),
          "what a person let go is not held again: " + mail.id + " of " + mail.login);
}

void Simulation::saw_release(const Mail& mail) {
  if (by_person_) released_by_person_[mail.id] = now_;
  if (!by_time_ || !process_) return;
  const Standing in_force =
      process_->engine.standing_of({SubjectKind::account, mail.login}).standing;
  require(in_force != Standing::restricted && in_force != Standing::suspended,
          "time lets nothing go of a contained account: " + mail.id + " of " + mail.login);
}

void Simulation::check_mail() {
  for (const auto& id : mail_.submitted) {
    const auto delivered = mail_.delivered.find(id);
    const auto removed = mail_.removed.find(id);
    const int found = (mail_.queue.contains(id) ? 1 : 0) +
                      (delivered == mail_.delivered.end() ? 0 : delivered->second) +
                      (removed == mail_.removed.end() ? 0 : removed->second);
    require(found == 1, fmt::format("mail {} is in one place, not {}", id, found));
  }
}

void Simulation::check_holds_tracked() {
  std::set<std::string> tracked;
  for (const auto& hold : process_->engine.open_holds()) tracked.insert(hold.queue_id);
  for (const auto& [id, hold] : state_.tables().holds) {
    if (is_open(hold.state)) tracked.insert(id);
  }
  for (const auto& [id, mail] : mail_.queue) {
    if (mail.part != "hold" || lost_.contains(id) || interrupted_.contains(id)) continue;
    require(tracked.contains(id), "the held message " + id + " is known");
  }
}

void Simulation::check_always() {
  for (const auto& [subject, record] : state_.tables().standings) {
    auto& epoch = stored_epochs_[subject];
    require(record.epoch >= epoch, "epochs grow: " + subject.id);
    epoch = record.epoch;
  }
  for (const auto& [subject, record] : announced_) {
    require(stored(subject).epoch >= record.epoch, "what was announced is stored: " + subject.id);
    const auto row = guard_.table().find(subject);
    require(row != guard_.table().end() && row->second.epoch >= record.epoch,
            "guard.db has what was announced: " + subject.id);
    if (row->second.epoch == record.epoch) {
      require(says_the_same(row->second, guard_row(record, k_portal)),
              "guard.db enforces what was announced: " + subject.id);
    }
    if (process_) {
      const StandingRecord known = process_->engine.standing_of(subject);
      require(known.epoch >= record.epoch, "the engine knows what was announced: " + subject.id);
      require(known.epoch > record.epoch || known.standing == record.standing,
              "the engine holds what was announced: " + subject.id);
    }
  }
  if (process_) check_holds_tracked();
  check_mail();
}

void Simulation::check_settled() {
  const auto& tables = state_.tables();
  std::map<Subject, std::uint64_t> changes;
  for (const auto& entry : tables.audit) {
    if (is_change(entry)) ++changes[entry.subject];
  }
  for (const auto& [subject, record] : tables.standings) {
    const std::string& who = subject.id;
    const auto row = guard_.table().find(subject);
    require(row != guard_.table().end() && says_the_same(row->second, guard_row(record, k_portal)),
            "guard.db is as the database says: " + who);
    const StandingRecord known = process_->engine.standing_of(subject);
    require(known.epoch == record.epoch && known.standing == record.standing,
            "the engine is as the database says: " + who);
    require(changes[subject] == record.epoch,
            fmt::format("one audit entry a change: {} has {} of {}", who, changes[subject],
                        record.epoch));
    require(!forbids_sending(record.standing) || tables.incidents.contains(record.incident),
            "a closed account has an incident: " + who);
  }
  for (const auto& record : process_->engine.standings()) {
    require(tables.standings.contains(record.subject),
            "the database knows every standing: " + record.subject.id);
  }
  for (const auto& view : process_->engine.approvals("", now_)) {
    const Approval& known = view.approval;
    if (known.terms.until <= now_) continue;  // over: a crash may have lost it, and nobody asks
    const auto row = tables.approvals.find(known.id);
    require(row != tables.approvals.end() && row->second.epoch == known.epoch &&
                row->second.state == known.state,
            fmt::format("the database knows approval {}", known.id));
    require(view.used.recipients <= known.terms.recipients,
            fmt::format("approval {} covered no more than it says", known.id));
  }
  for (const auto& [id, step] : tables.steps) {
    require(step.state == StepState::done,
            fmt::format("step {} {} of {} is done ({})", id, to_string(step.kind), step.subject.id,
                        step.detail));
  }
  for (const auto& [id, incident] : tables.incidents) {
    if (incident.state != IncidentState::contained) continue;
    require(stored(incident.subject).incident == id,
            fmt::format("incident {} of {} is not left open", id, incident.subject.id));
  }

  const Standing server = stored({SubjectKind::server, ""}).standing;
  require(mail_.stopped == forbids_sending(server), "the server's sending is as it should be");
  for (const auto& account : accounts_) {
    const Standing own = stored({SubjectKind::account, account}).standing;
    const Standing domain = stored({SubjectKind::domain, std::string(domain_of(account))}).standing;
    const bool no_login = forbids_login(own) || forbids_login(domain);
    require(mail_.forbids(account, &GuardRow::no_login) == no_login,
            "signing in is as it should be: " + account);
    if (const auto cached = mail_.login_cache.find(account); cached != mail_.login_cache.end()) {
      require(cached->second == !no_login, "no stale answer in the login cache: " + account);
    }
    if (no_login) {
      require(mail_.sessions[account] == 0, "nobody is signed in any more: " + account);
    }
  }
  std::set<std::string> known;
  for (const auto& hold : process_->engine.open_holds()) known.insert(hold.queue_id);
  for (const auto& [id, hold] : tables.holds) {
    if (!is_open(hold.state)) {
      require(!known.contains(id), "the engine knows that a hold ended: " + id);
      continue;
    }
    require(known.contains(id), "the engine knows an open hold: " + id);
    require(interrupted_.contains(id) ||
                (mail_.queue.contains(id) && mail_.queue.at(id).part == "hold"),
            "an open hold has its message: " + id + " is " +
                (mail_.queue.contains(id) ? mail_.queue.at(id).part : "gone"));
  }
  for (const auto& id : known) require(tables.holds.contains(id), "a hold is stored: " + id);
  for (const auto& [id, mail] : mail_.queue) {
    if (mail.part == "hold") continue;
    const Standing sender = stored({SubjectKind::account, mail.login}).standing;
    require(
        let_go_.contains(id) || (sender != Standing::restricted && sender != Standing::suspended),
        "no mail of a closed account is on its way: " + id + " of " + mail.login);
    require(mail_.stopped || mail_.forbids(mail.recipient, &GuardRow::no_receive),
            "mail that nothing stops has gone: " + id);
  }
  check_holds_tracked();
}

}  // namespace sekimori::sim
