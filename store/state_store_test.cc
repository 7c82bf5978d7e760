// The conformance suite of a StateStore: one factory for each database. PostgreSQL and MySQL join
// by adding theirs to the list at the end.
#include "store/state_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

struct SqliteFactory {
  static constexpr std::uint32_t k_busy_ms = 100;
  Result<std::unique_ptr<SqlStateStore>> open() {
    return SqlStateStore::open({.url = test_database(path()), .busy_ms = k_busy_ms});
  }
  [[nodiscard]] std::string path() const { return directory / "a b.db"; }
  TemporaryDirectory directory;
};

const Instant k_t{1'790'000'000'123'456};
const Subject k_taro{SubjectKind::account, "taro@example.jp"};
const Subject k_domain{SubjectKind::domain, "example.jp"};

Incident incident(std::uint64_t id) {
  Incident i;
  i.id = id;
  i.subject = k_taro;
  i.opened = k_t;
  i.onset = k_t - minutes(5);
  i.mode = Mode::enforce;
  i.standing = Standing::restricted;
  i.log_r = 9.876543210123456;
  i.family = "burst";
  i.summary = {"大量送信を止めました。'; DROP TABLE incident; --", "Mass sending was stopped."};
  i.evidence = {{"shape", 3.1, {"形", "shape"}}, {"place", -0.1, {"場所", "place"}}};
  i.by = "machine";
  return i;
}

StandingChange change(std::uint64_t epoch, Standing to, std::string by = "machine") {
  StandingChange c;
  c.record.subject = k_taro;
  c.record.standing = to;
  c.record.epoch = epoch;
  c.record.since = k_t + seconds(static_cast<std::int64_t>(epoch));
  c.record.by = by;
  c.record.reason = {"理由", "reason"};
  c.record.incident = 7;
  c.steps = {StepKind::write_guard, StepKind::flush_auth_cache, StepKind::kick_sessions};
  c.audit = {c.record.since, by, "restrict", k_taro, 7, "why", "{}"};
  return c;
}

HeldMessage hold(const std::string& id, HoldState state = HoldState::held) {
  HeldMessage h;
  h.queue_id = id;
  h.account = "taro@example.jp";
  h.held_at = k_t;
  h.release_at = k_t + minutes(20);
  h.recipients = 12;
  h.size = 1ULL << 40;
  h.state = state;
  h.incident = 7;
  h.log_r = 5.5;
  h.reason = {"理由", "reason"};
  h.evidence = "shape 3.10, velocity 2.20";
  return h;
}

template <class Factory>
class StateStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store.reset();
    auto opened = factory.open();
    ASSERT_TRUE(opened) << opened.error().text;
    store = std::move(*opened);
  }
  Factory factory;
  std::unique_ptr<SqlStateStore> store;
};
using Factories = testing::Types<SqliteFactory>;
TYPED_TEST_SUITE(StateStoreTest, Factories);

TYPED_TEST(StateStoreTest, AnEmptyStoreAnswers) {
  EXPECT_TRUE(this->store->standings()->empty());
  EXPECT_TRUE(this->store->open_steps(10)->empty());
  EXPECT_EQ(this->store->incident(1)->has_value(), false);
  EXPECT_TRUE(this->store->incidents({})->empty());
  EXPECT_TRUE(this->store->holds({})->empty());
  EXPECT_TRUE(this->store->audit(std::nullopt, 10)->empty());
  EXPECT_EQ(this->store->last_incident_id().value(), 0U);
}

TYPED_TEST(StateStoreTest, AChangeOfStandingIsAllThereAfterReopening) {
  StandingChange c = change(1, Standing::restricted);
  c.open_incident = incident(7);
  ASSERT_TRUE(this->store->apply(c));
  this->reopen();
  EXPECT_EQ(this->store->standings().value(), std::vector{c.record});
  EXPECT_EQ(this->store->incident(7).value(), incident(7));
  EXPECT_EQ(this->store->audit(k_taro, 10).value(), std::vector{c.audit});
  EXPECT_EQ(this->store->last_incident_id().value(), 7U);
  const auto steps = this->store->open_steps(10).value();
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].kind, StepKind::write_guard);
  EXPECT_EQ(steps[1].kind, StepKind::flush_auth_cache);
  EXPECT_EQ(steps[2].kind, StepKind::kick_sessions);
  EXPECT_EQ(steps[2].epoch, 1U);
  EXPECT_EQ(steps[2].incident, 7U);
  EXPECT_LT(steps[0].id, steps[1].id);
  EXPECT_EQ(this->store->steps_of(7).value(), steps);
}

TYPED_TEST(StateStoreTest, ApplyIsIdempotentAndTheLaterEpochWins) {
  const StandingChange second = change(2, Standing::suspended);
  ASSERT_TRUE(this->store->apply(second));
  ASSERT_TRUE(this->store->apply(second));                           // a retry
  ASSERT_TRUE(this->store->apply(change(1, Standing::restricted)));  // comes late
  EXPECT_EQ(this->store->standings().value(), std::vector{second.record});
  EXPECT_EQ(this->store->open_steps(100)->size(), 3U);
  // What came late changes nothing, but it happened.
  EXPECT_EQ(this->store->audit(std::nullopt, 100)->size(), 2U);
  const StandingChange third = change(3, Standing::normal, "op");
  ASSERT_TRUE(this->store->apply(third));
  EXPECT_EQ(this->store->standings().value(), std::vector{third.record});
}

TYPED_TEST(StateStoreTest, AnOvertakenChangeLeavesItsIncidentAsTheSuccessorMadeIt) {
  StandingChange opened = change(1, Standing::restricted);
  opened.open_incident = incident(7);
  StandingChange closed = change(2, Standing::normal, "op");
  closed.incident_state = IncidentState::closed;
  ASSERT_TRUE(this->store->apply(closed));
  ASSERT_TRUE(this->store->apply(opened));
  ASSERT_TRUE(this->store->incident(7).value());
  EXPECT_EQ(this->store->incident(7).value()->state, IncidentState::closed);
  EXPECT_EQ(this->store->incident(7).value()->closed, closed.record.since);
  EXPECT_EQ(this->store->standings()->front(), closed.record);
}

TYPED_TEST(StateStoreTest, AtOneEpochAPersonBeatsTheMachineInEitherOrder) {
  const StandingChange machine = change(4, Standing::suspended);
  const StandingChange person = change(4, Standing::normal, "op");
  ASSERT_TRUE(this->store->apply(machine));
  ASSERT_TRUE(this->store->apply(person));
  EXPECT_EQ(this->store->standings()->front(), person.record);
  ASSERT_TRUE(this->store->apply(machine));
  EXPECT_EQ(this->store->standings()->front(), person.record);
}

TYPED_TEST(StateStoreTest, AStateOfAnIncidentChangesWithTheStanding) {
  ASSERT_TRUE(this->store->put_incident(incident(7)));
  StandingChange c = change(1, Standing::restricted);
  c.incident_state = IncidentState::contained;
  ASSERT_TRUE(this->store->apply(c));
  EXPECT_EQ(this->store->incident(7).value()->state, IncidentState::contained);
  EXPECT_FALSE(this->store->incident(7).value()->closed.is_set());
  c = change(2, Standing::normal, "op");
  c.incident_state = IncidentState::closed;
  ASSERT_TRUE(this->store->apply(c));
  EXPECT_EQ(this->store->incident(7).value()->state, IncidentState::closed);
  EXPECT_EQ(this->store->incident(7).value()->closed, c.audit.t);
}

TYPED_TEST(StateStoreTest, IncidentsAreReplacedFilteredAndPaged) {
  for (std::uint64_t id = 1; id <= 9; ++id) {
    Incident i = incident(id);
    if (id % 3 == 0) i.state = IncidentState::closed;
    if (id > 6) i.subject = k_domain;
    ASSERT_TRUE(this->store->put_incident(i));
  }
  Incident changed = incident(4);
  changed.evidence.resize(1);
  changed.log_r = -1;
  ASSERT_TRUE(this->store->put_incident(changed));
  EXPECT_EQ(this->store->incident(4).value(), changed);
  const auto ids = [&](StateStore::IncidentFilter filter) {
    std::vector<std::uint64_t> found;
    const auto incidents = this->store->incidents(filter).value();
    for (const Incident& i : incidents) found.push_back(i.id);
    return found;
  };
  using Ids = std::vector<std::uint64_t>;
  EXPECT_EQ(ids({}), (Ids{9, 8, 7, 6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(ids({IncidentState::closed, std::nullopt, 0, 100}), (Ids{9, 6, 3}));
  EXPECT_EQ(ids({std::nullopt, k_domain, 0, 100}), (Ids{9, 8, 7}));
  EXPECT_EQ(ids({IncidentState::closed, k_taro, 0, 100}), (Ids{6, 3}));
  EXPECT_EQ(ids({std::nullopt, std::nullopt, 2, 3}), (Ids{7, 6, 5}));
  EXPECT_EQ(this->store->last_incident_id().value(), 9U);
}

TYPED_TEST(StateStoreTest, HoldsAreReplacedAndFiltered) {
  ASSERT_TRUE(this->store->put_hold(hold("4Xa")));
  ASSERT_TRUE(this->store->put_hold(hold("4Xb")));
  HeldMessage released = hold("4Xa", HoldState::released);
  released.ended_by = "time";
  ASSERT_TRUE(this->store->put_hold(released));
  // The retry of an uncertain write, behind the end that came meanwhile.
  ASSERT_TRUE(this->store->put_hold(hold("4Xa")));
  ASSERT_TRUE(this->store->put_records(std::vector<decide::StateStore::Record>{hold("4Xa")}));
  EXPECT_EQ(this->store->holds({}).value(), (std::vector{hold("4Xb"), released}));
  EXPECT_EQ(this->store->holds({.account = {}, .state = HoldState::held, .incident = {}}).value(),
            std::vector{hold("4Xb")});
  EXPECT_EQ(this->store->holds({.account = "taro@example.jp", .state = {}, .incident = {}})->size(),
            2U);
  EXPECT_EQ(this->store->holds({"x@example.jp", std::nullopt, 0, 100})->size(), 0U);
  HeldMessage again = hold("4Xa");
  again.held_at = k_t + minutes(1);
  ASSERT_TRUE(this->store->put_hold(again));
  EXPECT_EQ(this->store->holds({.account = {}, .state = HoldState::held, .incident = {}})->size(),
            2U);
}

TYPED_TEST(StateStoreTest, StepsAreCarriedOutOnce) {
  Step step;
  step.incident = 7;
  step.subject = k_taro;
  step.kind = StepKind::notify;
  step.created = step.changed = k_t;
  step.detail = "restricted";
  ASSERT_TRUE(this->store->put_step(step));
  ASSERT_TRUE(this->store->put_step(step));  // a retry after an uncertain error
  auto open = this->store->open_steps(10).value();
  ASSERT_EQ(open.size(), 1U);
  step.id = open[0].id;
  EXPECT_EQ(open[0], step);
  step.state = StepState::retrying;
  step.tries = 2;
  ASSERT_TRUE(this->store->put_step(step));
  EXPECT_EQ(this->store->open_steps(10).value(), std::vector{step});
  step.state = StepState::done;
  ASSERT_TRUE(this->store->put_step(step));
  EXPECT_TRUE(this->store->open_steps(10)->empty());
  EXPECT_EQ(this->store->steps_of(7).value(), std::vector{step});
}

TYPED_TEST(StateStoreTest, AuditAndNotesAreAppendedOnce) {
  const AuditEntry first{k_t, "op", "release", k_taro, 7, "asked by phone", "{\"id\":\"4Xa\"}"};
  AuditEntry second = first;
  second.subject = k_domain;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(this->store->append_audit(first));
    ASSERT_TRUE(this->store->append_audit(second));
  }
  EXPECT_EQ(this->store->audit(std::nullopt, 10).value(), (std::vector{second, first}));
  EXPECT_EQ(this->store->audit(k_taro, 10).value(), std::vector{first});
  EXPECT_EQ(this->store->audit(std::nullopt, 1).value(), std::vector{second});
  EXPECT_EQ(this->store->add_note(7, first).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(this->store->put_incident(incident(7)));
  ASSERT_TRUE(this->store->add_note(7, first));
  ASSERT_TRUE(this->store->add_note(7, first));
  EXPECT_EQ(this->store->notes(7).value(), std::vector{first});
}

TYPED_TEST(StateStoreTest, PruningForgetsWhatEndedButNoNumberIsGivenTwice) {
  Incident closed = incident(8);
  closed.state = IncidentState::closed;
  closed.closed = k_t;
  ASSERT_TRUE(this->store->put_incident(incident(7)));
  ASSERT_TRUE(this->store->put_incident(closed));
  ASSERT_TRUE(this->store->put_hold(hold("4Xa")));
  ASSERT_TRUE(this->store->put_hold(hold("4Xb", HoldState::deleted)));
  ASSERT_TRUE(this->store->apply(change(1, Standing::restricted)));
  ASSERT_TRUE(this->store->prune(k_t));
  EXPECT_EQ(this->store->incidents({})->size(), 2U);
  ASSERT_TRUE(this->store->prune(k_t + days(1)));
  EXPECT_EQ(this->store->incidents({}).value(), std::vector{incident(7)});
  EXPECT_EQ(this->store->holds({}).value(), std::vector{hold("4Xa")});
  EXPECT_TRUE(this->store->audit(std::nullopt, 10)->empty());
  EXPECT_EQ(this->store->standings()->size(), 1U);
  EXPECT_EQ(this->store->open_steps(10)->size(), 3U);
  EXPECT_EQ(this->store->last_incident_id().value(), 8U);
}

class SqliteStateStoreTest : public testing::Test {
 protected:
  SqliteFactory factory;
};

// Somebody else holds the write lock: an operating error within the busy time, and the next call
// works.
TEST_F(SqliteStateStoreTest, ALockIsAnOperatingErrorThatHeals) {
  const auto store = factory.open().value();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(factory.path().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto start = std::chrono::steady_clock::now();
  const auto refused = store->apply(change(1, Standing::restricted));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::operating);
  EXPECT_TRUE(store->standings()->empty());  // reading goes on beside it
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_TRUE(store->apply(change(1, Standing::restricted)));
  EXPECT_EQ(store->standings()->size(), 1U);
}

TEST_F(SqliteStateStoreTest, ANewerDatabaseIsRefusedInWords) {
  ASSERT_TRUE(factory.open());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(factory.path().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE schema_version SET version = 99", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  const auto refused = factory.open();
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("99"), std::string::npos);
}

TEST_F(SqliteStateStoreTest, AnUnusableUrlOrPlaceIsAnError) {
  EXPECT_EQ(SqlStateStore::open({.url = "oracle://x"}).error().kind, ErrorKind::bad_input);
  EXPECT_EQ(SqlStateStore::open({.url = "sqlite:///no/such/folder/x.db"}).error().kind,
            ErrorKind::operating);
}

}  // namespace
}  // namespace sekimori::store
