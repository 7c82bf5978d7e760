// Casework in the database: all there after reopening, keys open their own enquiry only, what does
// not follow changes nothing, and what is over is removed.
#include "store/case_store.h"

#include <gtest/gtest.h>

#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

const Instant k_t{1'790'000'000'123'456};

class CaseStoreTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    StateStoreSettings settings{.url = test_database(directory_ / "s.db"), .busy_ms = 100};
    state_ = std::move(*SqlStateStore::open(settings));  // the counters are its
    auto opened = CaseStore::open(settings);
    ASSERT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
  }
  static Enquiry enquiry(const std::string& account = "taro@example.jp") {
    Enquiry e;
    e.opened = e.changed = k_t;
    e.topic = EnquiryTopic::suspended;
    e.address = e.account = account;
    e.customer_number = "AB-1234";
    e.name = "関守 太郎'; DROP TABLE enquiry; --";
    e.text = "メールが届きません。\n助けてください。";
    e.call_back = true;
    e.hours = "平日 10-12時";
    e.language = "ja";
    e.match = ContractMatch::matches;
    return e;
  }
  Enquiry opened(const std::string& account = "taro@example.jp", const std::string& key = "key") {
    auto made = store_->open_enquiry(enquiry(account), Secret(key), "web");
    EXPECT_TRUE(made) << made.error().text;
    return made.value_or(Enquiry());
  }
  TemporaryDirectory directory_;
  std::unique_ptr<SqlStateStore> state_;
  std::unique_ptr<CaseStore> store_;
};

TEST_F(CaseStoreTest, NotesOnlyGrowAndHaveABound) {
  const AccountNote first{k_t, "nao", "電話で確認。'; DROP TABLE account_note; --\n折り返し待ち。"};
  const AccountNote second{k_t + seconds(1), "kei", "折り返しあり"};
  ASSERT_TRUE(store_->add_note("taro@example.jp", first));
  ASSERT_TRUE(store_->add_note("taro@example.jp", second));
  reopen();
  EXPECT_EQ(store_->notes("taro@example.jp").value(), (std::vector{second, first}));
  EXPECT_TRUE(store_->notes("hanako@example.jp").value().empty());
  for (std::size_t i = 2; i < k_account_notes_max; ++i) {
    ASSERT_TRUE(store_->add_note("taro@example.jp", second));
  }
  const auto refused = store_->add_note("taro@example.jp", second);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::bad_input);
  EXPECT_EQ(store_->notes("taro@example.jp").value().size(), k_account_notes_max);
  EXPECT_TRUE(store_->add_note("hanako@example.jp", first));
}

TEST_F(CaseStoreTest, EnquiriesAreAllThereAfterReopening) {
  const auto first = opened();
  const auto second = opened("hanako@example.jp");
  EXPECT_EQ(first.id, 1U);
  reopen();
  EXPECT_EQ(store_->enquiry(1).value(), first);
  EXPECT_EQ(store_->enquiries({}).value(), (std::vector{second, first}));
  EnquiryFilter waiting;
  waiting.waiting = true;
  EXPECT_EQ(store_->enquiries(waiting).value(), (std::vector{first, second})) << "oldest first";
  EnquiryFilter of_one;
  of_one.account = "taro@example.jp";
  EXPECT_EQ(store_->enquiries(of_one).value(), std::vector{first});
  EXPECT_EQ(store_->count_enquiries(of_one).value(), 1U);
  const auto entries = store_->entries(1).value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].act, EnquiryAct::opened);
  EXPECT_EQ(store_->enquiry(3).value(), std::nullopt);
}

TEST_F(CaseStoreTest, AKeyOpensItsOwnEnquiryOnly) {
  opened("taro@example.jp", "one");
  opened("hanako@example.jp", "two");
  EXPECT_TRUE(store_->enquiry_by_key(1, Secret("one")).value());
  EXPECT_FALSE(store_->enquiry_by_key(1, Secret("two")).value());
  EXPECT_FALSE(store_->enquiry_by_key(2, Secret("one")).value());
  EXPECT_FALSE(store_->enquiry_by_key(3, Secret("one")).value());
  EXPECT_FALSE(store_->enquiry_by_key(1, Secret()).value());
}

TEST_F(CaseStoreTest, WhatWasDoneIsKeptAndWhatDoesNotFollowChangesNothing) {
  opened();
  ASSERT_TRUE(store_->act({1, k_t + hours(1), "nao", EnquiryAct::taken, ""}));
  EXPECT_FALSE(store_->act({1, k_t + hours(2), "ken", EnquiryAct::answered, "x"}));
  EXPECT_EQ(store_->entries(1).value().size(), 2U) << "a refused act leaves no entry";
  auto answered =
      store_->act({1, k_t + hours(3), "nao", EnquiryAct::answered, "お待たせしました。"});
  ASSERT_TRUE(answered) << answered.error().text;
  reopen();
  EXPECT_EQ(store_->enquiry(1).value(), *answered);
  EXPECT_EQ(store_->entries(1).value().back().text, "お待たせしました。");
  const auto gone = store_->act({9, k_t, "nao", EnquiryAct::taken, ""});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
  EnquiryFilter mine;
  mine.taken_by = "nao";
  EXPECT_EQ(store_->count_enquiries(mine).value(), 1U);
}

TEST_F(CaseStoreTest, OldOnesGoButNotWhatWaitsAndNumbersAreNotGivenAgain) {
  opened();
  opened();
  ASSERT_TRUE(store_->act({2, k_t, "nao", EnquiryAct::closed, ""}));
  ASSERT_TRUE(store_->prune(k_t + days(1)));
  EXPECT_TRUE(store_->enquiry(1).value());
  EXPECT_FALSE(store_->enquiry(2).value());
  EXPECT_TRUE(store_->entries(2).value().empty());
  EXPECT_EQ(opened().id, 3U);
}

TEST_F(CaseStoreTest, CustomersAreKept) {
  EXPECT_EQ(store_->customer("taro@example.jp").value(), std::nullopt);
  Customer c;
  c.account = "taro@example.jp";
  c.number = "AB-1234";
  c.name = "関守 太郎";
  c.telephone = "+81 3 0000 0000";
  c.terms = "2026-04";
  c.terms_accepted = k_t;
  c.changed = k_t + hours(1);
  c.changed_by = "nao";
  ASSERT_TRUE(store_->put_customer(c));
  c.hours = "平日";
  ASSERT_TRUE(store_->put_customer(c));
  reopen();
  EXPECT_EQ(store_->customer("taro@example.jp").value(), c);
}

TEST_F(CaseStoreTest, ALaterWordOfTheSamePersonStands) {
  ASSERT_TRUE(store_->put_feedback({1, "nao", FeedbackVerdict::wrong, "社内の一斉連絡", k_t}));
  ASSERT_TRUE(store_->put_feedback({1, "ken", FeedbackVerdict::right, "", k_t + hours(1)}));
  ASSERT_TRUE(store_->put_feedback({2, "nao", FeedbackVerdict::unsure, "", k_t + hours(2)}));
  ASSERT_TRUE(store_->put_feedback({1, "nao", FeedbackVerdict::right, "", k_t + hours(3)}));
  const auto of_one = store_->feedback(1).value();
  ASSERT_EQ(of_one.size(), 2U);
  EXPECT_EQ(of_one[0], (Feedback{1, "nao", FeedbackVerdict::right, "", k_t + hours(3)}));
  EXPECT_EQ(store_->count_feedback().value(), 3U);
  EXPECT_EQ(store_->all_feedback(1, 1).value().at(0).incident, 2U);
}

TEST_F(CaseStoreTest, TheAuditIsFilteredAndPaged) {
  const auto put = [this](const std::string& who, const std::string& action, Subject subject,
                          const std::string& why) {
    AuditEntry entry;
    entry.t = k_t;
    entry.who = who;
    entry.action = action;
    entry.subject = std::move(subject);
    entry.why = why;
    ASSERT_TRUE(state_->append_audit(entry));
  };
  put("nao", "restrict", {SubjectKind::account, "taro@example.jp"}, "spam 100%");
  put("nao", "restore", {SubjectKind::account, "taro@example.jp"}, "");
  put("ken", "suspend", {SubjectKind::domain, "example.jp"}, "");
  put("ken", "suspend", {SubjectKind::account, "bob@badexample.jp"}, "spam");
  const auto found = [this](AuditFilter filter) {
    const auto page = store_->audit(filter).value();
    EXPECT_EQ(page.total, page.rows.size());
    std::string out;
    for (const auto& row : page.rows) out += row.action + " " + row.subject.id + ";";
    return out;
  };
  EXPECT_EQ(found({.within = "example.jp"}),
            "suspend example.jp;restore taro@example.jp;restrict taro@example.jp;");
  EXPECT_EQ(found({.who = "ken", .action = "suspend"}),
            "suspend bob@badexample.jp;suspend example.jp;");
  EXPECT_EQ(found({.search = "100%"}), "restrict taro@example.jp;");
  EXPECT_EQ(found({.subject = Subject{SubjectKind::account, "bob@badexample.jp"}}),
            "suspend bob@badexample.jp;");
  AuditFilter second;
  second.offset = 1;
  second.limit = 1;
  EXPECT_EQ(store_->audit(second).value().rows.at(0).subject.id, "example.jp");
  EXPECT_EQ(store_->audit(second).value().total, 4U);
  // Pages of a search, and what the machine said in words.
  AuditEntry said;
  said.t = k_t;
  said.who = "machine";
  said.action = "suspend";
  said.subject = {SubjectKind::account, "bob@badexample.jp"};
  said.why = "ln R 47.54, velocity";
  said.detail = R"({"words":{"ja":"ブラジルから急に送信","en":"It suddenly sent from Brazil."}})";
  ASSERT_TRUE(state_->append_audit(said));
  for (const char* part : {"ブラジル", "Brazil", "ln R 47"}) {
    const auto page = store_->audit({.search = part}).value();
    EXPECT_EQ(page.total, 1U) << part;
    ASSERT_EQ(page.rows.size(), 1U) << part;
    EXPECT_EQ(page.rows[0], said);
  }
  std::string pages;
  for (std::size_t offset = 0; offset < 6; ++offset) {
    AuditFilter one;
    one.search = "example";
    one.offset = offset;
    one.limit = 1;
    const auto page = store_->audit(one).value();
    EXPECT_EQ(page.total, 5U);
    for (const auto& row : page.rows) pages += row.action + " ";
  }
  EXPECT_EQ(pages, "suspend suspend suspend restore restrict ");
  EXPECT_EQ(found({.search = "nothing of the kind"}), "");
}

TEST_F(CaseStoreTest, InvestigationsAreKeptAsTheyWentOn) {
  EXPECT_EQ(store_->investigation(1).value(), std::nullopt);
  const auto change = [this](const InvestigationOrder& order) {
    return store_->change_investigation(
        1, [&](const auto& before) { return decide::step(before, 1, order, "nao", k_t); });
  };
  EXPECT_FALSE(change({.to = InvestigationState::started}));
  EXPECT_EQ(store_->investigation(1).value(), std::nullopt);
  ASSERT_TRUE(change({.to = InvestigationState::estimated, .amount_yen = 33'000, .scope = "調査"}));
  auto accepted = change({.to = InvestigationState::accepted, .accepted_by = "太郎"});
  ASSERT_TRUE(accepted);
  reopen();
  EXPECT_EQ(store_->investigation(1).value(), *accepted);
}

}  // namespace
}  // namespace sekimori::store
