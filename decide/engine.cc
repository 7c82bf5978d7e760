#include "decide/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/mail_address.h"
#include "decide/engine_shard.h"
#include "decide/standing.h"

namespace sekimori::decide {
namespace {

// What nobody keeps track of would strand: refused for now instead of held.
// Enough of them wait already for a person to decide.
constexpr std::string_view k_hold_pile =
    "450 4.7.1 Earlier messages of yours wait for confirmation; please try again later";
constexpr std::string_view k_hold_full =
    "450 4.3.2 Too many messages wait for a decision; please try again later";
// ln of the tighter line while an account is on probation: a tenth of the usual odds.
constexpr double k_probation_discount = 2.303;

// How many kinds of evidence weigh at least `nats` since the onset.
int strong_channels(const detect::Verdict& v, double nats) {
  return static_cast<int>(
      std::ranges::count_if(v.nats_since_onset, [nats](float x) { return x >= nats; }));
}

// Is one of them about who signs in, rather than about what is sent? Only then does a closed login
// take something from the thief that a closed way out does not (docs/decisions/005).
bool stranger_signed_in(const detect::Verdict& v, double nats) {
  using detect::Channel;
  return std::ranges::any_of(
      std::initializer_list<Channel>{Channel::login_place, Channel::places_24h, Channel::concurrent,
                                     Channel::settings},
      [&](Channel c) { return v.nats_since_onset[static_cast<std::size_t>(c)] >= nats; });
}

// The first limit that this message would pass, or "".
std::pair<std::string_view, std::uint64_t> limit_passed(const Limits& l, const detect::Counts& c,
                                                        std::uint32_t recipients) {
  if (l.recipients_per_message != 0 && recipients > l.recipients_per_message) {
    return {"recipients per message", l.recipients_per_message};
  }
  if (l.recipients_per_hour != 0 && c.recipients_hour > l.recipients_per_hour) {
    return {"recipients per hour", l.recipients_per_hour};
  }
  if (l.recipients_per_day != 0 && c.recipients_day > l.recipients_per_day) {
    return {"recipients per day", l.recipients_per_day};
  }
  if (l.messages_per_hour != 0 && c.messages_hour > l.messages_per_hour) {
    return {"messages per hour", l.messages_per_hour};
  }
  if (l.bytes_per_day != 0 && c.bytes_day > l.bytes_per_day) {
    return {"bytes per day", l.bytes_per_day};
  }
  return {"", 0};
}

// Dovecot's default is 12 bits (auth_policy_hash_truncate); what is longer is not kept. 0: none.
std::uint16_t pwhash_bits(std::string_view hex) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (error != std::errc() || end != hex.data() + hex.size() || value >= k_pwhash_known) return 0;
  return value | k_pwhash_known;
}

// The value of PolicyField::mode that has everything held.
constexpr double k_mode_hold_all = 2;

// The mail servers said it, not a person or the guard itself.
bool is_sensed(const Event& event) {
  return !std::holds_alternative<StandingSet>(event.body) &&
         !std::holds_alternative<HoldEnded>(event.body) &&
         !std::holds_alternative<ApprovalSet>(event.body);
}

}  // namespace

std::uint64_t id_hash_of(const EngineSettings& settings, const Event& event) {
  if (event.id.empty()) return 0;
  return keyed_hash(settings.key, event.host) * 3 ^ keyed_hash(settings.key, event.id);
}

void Applied::clear() {
  answer.reset();
  login.reset();
  standings.clear();
  holds.clear();
  incidents.clear();
  approvals.clear();
  duplicate = false;
  watched = false;
}

Engine::Engine(EngineSettings settings, EventJournal* journal,
               std::shared_ptr<const detect::Priors> priors)
    : impl_(std::make_unique<Impl>()) {
  impl_->settings = std::move(settings);
  impl_->breaker_settings = impl_->settings.breaker;
  impl_->journal = journal;
  impl_->priors = priors ? std::move(priors) : detect::shipped_priors();
  // The bound is the process's; shards fill unevenly, hence some room in each.
  std::size_t& accounts_max = impl_->settings.detect.accounts_max;
  accounts_max = accounts_max / k_shards + accounts_max / k_shards / 8 + 16;
  for (std::size_t i = 0; i < k_shards; ++i) {
    impl_->shards.push_back(std::make_unique<Shard>(
        detect::Detector(impl_->settings.detect, impl_->settings.key, impl_->priors)));
  }
  set_modes(impl_->settings.mode, impl_->settings.domain_modes, impl_->settings.account_modes);
}

Engine::~Engine() = default;

Mode Engine::Impl::mode_of(std::string_view account) const {
  const auto set_by_people = [&](const PolicyValues* values) -> std::optional<Mode> {
    constexpr auto k_mode = static_cast<std::size_t>(PolicyField::mode);
    if (values == nullptr || !(*values)[k_mode]) return std::nullopt;
    return *(*values)[k_mode] != 0 ? Mode::enforce : Mode::observe;
  };
  const PolicyTable* policy = settings.policy.get();
  if (policy != nullptr) {
    if (const auto mode = set_by_people(policy->of_account(account))) return *mode;
  }
  const std::lock_guard lock(modes_mutex);
  if (const auto it = account_modes.find(account); it != account_modes.end()) return it->second;
  if (policy != nullptr) {
    if (const auto mode = set_by_people(policy->of_domain(domain_of(account)))) return *mode;
  }
  if (const auto it = domain_modes.find(domain_of(account)); it != domain_modes.end()) {
    return it->second;
  }
  return server_mode;
}

bool Engine::Impl::holds_all(std::string_view account) const {
  if (settings.policy == nullptr) return false;
  const auto mode = settings.policy->find(account, PolicyField::mode);
  return mode && *mode >= k_mode_hold_all;
}

detect::AccountIndex Engine::Impl::intern(Shard& shard, std::string_view account,
                                          std::uint64_t hash) {
  const auto index = shard.detector.intern(account, hash);
  for (const auto forgotten : shard.detector.take_forgotten()) {
    // The index belongs to another account from now on; a closed account stays closed by its name.
    if (const auto it = shard.records.find(forgotten); it != shard.records.end()) {
      if (forbids_sending(it->second.standing)) shard.parked[it->second.subject.id] = it->second;
      shard.records.erase(it);
    }
    if (forgotten < shard.controls.size()) shard.controls[forgotten] = AccountControl{};
  }
  if (index >= shard.controls.size()) {
    accounts_known.fetch_add(index + 1 - shard.controls.size(), std::memory_order_relaxed);
    shard.controls.resize(index + 1);
  }
  AccountControl& control = shard.controls[index];
  if (!control.known) {
    control.known = true;
    control.mode = mode_of(account);
    if (const auto it = shard.parked.find(account); it != shard.parked.end()) {
      const StandingRecord& record = it->second;
      control.standing = record.standing;
      control.epoch = static_cast<std::uint32_t>(record.epoch);
      control.since = record.since;
      control.incident = record.incident;
      control.by_person = record.by != "machine";
      shard.records[index] = record;
      shard.parked.erase(it);
    }
  }
  return index;
}

void Engine::Impl::keep_id(Shard& shard, const Event& event, std::uint64_t id_hash) {
  if (!event.id.empty()) shard.ids.insert(id_hash);
}

std::optional<detect::AccountIndex> Engine::Impl::find(Shard& shard, std::string_view account,
                                                       std::uint64_t hash) {
  if (auto index = shard.detector.find(account, hash)) return index;
  if (shard.parked.empty() || !shard.parked.contains(account)) return std::nullopt;
  return intern(shard, account, hash);
}

void Engine::Impl::write_journal(Shard& shard, const Event& event) {
  if (journal == nullptr) return;
  if (const auto sequence = journal->append(event)) {
    shard.sequence = *sequence;
  } else {
    ++shard.totals.journal_failures;  // degraded: the answer goes out all the same
  }
}

StandingRecord Engine::Impl::record_of(const Shard& shard, detect::AccountIndex index) const {
  if (const auto it = shard.records.find(index); it != shard.records.end()) return it->second;
  StandingRecord record;
  record.subject = {SubjectKind::account, std::string(shard.detector.name_of(index))};
  return record;
}

std::optional<StandingRecord> Engine::Impl::sending_stop(const Shard& shard,
                                                         std::string_view account,
                                                         const AccountControl& control) const {
  if (forbids_sending(control.standing)) {
    if (const auto index = shard.detector.find(account)) return record_of(shard, *index);
  }
  if (!shard.domains.empty()) {
    const auto it = shard.domains.find(domain_of(account));
    if (it != shard.domains.end() && forbids_sending(it->second.standing)) return it->second;
  }
  if (forbids_sending(shard.server.standing)) return shard.server;
  return std::nullopt;
}

// ---------------------------------------------------------------- deciding about one message

Engine::Impl::Decision Engine::Impl::decide(Shard& shard, AccountControl& control,
                                            const Event& event, const Submission& mail,
                                            const detect::Verdict& v) const {
  Decision d;
  const auto n = static_cast<std::uint32_t>(mail.to.size());
  d.answer.log_r = v.log_r;
  d.answer.rule = "pass";
  const auto refuse = [&](std::string rule, std::string text) {
    d.fate = Fate::refused;
    d.answer.rule = std::move(rule);
    d.answer.text = std::move(text);
  };

  const Rules rules = rules_of(event.account, control);
  const double discount = control.standing == Standing::probation ? k_probation_discount : 0;
  const bool over_line = v.restricts(rules.restrict_log_r - discount);
  d.by_order = holds_all(event.account);
  // While the circuit breaker is open the machine stops nobody: what it would have stopped is held,
  // and so is all that such an account sends until its suspicion is gone.
  const bool ask_instead =
      control.mode == Mode::enforce && breaker_open.load(std::memory_order_relaxed);
  d.by_breaker =
      ask_instead &&
      (over_line || (control.observed != Standing::normal && v.log_r >= settings.detect.ask_log_r));
  if (over_line && !ask_instead) {
    const bool suspend =
        settings.suspend_by_machine && v.log_r >= rules.suspend_log_r &&
        strong_channels(v, settings.suspend_channel_nats) >= settings.suspend_channels &&
        stranger_signed_in(v, settings.suspend_channel_nats);
    d.contain = suspend ? Standing::suspended : Standing::restricted;
    refuse(suspend ? "judge:suspend" : "judge:restrict", "");
  } else if (!d.by_breaker && control.holds >= settings.hold_pile &&
             (v.advice == detect::HoldAdvice::asked || d.by_order)) {
    refuse("hold_pile", std::string(k_hold_pile));
  } else if (const auto [name, limit] = limit_passed(rules.limits, v.counts, n);
             limit != 0 && v.advice != detect::HoldAdvice::asked && !d.by_breaker && !d.by_order) {
    // A message that would wait for a person waits, over a limit too: nothing leaves, and the judge
    // sees how it goes on.
    std::string rule = "limit:";
    rule += name;
    std::ranges::replace(rule, ' ', '_');
    refuse(std::move(rule), limit_text(name, limit));
  } else if (d.by_breaker || d.by_order || v.advice != detect::HoldAdvice::none ||
             (rules.limits.new_recipients_per_day != 0 &&
              v.counts.new_day > rules.limits.new_recipients_per_day && v.new_recipients > 0 &&
              !v.approved)) {
    d.hold = v.advice == detect::HoldAdvice::timed && !d.by_breaker && !d.by_order
                 ? HoldKind::timed
                 : HoldKind::asked;
    if (shard.holds.size() >= k_holds_max) {
      d.hold.reset();
      refuse("hold_full", std::string(k_hold_full));
    } else {
      d.fate = Fate::held;
      d.answer.rule = d.by_breaker                            ? "hold_breaker"
                      : d.by_order                            ? "hold_order"
                      : v.advice == detect::HoldAdvice::timed ? "hold_timed"
                      : v.advice == detect::HoldAdvice::asked ? "hold_asked"
                                                              : "hold_new_recipients_per_day";
    }
  } else if (v.approved) {
    d.answer.rule = "approved";
  }

  if (control.mode == Mode::observe && d.fate != Fate::accepted) {
    d.only_observed = true;
    d.fate = Fate::accepted;
    d.hold.reset();
    d.answer.action = Answer::Action::warn;
    d.answer.text = fmt::format("sekimori would have answered {} for {} (ln R {:.1f})",
                                d.answer.rule, ascii_only(event.account, 120), v.log_r);
    d.answer.rule = "observe:" + d.answer.rule;
  }
  switch (d.fate) {
    case Fate::accepted: d.answer.accepted = n; break;
    case Fate::held:
      d.answer.held = n;
      d.answer.action = Answer::Action::hold;
      d.answer.text = fmt::format("sekimori {} (ln R {:.1f})", d.answer.rule, v.log_r);
      break;
    case Fate::refused:
      d.answer.refused = n;
      d.answer.action = Answer::Action::refuse;
      break;
  }
  return d;
}

void Engine::Impl::note_raised(Shard& shard) {
  if (shard.detector.raised_version() == shard.raised_version) return;
  shard.raised_version = shard.detector.raised_version();
  raised_changes.fetch_add(1, std::memory_order_relaxed);
}

void Engine::Impl::submission(Shard& shard, const Event& event, const Submission& mail,
                              std::uint64_t name_hash, std::uint64_t id_hash,
                              std::uint64_t prepared, Applied& out) {
  const auto index = intern(shard, event.account, name_hash);
  const auto n = static_cast<std::uint32_t>(mail.to.size());
  ++shard.totals.submissions;
  const bool open_gate = bypass.load(std::memory_order_relaxed);
  if (const auto stop = sending_stop(shard, event.account, shard.controls[index]);
      stop && !open_gate) {
    Answer answer;
    answer.action = Answer::Action::refuse;
    answer.refused = n;
    answer.rule = "standing";
    answer.text = refusal_text(*stop, settings.portal_url);
    answer.log_r = shard.detector.log_r(index, event.t);
    shard.totals.refused += n;
    out.answer = std::move(answer);
    return;  // refused mail is no event: it neither counts nor teaches, nor does time pass by it
  }
  shard.detector.advance(event.t);
  detect::Verdict v = shard.detector.judge(index, event.t, mail, prepared);
  watch_place(shard, index, event, mail.ip, mail.place);
  ApprovalInForce* const approval =
      open_gate ? nullptr : approval_for(shard, index, event, mail, v);
  Decision d;
  if (open_gate) {
    d.answer.rule = "bypass";
    d.answer.accepted = n;
    d.answer.log_r = v.log_r;
  } else {
    d = decide(shard, shard.controls[index], event, mail, v);
  }
  if (journal != nullptr) {
    write_journal(shard,
                  shard.kept.with(event, d.fate, approval != nullptr ? approval->record().id : 0));
  }
  keep_id(shard, event, id_hash);
  if (approval != nullptr) use_approval(shard, *approval, index, event, mail, d.fate);
  shard.detector.lived(index, event.t);
  shard.detector.commit(index, event.t, mail, v, d.fate);
  shard.controls[index].last_onset = v.onset;
  note_raised(shard);
  if (d.by_breaker) shard.controls[index].observed = Standing::restricted;
  if (d.hold) add_hold(shard, index, event, mail, v, *d.hold, false, out);
  if (d.contain) {
    contain(shard, index, event, v, *d.contain, d.only_observed, out);
    if (!d.only_observed)
      d.answer.text = refusal_text(record_of(shard, index), settings.portal_url);
  }
  shard.totals.accepted += d.answer.accepted;
  shard.totals.held += d.answer.held;
  shard.totals.refused += d.answer.refused;
  out.answer = std::move(d.answer);
}

// ---------------------------------------------------------------- folding facts

void Engine::Impl::fold_standing(Shard& shard, detect::AccountIndex index, Instant t,
                                 const StandingSet& set, std::vector<HeldMessage>* asked) {
  AccountControl& control = shard.controls[index];
  const Standing from = control.standing;
  // An exchanged file carries no epoch: each line is the next one.
  const std::uint64_t epoch = set.epoch == 0 ? control.epoch + 1ULL : set.epoch;
  if (epoch < control.epoch) return;
  // At the same epoch a person's word stands against the machine's.
  if (epoch == control.epoch && control.by_person && set.by == "machine") return;
  control.epoch = static_cast<std::uint32_t>(epoch);
  control.standing = set.to;
  control.since = t;
  control.by_person = set.by != "machine";
  control.observed = Standing::normal;
  auto& record = shard.records[index];
  if (record.epoch != epoch || record.standing != set.to) {
    record.subject = {SubjectKind::account, std::string(shard.detector.name_of(index))};
    record.standing = set.to;
    record.epoch = epoch;
    record.since = t;
    record.by = set.by;
    record.incident = control.incident;
  }
  const bool contains = is_contained(set.to);
  if (contains && set.by == "machine" && !forbids_sending(from)) note_stop(shard, t);
  if (contains) {
    suspend_approvals(shard, record.subject.id, t, ApprovalCause::contained);
    shard.detector.contained(index, t, control.last_onset.is_set() ? control.last_onset : t);
    if (control.holds > 0) {
      // What waits now belongs to an incident: time no longer lets it go.
      for (auto& [id, hold] : shard.holds) {
        if (hold.account != record.subject.id || hold.kind == HoldKind::asked) continue;
        hold.kind = HoldKind::asked;
        hold.release_at = {};
        if (hold.incident == 0) hold.incident = control.incident;
        if (asked != nullptr) asked->push_back(hold);
      }
    }
  } else if (from != Standing::normal &&
             (set.to == Standing::normal || set.to == Standing::probation)) {
    if (from != Standing::probation) shard.detector.restored(index, t);
    if (set.to == Standing::normal) control.incident = 0;
  }
}

void Engine::Impl::fold(Shard& shard, detect::AccountIndex index, const Event& event) {
  const Instant t = event.t;
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        auto& detector = shard.detector;
        if constexpr (std::is_same_v<Body, Login>) {
          if (body.result == LoginResult::ok) {
            if (const auto pwhash = pwhash_bits(body.pwhash); pwhash != 0) {
              shard.controls[index].pwhash = pwhash;
            }
            watch_place(shard, index, event, body.ip, body.place);
          }
          detector.login(index, t, body);
        } else if constexpr (std::is_same_v<Body, Session>) {
          detector.session(index, t, body);
        } else if constexpr (std::is_same_v<Body, Delivery>) {
          // A list that a person approved may be an old one: its bounces are nobody's fault.
          if (!is_approved_mail(shard, event.account, body.queue_id)) {
            detector.delivery(index, t, body);
          }
        } else if constexpr (std::is_same_v<Body, Received>) {
          detector.received(index, t, body);
        } else if constexpr (std::is_same_v<Body, SettingsChange>) {
          detector.settings_changed(index, t, body);
          if (body.what != SettingKind::vacation) {
            suspend_approvals(shard, event.account, t, ApprovalCause::settings);
          }
        } else if constexpr (std::is_same_v<Body, StandingSet>) {
          fold_standing(shard, index, t, body, nullptr);
        } else if constexpr (std::is_same_v<Body, HoldEnded>) {
          end_hold(shard, index, t, body, nullptr);
        } else if constexpr (std::is_same_v<Body, Withdrawn>) {
          detector.withdraw(index, t, body.queue_id);
          give_back(shard, event.account, body.queue_id);
          if (const auto it = shard.holds.find(body.queue_id); it != shard.holds.end()) {
            shard.holds.erase(it);
            if (shard.controls[index].holds > 0) --shard.controls[index].holds;
          }
        } else if constexpr (std::is_same_v<Body, ApprovalSet>) {
          fold_approval(shard, index, event, body);
        }
      },
      event.body);
}

void Engine::apply(const Event& event, Applied& out) {
  out.clear();
  if (event.account.empty() || is_mark(event.body)) return;
  const std::uint64_t name_hash = impl_->hash_of(event.account);
  Shard& shard = impl_->shard_at(name_hash);
  const std::lock_guard lock(shard.mutex);
  // The tables are larger than the caches: each line is asked for as soon as its place is known,
  // and what has to be reckoned is reckoned meanwhile.
  shard.detector.prefetch_name(name_hash);
  shard.detector.prefetch_due(event.t, detect::LearningStep::records);
  const std::uint64_t id_hash = id_hash_of(impl_->settings, event);
  shard.ids.prefetch(id_hash);
  shard.detector.prefetch_due(event.t, detect::LearningStep::accounts);
  const auto seems = Impl::prefetch(shard, name_hash);
  const auto* const mail = std::get_if<Submission>(&event.body);
  const std::uint64_t prepared = mail == nullptr ? 0 : shard.detector.prepare(name_hash, *mail);
  shard.detector.prefetch_due(event.t, detect::LearningStep::recipients);
  if (seems) shard.detector.prefetch_text(*seems);
  ++shard.totals.events;
  if (!event.id.empty() && shard.ids.contains(id_hash)) {
    ++shard.totals.duplicates;
    out.duplicate = true;
    return;
  }
  shard.suspended.clear();
  if (mail != nullptr) {
    impl_->submission(shard, event, *mail, name_hash, id_hash, prepared, out);
    out.approvals = shard.suspended;
    return;
  }
  if (const auto* login = std::get_if<Login>(&event.body);
      login != nullptr && login->result != LoginResult::ok &&
      !shard.detector.find(event.account, name_hash)) {
    return;  // guessed names get no memory, or guessing would fill it
  }
  // A held message has not left: whatever is said about its delivery is no bounce. Not journaled
  // either, since a recovery would not know that it was held then.
  if (const auto* delivery = std::get_if<Delivery>(&event.body);
      delivery != nullptr && shard.holds.contains(delivery->queue_id)) {
    return;
  }
  Impl::keep_id(shard, event, id_hash);
  shard.detector.advance(event.t);
  const auto index = impl_->intern(shard, event.account, name_hash);
  if (is_sensed(event)) shard.detector.lived(index, event.t);
  if (const auto* login = std::get_if<Login>(&event.body)) {
    const AccountControl& control = shard.controls[index];
    out.watched = login->result == LoginResult::ok && control.standing != Standing::normal;
    if (login->result == LoginResult::ok && control.mode == Mode::enforce &&
        forbids_login(control.standing) && !bypass()) {
      // Postfix reports success for a suspended SMTP login: to us it is a refused one.
      Event refused = event;
      std::get<Login>(refused.body).result = LoginResult::refused;
      impl_->write_journal(shard, refused);
      impl_->fold(shard, index, refused);
      out.login = LoginAnswer{-1, {}, "standing"};
      return;  // refused: nobody came in, so no approval is suspended
    }
  }
  if (const auto* gone = std::get_if<Withdrawn>(&event.body)) {
    // It never became mail, though it was answered HOLD: nothing is there to let go.
    if (const auto it = shard.holds.find(gone->queue_id); it != shard.holds.end()) {
      HeldMessage hold = it->second;
      hold.state = HoldState::deleted;
      hold.ended_by = "withdrawn";
      hold.ended_at = event.t;
      out.holds.push_back(std::move(hold));
    }
  }
  impl_->write_journal(shard, event);
  impl_->fold(shard, index, event);
  out.approvals = shard.suspended;
}

void Engine::recover(const Event& event, std::uint64_t sequence) {
  if (event.history) return impl_->recover_past(event, sequence);
  if (std::holds_alternative<EpochMark>(event.body)) {
    bool newer = false;
    for (auto& shard : impl_->shards) {
      if (shard->sequence < sequence) {
        shard->sequence = sequence;
        newer = true;
      }
    }
    if (!newer) return;
    impl_->build_epoch();
    const std::lock_guard lock(impl_->epoch_mutex);
    impl_->epoch_sequence = sequence;
    return;
  }
  if (const auto* mark = std::get_if<FleetMark>(&event.body)) {
    const std::lock_guard lock(impl_->epoch_mutex);
    const auto set = std::make_shared<detect::FleetSet>(mark->patterns);
    for (auto& shard : impl_->shards) {
      const std::lock_guard shard_lock(shard->mutex);
      if (sequence <= shard->sequence) continue;
      shard->sequence = sequence;
      shard->detector.install_fleet(set);
      impl_->fleet = shard->detector.fleet();
    }
    return;
  }
  if (event.account.empty()) return;
  Shard& shard = impl_->shard_of(event.account);
  const std::lock_guard lock(shard.mutex);
  if (sequence <= shard.sequence) return;
  shard.sequence = sequence;
  Impl::keep_id(shard, event, id_hash_of(impl_->settings, event));
  shard.detector.advance(event.t);
  const auto index = impl_->intern(shard, event.account);
  if (is_sensed(event)) shard.detector.lived(index, event.t);
  if (const auto* mail = std::get_if<Submission>(&event.body)) {
    auto v = shard.detector.judge(index, event.t, *mail);
    const Fate fate = mail->fate.value_or(Fate::accepted);
    impl_->watch_place(shard, index, event, mail->ip, mail->place);
    impl_->recover_approval(shard, index, event, *mail, v, fate);
    shard.detector.commit(index, event.t, *mail, v, fate);
    shard.controls[index].last_onset = v.onset;
    impl_->note_raised(shard);
    if (fate == Fate::held) {
      Applied ignored;
      impl_->add_hold(shard, index, event, *mail, v,
                      v.advice == detect::HoldAdvice::timed ? HoldKind::timed : HoldKind::asked,
                      true, ignored);
    }
    return;
  }
  impl_->fold(shard, index, event);
}

}  // namespace sekimori::decide
