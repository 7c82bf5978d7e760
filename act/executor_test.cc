// The executor against a world in memory that fails, lies and is killed at every single call.
#include "act/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <utility>

#include "decide/standing.h"

namespace sekimori::act {
namespace {

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
      if (filter.state && message.state != *filter.state) continue;
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
  Result<void> release(std::span<const std::string>) override { return {}; }
  Result<void> remove(std::span<const std::string>) override { return {}; }
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

const Subject k_taro{SubjectKind::account, "taro@a.test"};
const Subject k_hanako{SubjectKind::account, "hanako@a.test"};

QueueEntry queued(std::string id, std::string name, std::string sender,
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
  explicit Process(World& world, std::function<void(ExecutorSettings&)> adjust = {})
      : store(world), guard(world), hands(world), notifier(world) {
    ExecutorSettings settings;
    settings.now = [] { return Instant{seconds(1000).us}; };
    if (adjust) adjust(settings);
    executor.emplace(store, guard, hands, notifier, std::move(settings));
  }
  FakeStore store;
  FakeGuard guard;
  FakeHands hands;
  FakeNotifier notifier;
  std::optional<Executor> executor;
};

Instant at(std::int64_t n) { return Instant{seconds(1'000'000 + n).us}; }

void fill_queue(World& world) {
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

TEST(Executor, ContainsInOrderAndHoldsOnlyTheirOwnMail) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  const auto report = process.executor->run_once(at(0));
  EXPECT_EQ(report.open, 0U);
  EXPECT_FALSE(report.next);
  EXPECT_TRUE(world.all_done());
  EXPECT_EQ(world.calls,
            (std::vector<std::string>{"guard taro@a.test", "flush taro@a.test", "kick taro@a.test",
                                      "hold AAAAAA1", "hold AAAAAA2", "notify suspended"}));
  EXPECT_TRUE(world.guard[k_taro].no_login);
  ASSERT_EQ(world.holds.size(), 2U);
  EXPECT_EQ(world.holds["AAAAAA2"].state, HoldState::held);
  EXPECT_EQ(world.holds["AAAAAA2"].account, "taro@a.test");
}

TEST(Executor, RestoreRequeuesWhatWaitsForThem) {
  World world;
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  process.executor->run_once(at(0));
  fill_queue(world);
  world.calls.clear();
  world.request(k_taro, RequestKind::restore);
  process.executor->run_once(at(1));
  EXPECT_EQ(world.calls, (std::vector<std::string>{"guard taro@a.test", "flush taro@a.test",
                                                   "requeue AAAAAA5", "notify restored"}));
}

TEST(Executor, AsksTheIndexBeforePostfix) {
  World world;
  fill_queue(world);
  world.logins.clear();  // Postfix would know none of them
  world.request(k_taro, RequestKind::restrict);
  std::vector<HeldMessage> told;
  Process process(world, [&](ExecutorSettings& settings) {
    settings.account_of_message = [](std::string_view id) -> std::optional<std::string> {
      return id == "AAAAAA2" ? "taro@a.test" : "";
    };
    settings.on_hold = [&](const HeldMessage& held) { told.push_back(held); };
  });
  process.executor->run_once(at(0));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].queue_id, "AAAAAA2");
}

TEST(Executor, HoldsAMessageThatMovesBetweenQueuesWhileTheyAreListed) {
  World world;
  fill_queue(world);
  world.moving = "AAAAAA2";
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_TRUE(world.all_done());
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
}

TEST(Executor, ClosesAnotherAccountInTheMiddleOfALongQueue) {
  World world;
  for (int i = 0; i < 1200; ++i) {
    const std::string id = "BBBBBB" + std::to_string(i);
    world.queue.push_back(queued(id, "deferred", "taro@a.test"));
    world.logins[id] = "taro@a.test";
  }
  world.request(k_taro, RequestKind::restrict);
  Process process(world, [](ExecutorSettings& settings) {
    settings.account_of_message = [](std::string_view) { return "taro@a.test"; };
  });
  process.executor->wake();  // as the change of another account does
  const auto report = process.executor->run_once(at(0));
  EXPECT_EQ(world.holds.size(), 500U);
  EXPECT_EQ(report.next, at(0));
  EXPECT_FALSE(world.all_done());
}

// A person let one go between two tries of the step, and Postfix has it in its queue.
TEST(Executor, WhatAPersonLetGoMeanwhileIsNotHeldAgain) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  HeldMessage held;
  held.account = "taro@a.test";
  held.kind = HoldKind::asked;
  held.incident = 7;
  held.held_at = world.steps.front().created;
  held.state = HoldState::released;
  held.queue_id = "AAAAAA1";
  held.ended_by = "op@a.test";
  world.holds[held.queue_id] = held;
  held.queue_id = "AAAAAA2";  // by itself
  held.ended_by = "time";
  world.holds[held.queue_id] = held;
  Process process(world);
  process.executor->run_once(at(1));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
  EXPECT_TRUE(world.all_done());
  // What was let go in an earlier incident is held in this one.
  World later;
  fill_queue(later);
  later.request(k_taro, RequestKind::suspend);
  held.ended_by = "op@a.test";
  held.incident = 6;
  later.holds["AAAAAA2"] = held;
  Process second(later);
  second.executor->run_once(at(1));
  EXPECT_TRUE(later.was_called("hold AAAAAA2"));
}

TEST(Executor, LooksAtALongQueueInParts) {
  World world;
  for (int i = 0; i < 25; ++i) {
    const std::string id = "BBBBBB" + std::to_string(i);
    world.queue.push_back(queued(id, "deferred", "s@elsewhere.test"));
    world.logins[id] = i % 2 == 0 ? "taro@a.test" : "hanako@a.test";
  }
  world.request(k_taro, RequestKind::restrict);
  Process process(world, [](ExecutorSettings& settings) { settings.look_ups_max = 10; });
  std::int64_t t = 0;
  for (int i = 0; i < 10 && !world.all_done(); ++i) {
    const auto report = process.executor->run_once(at(t));
    if (report.next) t = (report.next->us - at(0).us) / 1'000'000;
  }
  EXPECT_TRUE(world.all_done());
  EXPECT_EQ(world.holds.size(), 13U);
}

TEST(Executor, DovecotDownHoldsUpNeitherTheQueueNorTheNotice) {
  World world;
  fill_queue(world);
  world.broken = {"flush"};
  world.request(k_taro, RequestKind::suspend);
  world.request(k_hanako, RequestKind::restrict);
  Process process(world);
  const auto report = process.executor->run_once(at(0));
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA3"));
  EXPECT_TRUE(world.was_called("notify suspended"));
  EXPECT_FALSE(world.was_called("kick taro@a.test"));  // would only make them sign in again
  EXPECT_EQ(report.next, at(1));
  EXPECT_EQ(process.executor->run_once(Instant{at(1).us - 1}).failed, 0U);  // not before its time
  EXPECT_EQ(process.executor->run_once(at(1)).next, at(3));
  world.broken.clear();
  process.executor->run_once(at(3));
  EXPECT_TRUE(world.all_done());
  EXPECT_LT(world.index_of("flush taro@a.test"), world.index_of("kick taro@a.test"));
}

TEST(Executor, GuardDownHoldsUpTheKickAndTheRequeue) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  world.broken = {"guard"};
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_FALSE(world.was_called("flush taro@a.test"));
  EXPECT_TRUE(world.was_called("notify suspended"));
  world.request(k_taro, RequestKind::restore);
  process.executor->run_once(at(0));
  EXPECT_FALSE(world.was_called("requeue AAAAAA5"));
  world.broken.clear();
  process.executor->run_once(at(60));
  EXPECT_TRUE(world.was_called("requeue AAAAAA5"));
  EXPECT_FALSE(world.was_called("kick taro@a.test"));  // of the older standing: skipped
  // This Postfix keeps the mail deferred whatever is done: after some looks it is left to itself.
  for (int look = 1; look <= 8; ++look) process.executor->run_once(at(60 + 60 * look));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, BacksOffToAMinuteForEver) {
  World world;
  world.broken = {"notify"};
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  std::int64_t t = 0;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 10; ++i) {
    const auto report = process.executor->run_once(at(t));
    ASSERT_TRUE(report.next);
    const std::int64_t next = (report.next->us - at(0).us) / 1'000'000;
    waits.push_back(next - t);
    t = next;
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}));
  EXPECT_EQ(world.steps.back().detail, "notify is down");
  EXPECT_EQ(world.steps.back().state, StepState::retrying);
  // A clock set back a day does not silence it for a day.
  world.broken.clear();
  process.executor->run_once(at(t - 86'400));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, GivesUpOnlyWhatCanNeverWork) {
  World world;
  world.refused = {"flush"};
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  EXPECT_FALSE(process.executor->run_once(at(0)).next);
  EXPECT_EQ(std::ranges::count(world.steps, StepState::failed, &Step::state), 1);
  EXPECT_TRUE(world.was_called("kick taro@a.test"));
}

TEST(Executor, SkipsTheOlderStandingButNotWhatIsStillWanted) {
  World world;
  fill_queue(world);
  world.broken = {"list"};
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  world.request(k_taro, RequestKind::begin_recovery);  // asks for no hold_queued of its own
  world.broken.clear();
  process.executor->run_once(at(5));
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));  // sending is still forbidden: still wanted
  EXPECT_TRUE(world.all_done());

  World other;
  fill_queue(other);
  other.broken = {"list"};
  other.request(k_taro, RequestKind::restrict);
  Process second(other);
  second.executor->run_once(at(0));
  other.request(k_taro, RequestKind::restore);
  other.broken.clear();
  second.executor->run_once(at(5));
  EXPECT_FALSE(other.was_called("hold AAAAAA1"));  // they may send again
  EXPECT_TRUE(other.all_done());
}

TEST(Executor, StopsAndStartsTheWholeServer) {
  World world;
  const Subject server{SubjectKind::server, ""};
  world.request(server, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  world.request(server, RequestKind::restore);
  process.executor->run_once(at(1));
  EXPECT_EQ(world.calls, (std::vector<std::string>{"guard ", "server stop", "notify restricted",
                                                   "guard ", "server start", "notify restored"}));
}

TEST(Executor, ClosesEverybodysDoorsBeforeSearchingOneQueue) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  world.request(k_hanako, RequestKind::suspend);
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_LT(world.index_of("kick hanako@a.test"), world.index_of("hold AAAAAA1"));
}

// Killed before and after every single call, then started again: the end is the same, and order
// held.
TEST(Executor, SurvivesDeathAtEveryCall) {
  int points = 0;
  for (const bool after : {false, true}) {
    for (int k = 0;; ++k) {
      World world;
      fill_queue(world);
      world.request(k_taro, RequestKind::suspend);
      world.request(k_hanako, RequestKind::restrict);
      (after ? world.die_after : world.die_before) = k;
      bool died = false;
      try {
        Process process(world);
        process.executor->run_once(at(0));
      } catch (const Killed&) {
        died = true;
      }
      world.die_before = world.die_after = -1;
      Process next(world);
      next.executor->run_once(at(100));
      ASSERT_TRUE(world.all_done()) << k;
      EXPECT_TRUE(world.guard[k_taro].no_login && world.guard[k_hanako].no_send);
      EXPECT_LT(world.index_of("guard taro@a.test"), world.index_of("flush taro@a.test"));
      EXPECT_LT(world.index_of("flush taro@a.test"), world.index_of("kick taro@a.test"));
      EXPECT_TRUE(world.was_called("notify suspended") && world.was_called("notify restricted"));
      for (const char* id : {"AAAAAA1", "AAAAAA2", "AAAAAA3"}) {
        EXPECT_TRUE(world.was_called(std::string("hold ") + id)) << id << " " << k;
        EXPECT_EQ(world.holds[id].state, HoldState::held) << id << " " << k;  // known, not stranded
      }
      if (!died) break;
      ++points;
    }
  }
  EXPECT_GT(points, 40);
}

TEST(Executor, SurvivesAStoreThatFails) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  for (const char* broken : {"open_steps", "put_step", "put_hold"}) {
    world.broken = {broken};
    const auto report = process.executor->run_once(at(0));
    EXPECT_TRUE(report.next) << broken;
  }
  world.broken.clear();
  process.executor->run_once(at(60));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, ItsThreadWakesUpAndEnds) {
  World world;
  std::latch told(1);
  Process process(world, [&](ExecutorSettings& settings) {
    settings.log = [&](std::string_view line) {
      if (line.starts_with("notify")) told.count_down();
    };
  });
  process.executor->start();
  {
    // The world is not locked: it is changed before the thread has reason to look at it.
    process.executor->stop();
    world.request(k_taro, RequestKind::restrict);
    process.executor->start();
  }
  process.executor->wake();
  told.wait();
  process.executor->stop();
  EXPECT_TRUE(world.all_done());
}

}  // namespace
}  // namespace sekimori::act
