// Learning from old logs: a second detector folds the past on its own clock, with the same judge;
// what it learnt is then merged into the living one at one moment.
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

// Pairs a shard's past hands over: 64 times this is 16 million, 128 MB while a run lasts.
constexpr std::size_t k_pairs_max = 1U << 18;
// Most servers' past is small; the filter grows by doubling.
constexpr std::size_t k_past_filter_bytes = 64UL * 1024;

std::int64_t last_active(const AccountModel& m) {
  return std::max(m.last_message_us, m.updated_us);
}

bool is_blank(const AccountModel& m) {
  static const AccountModel untouched{};
  return std::memcmp(reinterpret_cast<const char*>(&m) + k_identity_bytes,
                     reinterpret_cast<const char*>(&untouched) + k_identity_bytes,
                     sizeof m - k_identity_bytes) == 0;
}

template <class T>
void add_up(T& to, std::uint64_t more) {
  to = static_cast<T>(std::min<std::uint64_t>(to + more, std::numeric_limits<T>::max()));
}

// Sums the counters, halving (upwards, as counting does) until they fit again.
void add_habits(AccountHistograms& to, const AccountHistograms& from) {
  for_each_group([&](auto group) {
    auto& cells = group(to);
    const auto& more = group(from);
    std::array<std::uint32_t, std::tuple_size_v<std::decay_t<decltype(cells)>>> sum{};
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = std::uint32_t{cells[i]} + more[i];
    // Of the levels the first counts all; the others' cells add up to their sum.
    const void* at = &cells;
    const bool levels = at == &to.level_new || at == &to.level_all;
    const auto size = [&] {
      return levels ? sum[0] : std::accumulate(sum.begin(), sum.end(), std::uint32_t{0});
    };
    while (size() > k_group_max) {
      for (auto& cell : sum) cell = (cell + 1) / 2;
    }
    for (std::size_t i = 0; i < sum.size(); ++i) cells[i] = static_cast<std::uint8_t>(sum[i]);
  });
}

// Places that were habit in `from` are habit in `to`, as far as there is room beside its own.
void add_places(AccountModel& to, const AccountModel& from) {
  for (const PlaceRecord& place : from.places) {
    if (place.network == 0 || !place.learnt()) continue;
    const auto same = std::ranges::find(to.places, place.network, &PlaceRecord::network);
    if (same != to.places.end()) {
      same->state |= PlaceRecord::k_learnt | PlaceRecord::k_counted;
      if (place.sent()) same->state |= PlaceRecord::k_sent;
      continue;
    }
    const auto free = std::ranges::find(to.places, 0U, &PlaceRecord::network);
    if (free != to.places.end()) *free = place;
  }
}

// What the account has become, of what it was (`from`) and what is known of it (`to`).
void merge(AccountModel& to, const AccountModel& from) {
  const AccountModel before = to;
  const bool takes_all =
      is_blank(before) || (before.live_hour == 0 && last_active(from) > last_active(before));
  const AccountModel& newer = takes_all ? from : before;
  const AccountModel& older = takes_all ? before : from;
  std::memcpy(reinterpret_cast<char*>(&to) + k_identity_bytes,
              reinterpret_cast<const char*>(&newer) + k_identity_bytes,
              sizeof to - k_identity_bytes);
  if (is_blank(older)) return;
  if (older.first_day != 0 && (to.first_day == 0 || older.first_day < to.first_day)) {
    to.first_day = older.first_day;
  }
  const float learnt = static_cast<float>(to.learnt) + static_cast<float>(older.learnt);
  if (older.recipients_per_day > 0) {
    to.recipients_per_day = to.recipients_per_day <= 0 || learnt <= 0
                                ? older.recipients_per_day
                                : (to.recipients_per_day * static_cast<float>(to.learnt) +
                                   older.recipients_per_day * static_cast<float>(older.learnt)) /
                                      learnt;
  }
  add_up(to.logins, older.logins);
  add_up(to.learnt, older.learnt);
  add_up(to.seen, older.seen);
  add_up(to.settings_seen, older.settings_seen);
  if (to.last_message_us == 0) to.last_message_us = older.last_message_us;
  add_habits(to.habits, older.habits);
  add_places(to, older);
}

}  // namespace

void Detector::Impl::note_pair(std::vector<std::uint64_t>& pairs, const ContactFilter& known,
                               std::uint64_t pair) {
  if (pairs.size() < k_pairs_max && !known.contains(pair)) pairs.push_back(pair);
}

void Detector::Impl::leave_out(AccountIndex index, Instant t) {
  auto it = std::ranges::find(doubts, index, &Doubt::account);
  if (it == doubts.end()) {
    doubts.push_back({t.us, t.us, index, 0});
    it = doubts.end() - 1;
  }
  it->first_us = std::min(it->first_us, t.us);
  it->last_us = std::max(it->last_us, t.us);
  ++it->messages;
}

void Detector::leave_out(AccountIndex index, Instant t) { impl_->leave_out(index, t); }

Detector Detector::for_past() const {
  DetectSettings settings = impl_->settings;
  settings.contact_filter_bytes = std::min(settings.contact_filter_bytes, k_past_filter_bytes);
  Detector past(settings, impl_->key, impl_->priors);
  past.impl_->of_past = true;
  return past;
}

void Detector::lived(AccountIndex index, Instant t) {
  AccountModel& m = impl_->models[index];
  if (m.live_hour == 0) m.live_hour = std::max<std::uint16_t>(hour16(t), 1);
}

bool Detector::has_lived(AccountIndex index, Instant t) const {
  const AccountModel& m = impl_->models[index];
  return m.live_hour != 0 && static_cast<std::int16_t>(hour16(t) - m.live_hour) >= 0;
}

void Detector::absorb(Detector& past, Instant now,
                      const std::function<AccountIndex(std::string_view)>& intern) {
  Impl& i = *impl_;
  Impl& p = *past.impl_;
  i.valid_for = 0;
  i.newest = std::max(i.newest, now);
  std::vector<AccountIndex> index_here(p.models.size());
  for (AccountIndex a = 0; a < p.models.size(); ++a) {
    index_here[a] = intern(p.names.name(p.models[a]));
    merge(i.models[index_here[a]], p.models[a]);
  }
  for (const std::uint64_t pair : p.contact_pairs) {
    if (!i.contacts.contains(pair)) i.contacts.insert(pair, now);
  }
  for (const std::uint64_t pair : p.writer_pairs) {
    if (!i.writers.contains(pair)) i.writers.insert(pair, now);
  }
  // Domains by their account: an index of theirs means nothing here.
  for (AccountIndex a = 0; a < p.models.size(); ++a) {
    DomainLearning& from = p.domain_learning[p.models[a].domain];
    if (!from.touched) continue;
    DomainLearning& to = i.domain_learning[i.models[index_here[a]].domain];
    for (std::size_t band = 0; band < k_bands; ++band) {
      add_to(to.delta.counts[band], from.delta.counts[band]);
    }
    to.delta.messages += from.delta.messages;
    to.delta.raised_until_us = std::max(to.delta.raised_until_us, from.delta.raised_until_us);
    to.touched = true;
    from.touched = false;
  }
  i.new_contacts.insert(i.new_contacts.end(), p.new_contacts.begin(), p.new_contacts.end());
  i.new_mail_domains.insert(i.new_mail_domains.end(), p.new_mail_domains.begin(),
                            p.new_mail_domains.end());
  std::vector<RecipientKey> keys;
  for (std::uint64_t n = p.queue.first(); n != p.queue.last(); ++n) {
    LearningRecord r = p.queue.at(n);
    if (r.dead != 0) continue;
    keys.clear();
    for (std::uint32_t k = 0; k < r.recipients; ++k) keys.push_back(p.queue.recipient(r, k));
    r.account = index_here[r.account];
    while (i.queue.size() >= i.settings.pending_max) i.learn_front();
    i.queue.push(r, keys, i.salt_of(i.models[r.account]));
  }
}

std::vector<Detector::PastAccount> Detector::past_accounts() const {
  const Impl& i = *impl_;
  std::vector<PastAccount> out(i.models.size());
  for (std::size_t a = 0; a < i.models.size(); ++a) {
    const AccountModel& m = i.models[a];
    out[a].account = i.names.name(m);
    out[a].learnt = m.learnt;
    out[a].places = static_cast<std::uint32_t>(std::ranges::count_if(
        m.places, [](const PlaceRecord& p) { return p.network != 0 && p.learnt(); }));
  }
  for (const Impl::Doubt& doubt : i.doubts) {
    PastAccount& of = out[doubt.account];
    of.left_out = doubt.messages;
    of.left_first = Instant{doubt.first_us};
    of.left_last = Instant{doubt.last_us};
  }
  return out;
}

std::uint64_t Detector::past_contacts() const { return impl_->contact_pairs.size(); }
std::uint64_t Detector::past_writers() const { return impl_->writer_pairs.size(); }

std::uint64_t Detector::past_waiting() const {
  std::uint64_t waiting = 0;
  const LearningQueue& queue = impl_->queue;
  for (std::uint64_t n = queue.first(); n != queue.last(); ++n) waiting += queue.at(n).dead == 0;
  return waiting;
}

}  // namespace sekimori::detect
