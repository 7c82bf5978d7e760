// What these prove: days add up per account and service, trends and domains count accounts once,
// filters hold (a search is no pattern), exceptions take whom they except out of "hit"; lists of
// sign-in entries are written all or none, the later of two counts, and what is over goes.
#include "store/encryption_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/sign_in_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

const Instant k_now{1'790'000'000'000'000};

decide::PlainDay plain(std::string account, Service service, decide::DayNumber day,
                       std::uint64_t count) {
  decide::PlainDay out;
  out.account = std::move(account);
  out.service = service;
  out.day = day;
  out.count = count;
  out.last = k_now + seconds(day);
  out.ip = "203.0.113.9";
  return out;
}

class EncryptionStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = EncryptionStore::open({.url = test_database(directory_ / "s.db")});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  TemporaryDirectory directory_;
  std::unique_ptr<EncryptionStore> store_;
};

TEST_F(EncryptionStoreTest, DaysAddUpAndAreCounted) {
  const std::vector<decide::PlainDay> first = {plain("taro@example.jp", Service::imap, 10, 2),
                                               plain("taro@example.jp", Service::pop3, 10, 1),
                                               plain("jiro@other.jp", Service::smtp, 11, 5)};
  ASSERT_TRUE(store_->add(first));
  const std::vector<decide::PlainDay> second = {plain("taro@example.jp", Service::imap, 10, 3),
                                                plain("t_ro@example.jp", Service::imap, 9, 1)};
  ASSERT_TRUE(store_->add(second));
  const auto sums = store_->summary(0, "");
  ASSERT_TRUE(sums);
  EXPECT_EQ(sums->accounts, 3U);
  EXPECT_EQ(sums->count, 12U);
  ASSERT_EQ(sums->trend.size(), 3U);
  EXPECT_EQ(sums->trend[1].accounts, 1U);  // taro once, over two services
  EXPECT_EQ(sums->trend[1].count, 6U);
  ASSERT_EQ(sums->domains.size(), 2U);
  EXPECT_EQ(sums->domains[0].domain, "example.jp");
  EXPECT_EQ(store_->summary(10, "example.jp")->accounts, 1U);

  decide::PlainFilter filter;
  filter.now = k_now;
  auto all = store_->accounts(filter);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->total, 3U);
  EXPECT_EQ(all->items[0].account, "jiro@other.jp");  // the latest first
  EXPECT_EQ(all->items[1].count, 6U);
  EXPECT_EQ(all->items[1].days.size(), 2U);
  filter.search = "T_RO";
  EXPECT_EQ(store_->accounts(filter)->total, 1U);
  filter.search = "";
  filter.service = Service::pop3;
  EXPECT_EQ(store_->accounts(filter)->total, 1U);
  filter.service.reset();
  filter.limit = 1;
  filter.offset = 2;
  all = store_->accounts(filter);
  EXPECT_EQ(all->total, 3U);
  ASSERT_EQ(all->items.size(), 1U);
  EXPECT_EQ(all->items[0].account, "t_ro@example.jp");
  ASSERT_TRUE(store_->prune(11, k_now));
  EXPECT_EQ(store_->summary(0, "")->accounts, 1U);
}

TEST_F(EncryptionStoreTest, RulesExceptionsAndWhoWasTold) {
  ASSERT_TRUE(store_->add(std::vector{plain("taro@example.jp", Service::imap, 10, 2)}));
  ASSERT_TRUE(store_->put_rule({"example.jp", k_now, "why", "ops", k_now}));
  ASSERT_TRUE(store_->put_rule({"example.jp", k_now + days(1), "later", "ops", k_now}));
  ASSERT_EQ(store_->rules()->size(), 1U);
  EXPECT_EQ(store_->rules()->at(0).reason, "later");
  ASSERT_TRUE(store_->put_exception({"taro@example.jp", k_now + hours(1), "why", "ops", k_now}));
  decide::PlainFilter filter;
  filter.hit = true;
  filter.now = k_now;
  EXPECT_EQ(store_->accounts(filter)->total, 0U);
  filter.now = k_now + hours(1);
  EXPECT_EQ(store_->accounts(filter)->total, 1U);
  EXPECT_EQ(store_->exceptions(k_now)->size(), 1U);
  EXPECT_EQ(store_->exceptions(k_now + hours(1))->size(), 0U);
  EXPECT_TRUE(*store_->remove_exception("taro@example.jp"));
  EXPECT_FALSE(*store_->remove_exception("taro@example.jp"));
  EXPECT_TRUE(*store_->remove_rule("example.jp"));
  EXPECT_FALSE(*store_->remove_rule("example.jp"));
  EXPECT_FALSE(store_->told("taro@example.jp")->is_set());
  ASSERT_TRUE(store_->put_told("taro@example.jp", k_now));
  EXPECT_EQ(*store_->told("taro@example.jp"), k_now);
}

TEST_F(EncryptionStoreTest, SignInEntriesAreKeptAllOrNone) {
  auto opened = SignInStore::open({.url = test_database(directory_ / "s.db")});
  ASSERT_TRUE(opened) << opened.error().text;
  SignInStore& store = **opened;
  std::vector<SignInChange> changes(3);
  changes[0].entry.network = IpNetwork::parse("2001:db8::/32").value_or(IpNetwork());
  changes[0].entry.reason = "日本語の理由";
  changes[1].entry.list = decide::SignInList::allow;
  changes[1].entry.login = "taro@example.jp";
  changes[2].entry = changes[1].entry;
  changes[2].entry.reason = "the later one";
  for (auto& change : changes) change.entry.expires = k_now + hours(1);
  ASSERT_TRUE(store.write(changes));
  auto all = store.all(k_now);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2U);
  for (const auto& entry : *all) {
    EXPECT_TRUE(entry == changes[0].entry || entry == changes[2].entry) << entry.key();
  }
  changes[0].removed = true;
  changes[1].entry.login = std::string(500, 'x');
  EXPECT_FALSE(store.write(changes));
  EXPECT_EQ(store.all(k_now)->size(), 2U);
  changes.resize(1);
  ASSERT_TRUE(store.write(changes));
  EXPECT_EQ(store.all(k_now)->size(), 1U);
  EXPECT_EQ(store.all(k_now + hours(1))->size(), 0U);
  ASSERT_TRUE(store.prune(k_now + hours(1)));
  EXPECT_EQ(store.all(k_now)->size(), 0U);
}

}  // namespace
}  // namespace sekimori::store
