#include "app/start_agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "app/machine_words.h"
#include "decide/standing.h"

namespace sekimori::app {
namespace {

using decide::HeldMessage;
using decide::HoldKind;
using decide::HoldState;
using decide::Incident;
using decide::IncidentState;
using decide::StandingRecord;
using decide::Subject;
using decide::SubjectKind;

bool is_machine(std::string_view by) { return by == "machine"; }

// The later epoch wins; at the same one a person's word stands against the machine's.
bool is_newer(const StandingRecord& record, const StandingRecord& stored) {
  if (record.epoch != stored.epoch) return record.epoch > stored.epoch;
  return record.epoch != 0 && is_machine(stored.by) && !is_machine(record.by);
}

std::string_view action_of(Standing to, std::string_view by) {
  switch (to) {
    case Standing::restricted: return "restrict";
    case Standing::suspended: return "suspend";
    case Standing::recovering: return "begin_recovery";
    case Standing::probation: return "restore";
    default: return is_machine(by) ? "end_probation" : "restore";
  }
}

const Text k_from_journal{"中断の前に決まっていたことを、記録から引き継ぎました。",
                          "Decided before an interruption and taken over from the journal."};

// The change from `before` to `next`, with all that the database missed of it.
decide::StandingNews news_of(const StandingRecord& before, StandingRecord next,
                             std::uint64_t& next_incident) {
  decide::StandingNews news;
  const std::uint64_t running = before.standing == Standing::normal ? 0 : before.incident;
  next.incident = next.incident != 0 ? next.incident : running;
  if (next.reason.ja.empty()) next.reason = k_from_journal;
  if (decide::forbids_sending(next.standing)) {
    if (next.incident == 0) {
      next.incident = next_incident++;
      Incident opened;
      opened.id = next.incident;
      opened.subject = next.subject;
      opened.state = IncidentState::contained;
      opened.opened = next.since;
      opened.standing = next.standing;
      opened.summary = next.reason;
      opened.by = next.by;
      news.change.open_incident = std::move(opened);
    }
    news.change.incident_state = next.standing == Standing::recovering ? IncidentState::recovering
                                                                       : IncidentState::contained;
  } else if (next.incident != 0) {
    news.change.incident_state =
        next.standing == Standing::probation ? IncidentState::recovering : IncidentState::closed;
  }
  news.change.from = before.standing;
  news.change.steps = decide::steps_between(next.subject.kind, before.standing, next.standing);
  news.change.audit = {.t = next.since,
                       .who = next.by,
                       .action = std::string(action_of(next.standing, next.by)),
                       .subject = next.subject,
                       .incident = next.incident,
                       .why = {},
                       .detail = words_detail({"中断のあと、ジャーナルの記録から引き継ぎました。",
                                               "Taken from the journal after an interruption."})};
  news.change.record = std::move(next);
  return news;
}

Result<void> agree_on_approvals(const AgreementParts& parts) {
  auto last = parts.state.last_approval_id();
  if (!last) return std::unexpected(last.error());
  std::map<std::uint64_t, decide::Approval> missed;  // by the database, as it seems
  std::set<std::uint64_t> stored_ids;
  std::uint64_t next = *last + 1;
  for (auto& view : parts.engine.approvals("", parts.now)) {
    next = std::max(next, view.approval.id + 1);
    missed.emplace(view.approval.id, std::move(view.approval));
  }
  decide::StateStore::ApprovalFilter filter;
  filter.limit = 1000;
  while (true) {
    auto page = parts.state.approvals(filter);
    if (!page) return std::unexpected(page.error());
    for (const auto& stored : *page) {
      stored_ids.insert(stored.id);
      const auto known = missed.find(stored.id);
      if (known == missed.end()) {
        if (stored.state != ApprovalState::ended) parts.engine.load_approval(stored);
        continue;
      }
      if (decide::is_newer(stored, known->second)) parts.engine.load_approval(stored);
      if (!decide::is_newer(known->second, stored)) missed.erase(known);
    }
    if (page->size() < filter.limit) break;
    filter.offset += filter.limit;
  }
  for (auto& [id, approval] : missed) {
    // Over, and the database has forgotten it with its old records.
    if (!stored_ids.contains(id) && approval.terms.until <= parts.now) continue;
    decide::AuditEntry entry = suspension_entry(approval);
    if (approval.state != ApprovalState::suspended) {
      const bool ended = approval.state == ApprovalState::ended;
      entry.action = ended ? "approval_end" : approval.epoch > 1 ? "approval_resume" : "approve";
      entry.why = approval.reason;
      entry.detail = fmt::format(R"({{"approval":{}}})", id);
    }
    parts.put(StateItem(std::move(approval)));
    parts.put(StateItem(std::move(entry)));
  }
  parts.engine.set_next_approval(next);
  return {};
}

// The database's view of one open hold, with what the journal knows later and what its account's
// standing demands. True when that is more.
bool complete(HeldMessage& hold, const HeldMessage* replayed, const JournalTail& tail,
              const StandingRecord& sender) {
  bool changed = false;
  if (const auto* end = tail.end_of(hold.queue_id, hold.held_at)) {
    hold.state = end->state;
    hold.ended_by = end->by;
    hold.ended_at = end->t;
    return true;
  }
  if (replayed != nullptr && hold.kind == HoldKind::timed &&
      replayed->release_at > hold.release_at) {
    hold.release_at = replayed->release_at;
    changed = true;
  }
  // Killed between the standing's write and its holds', the database knows that the account is
  // contained and not yet what that means for its holds; the journal may have lost the line.
  const bool contained = decide::is_contained(sender.standing);
  const bool asked = contained || (replayed != nullptr && replayed->kind == HoldKind::asked) ||
                     tail.contained_since(hold.account, hold.held_at);
  if (hold.kind == HoldKind::timed && asked) {
    // Time must not let a thief's mail go because the database had not heard of the containment.
    hold.kind = HoldKind::asked;
    hold.release_at = {};
    if (hold.incident == 0 && contained) hold.incident = sender.incident;
    changed = true;
  }
  return changed;
}

}  // namespace

void JournalTail::add(const Event& event) {
  const auto end = [&](const std::string& queue_id, HoldState state, std::string by) {
    if (ends_.size() >= k_ends_max) ends_.clear();  // the oldest matter least; a person sees them
    ends_.insert_or_assign(queue_id, End{event.t, state, std::move(by)});
  };
  if (const auto* set = std::get_if<StandingSet>(&event.body)) {
    if (changes_.size() >= k_changes_max) changes_.pop_front();
    changes_.push_back({event.t, event.account, *set});
    if (decide::is_contained(set->to)) {
      contained_.insert_or_assign(event.account, event.t);
    }
  } else if (const auto* ended = std::get_if<HoldEnded>(&event.body)) {
    end(ended->queue_id, ended->released ? HoldState::released : HoldState::deleted, ended->by);
  } else if (const auto* gone = std::get_if<Withdrawn>(&event.body)) {
    end(gone->queue_id, HoldState::deleted, "withdrawn");
  }
}

const JournalTail::End* JournalTail::end_of(const std::string& queue_id, Instant since) const {
  const auto it = ends_.find(queue_id);
  return it == ends_.end() || it->second.t < since ? nullptr : &it->second;
}

bool JournalTail::contained_since(const std::string& account, Instant since) const {
  const auto it = contained_.find(account);
  return it != contained_.end() && it->second >= since;
}

Result<void> agree_at_start(const AgreementParts& parts) {
  decide::Engine& engine = parts.engine;
  auto stored = parts.state.standings();
  if (!stored) return std::unexpected(stored.error());
  auto last = parts.state.last_incident_id();
  if (!last) return std::unexpected(last.error());
  std::uint64_t next_incident = *last + 1;

  std::map<Subject, StandingRecord> known;
  for (auto& record : *stored) known[record.subject] = record;

  const auto take_over = [&](StandingRecord next) {
    auto& before = known[next.subject];
    if (before.epoch != 0 && !is_newer(next, before)) return;
    before.subject = next.subject;
    decide::StandingNews news = news_of(before, std::move(next), next_incident);
    before = news.change.record;
    parts.put(StateItem(std::move(news)));
  };
  for (const auto& change : parts.tail.changes()) {
    if (change.set.epoch == 0) continue;  // of an exchanged file: no change of this server's
    StandingRecord next;
    next.subject = {SubjectKind::account, change.account};
    next.standing = change.set.to;
    next.epoch = change.set.epoch;
    next.since = change.t;
    next.by = change.set.by;
    take_over(std::move(next));
  }
  // What only the snapshot knows.
  for (auto record : engine.standings()) take_over(std::move(record));

  std::vector<decide::GuardRow> rows;
  for (const auto& [subject, record] : known) {
    engine.load_standing(record);
    rows.push_back(decide::guard_row(record, parts.portal_url));
  }
  if (auto done = parts.rebuild_guard(rows); !done) return done;

  std::map<std::string, HeldMessage> replayed;
  for (auto& hold : engine.open_holds()) replayed.emplace(hold.queue_id, hold);
  const auto agree_on_open = [&](HeldMessage hold) {
    const auto it = replayed.find(hold.queue_id);
    const StandingRecord sender = engine.standing_of({SubjectKind::account, hold.account});
    if (complete(hold, it == replayed.end() ? nullptr : &it->second, parts.tail, sender)) {
      parts.put(StateItem(hold));
    }
    engine.load_hold(hold);
    if (it != replayed.end()) replayed.erase(it);
  };
  for (const auto wanted : {HoldState::held, HoldState::releasing}) {
    decide::StateStore::HoldFilter filter;
    filter.state = wanted;
    if (auto read = decide::each_hold(parts.state, filter, agree_on_open); !read) return read;
  }
  // Ends that the database knows and the journal lost.
  std::set<std::string> accounts;
  for (const auto& [id, hold] : replayed) accounts.insert(hold.account);
  for (const auto& account : accounts) {
    decide::StateStore::HoldFilter filter;
    filter.account = account;
    auto read = decide::each_hold(parts.state, filter, [&](const HeldMessage& hold) {
      const auto it = replayed.find(hold.queue_id);
      if (it == replayed.end() || hold.held_at < it->second.held_at) return;
      engine.load_hold(hold);
      replayed.erase(it);
    });
    if (!read) return read;
  }
  // Holds that only the journal knows.
  for (auto& [id, hold] : replayed) {
    if (hold.kind == HoldKind::asked && hold.incident == 0) {
      // A message that waits for a person is something a person must see.
      const StandingRecord standing = engine.standing_of({SubjectKind::account, hold.account});
      hold.incident = standing.standing == Standing::normal ? 0 : standing.incident;
      if (hold.incident == 0) {
        Incident opened;
        opened.id = hold.incident = next_incident++;
        opened.subject = {SubjectKind::account, hold.account};
        opened.opened = hold.held_at;
        opened.log_r = hold.log_r;
        opened.summary = hold.reason;
        opened.by = "machine";
        parts.put(StateItem(std::move(opened)));
      }
      engine.load_hold(hold);
    }
    parts.put(StateItem(hold));
  }
  engine.set_next_incident(next_incident);
  return agree_on_approvals(parts);
}

}  // namespace sekimori::app
