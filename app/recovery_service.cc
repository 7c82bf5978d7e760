#include "app/recovery_service.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <set>

#include "app/incident_networks.h"
#include "decide/standing.h"

namespace sekimori::app {
namespace {

using decide::GateKind;
using decide::RequestKind;

// Recoveries looked at in one round; more than so many at once is another disaster.
constexpr std::size_t k_under_way_max = 10'000;
// Pages of contacts read in one round: 5000 accounts, some 50 ms.
constexpr int k_contact_pages = 5;
constexpr std::size_t k_contacts_page = 1000;
constexpr int k_durable_wait_ms = 5000;
// Between a containment and its recovery, which follows within seconds, nobody does more.
constexpr std::size_t k_audit_looked_at = 100;
constexpr Duration k_prune_interval = hours(1);
// Contacts replaced, and recoveries ended, so long ago are forgotten.
constexpr Duration k_retention = days(400);

decide::Subject subject_of(const std::string& account) {
  return {decide::SubjectKind::account, account};
}

}  // namespace

RecoveryService::RecoveryService(RecoveryParts parts, RecoverySettings settings)
    : parts_(std::move(parts)), settings_(std::move(settings)) {}

RecoveryService::~RecoveryService() { stop(); }

std::mutex& RecoveryService::lock_of(const std::string& account) {
  return locks_[std::hash<std::string>{}(account) % locks_.size()];
}

std::string RecoveryService::fingerprint(std::string_view text) const {
  if (text.empty()) return "";
  std::array<unsigned char, 16> out{};
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), settings_.key.data(), settings_.key.size());
  std::string hex(out.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), out.data(), out.size());
  hex.pop_back();
  return hex;
}

void RecoveryService::audit(const Row& row, const std::string& who, std::string action,
                            std::string why, std::string detail) {
  parts_.writer.put(decide::AuditEntry{.t = parts_.now(),
                                       .who = who,
                                       .action = std::move(action),
                                       .subject = subject_of(row.recovery.account),
                                       .incident = row.recovery.incident,
                                       .why = std::move(why),
                                       .detail = std::move(detail)});
}

void RecoveryService::note(const Result<void>& done) {
  const std::string text = done ? std::string() : done.error().text;
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    is_news = trouble_ != text;
    trouble_ = text;
  }
  if (is_news && parts_.log) {
    parts_.log(text.empty() ? "recoveries: well again" : fmt::format("recoveries: {}", text));
  }
}

std::string RecoveryService::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

RecoveryService::Counters RecoveryService::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

// ---------------------------------------------------------------- the thread

void RecoveryService::start() {
  thread_.start("recovery", [this](bool is_called) { return std::optional(work(is_called)); });
}

void RecoveryService::stop() { thread_.stop(); }

void RecoveryService::wake() {
  {
    const std::lock_guard lock(mutex_);
    must_look_ = true;
  }
  thread_.wake();
}

act::WorkerThread::Clock::time_point RecoveryService::work(bool is_called) {
  bool looks = !is_called || act::WorkerThread::Clock::now() >= next_look_;
  {
    const std::lock_guard lock(mutex_);
    looks = looks || must_look_;
    if (looks) must_look_ = false;
  }
  if (looks) {
    look();
    next_look_ =
        act::WorkerThread::Clock::now() + std::chrono::microseconds(settings_.watch_interval.us);
  }
  drain_sign_ins();
  do_jobs();
  return next_look_;
}

void RecoveryService::later(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= k_jobs_max) return;
    jobs_.push_back(std::move(work));
  }
  thread_.wake();
}

void RecoveryService::do_jobs() {
  while (true) {
    std::function<void()> job;
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

void RecoveryService::look() {
  drain_sign_ins();
  do_jobs();
  drain_contacts();
  if (parts_.also) parts_.also();
  const Instant now = parts_.now();
  if (now >= next_prune_ || next_prune_ - now > k_prune_interval) {
    note(parts_.store.prune(now, now - std::max(k_retention, settings_.again_window)));
    next_prune_ = now + k_prune_interval;
  }

  std::set<std::string> accounts;
  std::set<std::string> on_probation;
  for (const auto& record : parts_.engine.standings()) {
    if (record.subject.kind != decide::SubjectKind::account) continue;
    if (decide::forbids_sending(record.standing)) accounts.insert(record.subject.id);
    if (record.standing == Standing::probation) on_probation.insert(record.subject.id);
  }
  auto under_way = parts_.store.under_way(k_under_way_max);
  if (!under_way) return note(Result<void>(std::unexpected(under_way.error())));
  std::map<std::string, Instant> to_scan;
  for (const Row& row : *under_way) {
    accounts.insert(row.recovery.account);
    if (!row.ready.is_set()) to_scan[row.recovery.account] = onset_of(row);
  }
  if (!to_scan.empty()) {
    auto networks =
        incident_networks(settings_.journal_directory, to_scan, store::k_incident_networks_max);
    for (const auto& [account, onset] : to_scan) {
      if (!networks) break;  // until it can be read, no place is strange
      const std::lock_guard lock(lock_of(account));
      auto row = parts_.store.latest(account);
      if (!row || !*row || (*row)->ready.is_set()) continue;
      (*row)->ready = now;
      (*row)->networks = (*networks)[account];
      note(parts_.store.put(**row));
    }
  }
  accounts.insert(on_probation.begin(), on_probation.end());

  Result<void> done;
  std::vector<std::string> batch;
  const auto work = [&] {
    auto stored = parts_.accounts.stored(batch);
    if (!stored) {
      done = std::unexpected(stored.error());
    } else {
      for (const std::string& account : batch) {
        const auto found = std::ranges::find(*stored, account, &Stored::address);
        const std::unique_lock lock(lock_of(account), std::try_to_lock);
        if (!lock.owns_lock()) continue;  // somebody is at it; next time
        auto one = work_on(account, found == stored->end() ? nullptr : &*found);
        if (!one) done = one;
      }
    }
    batch.clear();
  };
  for (const std::string& account : accounts) {
    batch.push_back(account);
    if (batch.size() == store::PostfixadminStore::k_stored_max) work();
  }
  if (!batch.empty()) work();
  note(done);
}

void RecoveryService::drain_contacts() {
  // The first time everybody, so that what stands before the first incident is known; then a few
  // pages each time.
  for (int page = 0; page < k_contact_pages || !contacts_known_; ++page) {
    auto rows = parts_.accounts.contacts(contacts_after_, k_contacts_page);
    if (!rows) return;  // the account store's health says so
    std::vector<store::ContactsRow> seen;
    for (const auto& row : *rows) {
      seen.push_back(
          {row.address, row.email_other, row.phone, fingerprint(row.totp_secret.reveal())});
    }
    const bool is_last = rows->size() < k_contacts_page;
    auto kept = parts_.store.observe_contacts(contacts_after_, seen, is_last, parts_.now());
    if (!kept) return note(kept);
    contacts_after_ = is_last ? "" : rows->back().address;
    if (is_last) {
      contacts_known_ = true;
      return;
    }
  }
}

// ---------------------------------------------------------------- the standing and the recovery

Instant RecoveryService::onset_of(const Row& row) {
  Instant onset = row.recovery.contained;
  if (auto incident = parts_.reader.incident(row.recovery.incident);
      incident && *incident && (*incident)->onset.is_set()) {
    onset = std::min(onset, (*incident)->onset);
  }
  return onset;
}

Result<std::optional<RecoveryService::Stored>> RecoveryService::stored_of(
    const std::string& account) {
  auto rows = parts_.accounts.stored({account});
  if (!rows) return std::unexpected(rows.error());
  return rows->empty() ? std::optional<Stored>() : std::optional(std::move(rows->front()));
}

// What the machine contained stays its containment, also where a person closed it more tightly
// since: the audit says what happened after the last time it was open.
Result<bool> RecoveryService::is_by_machine(const decide::StandingRecord& standing) {
  if (standing.by == "machine") return true;
  (void)parts_.writer.wait(parts_.writer.last_ticket(), k_durable_wait_ms);
  auto entries = parts_.reader.audit(standing.subject, k_audit_looked_at);
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    if (entry.action == "restore" || entry.action == "end_probation") break;
    const bool contains = entry.action == "restrict" || entry.action == "suspend";
    if (!contains || entry.who != "machine") continue;
    // In observe mode it only said what it would have done.
    auto incident = parts_.reader.incident(entry.incident);
    if (!incident) return std::unexpected(incident.error());
    if (!*incident || (*incident)->mode == decide::Mode::enforce) return true;
  }
  return false;
}

Result<RecoveryService::Row> RecoveryService::open(const decide::StandingRecord& standing,
                                                   const std::optional<Row>& before) {
  const std::string& account = standing.subject.id;
  auto stored = stored_of(account);
  if (!stored) return std::unexpected(stored.error());
  const Instant now = parts_.now();
  decide::RecoveryStart start;
  start.account = account;
  start.incident = standing.incident;
  start.now = standing.since.is_set() ? standing.since : now;
  auto by_machine = is_by_machine(standing);
  if (!by_machine) return std::unexpected(by_machine.error());
  start.by_machine = *by_machine;
  start.pwhash = parts_.engine.view(account, now).pwhash;
  if (*stored) start.stored_hash = fingerprint((*stored)->password_hash);
  if (start.by_machine) {
    auto earlier = parts_.store.by_machine_since(account, now - settings_.again_window);
    if (!earlier) return std::unexpected(earlier.error());
    start.times = 1 + *earlier;
  }
  Row row;
  row.recovery = decide::open_recovery(std::move(start));
  row.epoch = standing.epoch;
  row.was_active = !*stored || (*stored)->active;
  if (before) {
    // What was stolen once stays stolen.
    auto& known = row.recovery.earlier_pwhashes;
    for (const std::string& pwhash : before->recovery.earlier_pwhashes) {
      if (known.size() < decide::k_earlier_pwhashes_max &&
          std::ranges::find(known, pwhash) == known.end()) {
        known.push_back(pwhash);
      }
    }
  }
  auto kept = parts_.store.begin(row);
  if (!kept) return kept;
  const boost::json::object detail{{"containment", kept->recovery.times}, {"by", standing.by}};
  audit(*kept, "machine", "recovery_opened", "", boost::json::serialize(detail));
  return kept;
}

Result<void> RecoveryService::end(Row& row, const decide::StandingRecord& standing) {
  decide::Recovery& r = row.recovery;
  const bool is_verified = decide::is_complete(r) && standing.by == "machine";
  const Instant now = parts_.now();
  if (!is_verified) {
    for (const GateKind gate : decide::open_gates(r)) {
      r.gate(gate) = {decide::GateState::overridden,
                      {fmt::format("{} が解除しました: {}", standing.by, standing.reason.ja),
                       fmt::format("Overridden by {}: {}", standing.by, standing.reason.en)},
                      now};
    }
  }
  r.ended = now;
  r.ended_by = is_verified ? "verified" : standing.by;
  if (auto done = parts_.store.put(row); !done) return done;
  if (is_verified) {
    const std::lock_guard lock(mutex_);
    ++counters_.verified;
  }
  audit(row, standing.by, is_verified ? "recovery_verified" : "recovery_overridden",
        standing.reason.ja);
  return {};
}

Result<std::optional<RecoveryService::Row>> RecoveryService::converge(const std::string& account) {
  const auto standing = parts_.engine.standing_of(subject_of(account));
  auto found = parts_.store.latest(account);
  if (!found) return std::unexpected(found.error());
  std::optional<Row>& row = *found;
  bool is_open = row && !row->recovery.ended.is_set();
  if (!decide::forbids_sending(standing.standing)) {
    if (is_open) {
      if (auto done = end(*row, standing); !done) return std::unexpected(done.error());
    }
    return std::optional<Row>();
  }
  if (is_open && standing.standing != Standing::recovering && standing.epoch != row->epoch) {
    if (row->recovery.begun.is_set()) {
      // Closed once more after the owner had come back.
      row->recovery.ended = parts_.now();
      row->recovery.ended_by = "contained_again";
      if (auto done = parts_.store.put(*row); !done) return std::unexpected(done.error());
      audit(*row, standing.by, "recovery_contained_again", standing.reason.ja);
      is_open = false;
    } else {
      // Closed more tightly, or by somebody else, before that: still the same one.
      row->epoch = standing.epoch;
      row->recovery.incident = standing.incident;
      if (standing.by == "machine" && !row->recovery.by_machine) {
        auto earlier =
            parts_.store.by_machine_since(account, parts_.now() - settings_.again_window);
        if (!earlier) return std::unexpected(earlier.error());
        row->recovery.by_machine = true;
        row->recovery.times = 1 + *earlier;
        if (row->recovery.times > 1) {
          decide::reopen(row->recovery, GateKind::reviewed,
                         {"短い間に繰り返し不正に使われたため、管理者が確認します。",
                          "It happened again within a short time: an administrator looks first."});
        }
      }
      if (auto done = parts_.store.put(*row); !done) return std::unexpected(done.error());
      if (row->recovery.times > 1) tell("needs_review", row->recovery);
    }
  }
  if (is_open) return found;
  auto made = open(standing, row);
  if (!made) return std::unexpected(made.error());
  // The second time within the window takes the stronger path.
  if (made->recovery.times > 1 && standing.standing == Standing::restricted) {
    auto done =
        request(account, RequestKind::suspend, "machine",
                {fmt::format("{} 日以内に {} 回目の不正利用のため、停止しました。",
                             settings_.again_window.us / days(1).us, made->recovery.times),
                 fmt::format("Suspended: taken over {} times within {} days.", made->recovery.times,
                             settings_.again_window.us / days(1).us)});
    if (!done) return std::unexpected(done.error());
    made->epoch = parts_.engine.standing_of(subject_of(account)).epoch;
    if (auto kept = parts_.store.put(*made); !kept) return std::unexpected(kept.error());
  }
  if (made->recovery.times > 1) tell("needs_review", made->recovery);
  return std::optional<Row>(std::move(*made));
}

void RecoveryService::tell(const char* kind, const decide::Recovery& recovery) {
  if (!parts_.tell) return;
  decide::Notice notice;
  notice.kind = kind;
  notice.subject = subject_of(recovery.account);
  notice.incident = recovery.incident;
  notice.summary =
      parts_.engine.standing_of({decide::SubjectKind::account, recovery.account}).reason;
  if (auto told = parts_.tell(notice); !told) {
    parts_.log(fmt::format("notice {} for {}: {}", kind, recovery.account, told.error().text));
  }
}

Result<void> RecoveryService::request(const std::string& account, RequestKind kind,
                                      const std::string& by, Text reason, bool verified) {
  decide::StandingRequest request;
  request.kind = kind;
  request.by_machine = by == "machine" || by == "panel";
  request.verified = verified;
  request.to_probation = kind == RequestKind::restore;
  request.by = by;
  request.reason = std::move(reason);
  request.now = parts_.now();
  auto news = parts_.engine.request(subject_of(account), request);
  if (!news) return std::unexpected(news.error());
  if (!news->changed) return {};
  return parts_.writer.wait(parts_.writer.put(*news), k_durable_wait_ms);
}

bool RecoveryService::take_in(Row& row, const Stored& stored, std::string_view by) {
  decide::Recovery& r = row.recovery;
  bool is_changed = decide::password_stored(r, fingerprint(stored.password_hash), by, parts_.now());
  if (is_changed) audit(row, std::string(by), "password_changed", "");
  if (stored.active != row.was_active) {
    row.was_active = stored.active;
    is_changed = true;
    if (stored.active && !r.begun.is_set()) {
      r.begun = parts_.now();
      r.begun_by = by;
      if (r.gate(GateKind::password_changed).state == decide::GateState::open) {
        r.gate(GateKind::password_changed).evidence = {
            "「アクティブ」に戻りましたが、パスワードは前のままです。新しいパスワードを設定してください。",
            "It was set active again, but the password is still the earlier one. Please set a new "
            "one."};
      }
      audit(row, std::string(by), "set_active", "");
    }
  }
  return is_changed;
}

Result<void> RecoveryService::contain_again(Row& row, Text reason) {
  {
    const std::lock_guard lock(mutex_);
    ++counters_.contained_again;
  }
  // The standing first: killed after it, converge() does the rest.
  if (auto done = request(row.recovery.account, RequestKind::suspend, "machine", std::move(reason));
      !done && done.error().kind != ErrorKind::uncertain) {
    return done;
  }
  auto next = converge(row.recovery.account);
  if (!next) return std::unexpected(next.error());
  return {};
}

Result<void> RecoveryService::after_probation_began(const std::string& account,
                                                    const Stored* stored) {
  if (stored == nullptr) return {};
  auto last = parts_.store.latest(account);
  if (!last) return std::unexpected(last.error());
  if (!*last || (*last)->recovery.ended_by != "verified") return {};
  const decide::Recovery& r = (*last)->recovery;
  if (r.earlier_hash.empty() || fingerprint(stored->password_hash) != r.earlier_hash) return {};
  return contain_again(**last, {"盗まれたパスワードに戻されたため、停止しました。",
                                "Suspended: the stolen password was set again."});
}

Result<void> RecoveryService::work_on(const std::string& account, const Stored* stored) {
  auto found = converge(account);
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    if (parts_.engine.standing_of(subject_of(account)).standing == Standing::probation) {
      return after_probation_began(account, stored);
    }
    return {};
  }
  Row& row = **found;
  const Row before = row;
  if (stored != nullptr) take_in(row, *stored, "panel");
  const auto standing = parts_.engine.standing_of(subject_of(account));
  if (standing.standing == Standing::recovering && !row.recovery.earlier_hash.empty() &&
      row.recovery.current_hash == row.recovery.earlier_hash &&
      before.recovery.current_hash != row.recovery.current_hash) {
    if (auto done = parts_.store.put(row); !done) return done;
    return contain_again(row, {"盗まれたパスワードに戻されたため、停止しました。",
                               "Suspended: the stolen password was set again."});
  }
  if (row.recovery.begun.is_set()) return prove_all(row, nullptr);
  prove_forwards(row);
  return row == before ? Result<void>() : parts_.store.put(row);
}

void RecoveryService::standing_changed(const std::string& account) {
  {
    const std::lock_guard lock(lock_of(account));
    auto done = converge(account);
    if (!done) note(Result<void>(std::unexpected(done.error())));
  }
  wake();
}

}  // namespace sekimori::app
