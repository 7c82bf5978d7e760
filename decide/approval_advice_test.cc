// What these prove: a run that comes again as it did when a person let it through is proposed, in
// the rhythm it has, and the proposal would cover it; nothing is proposed for other mail, or for
// what an approval covers already.
#include "decide/approval_advice.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

Instant at(std::string_view text) { return parse_instant(text).value(); }

HeldMessage held(const std::string& id, std::string_view t, std::uint32_t recipients,
                 std::uint64_t size, std::string by = "") {
  HeldMessage h;
  h.queue_id = id;
  h.account = "news@example.jp";
  h.held_at = at(t);
  h.recipients = recipients;
  h.size = size;
  h.kind = HoldKind::asked;
  h.ended_by = std::move(by);
  h.state = h.ended_by.empty() ? HoldState::held : HoldState::released;
  return h;
}

AdviceQuestion question(std::vector<HeldMessage> holds) {
  AdviceQuestion q;
  q.holds = std::move(holds);
  q.zone = "Asia/Tokyo";
  q.zone_rule = "JST-9";
  q.now = at("2026-11-02T03:00:00Z");
  return q;
}

bool covers(const ApprovalSuggestion& s, std::string_view t, std::uint32_t recipients,
            std::uint64_t size) {
  Approval a;
  a.terms = s.terms;
  ApprovalInForce::Message m;
  m.t = at(t);
  m.recipients = recipients;
  m.size = size;
  return ApprovalInForce(a).covers(m) == Uncovered::covered;
}

TEST(ApprovalAdvice, LastMonthsRunIsRecognised) {
  const auto found = suggest_approvals(question({
      held("4b1", "2026-10-01T01:10:00Z", 60, 20'000, "cli:root"),
      held("4b2", "2026-11-01T01:20:00Z", 66, 22'000),
  }));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].terms.repeat, ApprovalRepeat::monthly);
  EXPECT_EQ(found[0].like, (std::vector<std::string>{"hold:4b2", "hold:4b1"}));
  EXPECT_NE(found[0].text.en.find("2026-10-01"), std::string::npos);
  EXPECT_NE(found[0].text.ja.find("承認"), std::string::npos);
  EXPECT_TRUE(check_terms(found[0].terms));
  EXPECT_TRUE(covers(found[0], "2026-12-01T01:15:00Z", 70, 21'000));
  EXPECT_TRUE(covers(found[0], "2027-01-02T01:15:00Z", 70, 21'000));  // the first is a holiday
  EXPECT_FALSE(covers(found[0], "2026-12-15T01:15:00Z", 70, 21'000));
  EXPECT_FALSE(covers(found[0], "2026-12-01T01:15:00Z", 200, 21'000));
  EXPECT_FALSE(covers(found[0], "2026-12-01T01:15:00Z", 70, 80'000));
}

TEST(ApprovalAdvice, AWeeklyRunOfManyMessagesIsOne) {
  std::vector<HeldMessage> holds;
  for (int i = 0; i < 30; ++i) {
    const auto minute = std::to_string(10 + i);
    holds.push_back(held("a" + minute, "2026-10-20T01:" + minute + ":00Z", 25, 9000 + i, "ops"));
    holds.push_back(held("b" + minute, "2026-10-27T01:" + minute + ":00Z", 25, 9100 + i, "ops"));
  }
  const auto found = suggest_approvals(question(holds));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].terms.repeat, ApprovalRepeat::weekly);
  EXPECT_EQ(days_text(found[0].terms.repeat, found[0].terms.days), "tue");
  EXPECT_GE(found[0].terms.recipients, 750U);
  EXPECT_LT(found[0].terms.each, 50U);
  EXPECT_LE(found[0].like.size(), 20U);
}

TEST(ApprovalAdvice, AnApprovedRunThatComesAgainIsRecognised) {
  auto q = question({held("4b2", "2026-11-01T01:20:00Z", 66, 22'000)});
  ApprovalView view;
  view.approval.id = 7;
  view.approval.terms.recipients = view.approval.terms.each = 100;
  view.used.runs = 1;
  view.used.recipients = 60;
  view.used.size = 20'000;
  view.used.last = at("2026-10-02T01:00:00Z");
  q.approvals.push_back(view);
  const auto found = suggest_approvals(q);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].like.back(), "approval:7");
}

TEST(ApprovalAdvice, NothingIsProposedForOtherMail) {
  const auto none = [](std::vector<HeldMessage> holds) {
    return suggest_approvals(question(std::move(holds))).empty();
  };
  const auto now = held("4b2", "2026-11-01T01:20:00Z", 66, 22'000);
  EXPECT_TRUE(none({}));
  EXPECT_TRUE(none({now}));
  // Let go by time, deleted, of another size, another number, the day before, long ago.
  EXPECT_TRUE(none({now, held("4b1", "2026-10-01T01:10:00Z", 60, 20'000, "time")}));
  auto deleted = held("4b1", "2026-10-01T01:10:00Z", 60, 20'000, "ops");
  deleted.state = HoldState::deleted;
  EXPECT_TRUE(none({now, deleted}));
  EXPECT_TRUE(none({now, held("4b1", "2026-10-01T01:10:00Z", 60, 50'000, "ops")}));
  EXPECT_TRUE(none({now, held("4b1", "2026-10-01T01:10:00Z", 10, 20'000, "ops")}));
  EXPECT_TRUE(none({now, held("4b1", "2026-10-31T01:10:00Z", 60, 20'000, "ops")}));
  EXPECT_TRUE(none({now, held("4b1", "2026-07-01T01:10:00Z", 60, 20'000, "ops")}));
}

TEST(ApprovalAdvice, WhatIsCoveredIsNotProposedAgain) {
  auto q = question({
      held("4b1", "2026-10-01T01:10:00Z", 60, 20'000, "ops"),
      held("4b2", "2026-11-01T01:20:00Z", 66, 22'000),
  });
  const auto found = suggest_approvals(q);
  ASSERT_EQ(found.size(), 1U);
  ApprovalView view;
  view.approval.terms = found[0].terms;
  q.approvals.push_back(view);
  EXPECT_TRUE(suggest_approvals(q).empty());
  q.approvals[0].approval.state = ApprovalState::ended;
  EXPECT_EQ(suggest_approvals(q).size(), 1U);
}

TEST(ApprovalAdvice, TermsAreSaidInBothLanguages) {
  ApprovalTerms t;
  t.recipients = 500;
  t.each = 100;
  t.repeat = ApprovalRepeat::monthly;
  t.days = 1U | 1U << 15;
  t.start_minute = 540;
  t.minutes = 180;
  t.zone = "Asia/Tokyo";
  EXPECT_EQ(in_words(t).en,
            "each month on 15, last from 09:00 for 180 minutes (Asia/Tokyo), up to 500 recipients "
            "in all and 100 a message");
  EXPECT_EQ(in_words(t).ja,
            "毎月 15 日・末日の 09:00 から 180 分間(Asia/Tokyo)、宛先は合計 500 件、1 "
            "通あたり 100 件まで");
  t.repeat = ApprovalRepeat::once;
  t.zone_rule = "JST-9";
  t.from = *parse_instant("2026-11-22T15:30:00Z");
  t.until = t.from + hours(24);
  EXPECT_TRUE(in_words(t).en.starts_with(
      "from 2026-11-23 00:30 to 2026-11-24 00:30 (Asia/Tokyo), up to 500"));
  EXPECT_TRUE(in_words(t).ja.starts_with(
      "2026年11月23日 0:30 から 2026年11月24日 0:30 まで(Asia/Tokyo)、宛先は"));
  for (const auto cause :
       {ApprovalCause::settings, ApprovalCause::new_place, ApprovalCause::contained}) {
    EXPECT_FALSE(in_words(cause).ja.empty());
    EXPECT_FALSE(in_words(cause).en.empty());
  }
}

}  // namespace
}  // namespace sekimori::decide
