// What these prove: a hijack is contained within a handful of recipients and an owner is not;
// refused mail does not count; observe mode does nothing; limits hold with reservations; a held
// message has exactly one end; the same journal gives the same state, whatever crash lies between.
#include "decide/engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "decide/engine_test_support.h"
#include "detect/epoch.h"

namespace sekimori::decide {
namespace {

constexpr Instant k_start{1'750'000'000'000'000};

Event mail(Instant t, const std::string& account, std::vector<std::string> to,
           const std::string& ip = "192.0.2.10") {
  static std::uint64_t number = 0;
  Event e;
  e.t = t;
  e.account = account;
  Submission s;
  s.ip = *IpAddress::parse(ip);
  s.from = account;
  s.to = std::move(to);
  s.size = 4000 + number % 977;
  s.queue_id = fmt::format("4Q{:08}", ++number);
  s.message_id = fmt::format("<{}@pc>", number);
  e.body = std::move(s);
  return e;
}

// Two months of an owner's quiet life: a few known people, office hours.
Instant live_quietly(Engine& engine, const std::string& account, int messages = 120) {
  Applied out;
  Instant t = k_start;
  for (int i = 0; i < messages; ++i) {
    t = t + hours(7) + minutes(i % 53);
    engine.apply(mail(t, account, {fmt::format("friend{}@partner.example", i % 9)}), out);
    EXPECT_TRUE(out.answer);
    EXPECT_EQ(out.answer->refused, 0U);
    EXPECT_TRUE(out.standings.empty());
  }
  return t;
}

struct Attack {
  std::uint32_t accepted = 0, held = 0, refused = 0;
  std::vector<StandingNews> news;
};

Attack spray(Engine& engine, const std::string& account, Instant t, int messages, int each) {
  Attack sum;
  Applied out;
  int stranger = 0;
  for (int i = 0; i < messages; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < each; ++k, ++stranger) {
      to.push_back(fmt::format("victim{}@d{}.example", stranger, stranger % 97));
    }
    t = t + seconds(4);
    engine.apply(mail(t, account, std::move(to), fmt::format("198.51.100.{}", i % 200)), out);
    sum.accepted += out.answer->accepted;
    sum.held += out.answer->held;
    sum.refused += out.answer->refused;
    EXPECT_EQ(out.answer->accepted + out.answer->held + out.answer->refused,
              static_cast<std::uint32_t>(each));
    for (auto& n : out.standings) sum.news.push_back(n);
  }
  return sum;
}

TEST(Engine, AHijackedAccountIsContainedWithinAHandful) {
  for (const int each : {1, 5, 50}) {
    Engine engine(enforcing(), nullptr, detect::shipped_priors());
    const Instant t = live_quietly(engine, "taro@example.jp");
    const auto attack = spray(engine, "taro@example.jp", t + hours(9), 200, each);
    EXPECT_LE(attack.accepted, 15U) << each << " recipients a message";
    ASSERT_FALSE(attack.news.empty());
    EXPECT_TRUE(forbids_sending(attack.news.back().change.record.standing));
    ASSERT_TRUE(attack.news.front().change.open_incident);
    EXPECT_FALSE(attack.news.front().change.open_incident->evidence.empty());
    EXPECT_FALSE(attack.news.front().change.open_incident->summary.ja.empty());
    EXPECT_FALSE(attack.news.front().change.open_incident->summary.en.empty());
  }
}

TEST(Engine, AColdInstallJudges) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const auto attack = spray(engine, "new@example.jp", k_start, 100, 40);
  EXPECT_EQ(attack.accepted, 0U);  // every one is a large blast to strangers: held, then refused
}

TEST(Engine, OtherAccountsGoOnWhileOneIsContained) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const Instant t = live_quietly(engine, "taro@example.jp");
  (void)live_quietly(engine, "hanako@example.jp");
  (void)spray(engine, "taro@example.jp", t + hours(1), 100, 10);
  Applied out;
  engine.apply(mail(t + hours(2), "hanako@example.jp", {"friend1@partner.example"}), out);
  EXPECT_EQ(out.answer->accepted, 1U);
}

TEST(Engine, ObserveModeSaysAndDoesNothing) {
  EngineSettings s = enforcing();
  s.mode = Mode::observe;
  Engine engine(s, nullptr, detect::shipped_priors());
  const Instant t = live_quietly(engine, "taro@example.jp");
  const auto attack = spray(engine, "taro@example.jp", t + hours(1), 200, 10);
  EXPECT_EQ(attack.accepted, 2000U);
  ASSERT_FALSE(attack.news.empty());
  EXPECT_LE(attack.news.size(), 2U);  // said once per step, not per message
  EXPECT_EQ(attack.news.front().mode, Mode::observe);
  EXPECT_EQ(engine.view("taro@example.jp", t).standing.standing, Standing::normal);
}

TEST(Engine, AnAccountsModeGoesBeforeItsDomainsAndTheServers) {
  EngineSettings s = enforcing();
  s.domain_modes = {{"example.jp", Mode::observe}};
  s.account_modes = {{"taro@example.jp", Mode::enforce}};
  Engine engine(s, nullptr, detect::shipped_priors());
  EXPECT_EQ(engine.view("taro@example.jp", k_start).mode, Mode::enforce);
  EXPECT_EQ(engine.view("jiro@example.jp", k_start).mode, Mode::observe);
  EXPECT_EQ(engine.view("x@other.example", k_start).mode, Mode::enforce);
  engine.set_modes(Mode::observe, {}, {});
  EXPECT_EQ(engine.view("taro@example.jp", k_start).mode, Mode::observe);
}

TEST(Engine, ARepeatedIdCountsOnce) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  Event e = mail(k_start, "taro@example.jp", {"a@x.example"});
  e.host = "mx1";
  e.id = "1-2-3";
  Applied out;
  engine.apply(e, out);
  EXPECT_FALSE(out.duplicate);
  engine.apply(e, out);
  EXPECT_TRUE(out.duplicate);
  e.host = "mx2";
  engine.apply(e, out);
  EXPECT_FALSE(out.duplicate);
  EXPECT_EQ(engine.view("taro@example.jp", k_start).counts.recipients_hour, 2U);
}

TEST(Engine, RefusedMailDoesNotCountAndLimitsAskForReservations) {
  EngineSettings s = enforcing();
  s.limits.recipients_per_hour = 10;
  Engine engine(s, nullptr, detect::shipped_priors());
  Applied out;
  const Instant t = live_quietly(engine, "taro@example.jp") + hours(2);
  for (int i = 0; i < 9; ++i) {
    engine.apply(
        mail(t + minutes(i), "taro@example.jp", {fmt::format("friend{}@partner.example", i)}), out);
    EXPECT_EQ(out.answer->accepted, 1U);
  }
  EXPECT_EQ(engine.may_send("taro@example.jp", t + minutes(9), 1, 0).action, Answer::Action::dunno);
  EXPECT_EQ(engine.may_send("taro@example.jp", t + minutes(9), 1, 1).action,
            Answer::Action::refuse);
  for (int i = 0; i < 5; ++i) {
    engine.apply(mail(t + minutes(10), "taro@example.jp",
                      {"friend1@partner.example", "friend2@partner.example"}),
                 out);
    EXPECT_EQ(out.answer->refused, 2U);
    EXPECT_EQ(out.answer->rule, "limit:recipients_per_hour");
    EXPECT_TRUE(out.answer->text.starts_with("450 4.7.1 "));
  }
  EXPECT_EQ(engine.view("taro@example.jp", t + minutes(10)).counts.recipients_hour, 9U);
}

TEST(Engine, StandingsGateSendingReceivingAndLogin) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const auto ask = [&](RequestKind kind, SubjectKind subject, std::string id) {
    StandingRequest r;
    r.kind = kind;
    r.by_machine = false;
    r.by = "operator";
    r.now = k_start;
    auto news = engine.request({subject, std::move(id)}, r);
    ASSERT_TRUE(news);
  };
  const std::string who = "taro@example.jp";
  ask(RequestKind::restrict, SubjectKind::account, who);
  EXPECT_TRUE(engine.may_send(who, k_start, 1, 0).text.starts_with("525 5.7.13 "));
  EXPECT_EQ(engine.may_receive(who).action, Answer::Action::dunno);
  EXPECT_EQ(engine.may_login(who, Service::imap).status, 0);
  ask(RequestKind::suspend, SubjectKind::account, who);
  EXPECT_TRUE(engine.may_receive(who).text.starts_with("450 4.2.1 "));
  EXPECT_EQ(engine.may_login(who, Service::imap).status, -1);
  // A successful sign-in that Postfix reports for a suspended account is a refused one.
  Event login;
  login.t = k_start + minutes(1);
  login.account = who;
  login.body = Login{};
  Applied out;
  engine.apply(login, out);
  ASSERT_TRUE(out.login);
  EXPECT_EQ(out.login->status, -1);
  ask(RequestKind::restore, SubjectKind::account, who);
  EXPECT_EQ(engine.may_send(who, k_start, 1, 0).action, Answer::Action::dunno);
  EXPECT_EQ(engine.may_login(who, Service::imap).status, 0);

  ask(RequestKind::restrict, SubjectKind::domain, "example.jp");
  EXPECT_EQ(engine.may_send(who, k_start, 1, 0).action, Answer::Action::refuse);
  EXPECT_EQ(engine.may_send("x@other.example", k_start, 1, 0).action, Answer::Action::dunno);
  ask(RequestKind::restore, SubjectKind::domain, "example.jp");
  ask(RequestKind::restrict, SubjectKind::server, "");
  EXPECT_EQ(engine.may_send("x@other.example", k_start, 1, 0).action, Answer::Action::refuse);
  engine.set_bypass(true);
  EXPECT_EQ(engine.may_send("x@other.example", k_start, 1, 0).action, Answer::Action::dunno);
}

TEST(Engine, AnOlderEpochNeverWins) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  StandingRecord newer;
  newer.subject = {SubjectKind::account, "taro@example.jp"};
  newer.standing = Standing::suspended;
  newer.epoch = 5;
  StandingRecord older = newer;
  older.standing = Standing::normal;
  older.epoch = 4;
  engine.load_standing(newer);
  engine.load_standing(older);
  EXPECT_EQ(engine.standing_of(newer.subject).standing, Standing::suspended);
}

TEST(Engine, EveryHoldHasExactlyOneEnd) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  Instant t = live_quietly(engine, "taro@example.jp") + hours(1);
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back(fmt::format("guest{}@elsewhere.example", i));
  Applied out;
  engine.apply(mail(t, "taro@example.jp", many), out);
  ASSERT_EQ(out.answer->held, 30U) << out.answer->rule;
  const std::string id = out.holds.front().queue_id;
  EXPECT_EQ(engine.view("taro@example.jp", t).holds.size(), 1U);
  engine.hold_ended("taro@example.jp", t + minutes(3), id, "operator", true, out);
  ASSERT_EQ(out.holds.size(), 1U);
  EXPECT_EQ(out.holds.front().state, HoldState::released);
  engine.hold_ended("taro@example.jp", t + minutes(4), id, "time", true, out);
  EXPECT_TRUE(out.holds.empty());
  EXPECT_EQ(engine.totals().holds_open, 0U);
}

TEST(Engine, AFatBlastEndsInARestrictionAlthoughALimitIsPassed) {
  EngineSettings s = enforcing();
  s.limits.recipients_per_hour = 500;
  Engine engine(s, nullptr, detect::shipped_priors());
  std::uint32_t accepted = 0;
  bool restricted = false;
  Applied out;
  int stranger = 0;
  for (int i = 0; i < 45 && !restricted; ++i) {
    const Instant t = k_start + seconds(4 * i);
    // As Postfix asks: room at DATA, then the whole message.
    ASSERT_EQ(engine.may_send("new@example.jp", t, 100, 0).action, Answer::Action::dunno) << i;
    std::vector<std::string> to;
    for (int k = 0; k < 100; ++k) to.push_back(fmt::format("v{}@d{}.example", ++stranger, k));
    engine.apply(mail(t, "new@example.jp", std::move(to)), out);
    accepted += out.answer->accepted;
    restricted = !out.standings.empty();
  }
  EXPECT_EQ(accepted, 0U);
  EXPECT_TRUE(restricted);
}

TEST(Engine, AClosedAccountStaysClosedWhenItsMemoryIsGivenUp) {
  EngineSettings s = enforcing();
  s.detect.accounts_max = 64;
  Engine engine(s, nullptr, detect::shipped_priors());
  StandingRequest r;
  r.kind = RequestKind::suspend;
  r.by_machine = false;
  r.by = "operator";
  r.now = k_start;
  ASSERT_TRUE(engine.request({SubjectKind::account, "taro@example.jp"}, r));
  Applied out;
  for (int i = 0; i < 5000; ++i) {
    engine.apply(mail(k_start + seconds(i), fmt::format("u{}@example.jp", i), {"a@b.example"}),
                 out);
    ASSERT_EQ(out.answer->accepted, 1U);
  }
  EXPECT_LT(engine.totals().accounts, 2000U);
  EXPECT_EQ(engine.may_send("taro@example.jp", k_start, 1, 0).action, Answer::Action::refuse);
  EXPECT_EQ(engine.may_login("taro@example.jp", Service::imap).status, -1);
}

TEST(Engine, DeletedHeldMailNoLongerCounts) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const Instant t = live_quietly(engine, "taro@example.jp") + hours(2);
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back(fmt::format("guest{}@elsewhere.example", i));
  Applied out;
  engine.apply(mail(t, "taro@example.jp", many), out);
  ASSERT_EQ(out.answer->held, 30U);
  EXPECT_EQ(engine.view("taro@example.jp", t).counts.recipients_hour, 30U);
  const std::string id = out.holds.front().queue_id;
  engine.hold_ended("taro@example.jp", t + minutes(1), id, "operator", false, out);
  EXPECT_EQ(engine.view("taro@example.jp", t + minutes(1)).counts.recipients_hour, 0U);
}

TEST(Engine, WhatTheThiefSentDoesNotLimitTheOwnerAfterwards) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const Subject who{SubjectKind::account, "taro@example.jp"};
  const Instant t = live_quietly(engine, who.id) + hours(2);
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back(fmt::format("guest{}@elsewhere.example", i));
  Applied out;
  engine.apply(mail(t, who.id, many), out);
  StandingRequest request;
  request.by = "operator";
  request.by_machine = false;
  request.now = t + minutes(1);
  request.kind = RequestKind::suspend;
  ASSERT_TRUE(engine.request(who, request));
  EXPECT_GE(engine.view(who.id, request.now).counts.recipients_day, 30U);
  request.kind = RequestKind::restore;
  request.to_probation = true;
  ASSERT_TRUE(engine.request(who, request));
  EXPECT_EQ(engine.view(who.id, request.now).counts.recipients_hour, 0U);
  EXPECT_EQ(engine.view(who.id, request.now).counts.recipients_day, 0U);
}

TEST(Engine, APileOfUnansweredHoldsEndsInARestriction) {
  EngineSettings s = enforcing();
  s.hold_pile = 30;
  s.limits = {};
  Engine engine(s, nullptr, detect::shipped_priors());
  const auto attack = spray(engine, "new@example.jp", k_start, 110, 25);
  EXPECT_EQ(attack.accepted, 0U);
  ASSERT_FALSE(attack.news.empty());
  EXPECT_TRUE(forbids_sending(attack.news.back().change.record.standing));
}

TEST(Engine, AFailingJournalDegradesButAnswers) {
  MemoryJournal journal;
  journal.failing = true;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  Applied out;
  engine.apply(mail(k_start, "taro@example.jp", {"a@x.example"}), out);
  EXPECT_EQ(out.answer->accepted, 1U);
  EXPECT_EQ(engine.totals().journal_failures, 1U);
}

// A random life of several accounts, with everything that can happen to them.
void live(Engine& engine, std::uint64_t seed, int steps) {
  std::mt19937_64 random(seed);
  Applied out;
  Instant t = k_start;
  for (int i = 0; i < steps; ++i) {
    t = t + seconds(static_cast<std::int64_t>(random() % 5000));
    const std::string who = fmt::format("user{}@example.jp", random() % 12);
    for (const auto& hold : engine.due_holds(t)) {
      engine.hold_ended(hold.account, t, hold.queue_id, "time", true, out);
    }
    if (i % 97 == 96) engine.next_epoch(t);
    Event e;
    e.t = t;
    e.account = who;
    switch (random() % 9) {
      case 0: {
        Login login;
        login.ip = *IpAddress::parse(fmt::format("203.0.113.{}", random() % 250));
        e.body = login;
        break;
      }
      case 1: e.body = Received{fmt::format("friend{}@p.example", random() % 40)}; break;
      case 2:
        e.body =
            Delivery{fmt::format("4Q{}", i), "a@b.example", DeliveryStatus::bounced, "5.1.1", ""};
        break;
      case 3: {
        StandingRequest r;
        r.kind = static_cast<RequestKind>(random() % 5);
        r.by_machine = false;
        r.by = "operator";
        r.now = t;
        (void)engine.request({SubjectKind::account, who}, r);
        continue;
      }
      case 4: {
        std::vector<std::string> many;
        for (std::uint64_t k = 0; k < random() % 60; ++k)
          many.push_back(fmt::format("s{}@q.example", random()));
        if (many.empty()) continue;
        e = mail(t, who, many);
        break;
      }
      default: e = mail(t, who, {fmt::format("friend{}@p.example", random() % 40)});
    }
    engine.apply(e, out);
  }
}

TEST(Engine, TheSameJournalGivesTheSameState) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    MemoryJournal journal;
    Engine straight(enforcing(), &journal, detect::shipped_priors());
    live(straight, seed, 1500);

    Engine again(enforcing(), nullptr, detect::shipped_priors());
    for (std::size_t i = 0; i < journal.events.size(); ++i) again.recover(journal.events[i], i + 1);
    EXPECT_EQ(again.hash(), straight.hash()) << "seed " << seed;
  }
}

TEST(Engine, ASnapshotAnywhereAndTheRestOfTheJournalGiveTheSameState) {
  MemoryJournal journal;
  Engine straight(enforcing(), &journal, detect::shipped_priors());
  live(straight, 11, 600);
  std::map<std::string, std::pair<std::uint64_t, std::string>> snapshot;
  straight.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    snapshot[std::string(name)] = {sequence, std::string(bytes)};
  });
  const std::uint64_t middle = straight.hash();

  Engine loaded(enforcing(), nullptr, detect::shipped_priors());
  for (const auto& [name, part] : snapshot) {
    const auto read = loaded.load(name, part.first, part.second);
    ASSERT_TRUE(read) << name << ": " << read.error().text;
  }
  EXPECT_EQ(loaded.hash(), middle);

  live(straight, 12, 600);
  Engine recovered(enforcing(), nullptr, detect::shipped_priors());
  for (const auto& [name, part] : snapshot) {
    ASSERT_TRUE(recovered.load(name, part.first, part.second));
  }
  for (std::size_t i = 0; i < journal.events.size(); ++i)
    recovered.recover(journal.events[i], i + 1);
  EXPECT_EQ(recovered.hash(), straight.hash());
}

TEST(Engine, NoPartOfASnapshotNeedsTheJournalFromBeforeTheLastEpoch) {
  // Else every start would read the whole journal, and retention could never shorten it.
  MemoryJournal journal;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  live(engine, 3, 50);
  engine.next_epoch(k_start + hours(1));
  const std::uint64_t mark = journal.events.size();
  ASSERT_TRUE(std::holds_alternative<EpochMark>(journal.events.back().body));
  std::map<std::string, std::pair<std::uint64_t, std::string>> snapshot;
  engine.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    EXPECT_GE(sequence, mark) << name;
    snapshot[std::string(name)] = {sequence, std::string(bytes)};
  });
  // It stays so for an engine that was loaded from it.
  Engine loaded(enforcing(), nullptr, detect::shipped_priors());
  for (const auto& [name, part] : snapshot) {
    ASSERT_TRUE(loaded.load(name, part.first, part.second));
  }
  loaded.save([&](std::string_view name, std::uint64_t sequence, std::string_view) {
    EXPECT_GE(sequence, mark) << name;
  });
}

TEST(Engine, DamagedSnapshotsAreRefused) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  live(engine, 5, 200);
  engine.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    for (std::size_t cut = 0; cut < bytes.size(); cut += 1 + bytes.size() / 17) {
      Engine other(enforcing(), nullptr, detect::shipped_priors());
      EXPECT_FALSE(other.load(name, sequence, bytes.substr(0, cut))) << name << " cut at " << cut;
    }
  });
}

}  // namespace
}  // namespace sekimori::decide
