// What these prove: an approved newsletter goes out and leaves no suspicion, and no further than
// its budget; a thief gains nothing by it; the same journal gives the same state, wherever it is
// cut, and a snapshot in between changes nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "decide/engine_test_support.h"
#include "detect/epoch.h"

namespace sekimori::decide {
namespace {

// A Monday, 2026-03-02 09:00 in Tokyo.
constexpr Instant k_start{1'772'409'600'000'000};
const std::string k_news = "news@example.jp";

class Newsletter : public testing::Test {
 protected:
  Newsletter() : engine_(enforcing(), &journal_, detect::shipped_priors()) {}

  // Some weeks of an owner's life, all from one network.
  void live() {
    t_ = k_start - days(40);
    for (int i = 0; i < 100; ++i) {
      t_ = t_ + hours(9);
      (void)send({fmt::format("friend{}@partner.example", i % 9)}, 4000 + i);
    }
    t_ = k_start;
  }
  std::vector<std::string> strangers(int n) {
    std::vector<std::string> to;
    for (int i = 0; i < n; ++i, ++stranger_) {
      to.push_back(fmt::format("reader{}@d{}.example", stranger_, stranger_ % 37));
    }
    return to;
  }
  Answer send(std::vector<std::string> to, std::uint64_t size = 20'000,
              const std::string& ip = "192.0.2.10") {
    Event e;
    e.t = t_;
    e.account = k_news;
    Submission s;
    s.ip = *IpAddress::parse(ip);
    s.from = k_news;
    s.to = std::move(to);
    s.size = size;
    s.queue_id = last_id_ = fmt::format("4Q{:08}", ++number_);
    s.message_id = "<1@pc>";
    e.body = std::move(s);
    engine_.apply(e, out_);
    return *out_.answer;
  }
  void give(EventBody body) {
    Event e;
    e.t = t_;
    e.account = k_news;
    e.body = std::move(body);
    engine_.apply(e, out_);
  }
  void sign_in(const std::string& ip) {
    Login login;
    login.service = Service::imap;
    login.ip = *IpAddress::parse(ip);
    give(login);
  }
  ApprovalOrder order(std::uint32_t recipients = 200, std::uint32_t each = 100) const {
    ApprovalOrder o;
    o.account = k_news;
    o.terms.recipients = recipients;
    o.terms.each = each;
    o.terms.from = k_start;
    o.terms.until = k_start + hours(12);
    o.by = "cli:root";
    o.reason = "春のお知らせ";
    o.now = t_;
    return o;
  }
  Approval approve(const ApprovalOrder& o) {
    auto done = engine_.approve(o);
    EXPECT_TRUE(done) << done.error().text;
    return done->first;
  }
  [[nodiscard]] ApprovalView only() const { return engine_.approvals(k_news, t_).at(0); }
  [[nodiscard]] double log_r() const { return engine_.view(k_news, t_).log_r; }

  MemoryJournal journal_;
  Engine engine_;
  Applied out_;
  Instant t_ = k_start;
  std::string last_id_;
  int stranger_ = 0;
  int number_ = 0;
};

TEST_F(Newsletter, WithoutApprovalItWaitsForAPerson) {
  live();
  EXPECT_EQ(send(strangers(60)).held, 60U);
}

TEST_F(Newsletter, ApprovedItLeavesAndNoSuspicionStays) {
  live();
  const double before = log_r();
  approve(order());
  const auto answer = send(strangers(60));
  EXPECT_EQ(answer.accepted, 60U);
  EXPECT_EQ(answer.rule, "approved");
  EXPECT_EQ(send(strangers(100), 21'000).accepted, 100U);
  EXPECT_LE(log_r(), before + 0.01);
  EXPECT_EQ(engine_.view(k_news, t_).counts.recipients_hour, 160U);
  EXPECT_EQ(engine_.view(k_news, t_).counts.new_day, 0U);
  EXPECT_EQ(engine_.totals().approved_recipients, 160U);
  EXPECT_EQ(only().used.recipients, 160U);
  // What follows it to a friend is as it always was.
  t_ = t_ + minutes(3);
  EXPECT_EQ(send({"friend1@partner.example"}, 4000).rule, "pass");
  EXPECT_EQ(send({"new-customer@d1.example"}, 4000).accepted, 1U);
  // Its bounces are nobody's fault.
  const std::string unapproved = last_id_;
  const double calm = log_r();
  for (int i = 0; i < 40; ++i) {
    give(Delivery{"4Q00000101", fmt::format("reader{}@d.example", i), DeliveryStatus::bounced,
                  "5.1.1", ""});
  }
  EXPECT_LE(log_r(), calm + 0.01);
}

TEST_F(Newsletter, ItsReadersAreKnownAfterADay) {
  live();
  approve(order());
  const auto readers = strangers(60);
  EXPECT_EQ(send(readers).accepted, 60U);
  t_ = t_ + days(3);
  EXPECT_EQ(send(readers).accepted, 60U);  // the window is long closed: nobody is new
}

TEST_F(Newsletter, BeyondTheBudgetTheJudgeJudges) {
  live();
  approve(order(100, 60));
  EXPECT_EQ(send(strangers(60)).accepted, 60U);
  EXPECT_EQ(send(strangers(60)).held, 60U);  // 60 of the 40 that are left
  EXPECT_EQ(only().used.recipients, 60U);
}

TEST_F(Newsletter, AMessageMayBeTooLargeForItsApproval) {
  live();
  approve(order(500, 59));
  EXPECT_EQ(send(strangers(60)).held, 60U);
}

TEST_F(Newsletter, WhatNeverBecameMailIsGivenBack) {
  live();
  approve(order(60, 60));
  EXPECT_EQ(send(strangers(60)).accepted, 60U);
  give(Withdrawn{last_id_});
  EXPECT_EQ(only().used.recipients, 0U);
  EXPECT_EQ(send(strangers(60)).accepted, 60U);
}

TEST_F(Newsletter, AbsoluteLimitsAndStandingsGoBeforeIt) {
  EngineSettings s = enforcing();
  s.limits.recipients_per_hour = 50;
  engine_.set_live(s);
  live();
  approve(order());
  const auto refused = send(strangers(60));
  EXPECT_EQ(refused.refused, 60U);
  EXPECT_EQ(refused.rule, "limit:recipients_per_hour");
  EXPECT_EQ(only().used.recipients, 0U);
  engine_.set_live(enforcing());
  StandingRequest stop;
  stop.by_machine = false;
  stop.by = "cli:root";
  stop.now = t_;
  ASSERT_TRUE(engine_.request({SubjectKind::account, k_news}, stop));
  EXPECT_EQ(send(strangers(60)).rule, "standing");
}

TEST_F(Newsletter, TheWindowClosesToTheMoment) {
  live();
  approve(order());
  t_ = k_start + hours(12) - Duration{1};
  EXPECT_EQ(send(strangers(30)).accepted, 30U);
  t_ = k_start + hours(12);
  EXPECT_EQ(send(strangers(30)).held, 30U);
}

// ---- thieves ----

TEST_F(Newsletter, AThiefElsewhereIsNotCoveredAndSuspendsIt) {
  live();
  approve(order());
  EXPECT_NE(send(strangers(60), 20'000, "203.0.113.7").accepted, 60U);
  ASSERT_EQ(out_.approvals.size(), 1U);
  EXPECT_EQ(out_.approvals[0].cause, ApprovalCause::new_place);
  EXPECT_EQ(only().approval.state, ApprovalState::suspended);
}

TEST_F(Newsletter, ASignInFromANewPlaceSuspendsItUntilAPersonLooks) {
  live();
  const auto id = approve(order()).id;
  sign_in("203.0.113.7");
  ASSERT_EQ(out_.approvals.size(), 1U);
  EXPECT_EQ(send(strangers(60)).held, 60U);
  t_ = t_ + minutes(1);
  ApprovalOrder again = order();
  again.id = id;
  EXPECT_EQ(approve(again).state, ApprovalState::active);
  EXPECT_EQ(only().approval.epoch, 2U);
}

TEST_F(Newsletter, AChangedForwardSuspendsItAndAVacationDoesNot) {
  live();
  approve(order());
  give(SettingsChange{SettingKind::vacation, ""});
  EXPECT_EQ(only().approval.state, ApprovalState::active);
  give(SettingsChange{SettingKind::forward, "thief@x.example"});
  EXPECT_EQ(only().approval.state, ApprovalState::suspended);
  EXPECT_EQ(only().approval.cause, ApprovalCause::settings);
  EXPECT_EQ(send(strangers(60)).held, 60U);
}

TEST_F(Newsletter, ContainmentSuspendsIt) {
  live();
  approve(order());
  StandingRequest stop;
  stop.by_machine = false;
  stop.by = "cli:root";
  stop.now = t_;
  const auto news = engine_.request({SubjectKind::account, k_news}, stop);
  ASSERT_TRUE(news);
  ASSERT_EQ(news->approvals.size(), 1U);
  EXPECT_EQ(news->approvals[0].cause, ApprovalCause::contained);
}

TEST_F(Newsletter, OtherMailThanWhatWasApprovedIsJudged) {
  live();
  auto o = order();
  o.terms.size_min = 15'000;
  o.terms.size_max = 25'000;
  approve(o);
  EXPECT_EQ(send(strangers(60), 14'999).held, 60U);
  EXPECT_EQ(send(strangers(60), 25'000).accepted, 60U);
}

TEST_F(Newsletter, ANetworkByNameHoldsBothWays) {
  live();
  auto o = order();
  o.terms.network = IpNetwork::parse("198.51.100.0/24").value();
  approve(o);
  EXPECT_EQ(send(strangers(60)).held, 60U);  // from home, which was not approved
  EXPECT_EQ(send(strangers(60), 20'000, "198.51.100.20").accepted, 60U);
  EXPECT_EQ(only().approval.state, ApprovalState::active);
}

TEST_F(Newsletter, ThievesOfTheBudgetGetNoMoreThanIt) {
  live();
  approve(order(150, 50));
  std::uint32_t left = 0;
  for (int i = 0; i < 100; ++i) {
    t_ = t_ + seconds(5);
    left += send(strangers(50)).accepted;
  }
  EXPECT_EQ(left, 150U);
}

// ---- people ----

TEST_F(Newsletter, WordsAreHeldToTheRules) {
  auto wrong = order();
  wrong.terms.each = 0;
  EXPECT_EQ(engine_.approve(wrong).error().kind, ErrorKind::bad_input);
  auto past = order();
  past.now = k_start + days(1);
  EXPECT_EQ(engine_.approve(past).error().kind, ErrorKind::bad_input);
  auto unknown = order();
  unknown.id = 99;
  EXPECT_EQ(engine_.approve(unknown).error().kind, ErrorKind::not_found);
  auto end = order();
  end.id = approve(order()).id;
  end.state = ApprovalState::ended;
  EXPECT_TRUE(engine_.approve(end)->second);
  EXPECT_FALSE(engine_.approve(end)->second);  // it was so already
  end.state = ApprovalState::active;
  EXPECT_EQ(engine_.approve(end).error().kind, ErrorKind::bad_input);
  EXPECT_EQ(send(strangers(60)).held, 60U);
}

TEST_F(Newsletter, SixteenAtATimeAndEndedOnesMakeRoom) {
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 16; ++i) ids.push_back(approve(order()).id);
  EXPECT_FALSE(engine_.approve(order()));
  for (int i = 0; i < 40; ++i) {
    auto end = order();
    end.id = ids.front();
    end.state = ApprovalState::ended;
    ASSERT_TRUE(engine_.approve(end));
    ids.erase(ids.begin());
    ids.push_back(approve(order()).id);
  }
  EXPECT_LE(engine_.approvals(k_news, t_).size(), k_approvals_per_account);
}

// ---- crashes ----

// A run with all that can happen to an approval.
class NewsletterCrash : public Newsletter {
 protected:
  void run() {
    live();
    const auto first = approve(order(400, 100)).id;
    (void)send(strangers(60));
    (void)send(strangers(70), 22'000);
    give(Withdrawn{last_id_});
    give(Delivery{"4Q00000101", "reader1@d.example", DeliveryStatus::bounced, "5.1.1", ""});
    auto monthly = order(1000, 100);
    monthly.terms.repeat = ApprovalRepeat::monthly;
    monthly.terms.days = 1U << 2;
    monthly.terms.start_minute = 540;
    monthly.terms.minutes = 240;
    monthly.terms.until = k_start + days(100);
    monthly.terms.zone = "Asia/Tokyo";
    monthly.terms.zone_rule = "JST-9";
    approve(monthly);
    t_ = t_ + minutes(5);
    (void)send(strangers(30));
    sign_in("203.0.113.7");
    (void)send(strangers(30));
    (void)send(strangers(90), 20'000, "203.0.113.7");
    auto again = order();
    again.id = first;
    again.now = t_ = t_ + minutes(1);
    (void)engine_.approve(again);
    (void)send(strangers(10));
    again.state = ApprovalState::ended;
    again.now = t_ = t_ + minutes(1);
    (void)engine_.approve(again);
  }
};

TEST_F(NewsletterCrash, TheJournalAloneGivesTheSameState) {
  run();
  Engine recovered(enforcing(), nullptr, detect::shipped_priors());
  for (std::size_t i = 0; i < journal_.events.size(); ++i) {
    recovered.recover(journal_.events[i], i + 1);
  }
  EXPECT_EQ(recovered.hash(), engine_.hash());
  const auto live_list = engine_.approvals(k_news, t_);
  const auto again = recovered.approvals(k_news, t_);
  ASSERT_EQ(live_list.size(), again.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].approval, live_list[i].approval);
    EXPECT_EQ(again[i].used, live_list[i].used);
  }
}

TEST_F(NewsletterCrash, ASnapshotAnywhereChangesNothing) {
  run();
  const std::size_t from = 99;  // the quiet life before is the same for all
  for (std::size_t cut = from; cut <= journal_.events.size(); ++cut) {
    Engine before(enforcing(), nullptr, detect::shipped_priors());
    for (std::size_t i = 0; i < cut; ++i) before.recover(journal_.events[i], i + 1);
    Engine after(enforcing(), nullptr, detect::shipped_priors());
    before.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
      ASSERT_TRUE(after.load(name, sequence, bytes));
    });
    for (std::size_t i = 0; i < journal_.events.size(); ++i) {
      after.recover(journal_.events[i], i + 1);
    }
    ASSERT_EQ(after.hash(), engine_.hash()) << "cut at " << cut;
  }
}

TEST_F(Newsletter, ABudgetThatIsPassedAfterAStartCoversNothingMore) {
  live();
  approve(order(60, 60));
  EXPECT_EQ(send(strangers(60)).accepted, 60U);
  // The disk is full for the line that gives it back, and has room again for the next message.
  journal_.failing = true;
  give(Withdrawn{last_id_});
  journal_.failing = false;
  EXPECT_EQ(send(strangers(40)).accepted, 40U);
  Engine recovered(enforcing(), nullptr, detect::shipped_priors());
  for (std::size_t i = 0; i < journal_.events.size(); ++i) {
    recovered.recover(journal_.events[i], i + 1);
  }
  ASSERT_EQ(recovered.approvals(k_news, t_).at(0).used.recipients, 100U);  // of 60
  Event e = journal_.events.back();
  e.t = t_ + seconds(1);
  auto& mail = std::get<Submission>(e.body);
  mail.to = strangers(40);
  mail.queue_id = "4Q-after-the-start";
  recovered.apply(e, out_);
  EXPECT_EQ(out_.answer->held, 40U);
}

TEST_F(Newsletter, WhatTheJournalLostComesFromTheDatabase) {
  live();
  Approval stored;
  stored.id = 5;
  stored.account = k_news;
  stored.epoch = 3;
  stored.terms = order().terms;
  stored.created = stored.changed = k_start - hours(1);
  stored.created_by = stored.changed_by = "cli:root";
  engine_.load_approval(stored);
  EXPECT_EQ(send(strangers(60)).accepted, 60U);
  // The same word again, and an older one, change nothing; a suspension that was lost does.
  const auto events = journal_.events.size();
  engine_.load_approval(stored);
  stored.epoch = 2;
  stored.state = ApprovalState::ended;
  engine_.load_approval(stored);
  EXPECT_EQ(journal_.events.size(), events);
  stored.epoch = 3;
  stored.state = ApprovalState::suspended;
  stored.cause = ApprovalCause::settings;
  engine_.load_approval(stored);
  EXPECT_EQ(only().approval.state, ApprovalState::suspended);
  Engine recovered(enforcing(), nullptr, detect::shipped_priors());
  for (std::size_t i = 0; i < journal_.events.size(); ++i) {
    recovered.recover(journal_.events[i], i + 1);
  }
  EXPECT_EQ(recovered.hash(), engine_.hash());
}

}  // namespace
}  // namespace sekimori::decide
