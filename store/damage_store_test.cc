// A report and its recipients come back as they were, a final one is not replaced; a letter is
// given out once whatever happens, and nobody gets two for one incident.
#include "store/damage_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'123'456};

DamageRecipient person(const std::string& address, RecipientFate fate) {
  return {address, k_t, k_t + seconds(5), 2, fate};
}

class DamageStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    const StateStoreSettings settings{.url = test_database(directory_ / "s.db"), .busy_ms = 100};
    state_ = SqlStateStore::open(settings).value();
    store_ = DamageStore::open(settings).value();
  }
  TemporaryDirectory directory_;
  std::unique_ptr<SqlStateStore> state_;
  std::unique_ptr<DamageStore> store_;
};

TEST_F(DamageStoreTest, AReportComesBackAsItWas) {
  EXPECT_FALSE(store_->report(3).value());
  KeptReport report{3, k_t, false, ""};
  // Three bytes a character: no part may end within one.
  for (int i = 0; i < 50'000; ++i) report.json += i % 7 == 0 ? "x" : "関";
  const std::vector people = {person("b@x.example", RecipientFate::delivered),
                              person("a@x.example", RecipientFate::bounced)};
  ASSERT_TRUE(store_->put(report, people));
  reopen();
  auto kept = store_->report(3).value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->json, report.json);
  EXPECT_EQ(kept->made, k_t);
  EXPECT_FALSE(kept->final);
  EXPECT_EQ(store_->recipients(3, 0, 100).value(), people);
  EXPECT_EQ(store_->recipients(3, 1, 100)->size(), 1U);
  report.json = "{}";
  report.final = true;
  ASSERT_TRUE(store_->put(report, {}));
  report.json = "late";
  ASSERT_TRUE(store_->put(report, people));
  EXPECT_EQ(store_->report(3).value()->json, "{}");
  EXPECT_TRUE(store_->recipients(3, 0, 100)->empty());
  ASSERT_TRUE(store_->prune());  // there is no such incident
  EXPECT_FALSE(store_->report(3).value());
}

TEST_F(DamageStoreTest, ALetterIsGivenOutOnce) {
  const std::vector people = {person("a@x.example", RecipientFate::delivered),
                              person("b@x.example", RecipientFate::bounced),
                              person("c@x.example", RecipientFate::delivered)};
  ASSERT_TRUE(store_->put({3, k_t, false, "{}"}, people));
  const LetterText text{"件名", "本文", "理由", "api", k_t};
  EXPECT_EQ(store_->write_letters(3, text).value(), 2U);
  EXPECT_EQ(store_->write_letters(3, text).value(), 0U);
  EXPECT_EQ(store_->letter_text(3).value()->subject, "件名");
  auto first = store_->take_letter(k_t).value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->to, "a@x.example");
  reopen();  // killed while it was on its way
  auto second = store_->take_letter(k_t).value();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->to, "c@x.example");
  EXPECT_FALSE(store_->take_letter(k_t).value());
  ASSERT_TRUE(store_->settle_letter(*second, LetterState::waiting, k_t + hours(1), "later"));
  EXPECT_FALSE(store_->take_letter(k_t).value());
  second = store_->take_letter(k_t + hours(1)).value();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->tries, 2U);
  ASSERT_TRUE(store_->settle_letter(*second, LetterState::sent, {}, ""));
  const auto counts = store_->letter_counts(3).value();
  EXPECT_EQ(counts.sent, 1U);
  EXPECT_EQ(counts.sending, 1U);
  EXPECT_EQ(counts.waiting, 0U);
}

}  // namespace
}  // namespace sekimori::store
