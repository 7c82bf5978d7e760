// Questions that are no events, people's requests, time, and looking.
#include <fmt/format.h>

#include <algorithm>

#include "base/mail_address.h"
#include "decide/engine_shard.h"

namespace sekimori::decide {

// ---------------------------------------------------------------- questions

Answer Engine::may_send(std::string_view account, Instant now, std::uint32_t recipients,
                        std::uint32_t reserved) {
  Answer answer;
  answer.rule = "pass";
  if (bypass()) return answer;
  const std::uint64_t name_hash = impl_->hash_of(account);
  Shard& shard = impl_->shard_at(name_hash);
  const std::lock_guard lock(shard.mutex);
  const auto index = impl_->find(shard, account, name_hash);
  static const AccountControl k_unknown{};
  const AccountControl& control =
      index && *index < shard.controls.size() ? shard.controls[*index] : k_unknown;
  if (const auto stop = impl_->sending_stop(shard, account, control); stop) {
    answer.action = Answer::Action::refuse;
    answer.rule = "standing";
    answer.text = refusal_text(*stop, impl_->settings.portal_url);
    return answer;
  }
  // While messages wait for a person the judge must see what follows: END-OF-MESSAGE decides.
  if (recipients == 0 || !index || control.holds > 0) return answer;
  const Mode mode = control.mode;
  const Limits l = impl_->rules_of(account, control).limits;
  if (l.recipients_per_hour == 0 && l.recipients_per_day == 0) return answer;
  const auto counts = shard.detector.counts(*index, now);
  const auto passes = [&](std::uint32_t limit, std::uint32_t used, std::string_view name) {
    if (limit == 0 || answer.action != Answer::Action::dunno) return;
    if (std::uint64_t{used} + reserved + recipients <= limit) return;
    answer.rule = fmt::format("limit:{}", name);
    answer.action = mode == Mode::enforce ? Answer::Action::refuse : Answer::Action::warn;
    std::string words(name);
    std::ranges::replace(words, '_', ' ');
    answer.text = mode == Mode::enforce
                      ? limit_text(words, limit)
                      : fmt::format("sekimori would have refused: limit of {} {}", limit, words);
  };
  passes(l.recipients_per_hour, counts.recipients_hour, "recipients_per_hour");
  passes(l.recipients_per_day, counts.recipients_day, "recipients_per_day");
  return answer;
}

Answer Engine::may_receive(std::string_view address) {
  Answer answer;
  answer.rule = "pass";
  if (bypass()) return answer;
  const std::uint64_t name_hash = impl_->hash_of(address);
  Shard& shard = impl_->shard_at(name_hash);
  const std::lock_guard lock(shard.mutex);
  const auto index = impl_->find(shard, address, name_hash);
  const bool account_closed =
      index && *index < shard.controls.size() && forbids_receiving(shard.controls[*index].standing);
  const auto domain = shard.domains.find(domain_of(address));
  if (account_closed ||
      (domain != shard.domains.end() && forbids_receiving(domain->second.standing))) {
    answer.action = Answer::Action::refuse;
    answer.rule = "standing";
    // Senders keep it and try again for days (RFC 5321 §4.5.4.1); it must never be a 5xx.
    answer.text = "450 4.2.1 This mailbox is temporarily suspended; please try again later";
  }
  return answer;
}

LoginAnswer Engine::may_login(std::string_view account, Service) {
  LoginAnswer answer;
  answer.rule = "pass";
  if (bypass()) return answer;
  const std::uint64_t name_hash = impl_->hash_of(account);
  Shard& shard = impl_->shard_at(name_hash);
  const std::lock_guard lock(shard.mutex);
  const auto index = impl_->find(shard, account, name_hash);
  const StandingRecord* closed = nullptr;
  if (index && *index < shard.controls.size() && forbids_login(shard.controls[*index].standing)) {
    if (const auto it = shard.records.find(*index); it != shard.records.end()) closed = &it->second;
  }
  if (closed == nullptr && !shard.domains.empty()) {
    const auto it = shard.domains.find(domain_of(account));
    if (it != shard.domains.end() && forbids_login(it->second.standing)) closed = &it->second;
  }
  if (closed != nullptr) {
    answer.status = -1;
    answer.rule = "standing";
    const std::string words = guard_row(*closed, impl_->settings.portal_url).reason;
    answer.message = {words, words};  // one line that holds both languages
  }
  return answer;
}

// ---------------------------------------------------------------- people and time

Result<StandingNews> Engine::request(const Subject& subject, const StandingRequest& request) {
  StandingNews news;
  const auto finish = [&](const StandingRecord& before, StandingStep&& stepped,
                          std::uint64_t open_incident) {
    news.change.from = before.standing;
    news.change.record = std::move(stepped.next);
    news.changed = stepped.changed;
    if (!stepped.changed) return;
    news.change.steps = std::move(stepped.steps);
    StandingRecord& record = news.change.record;
    const bool contains = forbids_sending(record.standing);
    if (contains) {
      std::uint64_t id = open_incident;
      if (id == 0) {
        id = impl_->next_incident.fetch_add(1);
        Incident opened;
        opened.id = id;
        opened.subject = subject;
        opened.state = IncidentState::contained;
        opened.opened = request.now;
        opened.standing = record.standing;
        opened.summary = request.reason;
        opened.by = request.by;
        news.change.open_incident = std::move(opened);
      }
      record.incident = id;
      news.change.incident_state = record.standing == Standing::recovering
                                       ? IncidentState::recovering
                                       : IncidentState::contained;
    } else {
      record.incident = open_incident;
      if (open_incident != 0) {
        news.change.incident_state = record.standing == Standing::probation
                                         ? IncidentState::recovering
                                         : IncidentState::closed;
      }
    }
    static constexpr const char* k_actions[] = {"restrict", "suspend", "begin_recovery", "restore",
                                                "end_probation"};
    news.change.audit = {.t = request.now,
                         .who = request.by,
                         .action = k_actions[static_cast<std::size_t>(request.kind)],
                         .subject = subject,
                         .incident = record.incident,
                         .why = request.reason.ja,
                         .detail = {}};
  };

  if (subject.kind == SubjectKind::account) {
    Shard& shard = impl_->shard_of(subject.id);
    const std::lock_guard lock(shard.mutex);
    const auto index = impl_->intern(shard, subject.id);
    const StandingRecord before = impl_->record_of(shard, index);
    auto stepped = step(before, request);
    if (!stepped) return std::unexpected(stepped.error());
    finish(before, std::move(*stepped), shard.controls[index].incident);
    if (!news.changed) return news;
    shard.controls[index].incident = news.change.record.incident;
    shard.records[index] = news.change.record;
    Event fact;
    fact.t = request.now;
    fact.account = subject.id;
    fact.body = StandingSet{news.change.record.standing, request.by, "", news.change.record.epoch};
    impl_->write_journal(shard, fact);
    shard.detector.advance(request.now);
    shard.suspended.clear();
    impl_->fold_standing(shard, index, request.now, std::get<StandingSet>(fact.body), &news.holds);
    news.approvals = shard.suspended;
    if (request.kind == RequestKind::restrict) ++shard.totals.restrictions;
    if (request.kind == RequestKind::suspend) ++shard.totals.suspensions;
    return news;
  }
  const StandingRecord before = standing_of(subject);
  auto stepped = step(before, request);
  if (!stepped) return std::unexpected(stepped.error());
  finish(before, std::move(*stepped), before.incident);
  if (news.changed) load_standing(news.change.record);
  return news;
}

void Engine::load_standing(const StandingRecord& record) {
  if (record.subject.kind != SubjectKind::account) {
    for (auto& shard : impl_->shards) {
      const std::lock_guard lock(shard->mutex);
      StandingRecord& kept = record.subject.kind == SubjectKind::domain
                                 ? shard->domains[record.subject.id]
                                 : shard->server;
      const bool by_person_before = kept.epoch == record.epoch && kept.epoch != 0 &&
                                    kept.by != "machine" && record.by == "machine";
      if (kept.epoch <= record.epoch && !by_person_before) kept = record;
    }
    return;
  }
  Shard& shard = impl_->shard_of(record.subject.id);
  const std::lock_guard lock(shard.mutex);
  const auto index = impl_->intern(shard, record.subject.id);
  AccountControl& control = shard.controls[index];
  if (record.epoch < control.epoch) return;
  if (record.epoch == control.epoch && control.epoch != 0 && control.by_person &&
      record.by == "machine") {
    return;  // at the same epoch a person's word stands against the machine's
  }
  if (record.epoch > control.epoch && impl_->journal != nullptr) {
    // The journal lost it to a power cut: told to it again, or the next recovery would fold what
    // comes after onto another standing than we do now.
    Event fact;
    fact.t = record.since;
    fact.account = record.subject.id;
    fact.body = StandingSet{record.standing, record.by, "", record.epoch};
    impl_->write_journal(shard, fact);
    shard.detector.advance(fact.t);
    impl_->fold_standing(shard, index, fact.t, std::get<StandingSet>(fact.body), nullptr);
  }
  control.epoch = static_cast<std::uint32_t>(record.epoch);
  control.standing = record.standing;
  control.since = record.since;
  control.by_person = record.by != "machine";
  control.incident = record.standing == Standing::normal ? 0 : record.incident;
  shard.records[index] = record;
}

void Engine::load_hold(const HeldMessage& hold) {
  Shard& shard = impl_->shard_of(hold.account);
  const std::lock_guard lock(shard.mutex);
  const auto index = impl_->intern(shard, hold.account);
  if (hold.state == HoldState::released || hold.state == HoldState::deleted) {
    if (shard.holds.erase(hold.queue_id) != 0 && shard.controls[index].holds > 0) {
      --shard.controls[index].holds;
    }
    return;
  }
  HeldMessage kept = hold;
  kept.state = HoldState::held;
  kept.ended_by.clear();  // somebody asked for its end: the database's to know
  kept.ended_at = {};
  if (shard.holds.insert_or_assign(kept.queue_id, kept).second) ++shard.controls[index].holds;
  if (hold.incident != 0 && shard.controls[index].incident == 0) {
    shard.controls[index].incident = hold.incident;
  }
}

void Engine::release_failed(const HeldMessage& hold) {
  Shard& shard = impl_->shard_of(hold.account);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.holds.find(hold.queue_id);
  if (it != shard.holds.end() && it->second.state == HoldState::releasing) {
    it->second.state = HoldState::held;
  }
}

void Engine::set_next_incident(std::uint64_t id) { impl_->next_incident.store(id); }

std::vector<HeldMessage> Engine::due_holds(Instant now) {
  std::vector<HeldMessage> due;
  for (auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    for (auto& [id, hold] : shard->holds) {
      if (hold.kind == HoldKind::timed && hold.state == HoldState::held && hold.release_at <= now) {
        hold.state = HoldState::releasing;
        due.push_back(hold);
      }
    }
  }
  std::ranges::sort(due, {},
                    [](const HeldMessage& h) { return std::pair(h.release_at, h.queue_id); });
  return due;
}

void Engine::hold_ended(std::string_view account, Instant now, std::string_view queue_id,
                        std::string_view by, bool released, Applied& out) {
  out.clear();
  Shard& shard = impl_->shard_of(account);
  const std::lock_guard lock(shard.mutex);
  const auto it = shard.holds.find(queue_id);
  if (it == shard.holds.end()) return;
  Event fact;
  fact.t = now;
  fact.account = std::string(account);
  fact.body = HoldEnded{std::string(queue_id), it->second.recipients, std::string(by), released};
  impl_->write_journal(shard, fact);
  shard.detector.advance(now);
  HeldMessage ended;
  impl_->end_hold(shard, impl_->intern(shard, account), now, std::get<HoldEnded>(fact.body),
                  &ended);
  out.holds.push_back(std::move(ended));
}

void Engine::Impl::build_epoch() {
  const std::lock_guard lock(epoch_mutex);
  detect::PriorsBuilder builder(priors);
  for (auto& shard : shards) {
    const std::lock_guard shard_lock(shard->mutex);
    shard->detector.contribute(builder);
  }
  priors = builder.build();
  for (auto& shard : shards) {
    const std::lock_guard shard_lock(shard->mutex);
    shard->detector.install(priors);
    if (shard->past.detector) shard->past.detector->install(priors);
  }
}

std::vector<std::unique_lock<std::mutex>> Engine::Impl::lock_all() {
  std::vector<std::unique_lock<std::mutex>> all;
  all.reserve(shards.size());
  for (auto& shard : shards) all.emplace_back(shard->mutex);
  return all;
}

Result<std::uint64_t> Engine::Impl::append_mark(Instant now, EventBody body) {
  Event mark;
  mark.t = now;
  mark.body = std::move(body);
  auto sequence = journal->append(mark);
  if (sequence) {
    for (auto& shard : shards) shard->sequence = *sequence;
  }
  return sequence;
}

void Engine::next_epoch(Instant now) {
  if (impl_->journal == nullptr) {
    impl_->build_epoch();
    return;
  }
  // As in the journal. Some milliseconds, once an hour.
  const std::lock_guard lock(impl_->epoch_mutex);
  const auto all = impl_->lock_all();
  detect::PriorsBuilder builder(impl_->priors);
  for (auto& shard : impl_->shards) shard->detector.contribute(builder);
  impl_->priors = builder.build();
  const auto sequence = impl_->append_mark(now, EpochMark{detect::epoch_number(*impl_->priors)});
  if (sequence) impl_->epoch_sequence = *sequence;
  for (auto& shard : impl_->shards) {
    shard->detector.install(impl_->priors);
    if (shard->past.detector) shard->past.detector->install(impl_->priors);
  }
}

namespace {
// Patterns age without a change elsewhere: looked at again after so long while some are known.
constexpr Duration k_fleet_review = minutes(10);
}  // namespace

bool Engine::next_fleet(Instant now) {
  Impl& i = *impl_;
  const std::lock_guard lock(i.epoch_mutex);
  const std::uint64_t changes = i.raised_changes.load(std::memory_order_relaxed);
  const bool review = i.fleet != nullptr && (now - i.fleet_looked >= k_fleet_review);
  if (changes == i.raised_seen && !review) return false;
  i.raised_seen = changes;
  i.fleet_looked = now;
  std::vector<detect::RaisedPattern> raised;
  for (auto& shard : i.shards) {
    const std::lock_guard shard_lock(shard->mutex);
    shard->detector.gather_raised(raised);
  }
  auto patterns = detect::shared_patterns(std::move(raised), now);
  const bool same = i.fleet == nullptr ? patterns.empty() : patterns == i.fleet->patterns();
  if (same) return false;
  const auto set = std::make_shared<detect::FleetSet>(patterns);
  const auto all = i.lock_all();
  if (i.journal != nullptr && !i.append_mark(now, FleetMark{std::move(patterns)})) {
    i.raised_seen = 0;  // a recovery would not know it: tried again
    return false;
  }
  for (auto& shard : i.shards) shard->detector.install_fleet(set);
  i.fleet = i.shards.front()->detector.fleet();
  return true;
}

std::size_t Engine::fleet_patterns() const {
  const std::lock_guard lock(impl_->epoch_mutex);
  return impl_->fleet == nullptr ? 0 : impl_->fleet->patterns().size();
}

std::array<detect::Detector::Audit, detect::k_channels> Engine::audit() const {
  // Of the shared priors: every shard says the same.
  const std::lock_guard lock(impl_->shards.front()->mutex);
  return impl_->shards.front()->detector.audit();
}

void Engine::Impl::note_stop(Shard& shard, Instant t) {
  std::erase_if(shard.stops, [t](Instant old) { return t - old >= k_breaker_window; });
  if (shard.stops.size() >= k_shard_stops_max) shard.stops.erase(shard.stops.begin());
  shard.stops.push_back(t);
  {
    const std::lock_guard lock(breaker_mutex);
    breaker.stopped(t);
  }
  (void)update_breaker(t);
}

CircuitBreaker::State Engine::Impl::update_breaker(Instant now) {
  const std::lock_guard lock(breaker_mutex);
  const auto state =
      breaker.update(now, accounts_known.load(std::memory_order_relaxed), breaker_settings);
  breaker_open.store(state.open, std::memory_order_relaxed);
  return state;
}

CircuitBreaker::State Engine::breaker(Instant now) { return impl_->update_breaker(now); }

void Engine::set_modes(Mode server, std::vector<std::pair<std::string, Mode>> domains,
                       std::vector<std::pair<std::string, Mode>> accounts) {
  {
    const std::lock_guard lock(impl_->modes_mutex);
    impl_->server_mode = server;
    impl_->domain_modes = {domains.begin(), domains.end()};
    impl_->account_modes = {accounts.begin(), accounts.end()};
  }
  for (auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    for (detect::AccountIndex i = 0; i < shard->controls.size(); ++i) {
      shard->controls[i].mode = impl_->mode_of(shard->detector.name_of(i));
    }
  }
}

void Engine::set_live(EngineSettings next) {
  {
    const auto all = impl_->lock_all();
    EngineSettings& now = impl_->settings;
    next.key = now.key;
    next.detect.learning_delay = now.detect.learning_delay;
    next.detect.accounts_max = now.detect.accounts_max;
    next.detect.contact_filter_bytes = now.detect.contact_filter_bytes;
    next.policy = now.policy;
    now = next;
    {
      const std::lock_guard lock(impl_->breaker_mutex);
      impl_->breaker_settings = now.breaker;
    }
    for (auto& shard : impl_->shards) shard->detector.retune(now.detect);
  }
  set_modes(next.mode, std::move(next.domain_modes), std::move(next.account_modes));
}

void Engine::set_policy(std::shared_ptr<const PolicyTable> policy) {
  {
    const auto all = impl_->lock_all();
    impl_->settings.policy = std::move(policy);
  }
  for (auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    for (detect::AccountIndex i = 0; i < shard->controls.size(); ++i) {
      if (!shard->controls[i].known) continue;
      shard->controls[i].mode = impl_->mode_of(shard->detector.name_of(i));
    }
  }
}

std::shared_ptr<const PolicyTable> Engine::policy() const {
  const std::lock_guard lock(impl_->shards.front()->mutex);  // any shard's keeps it in place
  return impl_->settings.policy;
}

void Engine::set_bypass(bool on) { impl_->bypass.store(on, std::memory_order_relaxed); }
bool Engine::bypass() const { return impl_->bypass.load(std::memory_order_relaxed); }

// ---------------------------------------------------------------- looking

Engine::AccountView Engine::view(std::string_view account, Instant now) const {
  AccountView out;
  out.standing.subject = {SubjectKind::account, std::string(account)};
  const Shard& shard = impl_->shard_of(account);
  const std::lock_guard lock(shard.mutex);
  out.limits = impl_->rules_of(account, AccountControl{}).limits;
  const auto index = shard.detector.find(account);
  if (!index || *index >= shard.controls.size()) {
    out.mode = impl_->mode_of(account);
    return out;
  }
  out.known = true;
  out.standing = impl_->record_of(shard, *index);
  out.standing.incident = shard.controls[*index].incident;
  out.limits = impl_->rules_of(account, shard.controls[*index]).limits;
  if (const auto pwhash = shard.controls[*index].pwhash; pwhash != 0) {
    out.pwhash = fmt::format("{:04x}", pwhash & ~k_pwhash_known);
  }
  out.mode = shard.controls[*index].mode;
  out.log_r = shard.detector.log_r(*index, now);
  out.counts = shard.detector.counts(*index, now);
  if (shard.controls[*index].holds > 0) {
    for (const auto& [id, hold] : shard.holds) {
      if (hold.account == account) out.holds.push_back(hold);
    }
    std::ranges::sort(out.holds, {}, &HeldMessage::held_at);
  }
  return out;
}

StandingRecord Engine::standing_of(const Subject& subject) const {
  StandingRecord none;
  none.subject = subject;
  const Shard& shard = impl_->shard_of(subject.id);
  const std::lock_guard lock(shard.mutex);
  switch (subject.kind) {
    case SubjectKind::account:
      if (const auto index = shard.detector.find(subject.id))
        return impl_->record_of(shard, *index);
      return none;
    case SubjectKind::domain:
      if (const auto it = shard.domains.find(subject.id); it != shard.domains.end())
        return it->second;
      return none;
    case SubjectKind::server: return shard.server;
  }
  return none;
}

std::vector<StandingRecord> Engine::standings() const {
  std::vector<StandingRecord> out;
  for (const auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    for (const auto& [index, record] : shard->records) out.push_back(record);
  }
  // Every shard has a copy of these.
  const std::lock_guard lock(impl_->shards.front()->mutex);
  for (const auto& [id, record] : impl_->shards.front()->domains) out.push_back(record);
  if (const auto& server = impl_->shards.front()->server; server.epoch != 0) out.push_back(server);
  return out;
}

std::vector<HeldMessage> Engine::open_holds() const {
  std::vector<HeldMessage> out;
  for (const auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    for (const auto& [id, hold] : shard->holds) out.push_back(hold);
  }
  return out;
}

Engine::Totals Engine::totals() const {
  Totals sum;
  for (const auto& shard : impl_->shards) {
    const std::lock_guard lock(shard->mutex);
    const Totals& t = shard->totals;
    sum.events += t.events;
    sum.duplicates += t.duplicates;
    sum.submissions += t.submissions;
    sum.accepted += t.accepted;
    sum.held += t.held;
    sum.refused += t.refused;
    sum.restrictions += t.restrictions;
    sum.suspensions += t.suspensions;
    sum.approved_messages += t.approved_messages;
    sum.approved_recipients += t.approved_recipients;
    sum.approvals_suspended += t.approvals_suspended;
    sum.journal_failures += t.journal_failures;
    sum.accounts += shard->detector.accounts();
    sum.holds_open += shard->holds.size();
    sum.contact_filter_bytes += shard->detector.contact_filter_bytes();
  }
  sum.model_bytes = sum.accounts * (detect::Detector::bytes_per_account() + sizeof(AccountControl));
  return sum;
}

}  // namespace sekimori::decide
