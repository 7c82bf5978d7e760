// What a verdict brings about: a standing, an incident, a hold, and the end of a hold.
#include <fmt/format.h>

#include <algorithm>

#include "decide/engine_shard.h"

namespace sekimori::decide {

void Engine::Impl::contain(Shard& shard, detect::AccountIndex index, const Event& event,
                           const detect::Verdict& v, Standing to, bool only_observed,
                           Applied& out) {
  AccountControl& control = shard.controls[index];
  const auto rank = [](Standing s) {
    return s == Standing::suspended ? 2 : s == Standing::restricted;
  };
  if (only_observed) {
    if (rank(to) <= rank(control.observed)) return;  // said already
    control.observed = to;
  }
  const StandingRecord before = record_of(shard, index);
  const auto why = shard.detector.explain(index, event.t, v, std::get_if<Submission>(&event.body));
  const Text reason = contain_reason(why.headline, control);
  StandingRequest request{
      .kind = to == Standing::suspended ? RequestKind::suspend : RequestKind::restrict,
      .by_machine = true,
      .to_probation = false,
      .by = "machine",
      .reason = reason,
      .now = event.t};
  const auto stepped = step(before, request);
  if (!stepped || !stepped->changed) return;

  StandingNews news;
  news.mode = only_observed ? Mode::observe : Mode::enforce;
  news.log_r = v.log_r;
  news.family = std::string(detect::to_string(v.family));
  news.change.from = before.standing;
  news.change.record = stepped->next;
  const bool fresh = control.incident == 0;
  const std::uint64_t incident = fresh ? next_incident.fetch_add(1) : control.incident;
  news.change.record.incident = incident;
  Incident opened;
  opened.id = incident;
  opened.subject = before.subject;
  opened.state = only_observed ? IncidentState::open : IncidentState::contained;
  opened.opened = event.t;
  opened.onset = v.onset;
  opened.mode = news.mode;
  opened.standing = to;
  opened.log_r = v.log_r;
  opened.family = news.family;
  opened.summary = reason;
  for (const auto& e : why.evidence) {
    opened.evidence.push_back({std::string(detect::to_string(e.channel)), e.nats, e.text});
  }
  opened.by = "machine";
  news.change.open_incident = std::move(opened);
  if (!only_observed) {
    news.change.incident_state = IncidentState::contained;
    news.change.steps = stepped->steps;
  }
  news.change.audit = {.t = event.t,
                       .who = "machine",
                       .action = std::string(to == Standing::suspended ? "suspend" : "restrict"),
                       .subject = before.subject,
                       .incident = incident,
                       .why = fmt::format("ln R {:.2f}, {}", v.log_r, news.family),
                       .detail = {}};
  control.incident = incident;
  if (!only_observed) {
    ++(to == Standing::suspended ? shard.totals.suspensions : shard.totals.restrictions);
    shard.records[index] = news.change.record;
    Event fact;
    fact.t = event.t;
    fact.account = event.account;
    fact.body = StandingSet{to, "machine", news.family, news.change.record.epoch};
    write_journal(shard, fact);
    fold_standing(shard, index, event.t, std::get<StandingSet>(fact.body), &news.holds);
  }
  out.standings.push_back(std::move(news));
}

void Engine::Impl::add_hold(Shard& shard, detect::AccountIndex index, const Event& event,
                            const Submission& mail, const detect::Verdict& v, HoldKind kind,
                            bool recovering, Applied& out) {
  AccountControl& control = shard.controls[index];
  HeldMessage hold;
  hold.queue_id =
      mail.queue_id.empty() ? fmt::format("unnamed-{}", ++shard.unnamed) : mail.queue_id;
  hold.account = event.account;
  hold.held_at = event.t;
  hold.recipients = static_cast<std::uint32_t>(mail.to.size());
  hold.size = mail.size;
  hold.kind = kind;
  hold.log_r = v.log_r;
  const auto why = shard.detector.explain(index, event.t, v, &mail);
  const bool instead_of_stop = control.mode == Mode::enforce &&
                               control.observed != Standing::normal &&
                               breaker_open.load(std::memory_order_relaxed);
  hold.reason =
      instead_of_stop && !recovering ? breaker_hold_reason(why.headline)
      : holds_all(event.account) && v.advice == detect::HoldAdvice::none
          ? held_by_order_reason()
          : hold_reason(kind, why.headline, v, settings, rules_of(event.account, control).limits);
  hold.evidence = evidence_line(why.evidence);
  if (kind == HoldKind::timed) {
    hold.release_at = event.t + detect::hold_after(settings.timed_hold, v.strikes);
  } else if (control.incident == 0 && !recovering) {
    // A message that waits for a person is something a person must see: an open incident.
    control.incident = next_incident.fetch_add(1);
    Incident opened;
    opened.id = control.incident;
    opened.subject = {SubjectKind::account, event.account};
    opened.opened = event.t;
    opened.onset = v.onset;
    opened.log_r = v.log_r;
    opened.family = std::string(detect::to_string(v.family));
    opened.summary = hold.reason;
    for (const auto& e : why.evidence) {
      opened.evidence.push_back({std::string(detect::to_string(e.channel)), e.nats, e.text});
    }
    opened.by = "machine";
    out.incidents.push_back(std::move(opened));
  }
  hold.incident = control.incident;
  // A second suspicious message: what already waits, waits on with it.
  if (control.holds > 0) {
    for (auto& [id, other] : shard.holds) {
      if (other.account != event.account || other.kind != HoldKind::timed ||
          other.state != HoldState::held) {
        continue;
      }
      if (kind == HoldKind::asked) {
        // What waits with a message that a person must see, waits for that person.
        other.kind = HoldKind::asked;
        other.release_at = {};
      } else {
        other.release_at = std::max(other.release_at,
                                    event.t + detect::hold_after(settings.timed_hold, v.strikes));
      }
      out.holds.push_back(other);
    }
  }
  if (shard.holds.insert_or_assign(hold.queue_id, hold).second) ++control.holds;
  out.holds.push_back(std::move(hold));
}

void Engine::Impl::end_hold(Shard& shard, detect::AccountIndex index, Instant t,
                            const HoldEnded& ended, HeldMessage* copy) {
  const auto it = shard.holds.find(ended.queue_id);
  if (it != shard.holds.end()) {
    HeldMessage hold = it->second;
    hold.state = ended.released ? HoldState::released : HoldState::deleted;
    hold.ended_by = ended.by;
    hold.ended_at = t;
    shard.holds.erase(it);
    if (shard.controls[index].holds > 0) --shard.controls[index].holds;
    if (copy != nullptr) *copy = std::move(hold);
  }
  if (!ended.released) {
    // Deleted: it never reached anybody, so it neither counts against a limit nor teaches.
    shard.detector.withdraw(index, t, ended.queue_id);
    return;
  }
  if (ended.by == "time") {
    shard.detector.hold_released(index, t, ended.queue_id);
  } else if (ended.by != "gone") {  // found gone: nobody said whether it was good
    shard.detector.vouched(index, t);
    AccountControl& control = shard.controls[index];
    if (control.mode == Mode::enforce) control.observed = Standing::normal;
  }
}

}  // namespace sekimori::decide
