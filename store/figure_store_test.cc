// Figures in the database: batches add up whatever their borders, a batch given twice counts once,
// and what is old goes.
#include "store/figure_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'000'000};
const std::string k_taro = "taro@example.jp";

class FigureStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = FigureStore::open({.url = test_database(directory_ / "s.db"), .busy_ms = 100});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  void send(Instant t, std::vector<std::string> to) {
    Event event;
    event.t = t;
    event.account = k_taro;
    Submission mail;
    mail.to = std::move(to);
    mail.size = 100;
    event.body = mail;
    fold_.add(event);
  }
  void sign_in(Instant t, const std::string& ip, bool tls = true) {
    Event event;
    event.t = t;
    event.account = k_taro;
    Login login;
    login.ip = IpAddress::parse(ip).value();
    login.service = Service::pop3;
    login.tls = tls;
    login.client = "old'; DROP TABLE figure_hour; --";
    login.place.country[0] = 'J';
    login.place.country[1] = 'P';
    login.place.asn = 64500;
    event.body = login;
    fold_.add(event);
  }
  std::vector<FigureRow> rows_of(Instant from, Instant until) {
    auto rows = store_->hours(k_taro, hour_of(from), hour_of(until) + 1);
    EXPECT_TRUE(rows) << rows.error().text;
    return rows.value_or(std::vector<FigureRow>());
  }
  TemporaryDirectory directory_;
  std::unique_ptr<FigureStore> store_;
  FigureFold fold_{HashKey{}};
};

TEST_F(FigureStoreTest, BatchesAddUpAndABatchGivenTwiceCountsOnce) {
  EXPECT_EQ(store_->position().value(), 0U);
  send(k_t, {"a@x.example", "b@x.example"});
  const auto first = fold_.take();
  ASSERT_TRUE(store_->add(first, 10));
  ASSERT_TRUE(store_->add(first, 10)) << "as after an uncertain commit";
  reopen();
  send(k_t, {"b@x.example", "c@x.example"});
  send(k_t + hours(1), {"a@x.example"});
  ASSERT_TRUE(store_->add(fold_.take(), 12));
  EXPECT_EQ(store_->position().value(), 12U);
  const auto rows = rows_of(k_t, k_t + hours(1));
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].figures.recipients, 4U);
  EXPECT_EQ(rows[0].figures.new_recipients, 3U);
  EXPECT_EQ(rows[0].figures.bytes_sent, 200U);
  EXPECT_EQ(rows[1].figures.new_recipients, 0U);
  EXPECT_TRUE(store_->hours("other@example.jp", 0, hour_of(k_t) + 5).value().empty());
}

TEST_F(FigureStoreTest, SignInsThatAreAlikeWithinAnHourAreOneRow) {
  sign_in(k_t, "192.0.2.1");
  ASSERT_TRUE(store_->add(fold_.take(), 1));
  sign_in(k_t + minutes(1), "192.0.2.1");
  sign_in(k_t + minutes(2), "192.0.2.1", false);
  sign_in(k_t + hours(2), "2001:db8::1");
  ASSERT_TRUE(store_->add(fold_.take(), 4));
  reopen();
  const auto rows = store_->sign_ins(k_taro, 0, 10).value();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(store_->count_sign_ins(k_taro).value(), 3U);
  EXPECT_EQ(rows[0].key.ip, "2001:db8::1") << "newest first";
  EXPECT_FALSE(rows[1].key.encrypted);
  EXPECT_EQ(rows[2].count, 2U);
  EXPECT_EQ(rows[2].first, k_t);
  EXPECT_EQ(rows[2].last, k_t + minutes(1));
  EXPECT_EQ(rows[2].place.country_text(), "JP");
  EXPECT_EQ(rows[2].key.service, Service::pop3);
  EXPECT_EQ(store_->sign_ins(k_taro, 2, 10).value(), std::vector{rows[2]});
  const auto between = store_->sign_ins_between(k_taro, hour_of(k_t), hour_of(k_t) + 1, 10);
  EXPECT_EQ(between.value().size(), 2U);
}

TEST_F(FigureStoreTest, WhatIsOldGoes) {
  for (int i = 0; i < 50; ++i) {
    send(k_t + hours(i), {"a@x.example"});
    sign_in(k_t + hours(i), "192.0.2.1");
  }
  ASSERT_TRUE(store_->add(fold_.take(), 100));
  ASSERT_TRUE(store_->prune(k_t + hours(40), k_t + hours(45)));
  EXPECT_EQ(rows_of(k_t, k_t + hours(50)).size(), 10U);
  EXPECT_EQ(store_->count_sign_ins(k_taro).value(), 5U);
  ASSERT_TRUE(store_->prune(k_t + hours(90), k_t + hours(90)));
  EXPECT_EQ(store_->count_sign_ins(k_taro).value(), 0U);
  ASSERT_TRUE(store_->prune(k_t + hours(90), k_t + hours(90))) << "nothing is left";
}

}  // namespace
}  // namespace sekimori::store
