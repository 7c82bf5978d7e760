// What one message means. Every channel is a small categorical model: the account's own habit
// backed by its domain's, backed by everybody's (p0), against fixed tables of attacks (p1).
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/mail_address.h"
#include "detect/detector_impl.h"
#include "detect/near_duplicates.h"

namespace sekimori::detect {
namespace {

// How many messages of an account weigh as much as its domain's habit, and of a domain as the
// world's.
constexpr float k_account_kappa = 15;
constexpr float k_domain_kappa = 200;
constexpr float k_place_kappa = 8;
constexpr float k_size_floor = -0.6F;
// Suspicion that nothing adds to is a third after so many days: an attack sends, and who reads in a
// new place and goes on as ever is the owner.
constexpr double k_fading_days = 3;
// What one sitting piled up beyond this (past every line that is shipped) is not carried over a
// pause: it would say for weeks what was said.
constexpr Duration k_sitting_pause = hours(6);
constexpr double k_carried_log_r = 12;
// While mail comes from a network on trial as well, the owner's from home (it goes on during a
// theft) leaves at least this share of R: it says little about who sends from there.
constexpr double k_left_beside_away = 0.8;
constexpr std::uint16_t k_beside_hours = 72;
// A domain where a mailbox was stolen is attacked again: half as much suspicion more, and the bound
// on false alarms there is half as large again.
constexpr double k_attacked_domain_hazard = 1.5;
// Stranger classes mean something only once the domain's own contacts are known.
constexpr std::uint64_t k_domain_messages_min = 200;

// Bounds on what channels whose messages depend on each other may add up to since the onset, nats.
constexpr std::array<std::pair<Channel, float>, 4> k_cap_since_onset{
    {{Channel::inter_arrival, 5.0F},
     {Channel::size_pattern, 4.0F},
     {Channel::velocity, 6.0F},
     {Channel::fleet, k_fleet_nats}}};

constexpr std::size_t index_of(Channel c) { return static_cast<std::size_t>(c); }

template <class Array>
float sum_of(const Array& cells) {
  std::uint32_t sum = 0;
  for (const std::uint8_t cell : cells) sum += cell;
  return static_cast<float>(sum);
}

float clip(double nats, Channel c) {
  const double cap = k_cap_nats[index_of(c)];
  return static_cast<float>(std::clamp(nats, -cap, cap));
}

bool same_address(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return a == b || std::ranges::equal(a, b, {}, lower, lower);
}

// Mail that a webmail hands in has no address of its own: it comes from where the account was used
// last. nullptr: that was a habit, or is longer than a day ago.
const PlaceRecord* last_seen_on_trial(const AccountModel& m, Instant t) {
  const PlaceRecord* last = nullptr;
  std::uint32_t age = 24;
  for (const PlaceRecord& p : m.places) {
    const std::uint32_t hours_ago = static_cast<std::uint16_t>(hour16(t) - p.last_hour);
    if (p.network == 0 || hours_ago > age || (hours_ago == age && last != nullptr)) continue;
    last = &p;
    age = hours_ago;
  }
  return last == nullptr || last->learnt() ? nullptr : last;
}

}  // namespace

std::uint64_t Detector::Impl::domain_key(std::string_view mail_domain) const {
  // The low bit is free for RecipientKey's mark.
  return keyed_hash(key, mail_domain) & ~1ULL;
}

std::uint64_t Detector::Impl::prepare(std::uint64_t account_hash, const Submission& s) {
  keys.clear();
  std::string_view domain_text;
  std::uint64_t domain = 0;
  for (const std::string& to : s.to) {
    const std::string_view mail_domain = domain_of(to);
    if (mail_domain != domain_text || domain == 0) {
      domain_text = mail_domain;
      domain = domain_key(mail_domain);
    }
    keys.push_back({keyed_hash(key, to), domain});
  }
  if (keys.size() > 1) {
    std::ranges::sort(keys, {}, &RecipientKey::address);
    keys.erase(std::unique(keys.begin(), keys.end(),
                           [](const auto& a, const auto& b) { return a.address == b.address; }),
               keys.end());
  }
  // Every table below is larger than the caches: ask for all lines first, so that they come at
  // once. Who wrote to the account is asked of those only whom it never wrote to.
  const std::uint64_t salt = mix64(account_hash);
  for (const RecipientKey& k : keys) {
    const std::uint64_t pair = pair_key(salt, k.address);
    contacts.prefetch(pair);
    queue.prefetch_pair(pair);
  }
  last_queue_key = queue_key_of(account_hash, s.queue_id);
  if (last_queue_key != 0) queue.prefetch_queue_key(last_queue_key);
  valid_for = 0;  // the judgement before lost its recipients
  return prepared = ++ticket;
}

void Detector::Impl::look_at_recipients(const AccountModel& m, const Submission& s,
                                        std::uint64_t made_ready) {
  if (made_ready == 0 || made_ready != prepared) (void)prepare(m.name_hash, s);
  prepared = 0;
  const std::uint64_t salt = salt_of(m);
  const std::uint64_t own_domain = domains[m.domain].key;
  last_strangers = last_wrote_first = last_colleagues = last_domain_known = 0;
  bool any_fresh = false;
  for (RecipientKey& k : keys) {
    const std::uint64_t pair = pair_key(salt, k.address);
    if (k.address == m.name_hash || contacts.contains(pair) || queue.pending(pair)) continue;
    k.domain |= 1U;
    any_fresh = true;
    writers.prefetch(pair);
    priors->prefetch_contact(own_domain, k.address);
  }
  if (!any_fresh) return;
  for (const RecipientKey& k : keys) {
    if (!k.fresh()) continue;
    if (writers.contains(pair_key(salt, k.address))) {
      ++last_wrote_first;
      continue;
    }
    ++last_strangers;
    const std::uint64_t mail_domain = k.domain & ~1ULL;
    if (mail_domain == own_domain || priors->knows_contact(own_domain, k.address)) {
      ++last_colleagues;
    } else if (priors->knows_mail_domain(own_domain, mail_domain)) {
      ++last_domain_known;
    }
  }
}

Bins Detector::Impl::bins_of(const AccountModel& m, Instant t, const Submission& s,
                             const Counts& before) {
  Bins b;
  const auto recipients = static_cast<std::uint32_t>(keys.size());
  const std::uint32_t fresh = last_strangers + last_wrote_first;
  const Shape shape = shape_of(recipients, fresh, last_strangers);
  b.shape = static_cast<std::uint8_t>(shape);
  if (m.last_message_us != 0) {
    const Duration gap{std::max<std::int64_t>(t.us - m.last_message_us, 0)};
    b.gap = static_cast<std::uint8_t>(gap_of(gap) + (is_novel(shape) ? k_gaps : 0));
  }
  const DomainPrior* domain = domains[m.domain].prior;
  if (last_strangers > 0 && domain != nullptr && domain->messages >= k_domain_messages_min) {
    const std::uint32_t unknown = last_strangers - last_colleagues - last_domain_known;
    b.stranger = static_cast<std::uint8_t>(unknown * 2 >= last_strangers ? StrangerClass::unknown
                                           : (unknown + last_domain_known) * 2 >= last_strangers
                                               ? StrangerClass::domain_known
                                               : StrangerClass::known_to_domain);
  }
  const bool running = m.episode_second != 0 && t.seconds32() - m.episode_second <
                                                    static_cast<std::uint32_t>(k_episode.seconds());
  b.episode_start = running ? 0 : 1;
  const std::uint8_t new_before = running ? m.episode_new_level : 0;
  const std::uint8_t all_before = running ? m.episode_all_level : 0;
  auto bitmap = running ? m.episode_bitmap : std::array<std::uint64_t, 2>{};
  const auto seen_before = bitmap;
  for (const RecipientKey& k : keys) bitmap[(k.address >> 6) & 1U] |= 1ULL << (k.address & 63U);
  // A conversation, or a machine that reports to one person, may be as fast as it likes.
  if (running && !is_novel(shape) && bitmap == seen_before) {
    b.gap = k_unseen;
    b.echo = 1;
  }
  const std::uint8_t new_after = std::max(new_before, level_of(before.new_hour + last_strangers));
  const std::uint8_t all_after =
      std::max(all_before, level_of(std::max(distinct_in(bitmap), recipients)));
  b.level_new = static_cast<std::uint8_t>(new_before << 4 | new_after);
  b.level_all = static_cast<std::uint8_t>(all_before << 4 | all_after);
  if (s.size > 0) b.size = size_bin(s.size);
  if (const std::uint32_t likeness = likeness_of(s, recipients); likeness != 0) {
    b.repeat = repeat_bin(like_it_today(m, t, s, likeness));
  }
  if (!s.from.empty()) {
    const std::string_view account = names.name(m);
    const bool own = same_address(s.from, account);
    b.envelope = own ? 0 : 1;
  }
  if (s.message_id) b.message_id = s.message_id->empty() ? 1 : 0;
  return b;
}

void Detector::Impl::weigh(const AccountModel& m, const Bins& b, FamilyNats& out) const {
  const std::size_t band = band_of(m.learnt);
  const LocalDomain& local = domains[m.domain];
  const Histograms& global = priors->global(band);
  // p0 of one category: the account's count backed by its domain's share backed by the world's.
  const auto p0 = [&](auto group, std::size_t x) {
    float p = group(global)[x];
    if (local.prior != nullptr) {
      p = (group(local.prior->counts[band])[x] + k_domain_kappa * p) /
          (group((*local.sums)[band]) + k_domain_kappa);
    }
    return (group(m.habits)[x] + k_account_kappa * p) / (sum_of(group(m.habits)) + k_account_kappa);
  };
  // The chance that an hour which reached level k − 1 reaches k.
  const auto p0_reach = [&](auto group, std::size_t k) {
    float p = group(global)[k];
    if (local.prior != nullptr) {
      const auto& counts = group(local.prior->counts[band]);
      p = (counts[k] + k_domain_kappa * p) / (counts[k - 1] + k_domain_kappa);
    }
    const auto& own = group(m.habits);
    p = (own[k] + k_account_kappa * p) / (own[k - 1] + k_account_kappa);
    return std::min(p, 0.95F);
  };
  const auto each = [&](Channel c, auto nats_of) {
    for (std::size_t f = 0; f < k_families; ++f) {
      out[f][index_of(c)] = clip(nats_of(tables[f]), c);
    }
  };
  for (Nats& n : out) n.fill(0);

  const float shape = std::log(p0([](auto& h) -> auto& { return h.shape; }, b.shape));
  each(Channel::shape, [&](const LogTable& a) {
    const float nats = a.shape[b.shape] - shape;
    return b.echo != 0 ? std::min(nats, 0.0F) : nats;
  });

  if (b.gap != k_unseen) {
    // Given novelty: normalised within its half of the table.
    const auto gap_group = [](auto& h) -> auto& { return h.gap; };
    const std::size_t half = b.gap / k_gaps * k_gaps;
    float g = 0, g_all = 0, d = 0, d_all = 0, own_all = 0;
    for (std::size_t i = half; i < half + k_gaps; ++i) {
      g_all += global.gap[i];
      own_all += m.habits.gap[i];
      if (local.prior != nullptr) d_all += gap_group(local.prior->counts[band])[i];
    }
    g = global.gap[b.gap] / g_all;
    if (local.prior != nullptr) d = gap_group(local.prior->counts[band])[b.gap];
    g = (d + k_domain_kappa * g) / (d_all + k_domain_kappa);
    const float p = (m.habits.gap[b.gap] + k_account_kappa * g) / (own_all + k_account_kappa);
    const float ln_p = std::log(p);
    each(Channel::inter_arrival, [&](const LogTable& a) { return a.gap[b.gap] - ln_p; });
  }
  if (b.stranger != k_unseen) {
    const float p = std::log(p0([](auto& h) -> auto& { return h.stranger; }, b.stranger));
    each(Channel::stranger, [&](const LogTable& a) { return a.stranger[b.stranger] - p; });
  }
  {
    float crossed_new = 0, crossed_all = 0;
    const unsigned new_steps = (b.level_new & 15U) - (b.level_new >> 4);
    const unsigned all_steps = (b.level_all & 15U) - (b.level_all >> 4);
    for (std::size_t k = (b.level_new >> 4) + 1U; k <= (b.level_new & 15U); ++k) {
      crossed_new += std::log(p0_reach([](auto& h) -> auto& { return h.level_new; }, k));
    }
    for (std::size_t k = (b.level_all >> 4) + 1U; k <= (b.level_all & 15U); ++k) {
      crossed_all += std::log(p0_reach([](auto& h) -> auto& { return h.level_all; }, k));
    }
    for (std::size_t f = 0; f < k_families; ++f) {
      const LogTable& a = tables[f];
      const bool contacts_family = f == static_cast<std::size_t>(Family::contacts_burst);
      const float nats = contacts_family
                             ? static_cast<float>(all_steps) * a.reach_all - crossed_all
                             : static_cast<float>(new_steps) * a.reach_new - crossed_new;
      out[f][index_of(Channel::velocity)] = clip(nats, Channel::velocity);
    }
  }
  if (b.repeat != k_unseen) {
    const float repeat = std::log(p0([](auto& h) -> auto& { return h.repeat; }, b.repeat));
    // A stolen account's sizes are anybody's sizes: usual for the owner speaks for the owner.
    const float usual =
        b.size == k_unseen
            ? 0
            : std::clamp(std::log(global.size[b.size] /
                                  p0([](auto& h) -> auto& { return h.size; }, b.size)),
                         -1.0F, 1.0F);
    // A thief's sizes need not repeat: their absence vouches for little.
    each(Channel::size_pattern, [&](const LogTable& a) {
      return std::max(a.repeat[b.repeat] - repeat + usual, k_size_floor);
    });
  }
  if (b.envelope != k_unseen) {
    const float p = std::log(p0([](auto& h) -> auto& { return h.envelope; }, b.envelope));
    each(Channel::envelope, [&](const LogTable& a) { return a.envelope[b.envelope] - p; });
  }
  if (b.message_id != k_unseen) {
    const float p = std::log(p0([](auto& h) -> auto& { return h.message_id; }, b.message_id));
    each(Channel::message_id, [&](const LogTable& a) { return a.message_id[b.message_id] - p; });
  }
}

double Detector::Impl::injection(const AccountModel& m, Instant t) const {
  if (m.updated_us == 0 || t.us <= m.updated_us) return 0;
  const double days = Duration{t.us - m.updated_us}.days();
  const DomainPrior* domain = domains[m.domain].prior;
  const bool attacked = domain != nullptr && t.us < domain->raised_until_us;
  return std::min(days, settings.injection_days_max) * (attacked ? k_attacked_domain_hazard : 1);
}

double Detector::Impl::fading(const AccountModel& m, Instant t) const {
  if (m.updated_us == 0 || t.us <= m.updated_us) return 1;
  const Duration silent{t.us - m.updated_us};
  const double left = std::exp(-silent.days() / k_fading_days);
  if (silent < k_sitting_pause) return left;
  static const double k_carried = std::exp(k_carried_log_r);
  double sum = 0;
  for (std::size_t f = 0; f < k_families; ++f) sum += weight(f) * m.r[f];
  return sum > k_carried ? left * k_carried / sum : left;
}

double Detector::Impl::log_r(const AccountModel& m, Instant t) const {
  const double fresh = injection(m, t), left = fading(m, t);
  double sum = 0;
  for (std::size_t f = 0; f < k_families; ++f) sum += weight(f) * (m.r[f] * left + fresh);
  return std::log(std::max(sum, 1e-12));
}

PlaceView Detector::Impl::look_at_place(const AccountModel& m, Instant t, const IpAddress& ip,
                                        const Place& place, bool sending) const {
  PlaceView view;
  view.network = network_of(ip);
  const PlaceRecord* last = view.network == 0 && sending ? last_seen_on_trial(m, t) : nullptr;
  if (last != nullptr) view.network = last->network;
  if (view.network == 0) return view;
  std::uint32_t country = 0;
  if (place.has_country()) {
    country = (static_cast<std::uint32_t>(place.country[0]) & 31U) << 5 |
              (static_cast<std::uint32_t>(place.country[1]) & 31U);
  }
  std::uint32_t operator_bits = 0;
  if (place.asn != 0) {
    operator_bits = static_cast<std::uint32_t>(mix64(place.asn) >> 42);
    if (operator_bits == 0) operator_bits = 1;
  }
  if (last != nullptr) {
    operator_bits = last->operator_ >> 10;
    country = last->operator_ & 1023U;
  }
  view.operator_ = operator_bits << 10 | country;

  bool any = false, any_learnt = false, operator_known = false, country_known = false;
  std::uint32_t countries[k_places + 1];
  std::size_t country_count = 0;
  for (std::size_t i = 0; i < k_places; ++i) {
    const PlaceRecord& p = m.places[i];
    if (p.network == 0) continue;
    any = true;
    if (p.network == view.network) {
      view.slot = static_cast<int>(i);
      continue;
    }
    if (!p.learnt() && p.sent() &&
        static_cast<std::uint16_t>(hour16(t) - p.last_hour) < k_beside_hours) {
      view.beside = true;
    }
    if (p.learnt()) {
      any_learnt = true;
      operator_known |= operator_bits != 0 && p.operator_ >> 10 == operator_bits;
      country_known |= country != 0 && (p.operator_ & 1023U) == country;
    }
    if (country != 0 && (p.operator_ & 1023U) != 0 && p.sent() &&
        static_cast<std::uint16_t>(hour16(t) - p.last_hour) < 24) {
      countries[country_count++] = p.operator_ & 1023U;
    }
  }
  if (!any) {
    view.first_ever = view.home = true;
    return view;
  }
  bool vouches = false;
  if (view.slot >= 0) {
    const PlaceRecord& p = m.places[static_cast<std::size_t>(view.slot)];
    vouches = p.learnt() && p.sent();
    view.home = vouches;
    view.away = !vouches && any_learnt;
    // What mail from it means was said with the first such message.
    const bool first_mail = sending && !p.sent() && !p.learnt();
    if (!vouches && !first_mail) return view;
  }
  view.away = !vouches && any_learnt;
  // Nothing is habit yet: a second place on the first day says nothing.
  if (!vouches && !any_learnt) return view;

  const PlaceKind kind = vouches                         ? PlaceKind::known
                         : operator_known                ? PlaceKind::new_network
                         : country == 0 || country_known ? PlaceKind::new_operator
                                                         : PlaceKind::new_country;
  view.kind = static_cast<std::uint8_t>(kind);
  // With no operator or country to go by, "new" is all the finer kinds together.
  std::size_t from = view.kind, to = view.kind;
  if (kind != PlaceKind::known && operator_bits == 0) from = 1;
  if (kind != PlaceKind::known && country == 0) to = 3;
  const std::size_t band = band_of(m.learnt);
  const LocalDomain& local = domains[m.domain];
  float p0 = 0;
  const float own = sum_of(m.habits.place);
  for (std::size_t k = from; k <= to; ++k) {
    float p = priors->global(band).place[k];
    if (local.prior != nullptr) {
      p = (local.prior->counts[band].place[k] + k_domain_kappa * p) /
          ((*local.sums)[band].place + k_domain_kappa);
    }
    p0 += (m.habits.place[k] + k_place_kappa * p) / (own + k_place_kappa);
  }
  // Places together say no more than their bound within a day, nor since the onset: a login alone
  // must not restrict.
  const float spent =
      std::max(m.place_day == day16(t) ? static_cast<float>(m.place_spent) / k_place_steps : 0.0F,
               spent_on(m, Channel::login_place) - guess_nats(m.guessed));
  const float room = std::max(
      0.0F, static_cast<float>(k_cap_nats[index_of(Channel::login_place)]) - std::max(spent, 0.0F));
  const double ln_p0 = std::log(double{p0});
  for (std::size_t f = 0; f < k_families; ++f) {
    double nats = place_logs[f][from][to] - ln_p0;
    if (place.hosting && kind != PlaceKind::known) nats += 1.9;  // ln(.35 / .05)
    view.place_nats[f] =
        static_cast<float>(std::clamp(nats, k_place_floor_nats, static_cast<double>(room)));
  }
  if (kind == PlaceKind::known) return view;

  // Distinct countries, and bursts of new networks, within a day.
  if (country != 0) countries[country_count++] = country;
  std::uint32_t distinct = 0;
  for (std::size_t i = 0; i < country_count; ++i) {
    if (std::find(countries, countries + i, countries[i]) == countries + i) ++distinct;
  }
  const std::uint32_t networks = (m.place_day == day16(t) ? m.networks_24h : 0U) + 1U;
  const std::uint32_t by_network = networks >= 16 ? 3 : networks >= 8 ? 2 : networks >= 4 ? 1 : 0;
  const std::uint32_t by_country = distinct >= 1 ? std::min(distinct - 1, 3U) : 0;
  view.level = static_cast<std::uint8_t>(std::max(by_network, by_country));
  const std::uint8_t charged = m.place_day == day16(t) ? m.places_level : 0;
  // Somebody who hops networks by habit (carrier NAT, trips) is told nothing by another hop.
  const float habit = std::min(1.0F, 2 * (p0 > 0 ? p0 : 0));
  if (view.level > charged) {
    const float day_spent = spent_on(m, Channel::places_24h);
    const float cap = static_cast<float>(k_cap_nats[index_of(Channel::places_24h)]);
    view.day_nats = std::clamp(static_cast<float>(view.level - charged) * 1.3F * (1 - habit), 0.0F,
                               std::max(cap - day_spent, 0.0F));
  }
  return view;
}

void Detector::Impl::look_at_origin(const AccountModel& m, Instant t, const Submission& s) {
  last_place = look_at_place(m, t, s.ip, s.place, true);
  const bool habit =
      last_place.first_ever ||
      (last_place.slot >= 0 && m.places[static_cast<std::size_t>(last_place.slot)].learnt());
  last_patterns = patterns_of(s, static_cast<std::uint32_t>(keys.size()), last_strangers,
                              last_place.network, habit);
}

Verdict Detector::Impl::judge(AccountIndex index, Instant t, const Submission& s,
                              std::uint64_t made_ready) {
  const AccountModel& m = models[index];
  for (std::size_t line = 0; line < sizeof m; line += k_cache_line) {
    __builtin_prefetch(reinterpret_cast<const char*>(&m) + line);
  }
  const LocalDomain& domain = domains[m.domain];
  if (domain.prior != nullptr) {
    const std::size_t band = band_of(m.learnt);
    const auto* counts = reinterpret_cast<const char*>(&domain.prior->counts[band]);
    for (std::size_t at = 0; at < sizeof(Histograms); at += k_cache_line) {
      __builtin_prefetch(counts + at);
    }
    __builtin_prefetch(&(*domain.sums)[band]);
    __builtin_prefetch(&domain.prior->raised_until_us);
  }
  look_at_recipients(m, s, made_ready);
  Verdict v;
  v.recipients = static_cast<std::uint32_t>(keys.size());
  v.new_recipients = last_strangers;
  v.wrote_first = last_wrote_first;
  v.counts = counts_at(m, t);
  last_bins = bins_of(m, t, s, v.counts);
  v.counts.recipients_hour += v.recipients;
  v.counts.recipients_day += v.recipients;
  v.counts.messages_hour += 1;
  v.counts.messages_day += 1;
  v.counts.new_hour += last_strangers;
  v.counts.new_day += last_strangers;
  v.counts.bytes_day += s.size;

  weigh(m, last_bins, last_nats);
  look_at_origin(m, t, s);
  const float in_fleet = fleet == nullptr ? 0 : fleet->nats_of(fleet_name(m), last_patterns);
  const bool first_smtp =
      m.seen == 0 && m.logins >= 20 && m.first_day != 0 && day16(t) - m.first_day > 30;
  const double fresh = injection(m, t), left = fading(m, t);
  const bool beside_away = last_place.home && last_place.beside;
  // The messages of one sitting resemble each other: how fast and how alike they are is said once.
  std::array<float, k_cap_since_onset.size()> room;
  for (std::size_t i = 0; i < room.size(); ++i) {
    const auto& [channel, cap] = k_cap_since_onset[i];
    room[i] = std::max(cap - spent_on(m, channel), 0.0F);
  }
  Nats eta;
  for (std::size_t c = 0; c < k_channels; ++c) eta[c] = eta_of(static_cast<Channel>(c));
  double before = 0, after = 0;
  std::size_t leading = 0;
  double leading_share = -1, leading_ratio = 1;
  for (std::size_t f = 0; f < k_families; ++f) {
    Nats& nats = last_nats[f];
    nats[index_of(Channel::login_place)] = last_place.place_nats[f];
    nats[index_of(Channel::places_24h)] = last_place.day_nats;
    nats[index_of(Channel::fleet)] = in_fleet;
    if (first_smtp) nats[index_of(Channel::first_smtp)] = 1.5F;
    for (std::size_t i = 0; i < room.size(); ++i) {
      float& n = nats[index_of(k_cap_since_onset[i].first)];
      n = std::min(n, room[i]);
    }
    for (std::size_t c = 0; c < k_channels; ++c) nats[c] *= eta[c];
    double sum = 0;
    for (const float n : nats) sum += n;
    sum = std::clamp(sum, -settings.clip_nats, settings.clip_nats);
    // While an attack runs the owner's own mail goes on: a message is theirs with a share of
    // own_mail.
    double ratio = tables[f].own_mail + tables[f].theirs * std::exp(sum);
    if (beside_away) ratio = std::max(ratio, k_left_beside_away);
    const double r = m.r[f] * left + fresh;
    const double r_after = std::clamp(r * ratio, 1e-12, 1e30);
    before += weight(f) * r;
    after += weight(f) * r_after;
    v.r_family[f] = r_after;
    if (weight(f) * r_after > leading_share) {
      leading_share = weight(f) * r_after;
      leading = f;
      leading_ratio = ratio;
    }
  }
  v.ell = std::log(leading_ratio);
  v.family = static_cast<Family>(leading);
  v.nats = last_nats[leading];
  v.log_r_before = std::log(std::max(before, 1e-12));
  v.log_r = std::log(std::max(after, 1e-12));

  Onset& onset = last_onset.emplace(m);
  fade_onset(onset, left);
  raise_onset(onset, t, v.log_r - v.log_r_before, v.nats);
  last_time = t;
  v.onset = Instant{onset.at_us};
  for (std::size_t c = 0; c < k_channels; ++c) {
    v.nats_since_onset[c] = static_cast<float>(onset.evidence[c]) / 1000;
  }
  std::memcpy(v.bins.data(), &last_bins, sizeof last_bins);
  static_assert(sizeof last_bins == sizeof v.bins);
  v.ticket = valid_for = ++ticket;
  advise(m, t, v);
  return v;
}

}  // namespace sekimori::detect
