// Approvals in the state database: all there after reopening, the later word stands, numbers are
// never given twice, and what is over is removed with the old records.
#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'123'456};

Approval approval(std::uint64_t id, const std::string& account = "news@example.jp") {
  Approval a;
  a.id = id;
  a.account = account;
  a.epoch = 1;
  a.terms.recipients = 1'000'000;
  a.terms.each = 50;
  a.terms.size_min = 1;
  a.terms.size_max = 1ULL << 32;
  a.terms.network = IpNetwork::parse("2001:db8::/48").value();
  a.terms.from = k_t;
  a.terms.until = k_t + days(300);
  a.terms.repeat = ApprovalRepeat::monthly;
  a.terms.days = 0xFFFFFFFF;
  a.terms.start_minute = 540;
  a.terms.minutes = 180;
  a.terms.zone = "Asia/Tokyo";
  a.terms.zone_rule = "JST-9";
  a.created = a.changed = k_t;
  a.created_by = a.changed_by = "cli:root";
  a.reason = "毎月の請求書'; DROP TABLE approval; --";
  return a;
}

class StateApprovals : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = SqlStateStore::open({.url = test_database(directory_ / "s.db"), .busy_ms = 100});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  std::vector<Approval> all(StateStore::ApprovalFilter filter = {}) {
    auto rows = store_->approvals(filter);
    EXPECT_TRUE(rows) << rows.error().text;
    return rows.value_or(std::vector<Approval>());
  }
  TemporaryDirectory directory_;
  std::unique_ptr<SqlStateStore> store_;
};

TEST_F(StateApprovals, AreAllThereAfterReopening) {
  EXPECT_TRUE(all().empty());
  EXPECT_EQ(store_->last_approval_id().value(), 0U);
  auto once = approval(2);
  once.terms = {};
  once.terms.recipients = once.terms.each = 1;
  once.terms.from = k_t;
  once.terms.until = k_t + hours(1);
  ASSERT_TRUE(store_->put_approval(approval(1)));
  ASSERT_TRUE(store_->put_approval(once));
  reopen();
  EXPECT_EQ(all(), (std::vector{once, approval(1)}));
  EXPECT_EQ(store_->last_approval_id().value(), 2U);
}

TEST_F(StateApprovals, TheLaterWordStandsAndARetryChangesNothing) {
  ASSERT_TRUE(store_->put_approval(approval(1)));
  auto suspended = approval(1);
  suspended.state = ApprovalState::suspended;
  suspended.cause = ApprovalCause::new_place;
  suspended.changed = k_t + hours(1);
  suspended.changed_by = "machine";
  ASSERT_TRUE(store_->put_approval(suspended));
  ASSERT_TRUE(store_->put_approval(suspended));
  ASSERT_TRUE(store_->put_approval(approval(1)));  // comes late
  EXPECT_EQ(all(), std::vector{suspended});
  auto resumed = approval(1);
  resumed.epoch = 2;
  ASSERT_TRUE(store_->put_approval(resumed));
  ASSERT_TRUE(store_->put_approval(suspended));
  EXPECT_EQ(all(), std::vector{resumed});
}

TEST_F(StateApprovals, AreFoundByAccountStateAndNumber) {
  auto ended = approval(3);
  ended.state = ApprovalState::ended;
  for (const auto& a : {approval(1), approval(2, "other@example.jp"), ended}) {
    ASSERT_TRUE(store_->put_approval(a));
  }
  StateStore::ApprovalFilter filter;
  filter.account = "news@example.jp";
  EXPECT_EQ(all(filter), (std::vector{ended, approval(1)}));
  filter.state = ApprovalState::ended;
  EXPECT_EQ(all(filter), std::vector{ended});
  filter = {};
  filter.id = 2;
  EXPECT_EQ(all(filter), std::vector{approval(2, "other@example.jp")});
  filter = {};
  filter.offset = 1;
  filter.limit = 1;
  EXPECT_EQ(all(filter), std::vector{approval(2, "other@example.jp")});
}

TEST_F(StateApprovals, WhatIsOverGoesWithTheOldRecordsAndItsNumberIsNotGivenAgain) {
  ASSERT_TRUE(store_->put_approval(approval(1)));
  ASSERT_TRUE(store_->prune(k_t + days(300)));
  EXPECT_EQ(all().size(), 1U);
  ASSERT_TRUE(store_->prune(k_t + days(301)));
  EXPECT_TRUE(all().empty());
  EXPECT_EQ(store_->last_approval_id().value(), 1U);
}

}  // namespace
}  // namespace sekimori::store
