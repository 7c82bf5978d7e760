// Mail that came back on a real database: each report once, counted by day and by whose it was.
#include "store/returned_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t = *parse_instant("2026-11-22T03:00:00Z");

ReturnedMail mail(const std::string& key, MailOrigin origin, Instant t = k_t) {
  ReturnedMail one;
  one.key = key;
  one.t = t;
  one.account = "taro@example.jp";
  one.origin = origin;
  one.why = {"記録'; DROP TABLE returned_mail; --", "why"};
  one.reason = "userunknown";
  one.status = "5.1.1";
  one.hard = true;
  one.recipient = "nobody@far.example";
  one.reporter = "mx.far.example";
  one.first_hop = "evil.example";
  one.words = "550 5.1.1 no";
  return one;
}

class Returned : public ::testing::Test {
 protected:
  std::unique_ptr<ReturnedStore> open() {
    auto opened = ReturnedStore::open({.url = test_database(directory_ / "r.db"), .busy_ms = 2000});
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
  }
  TemporaryDirectory directory_;
};

TEST_F(Returned, EachReportIsOneRowOverARestart) {
  const ReturnedMail one = mail("k1", MailOrigin::forged);
  {
    auto store = open();
    const auto fresh = store->put({one, mail("k2", MailOrigin::ours), one});
    ASSERT_TRUE(fresh) << fresh.error().text;
    EXPECT_EQ(fresh->size(), 2U);
  }
  auto store = open();
  EXPECT_EQ(store->put({one})->size(), 0U);
  const auto last = store->last("taro@example.jp", k_t - hours(1), 10);
  ASSERT_TRUE(last) << last.error().text;
  ASSERT_EQ(last->size(), 2U);
  EXPECT_EQ((*last)[1], one);
  EXPECT_EQ(store->last("hanako@example.jp", k_t - hours(1), 10)->size(), 0U);
  EXPECT_EQ(store->last("taro@example.jp", k_t - hours(1), 1)->front().key, "k2");
}

TEST_F(Returned, CountsByWhoseAndByDay) {
  auto store = open();
  ReturnedMail complaint = mail("k4", MailOrigin::ours);
  complaint.kind = ReturnedKind::feedback;
  ReturnedMail stray = mail("k5", MailOrigin::forged);
  stray.kind = ReturnedKind::feedback;
  ASSERT_TRUE(store->put({mail("k1", MailOrigin::forged, k_t - days(1)),
                          mail("k2", MailOrigin::forged), mail("k3", MailOrigin::unknown),
                          complaint, stray, mail("k6", MailOrigin::ours)}));
  const ReturnedCounts all{.ours = 1, .forged = 2, .unknown = 1, .feedback = 1};
  EXPECT_EQ(*store->counts("taro@example.jp", k_t - days(2), k_t + seconds(1)), all);
  EXPECT_EQ(store->counts("taro@example.jp", k_t - hours(1), k_t + seconds(1))->forged, 1U);
  const auto by_day = store->days("taro@example.jp", k_t - days(30));
  ASSERT_TRUE(by_day);
  ASSERT_EQ(by_day->size(), 2U);
  EXPECT_EQ((*by_day)[0].day, "2026-11-21");
  EXPECT_EQ((*by_day)[0].counts.forged, 1U);
  EXPECT_EQ((*by_day)[1].counts.feedback, 1U);
  ASSERT_TRUE(store->prune(k_t - hours(1)));
  EXPECT_EQ(store->counts("taro@example.jp", k_t - days(2), k_t + seconds(1))->forged, 1U);
}

TEST_F(Returned, AFloodIsBoundedAndToldOnce) {
  auto store = open();
  std::vector<ReturnedMail> flood;
  for (std::uint64_t i = 0; i < k_returned_a_day_max + 5; ++i) {
    flood.push_back(mail("k" + std::to_string(i), MailOrigin::forged));
  }
  EXPECT_EQ(store->put(flood)->size(), flood.size());
  EXPECT_EQ(store->counts("taro@example.jp", k_t, k_t + seconds(1))->forged, k_returned_a_day_max);
  EXPECT_FALSE(store->told("taro@example.jp")->is_set());
  ASSERT_TRUE(store->set_told("taro@example.jp", k_t));
  EXPECT_EQ(*store->told("taro@example.jp"), k_t);
  EXPECT_FALSE(store->told("hanako@example.jp")->is_set());
}

}  // namespace
}  // namespace sekimori::store
