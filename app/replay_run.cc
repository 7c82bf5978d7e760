#include "app/replay_run.h"

#include <string>
#include <utility>
#include <variant>

#include "decide/standing.h"
#include "detect/epoch.h"

namespace sekimori::app {

ReplayRun::ReplayRun(decide::EngineSettings settings, ReplayWatcher& watcher)
    : engine_(std::move(settings), nullptr, detect::shipped_priors()), watcher_(watcher) {}

void ReplayRun::recall(const Event& event) {
  const bool mark = is_mark(event.body);
  if (!event.history) {
    advance(event.t);
    if (mark) return;  // the marks of both phases are made by the events' clock
  }
  engine_.recover(event, ++sequence_);
}

void ReplayRun::begin() {
  if (std::exchange(begun_, true)) return;
  for (const auto& hold : engine_.open_holds()) {
    if (hold.release_at.is_set()) releases_.push(hold.release_at);
  }
}

void ReplayRun::advance(Instant t) {
  pass_time(t);
  if (t < next_look_) return;
  (void)engine_.next_fleet(t);
  (void)engine_.breaker(t);
  next_look_ = t + decide::Engine::k_fleet_pace;
}

void ReplayRun::pass_time(Instant t) {
  if (!next_epoch_.is_set()) next_epoch_ = t + detect::k_epoch;
  while (true) {
    const bool release = !releases_.empty() && releases_.top() <= t;
    const bool epoch = next_epoch_ <= t;
    if (!release && !epoch) return;
    if (release && (!epoch || releases_.top() <= next_epoch_)) {
      const Instant now = releases_.top();
      releases_.pop();
      for (const auto& hold : engine_.due_holds(now)) {
        engine_.hold_ended(hold.account, now, hold.queue_id, "time", true, applied_);
        if (!applied_.holds.empty()) watcher_.hold_ended(now, applied_.holds.front());
      }
    } else {
      engine_.next_epoch(next_epoch_);
      // After a long silence one epoch does for all the hours that passed.
      next_epoch_ = next_epoch_ + detect::k_epoch;
      if (next_epoch_ + detect::k_epoch < t) next_epoch_ = t;
    }
  }
}

bool ReplayRun::fold(const Event& event) {
  begin();
  if (event.history) {
    // A journal tells what was learnt from old logs, at times long past.
    if (std::holds_alternative<EpochMark>(event.body)) {
      (void)engine_.end_history(event.t);
    } else {
      (void)engine_.learn(event);
    }
    return true;
  }
  advance(event.t);
  if (is_mark(event.body)) return true;
  if (const auto* set = std::get_if<StandingSet>(&event.body)) {
    fold_standing(event, *set);
    return true;
  }
  if (const auto* ended = std::get_if<HoldEnded>(&event.body)) {
    end_hold(event, *ended);
    return true;
  }
  if (const auto* delivery = std::get_if<Delivery>(&event.body);
      delivery != nullptr && never_left(delivery->queue_id)) {
    return true;
  }
  engine_.apply(event, applied_);
  if (applied_.duplicate) return false;
  if (applied_.answer) {
    const auto& mail = std::get<Submission>(event.body);
    if (applied_.answer->refused > 0) forget_bounces_of(mail.queue_id);
    watcher_.answered(event, mail, applied_);
  }
  for (const auto& news : applied_.standings) watcher_.standing(news);
  for (const auto& approval : applied_.approvals) watcher_.approval_suspended(event.t, approval);
  if (applied_.login) watcher_.login(event, std::get<Login>(event.body), *applied_.login);
  for (const auto& hold : applied_.holds) {
    if (hold.release_at.is_set()) releases_.push(hold.release_at);
  }
  return true;
}

void ReplayRun::fold_standing(const Event& event, const StandingSet& set) {
  if (decide::forbids_sending(set.to) && set.to != Standing::recovering) {
    if (set.by == "machine") return;  // its own decision then; here it is made anew
  } else if (engine_.standing_of({decide::SubjectKind::account, event.account}).standing ==
             Standing::normal) {
    return;  // nobody was stopped here, so nobody has to come back
  }
  // The numbers counted another run's changes: here this one is the next.
  Event anew = event;
  std::get<StandingSet>(anew.body).epoch = 0;
  engine_.apply(anew, applied_);
}

void ReplayRun::end_hold(const Event& event, const HoldEnded& ended) {
  if (ended.by == "time") return;
  engine_.hold_ended(event.account, event.t, ended.queue_id, ended.by, ended.released, applied_);
  if (applied_.holds.empty()) return;  // not held here
  if (!ended.released) forget_bounces_of(ended.queue_id);
  watcher_.hold_ended(event.t, applied_.holds.front());
}

bool ReplayRun::never_left(std::string_view queue_id) const {
  const std::size_t key = std::hash<std::string_view>{}(queue_id);
  return kept_.contains(key) || kept_before_.contains(key);
}

void ReplayRun::forget_bounces_of(std::string_view queue_id) {
  if (queue_id.empty()) return;
  kept_.insert(std::hash<std::string_view>{}(queue_id));
  if (kept_.size() < k_generation) return;
  kept_before_ = std::move(kept_);
  kept_.clear();
}

Period::Part Period::next(const Event& event) {
  if (!inside_ && from_.is_set() && event.t < from_) return Part::before;
  if (event.history) return inside_ || !from_.is_set() ? Part::inside : Part::before;
  if (until_.is_set() && event.t >= until_) return Part::behind;
  inside_ = true;
  return Part::inside;
}

void fill_place(Event& event, const std::function<Place(const IpAddress&)>& place) {
  const auto fill = [&](auto& body) {
    if (body.ip.is_set() && body.place == Place{}) body.place = place(body.ip);
  };
  if (auto* login = std::get_if<Login>(&event.body)) fill(*login);
  if (auto* mail = std::get_if<Submission>(&event.body)) fill(*mail);
}

}  // namespace sekimori::app
