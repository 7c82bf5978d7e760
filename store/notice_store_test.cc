// The notice outbox on a real database: one row for one notice to one place, whatever is asked how
// often, and nothing lost with the process.
#include "store/notice_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'000'000};
const Subject k_taro{SubjectKind::account, "taro@example.jp"};

NoticeRow notice(const std::string& kind, std::uint64_t incident = 7,
                 const std::string& to = "taro@elsewhere.example") {
  NoticeRow row;
  row.kind = kind;
  row.subject = k_taro;
  row.incident = incident;
  row.audience = NoticeAudience::owner;
  row.to = to;
  row.summary = {"理由'; DROP TABLE notice; --", "reason"};
  row.created = row.changed = row.due = k_t;
  row.key = std::to_string(incident) + "/" + kind + "/" + to;
  return row;
}

class Notices : public ::testing::Test {
 protected:
  std::unique_ptr<NoticeStore> open() {
    auto opened = NoticeStore::open({.url = test_database(directory_ / "n.db"), .busy_ms = 2000});
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
  }
  std::size_t put(const NoticeRow& row, Repeat repeat = Repeat::on_change) {
    const std::array one{row};
    auto added = store_->put(one, repeat);
    EXPECT_TRUE(added) << added.error().text;
    return added.value_or(99);
  }
  std::vector<NoticeRow> all() { return store_->rows({}).value(); }

  TemporaryDirectory directory_;
  std::unique_ptr<NoticeStore> store_ = open();
};

TEST_F(Notices, KeepsEveryFieldOverARestart) {
  NoticeRow row = notice("suspended", 12);
  row.channel = NoticeChannel::call;
  row.to = "";
  row.state = NoticeState::sent;
  row.tries = 3;
  row.changed = k_t + seconds(5);
  row.due = k_t + seconds(9);
  row.detail = "詳細";
  EXPECT_EQ(put(row, Repeat::never), 1U);
  store_ = open();
  const auto read = all();
  ASSERT_EQ(read.size(), 1U);
  row.id = 1;
  EXPECT_EQ(read.front(), row);
  EXPECT_EQ(store_->row(1).value(), row);
  EXPECT_EQ(store_->row(2).error().kind, ErrorKind::not_found);
}

TEST_F(Notices, TellsAgainOnlyOnChange) {
  EXPECT_EQ(put(notice("restricted")), 1U);
  EXPECT_EQ(put(notice("restricted")), 0U);
  EXPECT_EQ(put(notice("restricted", 7, "admin@example.jp")), 1U);  // somebody else
  EXPECT_EQ(put(notice("suspended")), 1U);
  EXPECT_EQ(put(notice("suspended")), 0U);
  EXPECT_EQ(put(notice("restored")), 1U);
  EXPECT_EQ(put(notice("restricted")), 1U);  // it is so again: that is news
  EXPECT_EQ(put(notice("restricted")), 0U);
  EXPECT_EQ(put(notice("restricted", 8)), 1U);  // another incident
  EXPECT_EQ(all().size(), 6U);
}

TEST_F(Notices, ARoundIsToldOnceAndDoesNotCountAsChange) {
  EXPECT_EQ(put(notice("restricted")), 1U);
  EXPECT_EQ(put(notice("still_contained"), Repeat::never), 1U);
  EXPECT_EQ(put(notice("still_contained"), Repeat::never), 0U);
  EXPECT_EQ(put(notice("restricted")), 0U);
}

TEST_F(Notices, PutsAllOrNone) {
  const std::array two{notice("restricted"), notice("restricted", 7, "other@example.jp")};
  EXPECT_EQ(store_->put(two, Repeat::on_change).value(), 2U);
  EXPECT_EQ(store_->put(two, Repeat::on_change).value(), 0U);
}

TEST_F(Notices, IsDueWhenItsTimeComes) {
  NoticeRow later = notice("restored");
  later.due = k_t + minutes(5);
  put(later);
  put(notice("restricted", 7, "b@example.jp"));
  EXPECT_EQ(store_->next_due().value(), k_t);
  auto due = store_->due(k_t, 10).value();
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due.front().to, "b@example.jp");
  due.front().state = NoticeState::sent;
  due.front().changed = k_t + seconds(1);
  ASSERT_TRUE(store_->sent(due, "b@example.jp", k_t + seconds(1)));
  EXPECT_TRUE(store_->due(k_t, 10)->empty());
  EXPECT_EQ(store_->due(k_t + minutes(5), 10)->size(), 1U);
  EXPECT_EQ(store_->next_due().value(), k_t + minutes(5));
  const auto lately = store_->sendings("b@example.jp", k_t).value();
  EXPECT_EQ(lately.count, 1U);
  EXPECT_EQ(lately.last, k_t + seconds(1));
  EXPECT_EQ(store_->sendings("b@example.jp", k_t + seconds(1))->count, 0U);
  EXPECT_EQ(store_->sendings("c@example.jp", k_t)->count, 0U);
}

TEST_F(Notices, CountsAndFilters) {
  put(notice("restricted"));
  NoticeRow call = notice("suspended", 7, "");
  call.channel = NoticeChannel::call;
  call.state = NoticeState::sent;
  put(call);
  NoticeRow failed = notice("restricted", 7, "gone@example.jp");
  failed.state = NoticeState::failed;
  put(failed);
  const NoticeCounts counts = store_->counts().value();
  EXPECT_EQ(counts.waiting, 1U);
  EXPECT_EQ(counts.failed, 1U);
  EXPECT_EQ(counts.calls, 1U);
  EXPECT_EQ(counts.oldest_waiting, k_t);
  NoticeFilter filter;
  filter.channel = NoticeChannel::call;
  EXPECT_EQ(store_->count(filter).value(), 1U);
  EXPECT_EQ(store_->rows(filter)->front().kind, "suspended");
  filter = {};
  filter.state = NoticeState::failed;
  filter.subject = k_taro;
  EXPECT_EQ(store_->count(filter).value(), 1U);
  filter.subject = Subject{SubjectKind::domain, "example.jp"};
  EXPECT_EQ(store_->count(filter).value(), 0U);
  filter = {};
  filter.limit = 1;
  filter.offset = 1;
  ASSERT_EQ(store_->rows(filter)->size(), 1U);
  EXPECT_EQ(store_->rows(filter)->front().id, 2U);  // newest first
  EXPECT_EQ(store_->count({}).value(), 3U);
}

TEST_F(Notices, AnAcknowledgementStands) {
  put(notice("restricted"));
  auto sending = store_->due(k_t, 10).value();
  const auto known = store_->acknowledge(1, "cli:root", k_t + seconds(3)).value();
  EXPECT_EQ(known.state, NoticeState::acknowledged);
  EXPECT_EQ(known.detail, "cli:root");
  // The channel reports after that.
  sending.front().state = NoticeState::sent;
  ASSERT_TRUE(store_->update(sending));
  EXPECT_EQ(store_->row(1)->state, NoticeState::acknowledged);
  EXPECT_EQ(store_->acknowledge(1, "somebody else", k_t + seconds(9))->detail, "cli:root");
  EXPECT_EQ(store_->acknowledge(5, "x", k_t).error().kind, ErrorKind::not_found);
}

TEST_F(Notices, ForgetsWhatEndedLongAgo) {
  NoticeRow ended = notice("restricted");
  ended.state = NoticeState::sent;
  put(ended);
  put(notice("restored"));
  ASSERT_TRUE(store_->prune(k_t + seconds(1), k_t + days(90)));
  const auto left = all();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.front().state, NoticeState::waiting);
}

TEST_F(Notices, AKeyThatNoIndexHoldsIsToldOnceAsWell) {
  NoticeRow long_one = notice("restricted", 7);
  long_one.key = std::string(900, 'k') + "1";
  NoticeRow other = long_one;
  other.key.back() = '2';
  EXPECT_EQ(put(long_one, Repeat::never), 1U);
  EXPECT_EQ(put(long_one, Repeat::never), 0U);
  EXPECT_EQ(put(other, Repeat::never), 1U);
}

TEST_F(Notices, TwoConnectionsTellOnce) {
  auto second = open();
  std::size_t added = 0;
  std::thread other([&] {
    for (int i = 0; i < 50; ++i) {
      const std::array one{notice("restricted", static_cast<std::uint64_t>(i))};
      added += second->put(one, Repeat::on_change).value();
    }
  });
  std::size_t ours = 0;
  for (int i = 0; i < 50; ++i) ours += put(notice("restricted", static_cast<std::uint64_t>(i)));
  other.join();
  EXPECT_EQ(added + ours, 50U);
  EXPECT_EQ(all().size(), 50U);
}

}  // namespace
}  // namespace sekimori::store
