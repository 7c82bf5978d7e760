// What these prove: what two victims share is known to all shards at one place in the journal, and
// a crash anywhere brings the same state back; while the circuit breaker is open nobody is stopped
// by machine and nothing suspicious leaves; it closes by itself; a crash keeps it open.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "base/hash.h"
#include "decide/engine_test_support.h"
#include "detect/epoch.h"

namespace sekimori::decide {
namespace {

constexpr Instant k_start{1'750'000'000'000'000};

std::uint64_t hash_of_text(std::string_view text) { return keyed_hash(HashKey{}, text); }

Event mail(Instant t, const std::string& account, std::vector<std::string> to,
           const std::string& ip = "192.0.2.10", std::uint64_t sketch = 0) {
  // The same life twice is the same mail twice.
  const std::uint64_t number = hash_of_text(fmt::format("{}{}{}", account, t.us, to.size()));
  Event e;
  e.t = t;
  e.account = account;
  Submission s;
  s.ip = *IpAddress::parse(ip);
  s.from = account;
  s.to = std::move(to);
  s.size = 4000 + number % 977;
  s.queue_id = fmt::format("4Q{:x}", number);
  s.message_id = fmt::format("<{}@pc>", number);
  if (sketch != 0) s.sketch = sketch;
  e.body = std::move(s);
  return e;
}

std::string user(int i) { return fmt::format("user{}@example.jp", i); }

// Six weeks of `accounts` quiet owners; returns the end.
Instant live(Engine& engine, int accounts) {
  Applied out;
  Instant t = k_start;
  for (int day = 0; day < 42; ++day) {
    for (int a = 0; a < accounts; ++a) {
      t = k_start + days(day) + hours(9) + minutes(7 * a % 60) + seconds(a);
      engine.apply(mail(t, user(a), {fmt::format("friend{}@partner.example", (day + a) % 9)},
                        fmt::format("192.0.2.{}", a % 200)),
                   out);
    }
    engine.next_epoch(k_start + days(day) + hours(20));
  }
  return k_start + days(42);
}

struct Spray {
  std::uint32_t accepted = 0, held = 0, refused = 0, stopped = 0;
  std::string rule;  // of the last message
};
Spray spray(Engine& engine, const std::string& account, Instant t, int messages,
            std::uint64_t sketch = 0) {
  Spray sum;
  Applied out;
  for (int i = 0; i < messages; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < 3; ++k)
      to.push_back(fmt::format("v{}-{}@far{}.example", account, 3 * i + k, k));
    engine.apply(mail(t + seconds(20 * i), account, std::move(to), "198.51.100.66", sketch), out);
    sum.accepted += out.answer->accepted;
    sum.held += out.answer->held;
    sum.refused += out.answer->refused;
    sum.stopped += static_cast<std::uint32_t>(out.standings.size());
    sum.rule = out.answer->rule;
  }
  return sum;
}

TEST(EngineFleet, AThirdVictimOfOneCampaignIsStoppedSooner) {
  const auto leaked = [](bool pooled) {
    Engine engine(enforcing(), nullptr, detect::shipped_priors());
    const Instant t = live(engine, 12);
    spray(engine, user(0), t, 10, 0xfeed);
    spray(engine, user(1), t + minutes(10), 10, 0xfeed);
    if (pooled) {
      EXPECT_TRUE(engine.next_fleet(t + minutes(20)));
      EXPECT_FALSE(engine.next_fleet(t + minutes(21))) << "nothing new";
      EXPECT_GT(engine.fleet_patterns(), 0U);
    }
    Applied out;
    engine.apply(mail(t + minutes(30), user(2), {"one@far.example"}, "198.51.100.66", 0xfeed), out);
    return std::pair(out.answer->log_r, out.answer->accepted);
  };
  const auto [alone, alone_accepted] = leaked(false);
  const auto [pooled, pooled_accepted] = leaked(true);
  EXPECT_GT(pooled, alone + 1.5);
  EXPECT_LE(pooled_accepted, alone_accepted);
}

TEST(EngineFleet, AnOwnerWithOtherMailHearsNothingOfIt) {
  Engine with(enforcing(), nullptr, detect::shipped_priors());
  Engine without(enforcing(), nullptr, detect::shipped_priors());
  Applied a, b;
  for (Engine* engine : {&with, &without}) {
    const Instant t = live(*engine, 12);
    spray(*engine, user(0), t, 10, 0xfeed);
    spray(*engine, user(1), t + minutes(10), 10, 0xfeed);
  }
  const Instant t = k_start + days(42);
  ASSERT_TRUE(with.next_fleet(t + minutes(20)));
  Event own = mail(t + minutes(30), user(5), {"new-friend@far.example"}, "192.0.2.5");
  with.apply(own, a);
  without.apply(own, b);
  EXPECT_EQ(a.answer->log_r, b.answer->log_r);
}

TEST(EngineFleet, PatternsAreForgottenAfterADay) {
  Engine engine(enforcing(), nullptr, detect::shipped_priors());
  const Instant t = live(engine, 4);
  spray(engine, user(0), t, 10, 0xfeed);
  spray(engine, user(1), t, 10, 0xfeed);
  ASSERT_TRUE(engine.next_fleet(t + minutes(20)));
  EXPECT_FALSE(engine.next_fleet(t + hours(12)));
  EXPECT_TRUE(engine.next_fleet(t + hours(30)));
  EXPECT_EQ(engine.fleet_patterns(), 0U);
}

// Recovers from the whole journal, and from a snapshot taken in the middle.
TEST(EngineFleet, ACrashAnywhereBringsTheSameStateBack) {
  MemoryJournal journal;
  Engine straight(enforcing(), &journal, detect::shipped_priors());
  const Instant t = live(straight, 12);
  spray(straight, user(0), t, 10, 0xfeed);
  spray(straight, user(1), t + minutes(10), 10, 0xfeed);
  ASSERT_TRUE(straight.next_fleet(t + minutes(20)));
  ASSERT_TRUE(std::holds_alternative<FleetMark>(journal.events.back().body));
  spray(straight, user(2), t + minutes(30), 4, 0xfeed);
  std::map<std::string, std::pair<std::uint64_t, std::string>> snapshot;
  straight.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    snapshot[std::string(name)] = {sequence, std::string(bytes)};
  });
  spray(straight, user(3), t + minutes(40), 10, 0xfeed);
  straight.next_fleet(t + minutes(50));
  spray(straight, user(4), t + minutes(60), 10, 0xfeed);
  straight.next_fleet(t + minutes(65));
  straight.next_epoch(t + minutes(70));

  Engine again(enforcing(), nullptr, detect::shipped_priors());
  Engine loaded(enforcing(), nullptr, detect::shipped_priors());
  for (const auto& [name, part] : snapshot) {
    const auto read = loaded.load(name, part.first, part.second);
    ASSERT_TRUE(read) << name << ": " << read.error().text;
  }
  for (std::size_t i = 0; i < journal.events.size(); ++i) {
    again.recover(journal.events[i], i + 1);
    loaded.recover(journal.events[i], i + 1);
  }
  EXPECT_EQ(again.hash(), straight.hash());
  EXPECT_EQ(loaded.hash(), straight.hash());
  EXPECT_EQ(again.fleet_patterns(), straight.fleet_patterns());
  EXPECT_EQ(loaded.fleet_patterns(), straight.fleet_patterns());
  EXPECT_FALSE(loaded.next_fleet(t + minutes(71))) << "the same is known already";
}

TEST(EngineFleet, AMarkThatCannotBeWrittenIsTriedAgain) {
  MemoryJournal journal;
  Engine engine(enforcing(), &journal, detect::shipped_priors());
  const Instant t = live(engine, 4);
  spray(engine, user(0), t, 10, 0xfeed);
  spray(engine, user(1), t, 10, 0xfeed);
  journal.failing = true;
  EXPECT_FALSE(engine.next_fleet(t + minutes(20)));
  EXPECT_EQ(engine.fleet_patterns(), 0U);
  journal.failing = false;
  EXPECT_TRUE(engine.next_fleet(t + minutes(20)));
}

// ---------------------------------------------------------------- the circuit breaker

EngineSettings with_floor(std::uint32_t floor) {
  EngineSettings s = enforcing();
  s.breaker.floor = floor;
  return s;
}

TEST(EngineBreaker, OpenItHoldsInsteadOfStoppingAndNothingLeaks) {
  Engine engine(with_floor(5), nullptr, detect::shipped_priors());
  const Instant t = live(engine, 12);
  std::uint32_t stopped = 0;
  for (int a = 0; a < 6; ++a) stopped += spray(engine, user(a), t + minutes(a), 60).stopped;
  EXPECT_GE(stopped, 6U);
  const auto state = engine.breaker(t + minutes(20));
  ASSERT_TRUE(state.open);
  EXPECT_EQ(state.stops, 6U);
  EXPECT_EQ(state.bound, 5U);

  const Spray next = spray(engine, user(6), t + minutes(30), 60);
  EXPECT_EQ(next.stopped, 0U);
  EXPECT_EQ(next.rule, "hold_breaker");
  EXPECT_GT(next.held, 100U);
  EXPECT_LE(next.accepted, 6U);
  EXPECT_EQ(engine.standing_of({SubjectKind::account, user(6)}).standing, Standing::normal);
  // What it sends to friends waits, too, and says why.
  Applied out;
  engine.apply(mail(t + minutes(50), user(6), {"friend1@partner.example"}, "198.51.100.66"), out);
  ASSERT_EQ(out.answer->held, 1U);
  ASSERT_FALSE(out.holds.empty());
  EXPECT_EQ(out.holds.back().kind, HoldKind::asked);
  EXPECT_NE(out.holds.back().reason.en.find("more accounts were stopped"), std::string::npos);
  EXPECT_NE(out.holds.back().reason.ja.find("想定より多い"), std::string::npos);
  // A quiet owner's mail goes on.
  engine.apply(mail(t + minutes(51), user(9), {"friend1@partner.example"}, "192.0.2.9"), out);
  EXPECT_EQ(out.answer->accepted, 1U);
  // A person may stop it all the same.
  StandingRequest request;
  request.kind = RequestKind::restrict;
  request.by = "operator";
  request.now = t + minutes(52);
  ASSERT_TRUE(engine.request({SubjectKind::account, user(6)}, request));
  EXPECT_EQ(engine.breaker(t + minutes(53)).stops, 6U) << "a person's stop is no false alarm";
}

TEST(EngineBreaker, ClosesByItselfAfterADay) {
  Engine engine(with_floor(2), nullptr, detect::shipped_priors());
  const Instant t = live(engine, 12);
  for (int a = 0; a < 4; ++a) spray(engine, user(a), t + minutes(a), 60);
  ASSERT_TRUE(engine.breaker(t + hours(1)).open);
  EXPECT_FALSE(engine.breaker(t + hours(25)).open);
  EXPECT_GE(spray(engine, user(5), t + hours(25), 60).stopped, 1U);
}

TEST(EngineBreaker, AReloadWithoutABudgetClosesItAtOnce) {
  EngineSettings settings = with_floor(2);
  Engine engine(settings, nullptr, detect::shipped_priors());
  const Instant t = live(engine, 12);
  for (int a = 0; a < 4; ++a) spray(engine, user(a), t + minutes(a), 60);
  ASSERT_TRUE(engine.breaker(t + hours(1)).open);
  settings.breaker.false_alarm_budget = 0;
  engine.set_live(settings);
  EXPECT_FALSE(engine.breaker(t + hours(1)).open);
}

TEST(EngineBreaker, ObserveModeNeverOpensIt) {
  EngineSettings settings = with_floor(1);
  settings.mode = Mode::observe;
  Engine engine(settings, nullptr, detect::shipped_priors());
  const Instant t = live(engine, 12);
  for (int a = 0; a < 4; ++a) spray(engine, user(a), t + minutes(a), 60);
  EXPECT_FALSE(engine.breaker(t + hours(1)).open);
}

TEST(EngineBreaker, ACrashKeepsItOpenAndTheSameStateComesBack) {
  MemoryJournal journal;
  const EngineSettings settings = with_floor(2);
  Engine straight(settings, &journal, detect::shipped_priors());
  const Instant t = live(straight, 12);
  for (int a = 0; a < 2; ++a) spray(straight, user(a), t + minutes(a), 60);
  std::map<std::string, std::pair<std::uint64_t, std::string>> snapshot;
  straight.save([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
    snapshot[std::string(name)] = {sequence, std::string(bytes)};
  });
  for (int a = 2; a < 5; ++a) spray(straight, user(a), t + minutes(a), 60);
  ASSERT_TRUE(straight.breaker(t + hours(1)).open);

  Engine again(settings, nullptr, detect::shipped_priors());
  Engine loaded(settings, nullptr, detect::shipped_priors());
  for (const auto& [name, part] : snapshot) {
    ASSERT_TRUE(loaded.load(name, part.first, part.second));
  }
  for (std::size_t i = 0; i < journal.events.size(); ++i) {
    again.recover(journal.events[i], i + 1);
    loaded.recover(journal.events[i], i + 1);
  }
  for (Engine* engine : {&again, &loaded}) {
    EXPECT_EQ(engine->hash(), straight.hash());
    const auto state = engine->breaker(t + hours(1));
    EXPECT_TRUE(state.open);
    EXPECT_EQ(state.stops, straight.breaker(t + hours(1)).stops);
  }
}

}  // namespace
}  // namespace sekimori::decide
