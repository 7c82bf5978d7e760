// What these prove: old logs make contacts, places and rhythm known at once, without answering,
// holding or stopping anything; what lives is not disturbed; a hijack in the past teaches nothing;
// the same log teaches nothing twice; whatever crash lies between, the same state comes back.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "decide/engine_test_support.h"
#include "detect/epoch.h"

namespace sekimori::decide {
namespace {

constexpr Instant k_now{1'790'000'000'000'000};
constexpr auto k_hanako = "hanako@example.jp";
constexpr auto k_home = "203.0.113.20";

Event mail(Instant t, const std::string& account, std::vector<std::string> to,
           const std::string& ip = k_home) {
  Event e;
  e.t = t;
  e.account = account;
  e.id = fmt::format("mail-{}-{}-{}", account, t.us, to.empty() ? "" : to.front());
  Submission s;
  s.ip = *IpAddress::parse(ip);
  s.from = account;
  s.size = 4000 + static_cast<std::uint64_t>(t.us / 1'000'000) % 977;
  s.queue_id = fmt::format("4Q{}", t.us);
  s.to = std::move(to);
  e.body = std::move(s);
  return e;
}

Event login(Instant t, const std::string& account, const std::string& ip,
            LoginResult result = LoginResult::ok) {
  Event e;
  e.t = t;
  e.account = account;
  e.id = fmt::format("login-{}-{}", account, t.us);
  Login l;
  l.result = result;
  l.service = Service::imap;
  l.ip = *IpAddress::parse(ip);
  e.body = l;
  return e;
}

std::string friend_of(int i) { return fmt::format("friend{}@partner.example", i % 30); }

// Eight weeks of an owner's mail to thirty people, the last message an hour before `until`.
std::vector<Event> quiet_past(const std::string& account, Instant until, int count = 180) {
  std::vector<Event> out;
  for (int i = 0; i < count; ++i) {
    const Instant t = until - hours(1) - hours(7 * (count - 1 - i)) - minutes(i * 17 % 53);
    out.push_back(login(t - minutes(1), account, k_home));
    out.push_back(mail(t, account, {friend_of(i)}));
  }
  return out;
}

std::map<Learnt, int> learn(Engine& engine, const std::vector<Event>& events) {
  std::map<Learnt, int> out;
  for (const Event& e : events) ++out[engine.learn(e)];
  return out;
}

// One message to so many friends at once: from an account without a past they are strangers.
decide::Answer invitation(Engine& engine, const std::string& account, Instant t, int friends) {
  Applied out;
  std::vector<std::string> to;
  for (int k = 0; k < friends; ++k) to.push_back(friend_of(k));
  engine.apply(mail(t, account, std::move(to)), out);
  return *out.answer;
}

TEST(EnginePast, ContactsAreKnownOnTheFirstDay) {
  Engine cold(enforcing(), nullptr, detect::shipped_priors());
  Engine taught(enforcing(), nullptr, detect::shipped_priors());
  const auto counts = learn(taught, quiet_past(k_hanako, k_now));
  EXPECT_EQ(counts.at(Learnt::learnt), 360);
  const auto report = taught.end_history(k_now);
  EXPECT_EQ(report.accounts, 1U);
  EXPECT_EQ(report.messages, 180U);
  EXPECT_EQ(report.recipients, 180U);
  EXPECT_EQ(report.logins, 180U);
  EXPECT_EQ(report.contacts, 30U);
  EXPECT_EQ(report.places_median, 1);
  EXPECT_TRUE(report.left_out.empty());
  // The last day's four messages wait, as if they had been seen live.
  EXPECT_EQ(report.waiting, 4U);
  EXPECT_EQ(report.learnt, 176U);

  const auto known = invitation(taught, k_hanako, k_now + minutes(1), 25);
  EXPECT_EQ(known.accepted, 25U) << known.rule << ' ' << known.log_r;
  EXPECT_EQ(invitation(cold, k_hanako, k_now + minutes(1), 25).held, 25U);
}

TEST(EnginePast, NothingIsKnownBeforeTheEndAndNothingIsAnswered) {
  MemoryJournal journal;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  (void)learn(engine, quiet_past(k_hanako, k_now));
  EXPECT_FALSE(engine.view(k_hanako, k_now).known);
  EXPECT_TRUE(engine.open_holds().empty());
  EXPECT_TRUE(engine.standings().empty());
  EXPECT_EQ(journal.events.size(), 360U);
  EXPECT_TRUE(journal.events.front().history);
}

TEST(EnginePast, WindowsOfTodayHoldNothingOld) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  (void)learn(engine, quiet_past(k_hanako, k_now - days(3)));
  (void)engine.end_history(k_now);
  const auto counts = engine.view(k_hanako, k_now).counts;
  EXPECT_EQ(counts.recipients_day, 0U);
  EXPECT_EQ(counts.messages_hour, 0U);
  EXPECT_EQ(counts.bytes_day, 0U);
}

TEST(EnginePast, WhatLivesIsNotDisturbed) {
  Engine alone(enforcing(), nullptr, detect::shipped_priors());
  Engine taught(enforcing(), nullptr, detect::shipped_priors());
  Applied out;
  const auto live = [&](Engine& engine, Instant t, int n) {
    for (int i = 0; i < n; ++i) {
      engine.apply(mail(t + minutes(11 * i), k_hanako, {fmt::format("live{}@x.example", i)}), out);
    }
  };
  live(alone, k_now, 5);
  live(taught, k_now, 5);
  const auto before = taught.view(k_hanako, k_now + hours(1));
  (void)learn(taught, quiet_past(k_hanako, k_now));
  // The middle of a run: mail goes on as if there were none.
  const Instant t = k_now + hours(1);
  alone.apply(mail(t, k_hanako, {"live9@x.example"}), out);
  const double expected = out.answer->log_r;
  taught.apply(mail(t, k_hanako, {"live9@x.example"}), out);
  EXPECT_EQ(out.answer->log_r, expected);
  const auto report = taught.end_history(t + seconds(1));
  EXPECT_EQ(report.contacts, 30U);
  // Suspicion and windows are those of the live day.
  const auto a = alone.view(k_hanako, t + minutes(1));
  const auto b = taught.view(k_hanako, t + minutes(1));
  EXPECT_EQ(a.log_r, b.log_r);
  EXPECT_EQ(a.counts.recipients_hour, b.counts.recipients_hour);
  EXPECT_EQ(a.counts.new_day, b.counts.new_day);
  EXPECT_EQ(before.counts.recipients_day + 1, b.counts.recipients_day);
  // And the past's friends are known all the same.
  taught.apply(mail(t + minutes(2), k_hanako, {friend_of(3)}), out);
  const double to_a_friend = out.answer->log_r;
  alone.apply(mail(t + minutes(2), k_hanako, {friend_of(3)}), out);
  EXPECT_LT(to_a_friend, out.answer->log_r);
}

TEST(EnginePast, WhatWasLivedThroughIsNotLearntAgain) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  Applied out;
  engine.apply(login(k_now, k_hanako, k_home), out);
  auto later = mail(k_now + hours(3), k_hanako, {friend_of(1)});
  EXPECT_EQ(engine.learn(later), Learnt::lived);
  auto earlier = mail(k_now - hours(3), k_hanako, {friend_of(1)});
  EXPECT_EQ(engine.learn(earlier), Learnt::learnt);
}

TEST(EnginePast, TheSameLogTeachesNothingTwice) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const auto past = quiet_past(k_hanako, k_now);
  (void)learn(engine, past);
  (void)engine.end_history(k_now);
  const auto hash = engine.hash();
  const auto again = learn(engine, past);
  EXPECT_EQ(again.at(Learnt::already), 360);
  EXPECT_EQ(again.size(), 1U);
  const auto report = engine.end_history(k_now + minutes(5));
  EXPECT_EQ(report.accounts, 0U);
  EXPECT_EQ(engine.hash(), hash);
}

TEST(EnginePast, ABusyAccountsLogIsRememberedToo) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  std::vector<Event> past;
  for (int i = 0; i < 100'000; ++i) {
    past.push_back(login(k_now - days(60) + seconds(40 * i), k_hanako, k_home));
  }
  EXPECT_EQ(learn(engine, past).at(Learnt::learnt), 100'000);
  (void)engine.end_history(k_now);
  const auto hash = engine.hash();
  EXPECT_EQ(learn(engine, past).at(Learnt::already), 100'000);
  EXPECT_EQ(engine.end_history(k_now).accounts, 0U);
  EXPECT_EQ(engine.hash(), hash);
}

TEST(EnginePast, AnOlderLogAfterANewerOneTeachesToo) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  (void)learn(engine, quiet_past(k_hanako, k_now, 20));
  EXPECT_EQ(engine.end_history(k_now).contacts, 16U);  // four are waiting
  std::vector<Event> older;
  for (int i = 0; i < 40; ++i) {
    older.push_back(mail(k_now - days(90) + hours(9 * i), k_hanako,
                         {fmt::format("old{}@y.example", i % 8)}, "198.51.100.7"));
  }
  (void)learn(engine, older);
  const auto report = engine.end_history(k_now);
  EXPECT_EQ(report.contacts, 8U);
  EXPECT_EQ(report.waiting, 0U);
  Applied out;
  engine.apply(mail(k_now + minutes(1), k_hanako, {"old3@y.example"}), out);
  const double known = out.answer->log_r;
  Engine other(enforcing(), nullptr, detect::shipped_priors());
  (void)learn(other, quiet_past(k_hanako, k_now, 20));
  (void)other.end_history(k_now);
  other.apply(mail(k_now + minutes(1), k_hanako, {"old3@y.example"}), out);
  EXPECT_LT(known, out.answer->log_r);
}

TEST(EnginePast, AHijackInThePastTeachesNothing) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  auto past = quiet_past(k_hanako, k_now - days(30));
  const Instant t0 = k_now - days(30) + hours(5);
  int n = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < 10; ++k, ++n) to.push_back(fmt::format("victim{}@d{}.example", n, n % 97));
    past.push_back(
        mail(t0 + seconds(4 * i), k_hanako, std::move(to), fmt::format("192.0.2.{}", i)));
  }
  // The thief's network goes on reading for days; then the owner is back.
  for (int i = 0; i < 5; ++i) past.push_back(login(t0 + days(i), k_hanako, "192.0.2.5"));
  for (int i = 0; i < 30; ++i) {
    past.push_back(
        mail(t0 + days(10) + hours(13 * i), k_hanako, {fmt::format("late{}@z.example", i % 5)}));
  }
  const auto counts = learn(engine, past);
  EXPECT_GE(counts.at(Learnt::suspicious), 55);
  const auto report = engine.end_history(k_now);
  ASSERT_EQ(report.left_out.size(), 1U);
  EXPECT_EQ(report.left_out[0].account, k_hanako);
  EXPECT_EQ(report.left_out[0].messages, 60U);
  EXPECT_EQ(report.left_out[0].first, t0);
  EXPECT_EQ(report.left_out[0].last, t0 + seconds(4 * 59));
  EXPECT_EQ(report.contacts, 35U);  // thirty friends and the five new ones; no victim
  EXPECT_EQ(report.places_median, 1);
  EXPECT_TRUE(engine.standings().empty());
  EXPECT_TRUE(engine.open_holds().empty());
  // The same spray live is contained as ever: held as one question, and stopped when it goes on.
  Applied out;
  std::uint32_t accepted = 0;
  for (int i = 0; i < 220; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < 10; ++k) to.push_back(fmt::format("victim{}@d{}.example", i * 10 + k, k));
    engine.apply(mail(k_now + seconds(4 * i), k_hanako, std::move(to), "192.0.2.77"), out);
    accepted += out.answer->accepted;
  }
  EXPECT_LE(accepted, 10U);
  EXPECT_FALSE(engine.standings().empty());
}

TEST(EnginePast, GuessedNamesGetNoMemory) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  EXPECT_EQ(
      engine.learn(login(k_now - days(1), "nobody@example.jp", k_home, LoginResult::bad_password)),
      Learnt::ignored);
  EXPECT_EQ(engine.end_history(k_now).accounts, 0U);
}

// Everything a daemon may do around a run: live mail before, between and after, and an hourly
// epoch.
std::uint64_t a_life(MemoryJournal& journal, Engine& engine, std::size_t& middle) {
  Applied out;
  const auto past = quiet_past(k_hanako, k_now);
  const auto others = quiet_past("jiro@example.org", k_now - days(2), 40);
  engine.apply(mail(k_now - hours(2), k_hanako, {"live@x.example"}), out);
  for (std::size_t i = 0; i < past.size(); ++i) {
    (void)engine.learn(past[i]);
    if (i < others.size()) (void)engine.learn(others[i]);
    if (i == 100) engine.next_epoch(k_now);
    if (i % 40 == 7) {
      engine.apply(mail(k_now + seconds(static_cast<int>(i)), "taro@example.jp",
                        {fmt::format("t{}@x.example", i)}),
                   out);
    }
    if (i == 200) middle = journal.events.size();
  }
  (void)engine.end_history(k_now + minutes(10));
  for (int i = 0; i < 5; ++i) {
    engine.apply(mail(k_now + hours(1) + minutes(i), k_hanako, {friend_of(i)}), out);
  }
  (void)engine.learn(mail(k_now - days(100), k_hanako, {"older@x.example"}));  // a run left open
  return engine.hash();
}

TEST(EnginePast, TheJournalBringsTheSameStateBack) {
  MemoryJournal journal;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  std::size_t middle = 0;
  const auto hash = a_life(journal, engine, middle);

  Engine recovered(enforcing(), nullptr, detect::shipped_priors());
  for (std::size_t i = 0; i < journal.events.size(); ++i) {
    recovered.recover(journal.events[i], i + 1);
  }
  EXPECT_EQ(recovered.hash(), hash);

  // A snapshot of the finished life.
  std::map<std::string, std::pair<std::uint64_t, std::string>> parts;
  engine.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    parts[std::string(name)] = {sequence, std::string(bytes)};
  });
  Engine loaded(enforcing(), nullptr, detect::shipped_priors());
  for (const auto* name : {"priors"}) {
    ASSERT_TRUE(loaded.load(name, parts[name].first, parts[name].second));
  }
  for (const auto& [name, part] : parts) {
    if (name.starts_with("shard-")) {
      ASSERT_TRUE(loaded.load(name, part.first, part.second));
    }
  }
  for (const auto& [name, part] : parts) {
    if (name.starts_with("past-")) {
      ASSERT_TRUE(loaded.load(name, part.first, part.second)) << name;
    }
  }
  EXPECT_EQ(loaded.hash(), hash);
}

TEST(EnginePast, ASnapshotInTheMiddleOfARunIsWhole) {
  MemoryJournal journal;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  std::size_t middle = 0;
  const auto hash = a_life(journal, engine, middle);

  Engine half(enforcing(), nullptr, detect::shipped_priors());
  for (std::size_t i = 0; i < middle; ++i) half.recover(journal.events[i], i + 1);
  std::vector<std::tuple<std::string, std::uint64_t, std::string>> parts;
  half.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    parts.emplace_back(name, sequence, bytes);
  });
  Engine after(enforcing(), nullptr, detect::shipped_priors());
  for (const auto& [name, sequence, bytes] : parts) {
    ASSERT_TRUE(after.load(name, sequence, bytes)) << name;
  }
  EXPECT_EQ(after.hash(), half.hash());
  for (std::size_t i = 0; i < journal.events.size(); ++i) {
    after.recover(journal.events[i], i + 1);  // what it holds already is skipped
  }
  EXPECT_EQ(after.hash(), hash);
}

}  // namespace
}  // namespace sekimori::decide
