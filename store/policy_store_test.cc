// What is set in the panel is all there after reopening; who set what stays with the value that did
// not change; health is kept as spans, and a gap stays one.
#include "store/policy_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::PolicyField;
using decide::Subject;
using decide::SubjectKind;

const Instant k_t{1'790'000'000'123'456};
const Subject k_domain{SubjectKind::domain, "example.jp"};
const Subject k_news{SubjectKind::account, "news@example.jp"};

decide::PolicyValues values(std::vector<std::pair<PolicyField, double>> list) {
  decide::PolicyValues out;
  for (const auto& [field, value] : list) out[static_cast<std::size_t>(field)] = value;
  return out;
}

class PolicyStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = PolicyStore::open({.url = test_database(directory_ / "p.db"), .busy_ms = 1000});
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  void note(Duration at, std::string level, std::string item = "doveadm") {
    const Instant t = k_t + at;
    ASSERT_TRUE(store_->note_health({{item, level, t, t, {"状態'", "state"}}}, minutes(3)));
  }
  TemporaryDirectory directory_;
  std::unique_ptr<PolicyStore> store_;
};

TEST_F(PolicyStoreTest, ValuesAreReplacedAndKeepTheirAuthors) {
  ASSERT_TRUE(store_->put_policy(
      k_domain,
      values({{PolicyField::recipients_per_hour, 100}, {PolicyField::restrict_line, 8.5}}), k_t,
      "nao", "学校なので"));
  ASSERT_TRUE(store_->put_policy(k_news, values({{PolicyField::recipients_per_hour, 9000}}), k_t,
                                 "nao", "newsletter"));
  ASSERT_TRUE(store_->put_policy(
      k_domain, values({{PolicyField::restrict_line, 8.5}, {PolicyField::mode, 1}}), k_t + hours(1),
      "ken", "二度目"));
  reopen();
  const auto rows = store_->policy(k_domain).value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].field, PolicyField::mode);
  EXPECT_EQ(rows[0].by, "ken");
  EXPECT_EQ(rows[1].value, 8.5);
  EXPECT_EQ(rows[1].by, "nao");
  EXPECT_EQ(rows[1].reason, "学校なので");
  EXPECT_EQ(store_->policy(std::nullopt).value().size(), 3U);
  ASSERT_TRUE(store_->put_policy(k_domain, {}, k_t, "nao", "戻す"));
  EXPECT_TRUE(store_->policy(k_domain).value().empty());
  EXPECT_EQ(store_->policy(std::nullopt).value().size(), 1U);
}

TEST_F(PolicyStoreTest, TextsAreReplacedAndTakenAway) {
  ASSERT_TRUE(store_->put_notice_text({"restricted.owner.ja", "Subject: 一\n\n二\n", k_t, "nao"}));
  ASSERT_TRUE(store_->put_notice_text({"restricted.owner.ja", "Subject: 三\n\n四\n", k_t, "ken"}));
  reopen();
  const auto rows = store_->notice_texts().value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].text, "Subject: 三\n\n四\n");
  EXPECT_EQ(rows[0].by, "ken");
  EXPECT_TRUE(store_->remove_notice_text("restricted.owner.ja").value());
  EXPECT_FALSE(store_->remove_notice_text("restricted.owner.ja").value());
  EXPECT_TRUE(store_->notice_texts().value().empty());
}

TEST_F(PolicyStoreTest, HealthIsSpansWithGapsWhereNobodyLooked) {
  note(minutes(0), "ok");
  note(minutes(1), "ok");
  note(minutes(2), "failing");
  note(minutes(3), "failing");
  note(minutes(60), "failing");  // the daemon was away meanwhile
  note(minutes(61), "ok");
  note(minutes(61), "ok", "journal");
  const auto spans = store_->health({}, 100).value();
  ASSERT_EQ(spans.size(), 5U);
  EXPECT_EQ(spans[0].level, "ok");
  EXPECT_EQ(spans[0].last, k_t + minutes(1));
  EXPECT_EQ(spans[1].since, k_t + minutes(2));
  EXPECT_EQ(spans[1].last, k_t + minutes(3));
  EXPECT_EQ(spans[2].since, k_t + minutes(60));
  EXPECT_EQ(spans[4].item, "journal");
  EXPECT_EQ(store_->health(k_t + minutes(30), 100).value().size(), 3U);
  EXPECT_EQ(store_->health({}, 1).value().size(), 1U);
  ASSERT_TRUE(store_->prune_health(k_t + minutes(61)));
  EXPECT_EQ(store_->health({}, 100).value().size(), 2U);
}

}  // namespace
}  // namespace sekimori::store
