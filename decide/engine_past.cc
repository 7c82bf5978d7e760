// Learning from old logs: the same judge and the same counting as for what happens now, but no
// answer, no hold, no standing. docs/learn.md says it for people.
#include <algorithm>

#include "decide/engine_shard.h"
#include "detect/bytes.h"

namespace sekimori::decide {
namespace {

// After so long without a suspicious message an account that would have been contained is believed
// to be its owner's again.
constexpr Duration k_doubt = days(7);

constexpr std::uint64_t k_version = 0x73656b6970617301;  // "sekipas", 1

}  // namespace

// ---------------------------------------------------------------- the state of a run

std::uint64_t Past::hash() const {
  std::uint64_t h = ids.hash();
  if (!detector) return mix64(h);
  h = mix64(h ^ detector->hash());
  for (const auto& [index, t] : doubted) {
    h += mix64(detect::hash_bytes(detector->name_of(index), static_cast<std::uint64_t>(t.us)));
  }
  return mix64(h ^ detect::hash_bytes({reinterpret_cast<const char*>(&counts), sizeof counts}));
}

void Past::save(std::string& out) const {
  detect::put(out, k_version);
  ids.save(out);
  detect::put(out, counts);
  detect::put(out, static_cast<std::uint64_t>(doubted.size()));
  for (const auto& [index, t] : doubted) {
    detect::put(out, index);
    detect::put(out, t);
  }
  detect::put(out, static_cast<std::uint8_t>(detector.has_value()));
  if (detector) detector->save(out);
}

Result<void> Past::load(std::string_view bytes, const detect::Detector& live) {
  Past read;
  if (detect::ByteReader head(bytes); head.get<std::uint64_t>() != k_version) {
    return bad_input("the snapshot's history is of another version");
  }
  bytes.remove_prefix(sizeof k_version);
  if (auto done = read.ids.load(bytes); !done) return done;
  std::size_t used = 0;
  detect::ByteReader in(bytes);
  read.counts = in.get<Counts>();
  const auto count = in.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto index = in.get<detect::AccountIndex>();
    read.doubted[index] = in.get<Instant>();
  }
  const bool open = in.get<std::uint8_t>() != 0;
  used = sizeof(Counts) + 8 + count * (sizeof(detect::AccountIndex) + sizeof(Instant)) + 1;
  if (!in.ok() || used > bytes.size()) return bad_input("the snapshot's history is cut");
  if (open) {
    read.detector.emplace(live.for_past());
    if (auto done = read.detector->load(bytes.substr(used)); !done) return done;
    for (const auto& [index, t] : read.doubted) {
      if (index >= read.detector->accounts()) {
        return bad_input("the snapshot's history does not agree with itself");
      }
    }
  }
  *this = std::move(read);
  return {};
}

// ---------------------------------------------------------------- folding

Learnt Engine::Impl::fold_past(Shard& shard, const Event& event) {
  Past& past = shard.past;
  if (!past.detector) past.detector.emplace(shard.detector.for_past());
  detect::Detector& detector = *past.detector;
  const Instant t = event.t;
  detector.advance(t);
  const auto index = detector.intern(event.account);
  for (const auto forgotten : detector.take_forgotten()) past.doubted.erase(forgotten);
  Past::Counts& counts = past.counts;
  if (!counts.from.is_set() || t < counts.from) counts.from = t;
  counts.until = std::max(counts.until, t);

  auto doubt = past.doubted.find(index);
  if (doubt != past.doubted.end() && t - doubt->second > k_doubt) {
    past.doubted.erase(doubt);
    doubt = past.doubted.end();
  }
  const bool doubted = doubt != past.doubted.end();
  if (const auto* mail = std::get_if<Submission>(&event.body)) {
    ++counts.messages;
    counts.recipients += mail->to.size();
    const detect::Verdict v = detector.judge(index, t, *mail);
    if (doubted) {
      // Refused as it would have been: suspicion goes on, nothing is counted or learnt.
      detector.commit(index, t, *mail, v, Fate::refused);
      if (v.log_r >= settings.detect.learn_below_log_r) {
        doubt->second = t;
        detector.restored(index, t);
      }
      detector.leave_out(index, t);
      return Learnt::suspicious;
    }
    // Nobody was asked then: what would have waited for a person close to the line is not learnt.
    const bool contain =
        v.restricts(settings.restrict_log_r) ||
        (v.advice == detect::HoldAdvice::asked && v.log_r >= settings.restrict_log_r);
    detector.commit(index, t, *mail, v, contain ? Fate::refused : Fate::accepted);
    if (!contain) return Learnt::learnt;
    detector.contained(index, t, v.onset.is_set() ? v.onset : t);
    detector.leave_out(index, t);
    detector.restored(index, t);
    past.doubted[index] = t;
    return Learnt::suspicious;
  }
  if (const auto* login = std::get_if<Login>(&event.body)) {
    if (login->result == LoginResult::ok) ++counts.logins;
    if (doubted) return Learnt::suspicious;  // whose network it is, is not known
    detector.login(index, t, *login);
  } else if (const auto* session = std::get_if<Session>(&event.body)) {
    detector.session(index, t, *session);
  } else if (const auto* delivery = std::get_if<Delivery>(&event.body)) {
    if (doubted) return Learnt::suspicious;
    detector.delivery(index, t, *delivery);
  } else if (const auto* received = std::get_if<Received>(&event.body)) {
    ++counts.received;
    detector.received(index, t, *received);
  } else if (const auto* change = std::get_if<SettingsChange>(&event.body)) {
    if (doubted) return Learnt::suspicious;
    detector.settings_changed(index, t, *change);
  }
  return Learnt::learnt;
}

Learnt Engine::learn(const Event& event) {
  if (event.account.empty() || std::holds_alternative<StandingSet>(event.body) ||
      std::holds_alternative<HoldEnded>(event.body) ||
      std::holds_alternative<Withdrawn>(event.body) || is_mark(event.body)) {
    return Learnt::ignored;
  }
  Shard& shard = impl_->shard_of(event.account);
  const std::uint64_t id_hash = id_hash_of(impl_->settings, event);
  const std::lock_guard lock(shard.mutex);
  if (!event.id.empty() && shard.past.ids.contains(id_hash)) return Learnt::already;
  if (const auto live = shard.detector.find(event.account);
      live && shard.detector.has_lived(*live, event.t)) {
    return Learnt::lived;
  }
  if (const auto* login = std::get_if<Login>(&event.body);
      login != nullptr && login->result != LoginResult::ok &&
      (!shard.past.detector || !shard.past.detector->find(event.account))) {
    return Learnt::ignored;  // guessed names get no memory, or guessing would fill it
  }
  Event kept = event;
  kept.history = true;
  impl_->write_journal(shard, kept);
  if (!event.id.empty()) shard.past.ids.insert(id_hash);
  return impl_->fold_past(shard, event);
}

void Engine::Impl::recover_past(const Event& event, std::uint64_t sequence) {
  if (event.account.empty()) return;
  Shard& shard = shard_of(event.account);
  const std::lock_guard lock(shard.mutex);
  if (sequence <= shard.sequence) return;
  shard.sequence = sequence;
  if (std::holds_alternative<EpochMark>(event.body)) {
    if (shard.past.detector) absorb_past(shard, event.t, nullptr);
    return;
  }
  if (!event.id.empty()) shard.past.ids.insert(id_hash_of(settings, event));
  (void)fold_past(shard, event);
}

// ---------------------------------------------------------------- the end of a run

void Engine::Impl::absorb_past(Shard& shard, Instant now, PastTotals* totals) {
  Past& past = shard.past;
  past.detector->advance(now);  // everything older than the learning delay is known from here on
  if (totals != nullptr) totals->add(past);
  shard.detector.absorb(*past.detector, now,
                        [&](std::string_view account) { return intern(shard, account); });
  past.detector.reset();
  past.doubted.clear();
  past.counts = {};
}

void Engine::Impl::PastTotals::add(const Past& past) {
  HistoryReport& r = report;
  const Past::Counts& c = past.counts;
  if (c.from.is_set() && (!r.from.is_set() || c.from < r.from)) r.from = c.from;
  r.until = std::max(r.until, c.until);
  r.logins += c.logins;
  r.messages += c.messages;
  r.recipients += c.recipients;
  r.received += c.received;
  r.contacts += past.detector->past_contacts();
  r.correspondents += past.detector->past_writers();
  r.waiting += past.detector->past_waiting();
  for (auto& account : past.detector->past_accounts()) {
    ++r.accounts;
    r.learnt += account.learnt;
    if (account.places >= places.size()) places.resize(account.places + 1);
    ++places[account.places];
    if (account.left_out == 0) continue;
    ++r.left_out_accounts;
    r.left_out_messages += account.left_out;
    r.left_out.push_back(
        {std::move(account.account), account.left_out, account.left_first, account.left_last});
  }
}

HistoryReport Engine::Impl::PastTotals::finished() {
  HistoryReport& r = report;
  // The median of accounts whose networks are known at all.
  std::uint64_t some = 0;
  for (std::size_t n = 1; n < places.size(); ++n) some += places[n];
  const auto nth = [&](std::uint64_t wanted) {
    std::uint64_t below = 0;
    for (std::size_t n = 1; n < places.size(); ++n) {
      below += places[n];
      if (below > wanted) return n;
    }
    return std::size_t{0};
  };
  if (some > 0) {
    r.places_median =
        (static_cast<double>(nth((some - 1) / 2)) + static_cast<double>(nth(some / 2))) / 2;
  }
  std::ranges::sort(r.left_out, [](const auto& a, const auto& b) {
    return a.messages != b.messages ? a.messages > b.messages : a.account < b.account;
  });
  if (r.left_out.size() > HistoryReport::k_left_out_max) {
    r.left_out.resize(HistoryReport::k_left_out_max);
  }
  return std::move(r);
}

HistoryReport Engine::end_history(Instant now) {
  Impl::PastTotals totals;
  bool any = false;
  for (auto& shard_at : impl_->shards) {
    Shard& shard = *shard_at;
    const std::lock_guard lock(shard.mutex);
    if (!shard.past.detector) continue;
    any = true;
    // A mark of this shard alone: its other events go on while the next shard is merged.
    Event mark;
    mark.t = now;
    mark.history = true;
    mark.account = shard.past.detector->name_of(0);
    mark.body = EpochMark{};
    impl_->write_journal(shard, mark);
    impl_->absorb_past(shard, now, &totals);
  }
  // What domains learnt of each other's contacts is shared at once, not only within the hour.
  if (any) next_epoch(now);
  return totals.finished();
}

}  // namespace sekimori::decide
