// What these prove: things are written in the order they came, a failing database is tried until it
// works, the queue has its bound and never drops a standing, and wait() says "durable" only of what
// is.
#include "app/state_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "decide/standing.h"

namespace sekimori::app {
namespace {

using namespace decide;

constexpr int k_long_ms = 20'000;

// Writes down what it was given, after failing as often as it was told to; can be stopped inside of
// a write.
class Store : public StateStore {
 public:
  Result<void> apply(const StandingChange& c) override {
    return take("apply " + c.record.subject.id);
  }
  Result<void> put_incident(const Incident& i) override {
    return take("incident " + std::to_string(i.id));
  }
  Result<void> put_hold(const HeldMessage& h) override { return take("hold " + h.queue_id); }
  Result<void> append_audit(const AuditEntry& a) override { return take("audit " + a.action); }
  Result<void> put_records(std::span<const Record> records) override {
    ++together_;
    // All or none, as a transaction.
    for (const Record& record : records) {
      const auto* h = std::get_if<HeldMessage>(&record);
      if (h != nullptr && "hold " + h->queue_id == refused_) return bad_input("never taken");
    }
    return StateStore::put_records(records);
  }
  [[nodiscard]] int together() const { return together_; }
  Result<void> put_step(const Step&) override { return {}; }
  Result<void> add_note(std::uint64_t, const AuditEntry&) override { return {}; }
  Result<std::vector<StandingRecord>> standings() override { return std::vector<StandingRecord>(); }
  Result<std::vector<Step>> open_steps(std::size_t) override { return std::vector<Step>(); }
  Result<std::vector<Step>> steps_of(std::uint64_t) override { return std::vector<Step>(); }
  Result<std::optional<Incident>> incident(std::uint64_t) override { return std::nullopt; }
  Result<std::vector<Incident>> incidents(const IncidentFilter&) override {
    return std::vector<Incident>();
  }
  Result<std::vector<HeldMessage>> holds(const HoldFilter&) override {
    return std::vector<HeldMessage>();
  }
  Result<std::vector<AuditEntry>> audit(const std::optional<Subject>&, std::size_t) override {
    return std::vector<AuditEntry>();
  }
  Result<void> put_approval(const Approval& a) override {
    return take("approval " + std::to_string(a.id));
  }
  Result<std::vector<Approval>> approvals(const ApprovalFilter&) override {
    return std::vector<Approval>();
  }
  Result<std::uint64_t> last_approval_id() override { return 0U; }
  Result<std::uint64_t> last_incident_id() override { return 0U; }

  void fail_next(int times, ErrorKind kind = ErrorKind::operating) {
    const std::lock_guard lock(mutex_);
    failures_ = times;
    kind_ = kind;
  }
  void refuse(std::string line) { refused_ = std::move(line); }  // before the writer starts
  void close_gate() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void open_gate() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void until_inside() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(
        changed_.wait_for(lock, std::chrono::milliseconds(k_long_ms), [&] { return inside_; }));
  }
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  Result<void> take(std::string line) {
    std::unique_lock lock(mutex_);
    inside_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
    inside_ = false;
    if (line == refused_) return bad_input("it will never be taken");
    if (failures_ > 0) {
      --failures_;
      return std::unexpected(Error{kind_, "the disk is full"});
    }
    lines_.push_back(std::move(line));
    return {};
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
  std::string refused_;
  std::atomic<int> together_ = 0;
  int failures_ = 0;
  ErrorKind kind_ = ErrorKind::operating;
  bool open_ = true;
  bool inside_ = false;
};

class Guard : public GuardStore {
 public:
  Result<void> put(const GuardRow&) override { return {}; }
  Result<std::vector<GuardRow>> rows() override { return std::vector<GuardRow>(); }
  Result<void> set_bypass(bool) override { return {}; }
  Result<bool> bypass() override { return false; }
};

AuditEntry release() {
  AuditEntry entry;
  entry.action = "release";
  return entry;
}

StandingNews news(std::string who) {
  StandingNews n;
  n.change.record.subject = {SubjectKind::account, std::move(who)};
  n.change.record.standing = Standing::restricted;
  n.change.record.epoch = 1;
  return n;
}
HeldMessage hold(std::string id) {
  HeldMessage h;
  h.queue_id = std::move(id);
  return h;
}

TEST(StateWriter, WritesInOrderTheIncidentBeforeWhatNamesIt) {
  Store store;
  Guard guard;
  StateWriter writer(store, guard, {});
  Applied applied;
  applied.holds.push_back(hold("A"));
  applied.standings.push_back(news("taro"));
  applied.incidents.emplace_back().id = 7;
  writer.put(applied);
  writer.put(release());
  ASSERT_TRUE(writer.wait(writer.put(hold("B")), k_long_ms));
  EXPECT_EQ(store.lines(), (std::vector<std::string>{"incident 7", "apply taro", "hold A",
                                                     "audit release", "hold B"}));
  EXPECT_EQ(writer.waiting(), 0U);
}

TEST(StateWriter, ASuspendedApprovalIsWrittenAndAudited) {
  Store store;
  Guard guard;
  StateWriterOptions options;
  std::vector<std::uint64_t> announced;
  options.on_approval = [&](const Approval& a) { announced.push_back(a.id); };
  StateWriter writer(store, guard, options);
  Applied applied;
  applied.approvals.emplace_back().id = 7;
  ASSERT_TRUE(writer.wait(writer.put(applied), k_long_ms));
  StandingNews contained = news("taro");
  contained.approvals.emplace_back().id = 8;
  ASSERT_TRUE(writer.wait(writer.put(contained), k_long_ms));
  EXPECT_EQ(store.lines(),
            (std::vector<std::string>{"approval 7", "audit approval_suspend", "apply taro",
                                      "approval 8", "audit approval_suspend"}));
  EXPECT_EQ(announced, (std::vector<std::uint64_t>{7, 8}));
}

TEST(StateWriter, TriesAgainUntilTheDatabaseTakesIt) {
  for (const auto kind : {ErrorKind::operating, ErrorKind::uncertain}) {
    Store store;
    Guard guard;
    store.fail_next(3, kind);
    std::vector<std::string> announced;
    StateWriterOptions options;
    options.on_standing = [&](const StandingNews& n) {
      announced.push_back(n.change.record.subject.id);
    };
    StateWriter writer(store, guard, std::move(options));
    writer.put(news("taro"));
    ASSERT_TRUE(writer.wait(writer.put(news("hanako")), k_long_ms));
    EXPECT_EQ(store.lines(), (std::vector<std::string>{"apply taro", "apply hanako"}));
    EXPECT_EQ(announced, (std::vector<std::string>{"taro", "hanako"}));
    EXPECT_EQ(writer.trouble(), "");
  }
}

TEST(StateWriter, FindsOutThatNothingCanBeWrittenWhileNobodyWrites) {
  Store store;
  Guard guard;
  std::atomic<bool> fails = true;
  StateWriterOptions options;
  options.try_write = [&]() -> Result<void> {
    if (fails) return operating_failure("read-only");
    return {};
  };
  options.try_every = std::chrono::milliseconds(1);
  StateWriter writer(store, guard, std::move(options));
  const auto becomes = [&](const std::string& trouble) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(k_long_ms);
    while (writer.trouble() != trouble && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    return writer.trouble() == trouble;
  };
  EXPECT_TRUE(becomes("read-only"));
  fails = false;
  EXPECT_TRUE(becomes(""));
  fails = true;
  EXPECT_TRUE(becomes("read-only"));
  // What is to be written is tried all the same.
  EXPECT_TRUE(writer.wait(writer.put(news("taro")), k_long_ms));
}

TEST(StateWriter, ARowThatIsNeverTakenDoesNotDamUpTheRestAndIsNotAnnounced) {
  Store store;
  Guard guard;
  store.refuse("hold bad");
  std::vector<std::string> announced;
  StateWriterOptions options;
  options.on_hold = [&](const HeldMessage& h) { announced.push_back(h.queue_id); };
  StateWriter writer(store, guard, std::move(options));
  writer.put(hold("bad"));
  ASSERT_TRUE(writer.wait(writer.put(hold("good")), k_long_ms));
  EXPECT_EQ(store.lines(), (std::vector<std::string>{"hold good"}));
  EXPECT_EQ(announced, (std::vector<std::string>{"good"}));
}

TEST(StateWriter, HoldsAndAuditEntriesAreWrittenTogetherAndEachIsAnnounced) {
  Store store;
  Guard guard;
  store.close_gate();
  store.refuse("hold 7");  // one that is never taken, in the middle of them
  std::vector<std::string> announced;
  StateWriterOptions options;
  options.on_hold = [&](const HeldMessage& h) { announced.push_back(h.queue_id); };
  StateWriter writer(store, guard, std::move(options));
  writer.put(news("taro"));
  store.until_inside();  // all that follows is there when it is done
  for (int i = 0; i < 20; ++i) {
    writer.put(hold(std::to_string(i)));
    writer.put(release());
  }
  const auto last = writer.put(news("hanako"));
  store.open_gate();
  ASSERT_TRUE(writer.wait(last, k_long_ms));
  ASSERT_EQ(announced.size(), 19U);
  EXPECT_EQ(std::ranges::count(announced, "7"), 0);
  EXPECT_EQ(std::ranges::count(announced, "8"), 1);
  EXPECT_GE(store.together(), 1);
  EXPECT_EQ(store.lines().back(), "apply hanako");
  EXPECT_EQ(writer.waiting(), 0U);
}

TEST(StateWriter, WaitSaysUncertainWhileTheDatabaseIsBusy) {
  Store store;
  Guard guard;
  store.close_gate();
  StateWriter writer(store, guard, {});
  const auto ticket = writer.put(news("taro"));
  const auto waited = writer.wait(ticket, 20);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind, ErrorKind::uncertain);
  store.open_gate();
  EXPECT_TRUE(writer.wait(ticket, k_long_ms));
}

TEST(StateWriter, AReaderCatchesUpWithWhatWasPutAndDoesNotWaitForADatabaseInTrouble) {
  Store store;
  Guard guard;
  store.close_gate();
  StateWriter writer(store, guard, {});
  writer.put(release());
  store.until_inside();
  writer.catch_up(20);
  EXPECT_TRUE(store.lines().empty());
  store.open_gate();
  writer.catch_up(k_long_ms);
  EXPECT_EQ(store.lines(), (std::vector<std::string>{"audit release"}));

  store.fail_next(1'000'000);
  writer.put(release());
  const auto begun = std::chrono::steady_clock::now();
  writer.catch_up(k_long_ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(k_long_ms));
  EXPECT_NE(writer.trouble(), "");
  store.fail_next(0);
}

TEST(StateWriter, AFullQueueDropsHoldsAndNothingSaysDurableThatIsNot) {
  Store store;
  Guard guard;
  store.close_gate();
  StateWriterOptions options;
  options.queue_max = 3;
  StateWriter writer(store, guard, std::move(options));
  const auto first = writer.put(news("taro"));
  store.until_inside();
  writer.put(hold("A"));
  writer.put(release());
  writer.put(news("hanako"));  // hold A makes room
  EXPECT_EQ(writer.dropped(), 1U);
  writer.put(news("jiro"));  // the audit entry makes room
  writer.put(hold("B"));     // only standings wait: there is none
  EXPECT_EQ(writer.dropped(), 3U);
  EXPECT_EQ(writer.waiting(), 3U);
  EXPECT_FALSE(writer.wait(first, 20)) << "it is still being written";
  store.open_gate();
  ASSERT_TRUE(writer.wait(writer.last_ticket(), k_long_ms));
  EXPECT_EQ(store.lines(), (std::vector<std::string>{"apply taro", "apply hanako", "apply jiro"}));
}

TEST(StateWriter, WritesWhatWaitsBeforeItEnds) {
  Store store;
  Guard guard;
  {
    StateWriter writer(store, guard, {});
    store.fail_next(2);
    for (const char* who : {"a", "b", "c"}) writer.put(news(who));
  }
  EXPECT_EQ(store.lines(), (std::vector<std::string>{"apply a", "apply b", "apply c"}));
}

}  // namespace
}  // namespace sekimori::app
