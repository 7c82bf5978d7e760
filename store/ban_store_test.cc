// Bans in the database: what was put stands again after a reopening, lists are filtered, sorted and
// paged, and what ended is told apart from what is in force.
#include "store/ban_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'000'000};

BanRecord record(std::uint64_t id, std::string_view network, std::uint64_t hits = 0) {
  BanRecord out;
  out.ban.id = id;
  out.ban.network = IpNetwork::parse(network).value();
  out.ban.kind = BanKind::spraying;
  out.ban.reach = BanReach::sign_ins;
  out.ban.since = k_t + seconds(static_cast<std::int64_t>(id));
  out.ban.until = k_t + hours(static_cast<std::int64_t>(100 - id));
  out.ban.failures = 11;
  out.ban.accounts = 9;
  out.ban.unknown = 2;
  out.ban.parts = 3;
  out.ban.times = 4;
  out.ban.collateral = 1;
  out.ban.hits = hits;
  out.ban.last_hit = k_t + hours(1);
  out.ban.place.country[0] = 'J';
  out.ban.place.country[1] = 'P';
  out.ban.place.asn = 64500;
  out.ban.place.hosting = true;
  out.ban.last_account = "taro@example.jp";
  out.ban.by = "machine";
  out.ban.reason = "it's '; DROP TABLE ban; --";
  return out;
}

class BanStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = BanStore::open({.url = test_database(directory_ / "s.db"), .busy_ms = 100});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  std::vector<std::uint64_t> ids(const BanFilter& filter) {
    auto rows = store_->list(filter);
    EXPECT_TRUE(rows) << rows.error().text;
    std::vector<std::uint64_t> out;
    for (const auto& row : *rows) out.push_back(row.ban.id);
    EXPECT_GE(store_->count(filter).value(), out.size());
    return out;
  }
  TemporaryDirectory directory_;
  std::unique_ptr<BanStore> store_;
};

TEST_F(BanStoreTest, WhatWasPutStandsAgain) {
  EXPECT_EQ(store_->last_id().value(), 0U);
  const std::vector<BanRecord> all{record(1, "192.0.2.1"), record(2, "2001:db8::/64")};
  ASSERT_TRUE(store_->put(all));
  ASSERT_TRUE(store_->put(all));  // done twice
  reopen();
  EXPECT_EQ(store_->last_id().value(), 2U);
  const auto there = store_->in_force().value();
  ASSERT_EQ(there.size(), 2U);
  EXPECT_EQ(there[0], all[0].ban);
  EXPECT_EQ(there[1], all[1].ban);
  EXPECT_EQ(store_->find(2)->value(), all[1]);
  EXPECT_FALSE(store_->find(3)->has_value());
}

TEST_F(BanStoreTest, OneThatEndedIsRememberedApartAndPruned) {
  BanRecord first = record(1, "192.0.2.1");
  first.ended = k_t + hours(2);
  first.ended_by = "time";
  ASSERT_TRUE(store_->put(std::vector<BanRecord>{first, record(2, "192.0.2.1")}));
  EXPECT_EQ(store_->in_force()->size(), 1U);
  EXPECT_EQ(store_->ended_since(k_t + hours(2), 10)->size(), 1U);
  EXPECT_TRUE(store_->ended_since(k_t + hours(3), 10)->empty());
  BanFilter ended;
  ended.ended = true;
  EXPECT_EQ(ids(ended), std::vector<std::uint64_t>{1});
  EXPECT_EQ(store_->find(first.ban.network)->value().ban.id, 2U);
  ASSERT_TRUE(store_->prune(k_t + hours(3)));
  EXPECT_TRUE(ids(ended).empty());
  EXPECT_EQ(store_->in_force()->size(), 1U);
}

TEST_F(BanStoreTest, ListsAreFilteredSortedAndPaged) {
  auto third = record(3, "10.0.0.0/24", 7);
  third.ban.kind = BanKind::person;
  third.ban.place.country[0] = 'U';
  third.ban.place.country[1] = 'S';
  third.ban.last_account = "";
  ASSERT_TRUE(store_->put(
      std::vector<BanRecord>{record(1, "192.0.2.1", 5), record(2, "9.1.1.1", 9), third}));
  using Ids = std::vector<std::uint64_t>;
  BanFilter filter;
  EXPECT_EQ(ids(filter), (Ids{3, 2, 1}));
  filter.sort = BanFilter::Sort::until;
  EXPECT_EQ(ids(filter), (Ids{1, 2, 3}));
  filter.sort = BanFilter::Sort::hits;
  EXPECT_EQ(ids(filter), (Ids{2, 3, 1}));
  filter.sort = BanFilter::Sort::network;
  filter.descending = false;
  EXPECT_EQ(ids(filter), (Ids{2, 3, 1}));
  filter.offset = 1;
  filter.limit = 1;
  EXPECT_EQ(ids(filter), Ids{3});
  EXPECT_EQ(store_->count(filter).value(), 3U);
  BanFilter found;
  found.search = "taro@";
  EXPECT_EQ(ids(found), (Ids{2, 1}));
  found.search = "10.0.0";
  EXPECT_EQ(ids(found), Ids{3});
  BanFilter kind;
  kind.kind = BanKind::person;
  EXPECT_EQ(ids(kind), Ids{3});
  BanFilter country;
  country.country = "JP";
  country.reach = BanReach::sign_ins;
  EXPECT_EQ(ids(country), (Ids{2, 1}));
}

}  // namespace
}  // namespace sekimori::store
