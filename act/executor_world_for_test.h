// The executor's world in memory, which fails, lies and is killed at every single call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "act/executor.h"
#include "base/mail_address.h"
#include "decide/standing.h"

namespace sekimori::act::for_test {

using namespace decide;

struct Killed {};

// Everything that outlives the process, and a counter of calls at which to fail or die.
struct World {
  std::vector<Step> steps;
  std::map<Subject, StandingRecord> standings;
  std::map<std::string, HeldMessage> holds;
  std::map<Subject, GuardRow> guard;
  std::vector<QueueEntry> queue;
  std::map<std::string, std::string> logins;  // queue id → login, as Postfix knows it
  std::string moving;                         // missing from the next listing
  std::vector<std::string> calls;             // what reached the world, in order
  int calls_made = 0;
  int die_before = -1;
  int die_after = -1;
  std::set<std::string> broken;   // these fail for now
  std::set<std::string> refused;  // these say bad_input

  // True: go on. False: fail. Throws: the process dies here.
  Result<void> enter(const std::string& name) {
    if (calls_made == die_before) throw Killed{};
    if (broken.contains(name)) return operating_failure(name + " is down");
    if (refused.contains(name)) return bad_input(name + " refuses");
    return {};
  }
  void leave() {
    if (calls_made++ == die_after) throw Killed{};
  }
  std::uint64_t add(const Subject& subject, std::uint64_t epoch, StepKind kind) {
    Step step;
    step.id = steps.size() + 1;
    step.subject = subject;
    step.epoch = epoch;
    step.kind = kind;
    step.incident = 7;
    steps.push_back(step);
    return step.id;
  }
  // As the engine does it: standing, epoch and steps together.
  void request(const Subject& subject, RequestKind kind) {
    StandingRecord current = standings[subject];
    current.subject = subject;
    StandingRequest wanted;
    wanted.kind = kind;
    wanted.by_machine = false;
    wanted.by = "op";
    wanted.reason = {"理由", "why"};
    auto change = step(current, wanted);
    ASSERT_TRUE(change) << change.error().text;
    standings[subject] = change->next;
    for (const StepKind each : change->steps) add(subject, change->next.epoch, each);
  }
  [[nodiscard]] bool all_done() const {
    return std::ranges::all_of(steps, [](const Step& s) { return s.state == StepState::done; });
  }
  [[nodiscard]] std::ptrdiff_t index_of(const std::string& call) const {
    return std::ranges::find(calls, call) - calls.begin();
  }
  [[nodiscard]] bool was_called(const std::string& call) const {
    return std::ranges::find(calls, call) != calls.end();
  }
};

#define ENTER(name) \
  if (auto may = world.enter(name); !may) return std::unexpected(may.error())

struct FakeStore : StateStore {
  explicit FakeStore(World& w) : world(w) {}
  World& world;
  Result<void> apply(const StandingChange&) override { return {}; }
  Result<void> put_incident(const Incident&) override { return {}; }
  Result<void> put_hold(const HeldMessage& held) override {
    ENTER("put_hold");
    world.holds[held.queue_id] = held;
    world.leave();
    return {};
  }
  Result<void> append_audit(const AuditEntry&) override { return {}; }
  Result<void> put_step(const Step& changed) override {
    ENTER("put_step");
    for (Step& each : world.steps) {
      if (each.id == changed.id) each = changed;
    }
    world.leave();
    return {};
  }
  Result<void> add_note(std::uint64_t, const AuditEntry&) override { return {}; }
  Result<std::vector<StandingRecord>> standings() override {
    std::vector<StandingRecord> all;
    for (const auto& [subject, record] : world.standings) all.push_back(record);
    return all;
  }
  Result<std::vector<Step>> open_steps(std::size_t max) override {
    ENTER("open_steps");
    std::vector<Step> open;
    for (const Step& each : world.steps) {
      const bool is_open = each.state == StepState::waiting || each.state == StepState::retrying;
      if (is_open && open.size() < max) open.push_back(each);
    }
    return open;
  }
  Result<std::vector<Step>> steps_of(std::uint64_t) override { return world.steps; }
  Result<std::optional<Incident>> incident(std::uint64_t) override { return {}; }
  Result<std::vector<Incident>> incidents(const IncidentFilter&) override { return {}; }
  Result<std::vector<HeldMessage>> holds(const HoldFilter& filter) override {
    std::vector<HeldMessage> out;
    std::size_t passed = 0;
    for (const auto& [id, message] : world.holds) {
      if (filter.account && message.account != *filter.account) continue;
      if (!filter.within.empty() && domain_of(message.account) != filter.within) continue;
      if (filter.state && message.state != *filter.state) continue;
      if (filter.incident && message.incident != *filter.incident) continue;
      if (filter.after && message.queue_id <= *filter.after) continue;
      if (filter.ended_since.is_set() && message.ended_at < filter.ended_since) continue;
      if (passed++ >= filter.offset && out.size() < filter.limit) out.push_back(message);
    }
    return out;
  }
  Result<std::vector<AuditEntry>> audit(const std::optional<Subject>&, std::size_t) override {
    return {};
  }
  Result<void> put_approval(const Approval&) override { return {}; }
  Result<std::vector<Approval>> approvals(const ApprovalFilter&) override { return {}; }
  Result<std::uint64_t> last_approval_id() override { return 0U; }
  Result<std::uint64_t> last_incident_id() override { return 0U; }
};

struct FakeGuard : GuardStore {
  explicit FakeGuard(World& w) : world(w) {}
  World& world;
  Result<void> put(const GuardRow& row) override {
    ENTER("guard");
    world.guard[row.subject] = row;
    world.calls.push_back("guard " + row.subject.id);
    world.leave();
    return {};
  }
  Result<std::vector<GuardRow>> rows() override { return std::vector<GuardRow>(); }
  Result<void> set_bypass(bool) override { return {}; }
  Result<bool> bypass() override { return false; }
};

struct FakeHands : Hands {
  explicit FakeHands(World& w) : world(w) {}
  World& world;
  Result<void> done(const std::string& name, const std::string& what) {
    ENTER(name);
    world.calls.push_back(name + " " + what);
    world.leave();
    return {};
  }
  Result<void> flush_auth_cache(std::string_view who) override {
    return done("flush", std::string(who));
  }
  Result<std::uint32_t> kick(std::string_view who) override {
    if (auto did = done("kick", std::string(who)); !did) return std::unexpected(did.error());
    return 1U;
  }
  Result<void> hold(std::span<const std::string> ids) override {
    ENTER("hold");
    for (const std::string& id : ids) {
      for (QueueEntry& entry : world.queue) {
        if (entry.queue_id == id) entry.queue_name = "hold";
      }
      world.calls.push_back("hold " + id);
    }
    world.leave();
    return {};
  }
  Result<void> release(std::span<const std::string> ids) override {
    ENTER("release");
    for (const std::string& id : ids) {
      for (QueueEntry& entry : world.queue) {
        if (entry.queue_id == id) entry.queue_name = "deferred";
      }
      world.calls.push_back("release " + id);
    }
    world.leave();
    return {};
  }
  Result<std::uint64_t> remove(std::span<const QueueTarget>) override { return 0U; }
  Result<std::string> subject_of(std::string_view) override { return ""; }
  Result<void> requeue(std::span<const std::string> ids) override {
    ENTER("requeue");
    for (const std::string& id : ids) world.calls.push_back("requeue " + id);
    world.leave();
    return {};
  }
  Result<void> list_queue(const std::function<bool(const QueueEntry&)>& each) override {
    ENTER("list");
    const std::string moving = std::exchange(world.moving, "");
    for (const QueueEntry& entry : world.queue) {
      if (entry.queue_id == moving) continue;
      if (!each(entry)) break;
    }
    world.leave();
    return {};
  }
  Result<std::string> sasl_login_of(std::string_view id) override {
    ENTER("login");
    world.leave();
    const auto found = world.logins.find(std::string(id));
    if (found == world.logins.end()) return not_found("gone");
    return found->second;
  }
  Result<void> stop_server_sending(bool stop) override {
    return done("server", stop ? "stop" : "start");
  }
};

struct FakeNotifier : Notifier {
  explicit FakeNotifier(World& w) : world(w) {}
  World& world;
  Result<void> tell(const Notice& notice) override {
    ENTER("notify");
    world.calls.push_back("notify " + notice.kind);
    world.leave();
    return {};
  }
};

inline const Subject k_taro{SubjectKind::account, "taro@a.test"};
inline const Subject k_hanako{SubjectKind::account, "hanako@a.test"};

inline QueueEntry queued(std::string id, std::string name, std::string sender,
                         std::vector<std::string> to = {"x@away.test"}) {
  QueueEntry entry;
  entry.queue_id = std::move(id);
  entry.queue_name = std::move(name);
  entry.sender = std::move(sender);
  entry.recipients = std::move(to);
  return entry;
}

// A process: it dies with everything in it; the world stays.
struct Process {
  explicit Process(World& world, std::function<void(ExecutorSettings&)> adjust = {},
                   LoginQueueSettings finding = {})
      : store(world),
        guard(world),
        hands(world),
        queue(hands, std::move(finding)),
        notifier(world) {
    ExecutorSettings settings;
    settings.now = [] { return Instant{seconds(1000).us}; };
    if (adjust) adjust(settings);
    executor.emplace(store, guard, hands, queue, notifier, std::move(settings));
  }
  FakeStore store;
  FakeGuard guard;
  FakeHands hands;
  LoginQueue queue;
  FakeNotifier notifier;
  std::optional<Executor> executor;
};

inline Instant at(std::int64_t n) { return Instant{seconds(1'000'000 + n).us}; }

inline void fill_queue(World& world) {
  world.queue = {queued("AAAAAA1", "active", "taro@a.test"),
                 queued("AAAAAA2", "deferred", "forged@elsewhere.test"),
                 queued("AAAAAA3", "deferred", "hanako@a.test"),
                 queued("AAAAAA4", "hold", "taro@a.test"),
                 queued("AAAAAA5", "deferred", "far@away.test", {"Taro@a.test", "y@away.test"}),
                 queued("AAAAAA6", "deferred", "gone@away.test")};
  world.logins = {{"AAAAAA1", "Taro@A.test"},
                  {"AAAAAA2", "taro@a.test"},
                  {"AAAAAA3", "hanako@a.test"},
                  {"AAAAAA5", ""}};
}

}  // namespace sekimori::act::for_test
