// What these prove: whichever of journal and database missed a containment, time lets go nothing of
// the contained account after the next start.
#include "app/start_agreement.h"

#include <gtest/gtest.h>

#include "decide/engine_test_support.h"
#include "detect/epoch.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::app {
namespace {

using namespace decide;

constexpr const char* k_taro = "taro@example.jp";
constexpr Instant k_noon{1'772'420'400'000'000};

class StartAgreement : public testing::Test {
 protected:
  StartAgreement() : engine_(enforcing(), nullptr, detect::shipped_priors()) {}
  void SetUp() override {
    auto opened = store::SqlStateStore::open({.url = "sqlite://" + (directory_ / "s.db")});
    ASSERT_TRUE(opened) << opened.error().text;
    state_ = std::move(*opened);
    HeldMessage hold;
    hold.queue_id = "4Q000001";
    hold.account = k_taro;
    hold.held_at = k_noon;
    hold.release_at = k_noon + minutes(20);
    hold.recipients = 30;
    hold.reason = {"理由", "why"};
    ASSERT_TRUE(state_->put_hold(hold));
  }
  // Of the database alone: killed before the holds were written that it closed, and the journal's
  // last lines went with the power.
  void stored(Standing to) {
    StandingChange change;
    change.record.subject = {SubjectKind::account, k_taro};
    change.record.standing = to;
    change.record.epoch = 1;
    change.record.since = k_noon + minutes(1);
    change.record.by = "cli:root";
    change.record.incident = 7;
    Incident opened;
    opened.id = 7;
    opened.subject = change.record.subject;
    change.open_incident = opened;
    ASSERT_TRUE(state_->apply(change));
  }
  void start() {
    const auto done = agree_at_start({.engine = engine_,
                                      .state = *state_,
                                      .tail = tail_,
                                      .portal_url = "https://portal.example.jp/",
                                      .now = k_noon + minutes(2),
                                      .put = [this](StateItem item) { put_.push_back(item); },
                                      .rebuild_guard = [](const auto&) { return Result<void>{}; }});
    ASSERT_TRUE(done) << done.error().text;
  }
  std::vector<HeldMessage> written() const {
    std::vector<HeldMessage> out;
    for (const auto& item : put_) {
      if (const auto* hold = std::get_if<HeldMessage>(&item)) out.push_back(*hold);
    }
    return out;
  }

  store::TemporaryDirectory directory_;
  std::unique_ptr<store::SqlStateStore> state_;
  Engine engine_;
  JournalTail tail_;
  std::vector<StateItem> put_;
};

TEST_F(StartAgreement, ATimedHoldGoesOnByTime) {
  start();
  EXPECT_TRUE(written().empty());
  EXPECT_EQ(engine_.due_holds(k_noon + minutes(20)).size(), 1U);
}

TEST_F(StartAgreement, TimeLetsNothingGoWhereTheJournalKnowsOfTheContainment) {
  Event fact;
  fact.t = k_noon + minutes(1);
  fact.account = k_taro;
  fact.body = StandingSet{Standing::suspended, "cli:root", "", 1};
  tail_.add(fact);
  engine_.recover(fact, 1);
  start();
  EXPECT_TRUE(engine_.due_holds(k_noon + days(1)).empty());
}

class OnlyTheDatabaseKnows : public StartAgreement, public testing::WithParamInterface<Standing> {};

TEST_P(OnlyTheDatabaseKnows, TimeLetsNothingGo) {
  stored(GetParam());
  start();
  EXPECT_TRUE(engine_.due_holds(k_noon + days(1)).empty());
  ASSERT_EQ(written().size(), 1U);
  EXPECT_EQ(written()[0].kind, HoldKind::asked);
  EXPECT_EQ(written()[0].incident, 7U);
}

INSTANTIATE_TEST_SUITE_P(Containments, OnlyTheDatabaseKnows,
                         testing::Values(Standing::restricted, Standing::suspended));

}  // namespace
}  // namespace sekimori::app
