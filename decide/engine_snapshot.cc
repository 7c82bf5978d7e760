// Snapshot and hash. A shard's bytes: a version, the recent ids, the judge's state, the controls.
#include <fmt/format.h>

#include <cstring>

#include "decide/engine_shard.h"

namespace sekimori::decide {
namespace {

constexpr std::uint64_t k_version = 0x73656b696d6f0003;         // "sekimo", 3
constexpr std::uint64_t k_version_before = 0x73656b696d6f0002;  // no approvals, no stops

void put(std::string& out, std::uint64_t value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);
  out.append(bytes, 8);
}

bool take(std::string_view& in, std::uint64_t& value) {
  if (in.size() < 8) return false;
  std::memcpy(&value, in.data(), 8);
  in.remove_prefix(8);
  return true;
}

void put_control(std::string& out, const AccountControl& c) {
  put(out, static_cast<std::uint64_t>(c.since.us));
  put(out, static_cast<std::uint64_t>(c.last_onset.us));
  put(out, (std::uint64_t{c.epoch} << 32) | (std::uint64_t{c.pwhash} << 19) |
               (static_cast<std::uint64_t>(c.standing) << 16) |
               (static_cast<std::uint64_t>(c.observed) << 8) | (c.by_person ? 1U : 0U));
}

using Approvals = decltype(Shard::approvals);

void put_approvals(std::string& out, const Approvals& approvals) {
  std::uint64_t count = 0;
  for (const auto& [account, list] : approvals) count += list.size();
  put(out, count);
  for (const auto& [account, list] : approvals) {
    for (const auto& one : list) one.save(out);
  }
}

Result<Approvals> take_approvals(std::string_view& bytes) {
  Approvals out;
  std::uint64_t count = 0;
  if (!take(bytes, count)) return bad_input("the snapshot's approvals are cut");
  for (std::uint64_t i = 0; i < count; ++i) {
    auto one = ApprovalInForce::load(bytes);
    if (!one) return std::unexpected(one.error());
    out[one->record().account].push_back(std::move(*one));
  }
  return out;
}

}  // namespace

void RecentIds::save(std::string& out) const {
  for (const auto* set : {&young_, &old_}) {
    put(out, set->size());
    set->each([&out](std::uint64_t id) { put(out, id); });
  }
}

Result<void> RecentIds::load(std::string_view& bytes) {
  for (auto* set : {&young_, &old_}) {
    std::uint64_t count = 0;
    if (!take(bytes, count) || count > max_ || bytes.size() < count * 8) {
      return bad_input("the snapshot's list of event ids is cut");
    }
    set->clear();
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t id = 0;
      (void)take(bytes, id);
      set->insert(id);
    }
  }
  return {};
}

std::uint64_t Engine::hash() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < k_shards; ++i) {
    const Shard& shard = *impl_->shards[i];
    const std::lock_guard lock(shard.mutex);
    std::uint64_t h = mix64(shard.detector.hash() + i) ^ shard.ids.hash();
    if (!shard.past.empty()) h ^= shard.past.hash();
    for (const auto& [account, list] : shard.approvals) {
      for (const auto& one : list) h ^= mix64(one.hash());
    }
    for (const Instant t : shard.stops) h = mix64(h ^ static_cast<std::uint64_t>(t.us));
    for (detect::AccountIndex a = 0; a < shard.controls.size(); ++a) {
      const AccountControl& c = shard.controls[a];
      if (c.epoch == 0) continue;
      h ^= mix64(keyed_hash(impl_->settings.key, shard.detector.name_of(a)) + c.epoch * 8 +
                 static_cast<std::uint64_t>(c.standing));
    }
    sum += mix64(h);
  }
  const std::lock_guard lock(impl_->epoch_mutex);
  return mix64(sum ^ detect::hash_of(*impl_->priors));
}

void Engine::save(
    const std::function<void(std::string_view, std::uint64_t, std::string_view)>& sink) const {
  const std::lock_guard epoch_lock(impl_->epoch_mutex);
  std::string bytes;
  std::string past;
  detect::save(*impl_->priors, bytes);
  sink("priors", impl_->epoch_sequence, bytes);
  for (std::size_t i = 0; i < k_shards; ++i) {
    const Shard& shard = *impl_->shards[i];
    bytes.clear();
    past.clear();
    std::uint64_t sequence = 0;
    {
      const std::lock_guard lock(shard.mutex);
      sequence = shard.sequence;
      put(bytes, k_version);
      put(bytes, shard.unnamed);
      put(bytes, shard.stops.size());
      for (const Instant t : shard.stops) put(bytes, static_cast<std::uint64_t>(t.us));
      shard.ids.save(bytes);
      put_approvals(bytes, shard.approvals);
      put(bytes, shard.controls.size());
      for (const auto& control : shard.controls) put_control(bytes, control);
      shard.detector.save(bytes);
      if (!shard.past.empty()) shard.past.save(past);
    }
    sink(fmt::format("shard-{:02}", i), sequence, bytes);
    if (!past.empty()) sink(fmt::format("past-{:02}", i), sequence, past);
  }
}

Result<void> Engine::load(std::string_view name, std::uint64_t sequence, std::string_view bytes) {
  if (name == "priors") {
    auto priors = detect::load_priors(bytes);
    if (!priors) return std::unexpected(priors.error());
    const std::lock_guard lock(impl_->epoch_mutex);
    impl_->priors = *priors;
    impl_->epoch_sequence = sequence;
    for (auto& shard : impl_->shards) {
      const std::lock_guard shard_lock(shard->mutex);
      shard->detector.install(impl_->priors);
    }
    return {};
  }
  std::size_t number = k_shards;
  const bool past = name.size() == 7 && name.starts_with("past-");
  if (past || (name.size() == 8 && name.starts_with("shard-"))) {
    const auto digits = name.substr(name.size() - 2);
    const auto value = [](char digit) { return static_cast<std::size_t>(digit - '0'); };
    number = value(digits[0]) * 10 + value(digits[1]);
  }
  if (number >= k_shards)
    return bad_input(fmt::format("no part of a snapshot is named '{}'", name));
  Shard& shard = *impl_->shards[number];
  const std::lock_guard epoch_lock(impl_->epoch_mutex);
  const std::lock_guard lock(shard.mutex);
  if (past) return shard.past.load(bytes, shard.detector);
  std::uint64_t version = 0;
  std::uint64_t unnamed = 0;
  if (!take(bytes, version) || (version != k_version && version != k_version_before) ||
      !take(bytes, unnamed)) {
    return bad_input(fmt::format("snapshot part {} is of another version", name));
  }
  std::uint64_t stop_count = 0;
  if (version == k_version && !take(bytes, stop_count)) {
    return bad_input(fmt::format("snapshot part {} is cut", name));
  }
  if (stop_count > k_shard_stops_max || bytes.size() < stop_count * 8) {
    return bad_input(fmt::format("snapshot part {} is cut", name));
  }
  std::vector<Instant> stops(stop_count);
  for (Instant& t : stops) {
    std::uint64_t us = 0;
    (void)take(bytes, us);
    t.us = static_cast<std::int64_t>(us);
  }
  RecentIds ids;
  if (auto read = ids.load(bytes); !read) return read;
  Approvals approvals;
  if (version == k_version) {
    auto read = take_approvals(bytes);
    if (!read) return std::unexpected(read.error());
    approvals = std::move(*read);
  }
  std::uint64_t count = 0;
  if (!take(bytes, count) || bytes.size() < count * 24) {
    return bad_input(fmt::format("snapshot part {} is cut", name));
  }
  BigVector<AccountControl> controls(count);
  for (auto& control : controls) {
    std::uint64_t since = 0;
    std::uint64_t onset = 0;
    std::uint64_t packed = 0;
    (void)(take(bytes, since) && take(bytes, onset) && take(bytes, packed));
    control.since.us = static_cast<std::int64_t>(since);
    control.last_onset.us = static_cast<std::int64_t>(onset);
    control.epoch = static_cast<std::uint32_t>(packed >> 32);
    control.pwhash = static_cast<std::uint16_t>((packed >> 19) & 0x1FFF);
    control.standing = static_cast<Standing>((packed >> 16) & 7);
    control.observed = static_cast<Standing>((packed >> 8) & 7);
    control.by_person = (packed & 1) != 0;
  }
  if (auto read = shard.detector.load(bytes); !read) return read;
  if (shard.detector.accounts() < controls.size()) {
    return bad_input(fmt::format("snapshot part {} does not agree with itself", name));
  }
  shard.ids = std::move(ids);
  shard.approvals = std::move(approvals);
  shard.controls = std::move(controls);
  shard.records.clear();
  for (detect::AccountIndex i = 0; i < shard.controls.size(); ++i) {
    AccountControl& c = shard.controls[i];
    c.known = true;
    c.mode = impl_->mode_of(shard.detector.name_of(i));
    if (c.epoch == 0) continue;
    StandingRecord& record = shard.records[i];
    record.subject = {SubjectKind::account, std::string(shard.detector.name_of(i))};
    record.standing = c.standing;
    record.epoch = c.epoch;
    record.since = c.since;
    record.by = c.by_person ? "person" : "machine";
  }
  impl_->fleet = shard.detector.fleet();  // the same in every shard
  shard.stops = std::move(stops);
  impl_->accounts_known.fetch_add(shard.controls.size(), std::memory_order_relaxed);
  {
    const std::lock_guard breaker_lock(impl_->breaker_mutex);
    for (const Instant t : shard.stops) impl_->breaker.stopped(t);
  }
  shard.unnamed = unnamed;
  shard.sequence = sequence;
  return {};
}

}  // namespace sekimori::decide
