#include "detect/detector.h"

#include <algorithm>
#include <cmath>

#include "base/complaint.h"
#include "base/mail_address.h"
#include "detect/detector_impl.h"
#include "detect/reading.h"

namespace sekimori::detect {

std::string_view to_string(Channel c) {
  static constexpr std::array<std::string_view, k_channels> names{
      "shape",       "inter_arrival", "stranger", "velocity",   "size_pattern",
      "login_place", "places_24h",    "bounce",   "settings",   "envelope",
      "first_smtp",  "message_id",    "reading",  "concurrent", "fleet"};
  return names[static_cast<std::size_t>(c)];
}

std::string_view to_string(Family f) {
  static constexpr std::array<std::string_view, k_families> names{
      "spray_fast", "spray_slow", "lateral", "contacts_burst", "login_led"};
  return names[static_cast<std::size_t>(f)];
}

namespace {

// All generations of a filter together may grow to this many times the first (1 GiB from 1 MiB).
constexpr std::size_t k_filter_growth = 1024;
// A bounce counts once an hour saw this many, and they are at least this share of the day's mail:
// a list with a few dead addresses is everybody's list.
constexpr std::uint8_t k_bounces_min = 2, k_bounces_charged = 4;
constexpr double k_bounce_share_min = 0.05;
// A complaint says little, and the first three of a run of evidence all that complaints may say;
// nothing while they are fewer than what a good newsletter gets, 3 of 1,000 recipients of the day.
constexpr float k_complaint_nats = 0.7F;
constexpr unsigned k_complaints_charged = 3;
constexpr double k_complaint_share_min = 0.003;
constexpr Duration k_raised_after_takeover = days(90);
// ln R below which reading and whereabouts become habit.
constexpr double k_calm_reading = 2;

std::array<LogTable, k_families> make_log_tables() {
  std::array<LogTable, k_families> out;
  const auto fill = [](auto& to, const auto& from, std::size_t at = 0) {
    double sum = 0;
    for (const double p : from) sum += p;
    for (std::size_t i = 0; i < from.size(); ++i) {
      to[at + i] = static_cast<float>(std::log(from[i] / sum));
    }
  };
  for (std::size_t f = 0; f < k_families; ++f) {
    const AttackTable& a = k_attacks[f];
    LogTable& t = out[f];
    fill(t.shape, a.shape);
    fill(t.gap, a.gap_known);
    fill(t.gap, a.gap_novel, k_gaps);
    fill(t.stranger, a.stranger);
    fill(t.repeat, a.repeat);
    fill(t.envelope, std::array{1 - a.envelope, a.envelope});
    fill(t.message_id, std::array{1 - a.message_id, a.message_id});
    t.own_mail = static_cast<float>(a.own_mail);
    t.theirs = static_cast<float>(1 - a.own_mail);
    t.reach_new = static_cast<float>(std::log(a.reach_new));
    t.reach_all = static_cast<float>(std::log(a.reach_all));
  }
  return out;
}

std::array<PlaceLogs, k_families> make_log_places() {
  std::array<PlaceLogs, k_families> out{};
  for (std::size_t f = 0; f < k_families; ++f) {
    for (std::size_t from = 0; from < k_place_kinds; ++from) {
      double sum = 0;
      for (std::size_t to = from; to < k_place_kinds; ++to) {
        out[f][from][to] = std::log(sum += k_attacks[f].place[to]);
      }
    }
  }
  return out;
}

// One copy for all shards, so that it stays in the caches.
const std::array<LogTable, k_families>& log_tables() {
  static const std::array<LogTable, k_families> tables = make_log_tables();
  return tables;
}
const std::array<PlaceLogs, k_families>& log_places() {
  static const std::array<PlaceLogs, k_families> places = make_log_places();
  return places;
}

}  // namespace

Detector::Impl::Impl(const DetectSettings& s, const HashKey& k, std::shared_ptr<const Priors> p)
    : settings(s),
      key(k),
      priors(std::move(p)),
      tables(log_tables()),
      place_logs(log_places()),
      contacts(s.contact_filter_bytes / 2, s.contact_filter_bytes * k_filter_growth),
      writers(s.contact_filter_bytes / 2, s.contact_filter_bytes * k_filter_growth) {}

std::uint32_t Detector::Impl::intern_domain(std::string_view mail_domain) {
  const std::uint64_t domain = domain_key(mail_domain);
  const std::uint64_t map_key = domain == 0 ? 1 : domain;
  if (const std::uint64_t* at = domain_index.find(map_key)) {
    return static_cast<std::uint32_t>(*at);
  }
  const auto index = static_cast<std::uint32_t>(domains.size());
  domains.emplace_back().key = domain;
  domain_learning.emplace_back();
  domain_index.put(map_key, index);
  link_domain(domains.back());
  return index;
}

void Detector::Impl::link_domain(LocalDomain& d) const {
  d.prior = priors->domain(d.key);
  d.sums = d.prior == nullptr ? nullptr : &priors->sums_of(*d.prior);
}

void Detector::Impl::link_domains() {
  for (LocalDomain& d : domains) link_domain(d);
}

AccountIndex Detector::Impl::slot_for_new() {
  if (models.size() < settings.accounts_max) {
    models.emplace_back();
    return static_cast<AccountIndex>(models.size() - 1);
  }
  // Full: of the next 64 accounts the longest silent one goes.
  const auto last_active = [](const AccountModel& m) {
    return std::max(m.last_message_us, m.updated_us);
  };
  AccountIndex victim = clock_hand;
  for (std::uint32_t i = 0; i < std::min<std::size_t>(64, models.size()); ++i) {
    const auto at = static_cast<AccountIndex>((clock_hand + i) % models.size());
    if (last_active(models[at]) < last_active(models[victim])) victim = at;
  }
  clock_hand = static_cast<std::uint32_t>((clock_hand + 64) % models.size());
  for (std::uint64_t n = queue.first(); n != queue.last(); ++n) {
    if (queue.at(n).account == victim) queue.drop(n, salt_of(models[victim]));
  }
  names.remove(models, victim);
  models[victim] = AccountModel{};
  forgotten.push_back(victim);
  return victim;
}

std::uint64_t Detector::Impl::queue_key_of(std::uint64_t account_hash,
                                           std::string_view queue_id) const {
  if (queue_id.empty()) return 0;
  const std::uint64_t out = mix64(keyed_hash(key, queue_id) ^ account_hash);
  return out == 0 ? 1 : out;
}

AccountIndex Detector::Impl::intern(std::string_view account, std::uint64_t hash) {
  if (const auto found = names.find(models, hash, account)) return *found;
  valid_for = 0;
  const AccountIndex index = slot_for_new();
  models[index].name_hash = hash;
  models[index].domain = intern_domain(domain_of(account));
  names.add(models, index, account);
  return index;
}

Detector::Detector(const DetectSettings& settings, const HashKey& key,
                   std::shared_ptr<const Priors> priors)
    : impl_(std::make_unique<Impl>(settings, key, std::move(priors))) {}
Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

AccountIndex Detector::intern(std::string_view account) {
  return impl_->intern(account, keyed_hash(impl_->key, account));
}
AccountIndex Detector::intern(std::string_view account, std::uint64_t hash) {
  return impl_->intern(account, hash);
}
std::optional<AccountIndex> Detector::find(std::string_view account) const {
  return find(account, keyed_hash(impl_->key, account));
}
std::optional<AccountIndex> Detector::find(std::string_view account, std::uint64_t hash) const {
  return impl_->names.find(impl_->models, hash, account);
}
void Detector::prefetch_name(std::uint64_t hash) const { impl_->names.prefetch(hash); }
std::optional<AccountIndex> Detector::prefetch_model(std::uint64_t hash) const {
  return impl_->names.prefetch_model(impl_->models, hash);
}
void Detector::prefetch_text(AccountIndex index) const { impl_->prefetch_text(index); }
void Detector::prefetch_due(Instant now, LearningStep step) const {
  impl_->prefetch_due(now, step);
}
std::string_view Detector::name_of(AccountIndex index) const {
  return impl_->names.name(impl_->models[index]);
}
std::size_t Detector::accounts() const { return impl_->models.size(); }

void Detector::advance(Instant now) {
  Impl& i = *impl_;
  i.newest = std::max(i.newest, now);
  while (std::uint64_t together = i.due(now, k_learn_together)) {
    i.valid_for = 0;
    i.prefetch_due(now, LearningStep::records);
    i.prefetch_due(now, LearningStep::accounts);
    i.prefetch_due(now, LearningStep::recipients);
    for (; together != 0; --together) i.learn_front();
  }
}

std::uint64_t Detector::prepare(std::uint64_t account_hash, const Submission& s) {
  return impl_->prepare(account_hash, s);
}
Verdict Detector::judge(AccountIndex index, Instant t, const Submission& s,
                        std::uint64_t prepared) {
  return impl_->judge(index, t, s, prepared);
}
void Detector::commit(AccountIndex index, Instant t, const Submission& s, const Verdict& v,
                      Fate fate) {
  impl_->commit(index, t, s, v, fate);
}

void Detector::approve(AccountIndex index, Instant t, Verdict& v) const {
  const Impl& i = *impl_;
  const AccountModel& m = i.models[index];
  const double fresh = i.injection(m, t), left = i.fading(m, t);
  v.approved = true;
  v.log_r = v.log_r_before;
  v.ell = 0;
  v.onset = Instant{m.onset_us};
  v.nats = {};
  v.advice = HoldAdvice::none;
  v.fan_out = v.may_restrict = v.pattern = false;
  for (std::size_t f = 0; f < k_families; ++f) {
    v.r_family[f] = std::clamp(m.r[f] * left + fresh, 1e-12, 1e30);
  }
  v.counts.new_hour -= v.new_recipients;
  v.counts.new_day -= v.new_recipients;
}

KnownPlace Detector::place_of(AccountIndex index, Instant t, const IpAddress& ip,
                              const Place& place) const {
  const AccountModel& m = impl_->models[index];
  const PlaceView view = impl_->look_at_place(m, t, ip, place, false);
  KnownPlace out;
  out.network = view.network;
  out.first = view.first_ever;
  out.seen = view.slot >= 0;
  out.habit = out.seen && m.places[static_cast<std::size_t>(view.slot)].learnt();
  if (place.asn != 0 && !place.hosting) {
    out.near = std::ranges::any_of(m.places, [&](const PlaceRecord& p) {
      return p.network != 0 && p.learnt() && p.operator_ >> 10 == view.operator_ >> 10;
    });
  }
  return out;
}

Networks Detector::networks_of(AccountIndex index) const {
  static_assert(k_places == 8);
  const AccountModel& m = impl_->models[index];
  const bool any = std::ranges::any_of(
      m.places, [](const PlaceRecord& p) { return p.network != 0 && p.learnt(); });
  Networks out;
  for (std::size_t k = 0; k < k_places; ++k) {
    out.seen[k] = m.places[k].network;
    if (!any || m.places[k].learnt()) out.habit[k] = m.places[k].network;
  }
  return out;
}

void Detector::withdraw(AccountIndex index, Instant t, std::string_view queue_id) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  const auto number = i.queue.find(i.queue_key_of(m, queue_id));
  if (!number) return;
  i.uncount(m, i.queue.at(*number), t);
  i.queue.drop(*number, i.salt_of(m));
}

void Detector::login(AccountIndex index, Instant t, const Login& login) {
  Impl& i = *impl_;
  if (login.result != LoginResult::ok) return;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  note_first(m, t);
  if (m.logins < UINT8_MAX) ++m.logins;
  // A sign-in only makes its network known: owners read from anywhere. What the network means is
  // said when mail comes from it.
  const PlaceView view = i.look_at_place(m, t, login.ip, login.place, false);
  const double log_r = i.log_r(m, t);
  i.note_place(m, t, view, false, log_r <= k_place_learn_below);
  i.look_at_whereabouts(m, t, login.place, log_r <= k_calm_reading);
  if (login.guesses.any()) i.look_at_guesses(m, t, login.guesses);
}

bool Detector::Impl::from_new_place(const AccountModel& m, const IpAddress& ip) const {
  if (spent_on(m, Channel::login_place) + spent_on(m, Channel::places_24h) >= 1) return true;
  const std::uint32_t network = network_of(ip);
  if (network == 0) return false;
  bool any_learnt = false;
  for (const PlaceRecord& p : m.places) {
    if (p.network == network && p.learnt()) return false;
    any_learnt |= p.learnt();
  }
  return any_learnt;
}

void Detector::session(AccountIndex index, Instant t, const Session& session) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  note_first(m, t);
  const bool new_place = i.from_new_place(m, session.ip);
  const float cap = new_place ? k_read_cap_new_place : k_read_cap;
  const float said =
      std::min(note_reading(m, t, session, i.log_r(m, t) <= k_calm_reading, new_place),
               cap - std::max(0.0F, i.spent_on(m, Channel::reading)));
  if (said <= 0) return;
  std::array<float, k_families> nats{};
  for (std::size_t f = 0; f < k_families; ++f) nats[f] = said * k_read_share[f];
  i.add_evidence(m, t, Channel::reading, nats);
}

// A recipient complained of a message. Owners' newsletters get complaints too, and whoever has a
// mail may send one: weak evidence, of the day's mail only (what was thrown away with a
// containment, or is older, is not there any more).
void Detector::Impl::note_complaint(AccountModel& m, Instant t, std::string_view queue_id) {
  const auto number = queue.find(queue_key_of(m, queue_id));
  if (!number || queue.at(*number).dead != 0) return;
  valid_for = 0;
  const unsigned count = std::min(m.complaints + 1U, 15U);
  if (count <= k_complaints_charged &&
      count >= k_complaint_share_min * counts_at(m, t).recipients_day) {
    std::array<float, k_families> nats{};
    nats.fill(k_complaint_nats);
    add_evidence(m, t, Channel::bounce, nats);
  }
  m.complaints = std::min(m.complaints + 1U, 15U) & 15U;
}

void Detector::delivery(AccountIndex index, Instant t, const Delivery& d) {
  Impl& i = *impl_;
  if (d.status == DeliveryStatus::bounced && tells_of_spam(d.reply)) {
    i.note_complaint(i.models[index], t, d.queue_id);
    return;
  }
  if (d.status != DeliveryStatus::bounced || !d.dsn.starts_with("5.1.")) return;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  if (m.bounce_hour != hour16(t)) {
    m.bounce_hour = hour16(t);
    m.bounces_in_hour = 0;
  }
  if (m.bounces_in_hour < UINT8_MAX) ++m.bounces_in_hour;
  const Counts counts = counts_at(m, t);
  if (m.bounces_in_hour < k_bounces_min || m.bounces_in_hour >= k_bounces_min + k_bounces_charged ||
      m.bounces_in_hour < k_bounce_share_min * counts.recipients_day) {
    return;
  }
  // One of many dead addresses; p0 is everybody's 0.5 %, tempered because lists decay in lumps.
  const auto nats = static_cast<float>(std::min(3.0, 0.5 * std::log(0.15 / 0.005)));
  std::array<float, k_families> all{};
  all[static_cast<std::size_t>(Family::spray_fast)] = nats;
  all[static_cast<std::size_t>(Family::spray_slow)] = nats;
  all[static_cast<std::size_t>(Family::login_led)] = nats / 2;
  i.add_evidence(m, t, Channel::bounce, all);
}

void Detector::received(AccountIndex index, Instant t, const Received& r) {
  Impl& i = *impl_;
  i.valid_for = 0;
  if (r.from.empty()) return;  // a bounce comes from nobody
  AccountModel& m = i.models[index];
  note_first(m, t);
  const std::uint64_t pair = pair_key(i.salt_of(m), keyed_hash(i.key, r.from));
  if (i.of_past) i.note_pair(i.writer_pairs, i.writers, pair);
  i.writers.insert(pair, t);
}

void Detector::settings_changed(AccountIndex index, Instant t, const SettingsChange& change) {
  Impl& i = *impl_;
  if (change.what == SettingKind::password || change.what == SettingKind::vacation) return;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  // Once a day: a filter saved five times is one decision. Somebody who changes them by habit is
  // told less each time.
  const bool again =
      m.settings_seen > 0 && static_cast<std::uint16_t>(hour16(t) - m.settings_hour) < 24;
  if (!again) {
    std::array<float, k_families> nats{};
    const double share = 1.0 / (1.0 + 0.5 * m.settings_seen);
    for (std::size_t f = 0; f < k_families; ++f) {
      nats[f] = static_cast<float>(k_attacks[f].settings * share);
    }
    i.add_evidence(m, t, Channel::settings, nats);
    m.settings_hour = hour16(t);
    if (m.settings_seen < UINT8_MAX) ++m.settings_seen;
  }
}

void Detector::hold_released(AccountIndex index, Instant, std::string_view queue_id) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  const auto number = i.queue.find(i.queue_key_of(m, queue_id));
  if (!number) return;
  LearningRecord& r = i.queue.at(*number);
  if (r.held == 0 || r.released != 0) return;
  r.released = 1;
  m.strikes = std::min(m.strikes + 1U, 3U) & 15U;
  if (r.added_log_r <= 0) return;
  const float factor = std::exp(-r.added_log_r / 2);
  for (float& sum : m.r) sum *= factor;
  m.cusum = std::max(0.0F, m.cusum - r.added_log_r / 2);
}

void Detector::vouched(AccountIndex index, Instant t) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  for (float& sum : m.r) sum = std::min(sum, 1.0F);
  m.updated_us = std::max(m.updated_us, t.us);
  m.cusum = 0;
  m.onset_us = 0;
  m.evidence.fill(0);
  m.away_strangers = m.away_gain = m.away_asked = 0;
  m.strikes = m.complaints = m.guessed = 0;
  i.raised.forget(fleet_name(m));
  for (std::uint64_t n = i.queue.first(); n != i.queue.last(); ++n) {
    LearningRecord& r = i.queue.at(n);
    if (r.account != index || r.dead != 0) continue;
    r.suspicious = 0;
    if (r.held != 0 && r.released == 0) {
      r.released = 1;
      i.learn(r);
      i.queue.drop(n, i.salt_of(m));
    }
  }
}

void Detector::contained(AccountIndex index, Instant t, Instant onset) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  for (std::uint64_t n = i.queue.first(); n != i.queue.last(); ++n) {
    const LearningRecord& r = i.queue.at(n);
    if (r.account != index || r.t_us < onset.us) continue;
    if (i.of_past && r.dead == 0) i.leave_out(index, Instant{r.t_us});
    i.queue.drop(n, i.salt_of(m));
  }
  for (PlaceRecord& p : m.places) {
    if (p.network != 0 && !p.learnt()) p = {};
  }
  DomainLearning& domain = i.domain_learning[m.domain];
  domain.delta.raised_until_us =
      std::max(domain.delta.raised_until_us, (t + k_raised_after_takeover).us);
  domain.touched = true;
}

void Detector::restored(AccountIndex index, Instant t) {
  Impl& i = *impl_;
  i.valid_for = 0;
  AccountModel& m = i.models[index];
  m.r.fill(0);
  m.updated_us = t.us;
  m.cusum = 0;
  m.onset_us = 0;
  m.evidence.fill(0);
  m.place_spent = 0;
  m.bounces_in_hour = 0;
  m.away_strangers = m.away_gain = m.away_asked = 0;
  m.strikes = m.complaints = m.guessed = 0;
  // What the thief sent is not what the owner may not send any more today.
  m.hour_recipients.fill(0);
  m.hour_messages.fill(0);
  m.hour_new.fill(0);
  m.day_recipients.fill(0);
  m.day_messages.fill(0);
  m.day_new.fill(0);
  m.day_kib.fill(0);
}

double Detector::log_r(AccountIndex index, Instant now) const {
  return impl_->log_r(impl_->models[index], now);
}
Counts Detector::counts(AccountIndex index, Instant now) const {
  return counts_at(impl_->models[index], now);
}

void Detector::contribute(PriorsBuilder& builder) {
  Impl& i = *impl_;
  PriorsBuilder::Impl& b = builder.impl();
  for (std::size_t n = 0; n < i.domains.size(); ++n) {
    DomainLearning& d = i.domain_learning[n];
    if (!d.touched) continue;
    auto& to = b.domains[i.domains[n].key];
    for (std::size_t band = 0; band < k_bands; ++band) {
      add_to(to.counts[band], d.delta.counts[band]);
    }
    to.messages += d.delta.messages;
    to.raised_until_us = std::max(to.raised_until_us, d.delta.raised_until_us);
    d.delta = {};
    d.touched = false;
  }
  b.contacts.insert(b.contacts.end(), i.new_contacts.begin(), i.new_contacts.end());
  b.mail_domains.insert(b.mail_domains.end(), i.new_mail_domains.begin(), i.new_mail_domains.end());
  i.new_contacts.clear();
  i.new_mail_domains.clear();
  b.audit.add(i.audit);
  i.audit = {};
  b.newest = std::max(b.newest, i.newest);
}

void Detector::install(std::shared_ptr<const Priors> priors) {
  impl_->valid_for = 0;
  impl_->priors = std::move(priors);
  impl_->link_domains();
}

void Detector::gather_raised(std::vector<RaisedPattern>& out) const {
  const auto all = impl_->raised.all();
  out.insert(out.end(), all.begin(), all.end());
}
std::uint64_t Detector::raised_version() const { return impl_->raised.version(); }
void Detector::install_fleet(std::shared_ptr<const FleetSet> fleet) {
  impl_->valid_for = 0;
  impl_->fleet = fleet != nullptr && !fleet->patterns().empty() ? std::move(fleet) : nullptr;
}
std::shared_ptr<const FleetSet> Detector::fleet() const { return impl_->fleet; }

std::array<Detector::Audit, k_channels> Detector::audit() const {
  std::array<Audit, k_channels> out;
  for (std::size_t c = 0; c < k_channels; ++c) {
    const Damping& damping = impl_->priors->damping();
    out[c].samples = damping.windows[c].samples;
    out[c].mean_likelihood_ratio = damping.windows[c].mean();
    out[c].weight = damping.factor[c];
  }
  return out;
}

std::vector<AccountIndex> Detector::take_forgotten() { return std::exchange(impl_->forgotten, {}); }
std::size_t Detector::bytes_per_account() { return sizeof(AccountModel); }
std::size_t Detector::contact_filter_bytes() const {
  return impl_->contacts.bytes() + impl_->writers.bytes();
}

void Detector::retune(const DetectSettings& settings) { impl_->settings = settings; }

}  // namespace sekimori::detect
