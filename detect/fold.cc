// Counting, suspicion and learning: how facts change the state.
#include <algorithm>
#include <bit>
#include <cmath>

#include "detect/away.h"
#include "detect/concurrent.h"
#include "detect/detector_impl.h"
#include "detect/near_duplicates.h"

namespace sekimori::detect {
namespace {

constexpr std::size_t index_of(Channel c) { return static_cast<std::size_t>(c); }
// So long what was sent under suspicion may still be learnt, once suspicion has gone by itself.
constexpr Duration k_blast_patience = days(7);
// One sender gives the shared priors no more than this many messages a day.
constexpr std::uint8_t k_prior_quota = 20;
// A hash of colleagues' contacts waits for the next epoch; beyond this the newest are left out.
constexpr std::size_t k_new_contacts_max = 1U << 20;
// Only while ln R is below this is a message held to be the owner's, for the self-audit.
constexpr double k_calm_log_r = 2;
// One sender gives the self-audit no more of a day than this many messages' samples.
constexpr std::uint32_t k_audit_day_max = 64;
// Seen again so long after its first sight, a place on trial becomes a habit.
constexpr std::uint32_t k_place_trial_hours = 72;

template <class Slot>
void add_saturating(Slot& slot, std::uint64_t n) {
  constexpr std::uint64_t most = std::numeric_limits<Slot>::max();
  slot = static_cast<Slot>(std::min<std::uint64_t>(slot + n, most));
}
template <class Slot>
void take(Slot& slot, std::uint64_t n) {
  slot = static_cast<Slot>(slot > n ? slot - n : 0);
}

template <std::size_t N>
void count_bin(std::array<std::uint8_t, N>& group, std::size_t bin) {
  std::uint32_t sum = 1;
  for (const std::uint8_t cell : group) sum += cell;
  if (sum > k_group_max) {
    for (std::uint8_t& cell : group) cell = static_cast<std::uint8_t>((cell + 1) / 2);
  }
  ++group[bin];
}

// Level groups count hours that reached each level: [0] is the largest and decides.
void count_levels(std::array<std::uint8_t, k_levels>& group, std::uint8_t packed, bool start) {
  const auto add = [&](std::size_t k) {
    if (group[k] >= k_group_max) {
      for (std::uint8_t& cell : group) cell = static_cast<std::uint8_t>((cell + 1) / 2);
    }
    ++group[k];
  };
  if (start) add(0);
  for (std::size_t k = (packed >> 4) + 1U; k <= (packed & 15U); ++k) add(k);
}

}  // namespace

void Detector::Impl::fade_onset(Onset& onset, double left) {
  if (onset.cusum > 0 && left < 1) {
    onset.cusum = static_cast<float>(std::max(0.0, onset.cusum + std::log(left)));
  }
}

void Detector::Impl::raise_onset(Onset& onset, Instant t, double step, const Nats& nats) {
  if (onset.cusum <= 0 && step > 0) {
    onset.at_us = t.us;
    onset.evidence.fill(0);
    onset.clear_marks();
  }
  onset.cusum = static_cast<float>(std::clamp(onset.cusum + step, 0.0, 60.0));
  if (onset.cusum <= 0) {
    onset.at_us = 0;
    onset.evidence.fill(0);
    onset.clear_marks();
    return;
  }
  for (std::size_t c = 0; c < k_channels; ++c) {
    if (nats[c] == 0) continue;  // most channels of most messages
    const long sum = onset.evidence[c] + std::lround(nats[c] * 1000);
    onset.evidence[c] = static_cast<std::int16_t>(std::clamp(sum, -32000L, 32000L));
  }
}

void Detector::Impl::add_evidence(AccountModel& m, Instant t, Channel channel,
                                  const std::array<float, k_families>& nats) {
  const double before = log_r(m, t);
  const double fresh = injection(m, t), left = fading(m, t);
  Onset onset(m);
  fade_onset(onset, left);
  double best = 0, ratio = 0;
  for (std::size_t f = 0; f < k_families; ++f) {
    const double tempered = eta_of(channel) * nats[f];
    ratio += weight(f) * std::exp(tempered);
    m.r[f] =
        static_cast<float>(std::clamp((m.r[f] * left + fresh) * std::exp(tempered), 1e-12, 1e30));
    if (std::abs(tempered) > std::abs(best)) best = tempered;
  }
  m.updated_us = std::max(m.updated_us, t.us);
  if (before <= k_calm_log_r) audit.between(channel, ratio);
  Nats shown{};
  shown[index_of(channel)] = static_cast<float>(best);
  raise_onset(onset, t, log_r(m, t) - before, shown);
  onset.keep(m);
}

void Detector::Impl::look_at_whereabouts(AccountModel& m, Instant t, const Place& place,
                                         bool calm) {
  const float room =
      std::max(0.0F, k_concurrent_cap - std::max(0.0F, spent_on(m, Channel::concurrent)));
  const float said = std::min(note_whereabouts(m, t, place, calm), room);
  if (said <= 0) return;
  std::array<float, k_families> nats{};
  nats.fill(said);
  add_evidence(m, t, Channel::concurrent, nats);
}

void Detector::Impl::look_at_guesses(AccountModel& m, Instant t, const GuessesBefore& guesses) {
  // An address that tried many accounts tried each of them with several passwords, soon or late.
  const std::uint32_t tries =
      std::max({guesses.own, 2 * std::min(guesses.accounts, 1U << 20U), guesses.addresses});
  const auto bits = static_cast<unsigned>(std::min<int>(std::bit_width(tries), 15));
  const float said = guess_nats(bits) - guess_nats(m.guessed);
  if (said <= 0) return;
  std::array<float, k_families> nats{};
  nats.fill(said);
  add_evidence(m, t, Channel::login_place, nats);
  if (m.onset_us != 0) m.guessed = bits & 15U;
}

// Places speak where mail comes from them: how many were new today, and what was said of them.
void Detector::Impl::charge_place(AccountModel& m, Instant t, const PlaceView& view) {
  if (m.place_day != day16(t)) {
    m.place_day = day16(t);
    m.place_spent = 0;
    m.networks_24h = 0;
    m.places_level = 0;
  }
  add_saturating(m.networks_24h, 1);
  m.places_level = std::max<std::uint8_t>(m.places_level, view.level) & 15U;
  const float nats = std::max(0.0F, *std::ranges::max_element(view.place_nats));
  add_saturating(m.place_spent, static_cast<std::uint64_t>(std::lround(nats * k_place_steps)));
}

void Detector::Impl::note_place(AccountModel& m, Instant t, const PlaceView& view, bool sending,
                                bool calm) {
  if (view.network == 0) return;
  const std::uint16_t hour = hour16(t);
  calm = calm && away_level(m, t) < k_away_no_habit_level;
  if (calm) {
    // How new the places of late were is a habit too: counted after a day on trial in calm.
    for (PlaceRecord& p : m.places) {
      if (p.network == 0 || p.counted() || p.trial_hours(hour) < 24) continue;
      bool operator_known = false, country_known = false;
      for (const PlaceRecord& other : m.places) {
        if (&other == &p || other.network == 0 || !other.counted()) continue;
        operator_known |= other.operator_ >> 10 != 0 && other.operator_ >> 10 == p.operator_ >> 10;
        country_known |= (other.operator_ & 1023U) == (p.operator_ & 1023U);
      }
      p.state |= PlaceRecord::k_counted;
      count_bin(m.habits.place, operator_known ? 1 : country_known ? 2 : 3);
    }
  }
  const std::uint16_t trial_now = hour & 0x1fffU;
  if (view.slot >= 0) {
    PlaceRecord& p = m.places[static_cast<std::size_t>(view.slot)];
    // A day at a known place is one observation.
    if (p.learnt() && p.last_hour / 24 != hour / 24) count_bin(m.habits.place, 0);
    if (!p.learnt() && calm && p.counted() && p.trial_hours(hour) >= k_place_trial_hours) {
      p.state |= PlaceRecord::k_learnt;
    }
    if (sending && !p.sent()) {
      p.state = static_cast<std::uint16_t>(trial_now | PlaceRecord::k_sent |
                                           (p.state & PlaceRecord::k_counted));
    }
    p.last_hour = hour;
    if (sending && view.kind != k_unseen && view.kind != 0) charge_place(m, t, view);
    return;
  }
  // A free slot, else the longest unseen on trial, else the longest unseen.
  std::size_t worst = 0;
  std::uint32_t worst_rank = 0;
  for (std::size_t i = 0; i < k_places; ++i) {
    const PlaceRecord& p = m.places[i];
    const std::uint32_t age = static_cast<std::uint16_t>(hour - p.last_hour);
    const std::uint32_t rank = p.network == 0 ? 0x40000U : (p.learnt() ? 0U : 0x20000U) + age + 1;
    if (rank > worst_rank) {
      worst_rank = rank;
      worst = i;
    }
  }
  PlaceRecord& p = m.places[worst];
  p = {view.network, view.operator_, hour,
       static_cast<std::uint16_t>(
           trial_now | (sending ? PlaceRecord::k_sent : 0) |
           (view.first_ever ? PlaceRecord::k_learnt | PlaceRecord::k_counted : 0))};
  if (view.first_ever) {
    count_bin(m.habits.place, 0);
    return;
  }
  if (sending) charge_place(m, t, view);
}

void Detector::Impl::commit(AccountIndex index, Instant t, const Submission& s, const Verdict& v,
                            Fate fate) {
  AccountModel& m = models[index];
  const bool judged = v.ticket != 0 && v.ticket == valid_for;
  if (!judged) {
    look_at_recipients(m, s, 0);
    look_at_origin(m, t, s);
  }
  valid_for = 0;
  newest = std::max(newest, t);
  if (judged && !v.approved && last_time == t) {
    last_onset->keep(m);
  } else {
    Onset onset(m);
    fade_onset(onset, fading(m, t));
    raise_onset(onset, t, v.log_r - v.log_r_before, v.nats);
    onset.keep(m);
  }
  for (std::size_t f = 0; f < k_families; ++f) m.r[f] = static_cast<float>(v.r_family[f]);
  m.updated_us = std::max(m.updated_us, t.us);
  note_first(m, t);
  m.seen = m.seen == UINT16_MAX ? 16 : static_cast<std::uint16_t>(m.seen + 1);
  // Owners' mail only, as far as the past tells: an account in calm, no more than a day's share of
  // one sender. Both are known before the message, so that the mean may be held against 1.
  if (m.seen % k_audit_every == 0 && judged && !v.approved && v.log_r_before <= k_calm_log_r &&
      v.counts.messages_day <= k_audit_day_max) {
    std::array<double, k_channels> ratio{};
    for (std::size_t f = 0; f < k_families; ++f) {
      for (std::size_t c = 0; c < k_channels; ++c) {
        ratio[c] += weight(f) * std::exp(double{last_nats[f][c]});
      }
    }
    audit.message(ratio);
  }
  const bool calm = log_r(m, t) <= k_place_learn_below;
  if (v.log_r >= settings.learn_below_log_r && !of_past) {
    raised.note(t, fleet_name(m), last_patterns);
  }
  note_place(m, t, last_place, true, calm);
  const bool newcomer = m.learnt < k_newcomer_messages && last_place.network != 0;
  if (!v.approved && (last_place.away || newcomer)) {
    note_away(m, t, last_strangers, v.advice == HoldAdvice::asked);
  } else if (!v.approved && last_place.home && last_strangers > 0) {
    note_strangers_from_home(m);
  }
  look_at_whereabouts(m, t, s.place, calm);
  Bins bins;
  std::memcpy(&bins, v.bins.data(), sizeof bins);
  m.last_message_us = t.us;
  if (fate == Fate::refused) return;

  roll_windows(m, t);
  const auto recipients = static_cast<std::uint32_t>(keys.size());
  // What was approved is counted, but it neither fills the hour's episode nor widens the habits
  // behind which a thief could hide.
  const std::uint32_t strangers = v.approved ? 0 : last_strangers;
  if (v.approved) {
    bins.shape = bins.gap = bins.stranger = bins.repeat = k_unseen;
    bins.level_new = bins.level_all = bins.episode_start = 0;
  }
  add_saturating(m.hour_recipients[m.hour_slot % k_hour_slots], recipients);
  add_saturating(m.hour_messages[m.hour_slot % k_hour_slots], 1);
  add_saturating(m.hour_new[m.hour_slot % k_hour_slots], strangers);
  add_saturating(m.day_recipients[day_slot_of(m) % k_day_slots], recipients);
  add_saturating(m.day_messages[day_slot_of(m) % k_day_slots], 1);
  add_saturating(m.day_new[day_slot_of(m) % k_day_slots], strangers);
  add_saturating(m.day_kib[day_slot_of(m) / 4 % k_byte_slots], (s.size + 1023) / 1024);

  if (bins.episode_start != 0) {
    m.episode_second = t.seconds32();
    m.episode_bitmap = {};
    m.episode_new_level = m.episode_all_level = 0;
  }
  for (const RecipientKey& k : keys) {
    if (!v.approved) m.episode_bitmap[(k.address >> 6) & 1U] |= 1ULL << (k.address & 63U);
  }
  m.episode_new_level = std::max<std::uint8_t>(m.episode_new_level, bins.level_new & 15U);
  m.episode_all_level = std::max<std::uint8_t>(m.episode_all_level, bins.level_all & 15U);

  if (!v.approved) note_likeness(m, t, s, likeness_of(s, recipients));

  LearningRecord r;
  r.t_us = t.us;
  r.account = index;
  r.fresh = strangers;
  r.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.size, UINT32_MAX));
  r.added_log_r = static_cast<float>(v.log_r - v.log_r_before);
  r.suspicious = v.log_r >= settings.learn_below_log_r ? 1 : 0;
  r.held = fate == Fate::held ? 1 : 0;
  r.bins = bins;
  r.due_second = (t + settings.learning_delay).seconds32();
  r.queue_key = last_queue_key;
  while (queue.size() >= settings.pending_max) learn_front();
  queue.push(r, keys, salt_of(m));
}

void Detector::Impl::uncount(AccountModel& m, const LearningRecord& r, Instant now) {
  roll_windows(m, now);
  const Instant t{r.t_us};
  const std::uint32_t hour = t.seconds32() / 300, day = t.seconds32() / 7200;
  if (m.hour_slot - hour < k_hour_slots) {
    take(m.hour_recipients[hour % k_hour_slots], r.recipients);
    take(m.hour_messages[hour % k_hour_slots], 1);
    take(m.hour_new[hour % k_hour_slots], r.fresh);
  }
  if (day_slot_of(m) - day < k_day_slots) {
    take(m.day_recipients[day % k_day_slots], r.recipients);
    take(m.day_messages[day % k_day_slots], 1);
    take(m.day_new[day % k_day_slots], r.fresh);
  }
  if (day_slot_of(m) / 4 - day / 4 < k_byte_slots) {
    take(m.day_kib[day / 4 % k_byte_slots], (r.size + 1023ULL) / 1024);
  }
}

std::uint64_t Detector::Impl::due(Instant now, std::uint64_t most) const {
  const std::uint32_t second = now.seconds32();
  const std::uint64_t end = queue.first() + std::min<std::uint64_t>(most, queue.size());
  std::uint64_t n = queue.first();
  while (n != end && queue.at(n).due_second <= second) ++n;
  return n - queue.first();
}

void Detector::Impl::prefetch_due(Instant now, LearningStep step) const {
  if (step == LearningStep::records) {
    for (std::uint64_t n = 0; n < k_learn_together; ++n) queue.prefetch_record(queue.first() + n);
    return;
  }
  const std::uint64_t end = queue.first() + due(now, k_learn_together);
  for (std::uint64_t n = queue.first(); n != end; ++n) {
    const LearningRecord& r = queue.at(n);
    const AccountModel& m = models[r.account];
    if (step == LearningStep::accounts) {
      queue.prefetch_recipients(r);
      const auto* lines = reinterpret_cast<const char*>(&m);
      for (std::size_t at = 0; at < sizeof m; at += k_cache_line) {
        __builtin_prefetch(lines + at, 1);
      }
      if (r.queue_key != 0) queue.prefetch_queue_key(r.queue_key);
      continue;
    }
    __builtin_prefetch(&domains[m.domain]);
    const DomainLearning& domain = domain_learning[m.domain];
    const auto* counts = reinterpret_cast<const char*>(&domain.delta.counts[band_of(m.learnt)]);
    for (std::size_t at = 0; at < sizeof(Histograms); at += k_cache_line) {
      __builtin_prefetch(counts + at, 1);
    }
    __builtin_prefetch(&domain.delta.messages, 1);
    const std::uint64_t salt = salt_of(m);
    for (std::uint32_t i = 0; i < std::min(r.recipients, 16U); ++i) {
      const std::uint64_t pair = pair_key(salt, queue.recipient(r, i).address);
      contacts.prefetch_insert(pair);
      if (queue.recipient(r, i).fresh()) queue.prefetch_pair(pair);
    }
  }
}

void Detector::Impl::learn_front() {
  LearningRecord& r = queue.front();
  const AccountModel& m = models[r.account];
  const std::uint64_t salt = salt_of(m);
  // Suspicious then: learnt only if suspicion has gone since. Mail to known people alone teaches no
  // new contact, and an owner's busy day must become habit or it would look strange for ever.
  const bool calm =
      (r.fresh == 0 && r.recipients <= 9) ||
      log_r(m, newest) < (r.suspicious != 0 ? k_place_learn_below : settings.learn_below_log_r);
  if (r.dead == 0 && calm) {
    learn(r);
  } else if (r.dead == 0 && newest.us - r.t_us < k_blast_patience.us &&
             queue.size() < settings.pending_max) {
    // A newsletter's first run: when suspicion has gone within the week, its list is known.
    LearningRecord again = r;
    again.due_second = std::max(r.due_second, newest.seconds32()) +
                       static_cast<std::uint32_t>(settings.learning_delay.seconds());
    std::vector<RecipientKey> again_keys;
    again_keys.reserve(r.recipients);
    for (std::uint32_t i = 0; i < r.recipients; ++i) again_keys.push_back(queue.recipient(r, i));
    queue.pop(salt);
    queue.push(again, again_keys, salt);
    return;
  } else if (r.dead == 0 && of_past) {
    leave_out(r.account, Instant{r.t_us});
  }
  queue.pop(salt);
}

void Detector::Impl::learn(const LearningRecord& r) {
  AccountModel& m = models[r.account];
  const std::uint64_t own_domain = domains[m.domain].key;
  DomainLearning& domain = domain_learning[m.domain];
  const std::size_t band = band_of(m.learnt);
  const Instant t{r.t_us};
  const auto day = day16(t);
  if (m.prior_day != day) {
    m.prior_day = day;
    m.prior_today = 0;
  }
  const bool shared = m.prior_today < k_prior_quota;
  if (shared) ++m.prior_today;
  Histograms& d = domain.delta.counts[band];
  const Bins& b = r.bins;
  const auto count = [&](auto group, std::uint8_t bin) {
    if (bin == k_unseen) return;
    count_bin(group(m.habits), bin);
    if (shared) group(d)[bin] += 1;
  };
  count([](auto& h) -> auto& { return h.shape; }, b.shape);
  count([](auto& h) -> auto& { return h.gap; }, b.gap);
  count([](auto& h) -> auto& { return h.stranger; }, b.stranger);
  count([](auto& h) -> auto& { return h.repeat; }, b.repeat);
  count([](auto& h) -> auto& { return h.size; }, b.size);
  count([](auto& h) -> auto& { return h.envelope; }, b.envelope);
  count([](auto& h) -> auto& { return h.message_id; }, b.message_id);
  count_levels(m.habits.level_new, b.level_new, b.episode_start != 0);
  count_levels(m.habits.level_all, b.level_all, b.episode_start != 0);
  if (shared) {
    if (b.episode_start != 0) d.level_new[0] += 1, d.level_all[0] += 1;
    for (std::size_t k = (b.level_new >> 4) + 1U; k <= (b.level_new & 15U); ++k)
      d.level_new[k] += 1;
    for (std::size_t k = (b.level_all >> 4) + 1U; k <= (b.level_all & 15U); ++k)
      d.level_all[k] += 1;
  }
  ++domain.delta.messages;
  domain.touched = true;

  const std::uint64_t salt = salt_of(m);
  for (std::uint32_t i = 0; i < r.recipients; ++i) {
    const RecipientKey& k = queue.recipient(r, i);
    const std::uint64_t pair = pair_key(salt, k.address);
    if (of_past) note_pair(contact_pairs, contacts, pair);
    contacts.insert(pair, t);
    if (k.fresh() && new_contacts.size() < k_new_contacts_max) {
      new_contacts.push_back(mix64(own_domain ^ k.address));
      const std::uint64_t mail_domain = mix64(~own_domain ^ (k.domain & ~1ULL));
      if (new_mail_domains.empty() || new_mail_domains.back() != mail_domain) {
        new_mail_domains.push_back(mail_domain);
      }
    }
  }

  // Recipients a day, over days with mail; a day counts once it is over.
  if (m.habit_day != day) {
    if (m.habit_day != 0) {
      const float w = m.recipients_per_day == 0 ? 1.0F : 0.1F;
      m.recipients_per_day += w * (static_cast<float>(m.recipients_today) - m.recipients_per_day);
    }
    m.habit_day = day;
    m.recipients_today = 0;
  }
  add_saturating(m.recipients_today, r.recipients);
  ++m.learnt;
}

}  // namespace sekimori::detect
