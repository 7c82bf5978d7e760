#include "bench/detect_gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/complaint.h"
#include "base/hash.h"
#include "detect/epoch.h"
#include "detect/fleet.h"

namespace sekimori::bench {
namespace {

using namespace detect;

constexpr Duration k_timed_hold = minutes(20);  // as decide/engine.h, which lengthens it too
constexpr Duration k_fleet_pace = seconds(10);  // as decide/engine.h
constexpr std::uint32_t k_hold_pile = 500;      // as decide/engine.h: what comes then is put off
constexpr Duration k_one_question = hours(24);  // messages closer together wait in one question

std::string_view words_of(Fate fate, HoldAdvice advice) {
  if (fate == Fate::refused) return "refused";
  if (fate == Fate::accepted) return "passed";
  return advice == HoldAdvice::asked ? "waits for a person" : "held by time";
}

struct Hold {
  std::string queue_id;
  std::uint32_t recipients;
  std::int32_t attack;
  Instant since;
  bool asked;
};

struct Control {
  std::size_t owner = 0;  // in World::accounts
  std::int32_t attack = -1;
  Instant release_at;
  Instant last_asked;  // the newest message of an open question
  Instant answer_at;
  std::vector<Hold> holds;
  bool listed = false;  // in with_holds
  std::int64_t active_day = -1, asked_day = -1;
};

class Gate {
 public:
  Gate(const World& benign, const World* attacks, const GateOptions& o)
      : o_(o),
        benign_(benign),
        attacks_(attacks),
        priors_(shipped_priors()),
        detector_(o.settings, HashKey{}, priors_) {
    out_.owners.resize(benign.accounts.size());
    for (std::size_t a = 0; a < benign.accounts.size(); ++a) owner_of_[benign.accounts[a]] = a;
    if (attacks != nullptr) {
      out_.attacks.resize(attacks->attacks.size());
      for (std::size_t i = 0; i < attacks->attacks.size(); ++i)
        attack_of_[attacks->attacks[i].account] = static_cast<std::int32_t>(i);
    }
  }

  GateOutcome run() {
    static const std::vector<WorldEvent> none;
    merged(benign_.events, attacks_ == nullptr ? none : attacks_->events,
           [this](const WorldEvent& e) { step(e); });
    release_due({INT64_MAX});
    return std::move(out_);
  }

 private:
  void step(const WorldEvent& we) {
    const Event& e = we.event;
    if (!next_epoch_.is_set()) next_epoch_ = e.t + k_epoch;
    if (e.t >= next_epoch_) {
      PriorsBuilder builder(priors_);
      detector_.contribute(builder);
      priors_ = builder.build();
      detector_.install(priors_);
      next_epoch_ = e.t + k_epoch;
    }
    if (e.t >= next_fleet_) {
      share_patterns(e.t);
      next_fleet_ = e.t + k_fleet_pace;
    }
    answer_due(e.t);
    release_due(e.t);
    detector_.advance(e.t);
    const AccountIndex a = detector_.intern(e.account);
    if (a >= controls_.size()) {
      controls_.resize(a + 1);
      controls_[a].owner = owner_of_.at(e.account);
      const auto it = attack_of_.find(controls_[a].owner);
      if (it != attack_of_.end()) controls_[a].attack = it->second;
    }
    if (const auto* mail = std::get_if<Submission>(&e.body)) {
      submission(a, we, *mail);
    } else if (const auto* login = std::get_if<Login>(&e.body)) {
      if (o_.signals.logins) detector_.login(a, e.t, *login);
    } else if (const auto* session = std::get_if<Session>(&e.body)) {
      if (o_.signals.logins) detector_.session(a, e.t, *session);
    } else if (const auto* settings = std::get_if<SettingsChange>(&e.body)) {
      if (o_.signals.logins) detector_.settings_changed(a, e.t, *settings);
    } else if (const auto* bounce = std::get_if<Delivery>(&e.body)) {
      // Mail that did not leave does not bounce.
      const bool seen =
          o_.signals.bounces && (o_.signals.complaints || !tells_of_spam(bounce->reply));
      if (seen && !stopped_.contains(we.message)) detector_.delivery(a, e.t, *bounce);
    } else if (const auto* received = std::get_if<Received>(&e.body)) {
      detector_.received(a, e.t, *received);
    }
  }

  // As Engine::next_fleet.
  void share_patterns(Instant t) {
    const bool review = detector_.fleet() != nullptr && t - fleet_looked_ >= minutes(10);
    if (detector_.raised_version() == raised_seen_ && !review) return;
    raised_seen_ = detector_.raised_version();
    fleet_looked_ = t;
    std::vector<RaisedPattern> raised;
    detector_.gather_raised(raised);
    detector_.install_fleet(std::make_shared<FleetSet>(shared_patterns(std::move(raised), t)));
  }

  void submission(AccountIndex a, const WorldEvent& we, const Submission& mail) {
    const Instant t = we.event.t;
    Control& c = controls_[a];
    OwnerOutcome& owner = out_.owners[c.owner];
    AttackOutcome* attack =
        we.attack >= 0 ? &out_.attacks[static_cast<std::size_t>(we.attack)] : nullptr;
    if (owner.restricted.is_set()) {
      if (attack != nullptr && !attack->begun) attack->begun = attack->spoiled = true;
      stopped_.insert(we.message);
      return;
    }
    if (attack != nullptr) {
      attack->begun = true;
    } else if (counts(c.owner, t)) {
      ++owner.messages;
      if (const std::int64_t day = t.us / 86'400'000'000; day != c.active_day) {
        c.active_day = day;
        ++owner.active_days;
      }
    }
    const Verdict v = detector_.judge(a, t, mail);
    if (we.approved || (o_.answers == Answers::beforehand && we.newsletter)) {
      detector_.commit(a, t, mail, v, Fate::accepted);
      detector_.vouched(a, t);
      return;
    }
    Fate fate = Fate::accepted;
    if (v.restricts(o_.settings.restrict_log_r)) {
      fate = Fate::refused;
      restrict(a, t, v);
    } else if (c.holds.size() >= k_hold_pile && v.advice == HoldAdvice::asked) {
      fate = Fate::refused;
      if (attack == nullptr && counts(c.owner, t)) ++owner.put_off;
      ask(a, t, attack == nullptr);
    } else if (v.advice != HoldAdvice::none) {
      fate = Fate::held;
      hold(a, we, mail, v);
    } else if (attack != nullptr) {
      attack->leaked += mail.to.size();
    }
    if (!o_.trace.empty() && benign_.accounts[c.owner] == o_.trace) {
      fmt::print("  {} {} from {} to {}, strangers {} (hour {}, day {}), ln R {:.1f} {}: {}\n",
                 format_instant(t), attack != nullptr ? "thief" : "owner", mail.ip.to_string(),
                 mail.to.size(), v.new_recipients, v.counts.new_hour, v.counts.new_day, v.log_r,
                 to_string(v.family), words_of(fate, v.advice));
    }
    if (fate != Fate::accepted) stopped_.insert(we.message);
    detector_.commit(a, t, mail, v, fate);
    if (owner.restricted.is_set()) detector_.contained(a, t, v.onset.is_set() ? v.onset : t);
  }

  [[nodiscard]] bool counts(std::size_t owner, Instant t) const {
    return o_.windows.empty() || (t >= o_.windows[owner].from && t <= o_.windows[owner].to);
  }

  void restrict(AccountIndex a, Instant t, const Verdict& v) {
    Control& c = controls_[a];
    OwnerOutcome& owner = out_.owners[c.owner];
    owner.restricted = t;
    // The owner's own message may tip it: while the account is attacked, that is a find.
    if (c.attack >= 0) {
      AttackOutcome& attack = out_.attacks[static_cast<std::size_t>(c.attack)];
      if (attack.begun) attack.contained = t;
    }
    if (!o_.whys) return;
    const auto why = detector_.explain(a, t, v);
    owner.why = why.headline.en;
    for (const auto& e : why.evidence)
      owner.why += fmt::format(" {}={:.1f}", to_string(e.channel), e.nats);
    owner.why += fmt::format(" {}", to_string(v.family));
  }

  void hold(AccountIndex a, const WorldEvent& we, const Submission& mail, const Verdict& v) {
    const bool asked = v.advice == HoldAdvice::asked;
    Control& c = controls_[a];
    const Instant t = we.event.t;
    OwnerOutcome& owner = out_.owners[c.owner];
    if (we.attack < 0 && counts(c.owner, t)) {
      ++(asked ? owner.held_asked : owner.held_timed);
      if (const std::int64_t day = t.us / 86'400'000'000; asked && day != c.asked_day) {
        c.asked_day = day;
        ++owner.asked_days;
      }
    } else if (we.attack >= 0 && asked) {
      AttackOutcome& attack = out_.attacks[static_cast<std::size_t>(we.attack)];
      if (!attack.asked.is_set()) attack.asked = t;
    }
    if (!c.listed) with_holds_.push_back(a);
    c.listed = true;
    c.holds.push_back(
        {mail.queue_id, static_cast<std::uint32_t>(mail.to.size()), we.attack, t, asked});
    // A second suspicious message: what already waits, waits on with it.
    c.release_at = std::max(c.release_at, t + hold_after(k_timed_hold, v.strikes));
    if (!asked) return;
    ask(a, t, we.attack < 0);
    for (Hold& h : c.holds) {
      if (!h.asked && h.attack < 0 && counts(c.owner, h.since)) {
        --owner.held_timed;
        ++owner.held_asked;
      }
      h.asked = true;
    }
  }

  // A message waits for a person: in the question that is open, or in a new one.
  void ask(AccountIndex a, Instant t, bool benign) {
    Control& c = controls_[a];
    if (benign && counts(c.owner, t) &&
        (!c.last_asked.is_set() || t - c.last_asked > k_one_question)) {
      ++out_.owners[c.owner].questions;
    }
    c.last_asked = t;
    if (o_.answers != Answers::within_a_day || c.answer_at.is_set()) return;
    // Log-uniform, the same for the same question.
    const double u = static_cast<double>(mix64(c.owner * 7919 + t.seconds32()) >> 11) * 0x1p-53;
    c.answer_at = t + Duration{static_cast<std::int64_t>(minutes(10).us * std::pow(24.0 * 6, u))};
    with_questions_.push_back(a);
  }

  void answer_due(Instant now) {
    std::erase_if(with_questions_, [&](AccountIndex a) {
      Control& c = controls_[a];
      const bool over = out_.owners[c.owner].restricted.is_set();
      if (!over && c.answer_at > now) return false;
      if (!over) {
        detector_.vouched(a, c.answer_at);
        c.holds.clear();
        c.release_at = c.last_asked = {};
      }
      c.answer_at = {};
      return true;
    });
  }

  void release_due(Instant now) {
    for (std::size_t i = 0; i < with_holds_.size();) {
      const AccountIndex a = with_holds_[i];
      Control& c = controls_[a];
      OwnerOutcome& owner = out_.owners[c.owner];
      if (!owner.restricted.is_set() && c.release_at > now) {
        ++i;
        continue;
      }
      if (!owner.restricted.is_set()) {
        for (const Hold& h : c.holds) {
          if (h.asked) continue;
          detector_.hold_released(a, c.release_at, h.queue_id);
          if (h.attack >= 0) {
            out_.attacks[static_cast<std::size_t>(h.attack)].leaked += h.recipients;
          } else if (counts(c.owner, h.since)) {
            const double waited = Duration{c.release_at.us - h.since.us}.seconds() / 60;
            owner.held_minutes += waited;
            out_.held_minutes.push_back(static_cast<float>(waited));
          }
        }
      }
      std::erase_if(c.holds, [](const Hold& h) { return !h.asked; });
      c.listed = false;
      with_holds_[i] = with_holds_.back();
      with_holds_.pop_back();
    }
  }

  const GateOptions& o_;
  const World& benign_;
  const World* attacks_;
  std::shared_ptr<const Priors> priors_;
  Detector detector_;
  GateOutcome out_;
  std::unordered_map<std::string_view, std::size_t> owner_of_;
  std::unordered_map<std::size_t, std::int32_t> attack_of_;
  std::vector<Control> controls_;
  std::vector<AccountIndex> with_holds_, with_questions_;
  std::unordered_set<std::uint32_t> stopped_;
  Instant next_epoch_, next_fleet_, fleet_looked_;
  std::uint64_t raised_seen_ = 0;
};

}  // namespace

GateOutcome run_gate(const World& benign, const World* attacks, const GateOptions& options) {
  return Gate(benign, attacks, options).run();
}

void strip_networks(World& world) {
  for (WorldEvent& e : world.events) {
    if (auto* mail = std::get_if<Submission>(&e.event.body)) {
      mail->ip = {};
      mail->place = {};
    }
  }
}

}  // namespace sekimori::bench
