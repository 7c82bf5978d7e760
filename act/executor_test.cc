// The executor against a world in memory that fails, lies and is killed at every single call.
#include "act/executor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <latch>
#include <map>

#include "act/executor_world_for_test.h"

namespace sekimori::act {
namespace {

using namespace decide;
using namespace for_test;

TEST(Executor, ContainsInOrderAndHoldsOnlyTheirOwnMail) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  const auto report = process.executor->run_once(at(0));
  EXPECT_EQ(report.open, 0U);
  EXPECT_FALSE(report.next);
  EXPECT_TRUE(world.all_done());
  EXPECT_EQ(world.calls,
            (std::vector<std::string>{"guard taro@a.test", "flush taro@a.test", "kick taro@a.test",
                                      "hold AAAAAA1", "hold AAAAAA2", "notify suspended"}));
  EXPECT_TRUE(world.guard[k_taro].no_login);
  ASSERT_EQ(world.holds.size(), 2U);
  EXPECT_EQ(world.holds["AAAAAA2"].state, HoldState::held);
  EXPECT_EQ(world.holds["AAAAAA2"].account, "taro@a.test");
}

TEST(Executor, RestoreRequeuesWhatWaitsForThem) {
  World world;
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  process.executor->run_once(at(0));
  fill_queue(world);
  world.calls.clear();
  world.request(k_taro, RequestKind::restore);
  process.executor->run_once(at(1));
  EXPECT_EQ(world.calls, (std::vector<std::string>{"guard taro@a.test", "flush taro@a.test",
                                                   "requeue AAAAAA5", "notify restored"}));
}

TEST(Executor, WaysAreClosedBesideTheQueueAndTriedUntilDone) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  bool is_down = true;
  const auto with_ways = [&](ExecutorSettings& settings) {
    settings.ways = [&](const Step& step, Standing in_force) -> Result<Text> {
      if (is_down && step.kind == StepKind::pause_forwards) return operating_failure("away");
      world.calls.push_back(fmt::format("{} {}", to_string(step.kind), to_string(in_force)));
      return Text{"2 件です", "2 of them"};
    };
  };
  Process process(world, with_ways);
  EXPECT_EQ(process.executor->run_once(at(0)).failed, 1U);
  EXPECT_EQ(world.calls,
            (std::vector<std::string>{"guard taro@a.test", "flush taro@a.test", "kick taro@a.test",
                                      "suspend_app_passwords suspended", "hold AAAAAA1",
                                      "hold AAAAAA2", "notify suspended"}));
  is_down = false;
  world.calls.clear();
  process.executor->run_once(at(5));
  EXPECT_TRUE(world.all_done());
  EXPECT_EQ(world.calls, std::vector<std::string>{"pause_forwards suspended"});
  world.request(k_taro, RequestKind::restore);
  process.executor->run_once(at(6));
  EXPECT_TRUE(world.was_called("resume_app_passwords normal"));
  // What was not done before a person let it go is not done any more.
  is_down = true;
  world.request(k_taro, RequestKind::restrict);
  process.executor->run_once(at(7));
  world.request(k_taro, RequestKind::restore);
  is_down = false;
  world.calls.clear();
  process.executor->run_once(at(60));
  for (const Step& step : world.steps) {
    if (step.kind == StepKind::requeue_waiting) continue;  // looks more than once
    EXPECT_EQ(step.state, StepState::done) << to_string(step.kind) << " " << step.detail;
  }
  EXPECT_FALSE(world.was_called("pause_forwards normal"));
}

TEST(Executor, SaysInBothLanguagesWhatAStepDid) {
  World world;
  fill_queue(world);
  Process process(world);
  world.request(k_taro, RequestKind::suspend);
  process.executor->run_once(at(0));
  ASSERT_TRUE(world.all_done());
  std::map<StepKind, std::string> said;
  for (const Step& step : world.steps) said[step.kind] = step.detail;
  EXPECT_EQ(said.at(StepKind::write_guard), "");
  const auto held = boost::json::parse(said.at(StepKind::hold_queued));
  EXPECT_TRUE(held.at("en").as_string().ends_with("are held")) << said.at(StepKind::hold_queued);
  EXPECT_NE(held.at("ja").as_string().find("保留しました"), std::string::npos);
  const auto ended = boost::json::parse(said.at(StepKind::kick_sessions));
  EXPECT_FALSE(ended.at("ja").as_string().empty());
  EXPECT_FALSE(ended.at("en").as_string().empty());
}

TEST(Executor, AsksTheIndexBeforePostfix) {
  World world;
  fill_queue(world);
  world.logins.clear();  // Postfix would know none of them
  world.request(k_taro, RequestKind::restrict);
  std::vector<HeldMessage> told;
  Process process(world,
                  [&](ExecutorSettings& settings) {
                    settings.on_hold = [&](const HeldMessage& held) { told.push_back(held); };
                  },
                  {.account_of_message = [](std::string_view id) -> std::optional<std::string> {
                    return id == "AAAAAA2" ? "taro@a.test" : "";
                  }});
  process.executor->run_once(at(0));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].queue_id, "AAAAAA2");
}

TEST(Executor, HoldsAMessageThatMovesBetweenQueuesWhileTheyAreListed) {
  World world;
  fill_queue(world);
  world.moving = "AAAAAA2";
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_TRUE(world.all_done());
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
}

TEST(Executor, ClosesAnotherAccountInTheMiddleOfALongQueue) {
  World world;
  for (int i = 0; i < 1200; ++i) {
    const std::string id = "BBBBBB" + std::to_string(i);
    world.queue.push_back(queued(id, "deferred", "taro@a.test"));
    world.logins[id] = "taro@a.test";
  }
  world.request(k_taro, RequestKind::restrict);
  Process process(world, {},
                  {.account_of_message = [](std::string_view) { return "taro@a.test"; }});
  process.executor->wake();  // as the change of another account does
  const auto report = process.executor->run_once(at(0));
  EXPECT_EQ(world.holds.size(), 500U);
  EXPECT_EQ(report.next, at(0));
  EXPECT_FALSE(world.all_done());
}

// A person undid it while the first steps were being taken: what the owner sends then is theirs.
TEST(Executor, HoldsNothingOnceRestoredInTheMiddle) {
  World world;
  world.request(k_taro, RequestKind::restrict);
  const auto undone_meanwhile = [&](ExecutorSettings& settings) {
    settings.ways = [&](const Step& step, Standing) -> Result<Text> {
      if (step.kind != StepKind::suspend_app_passwords) return Text{};
      world.request(k_taro, RequestKind::restore);
      fill_queue(world);
      return Text{};
    };
  };
  Process process(world, undone_meanwhile);
  process.executor->run_once(at(0));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.holds.empty());
  process.executor->run_once(at(1));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  EXPECT_EQ(world.standings[k_taro].standing, Standing::normal);
}

// A person let one go between two tries of the step, and Postfix has it in its queue.
TEST(Executor, WhatAPersonLetGoMeanwhileIsNotHeldAgain) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  HeldMessage held;
  held.account = "taro@a.test";
  held.kind = HoldKind::asked;
  held.incident = 7;
  held.held_at = world.steps.front().created;
  held.state = HoldState::released;
  held.queue_id = "AAAAAA1";
  held.ended_by = "op@a.test";
  held.ended_at = held.held_at + seconds(1);
  world.holds[held.queue_id] = held;
  held.queue_id = "AAAAAA2";  // by itself
  held.ended_by = "time";
  world.holds[held.queue_id] = held;
  Process process(world);
  process.executor->run_once(at(1));
  EXPECT_FALSE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA2"));
  EXPECT_TRUE(world.all_done());
  // Also one that was held before this containment, by the policy; and one of which nobody knows
  // whether Postfix let it go: it is not in the hold queue.
  for (const HoldState state : {HoldState::released, HoldState::held}) {
    World other;
    fill_queue(other);
    other.request(k_taro, RequestKind::suspend);
    held.queue_id = "AAAAAA2";
    held.ended_by = "op@a.test";
    held.kind = HoldKind::timed;
    held.incident = 6;
    held.held_at = other.steps.front().created - hours(1);
    held.ended_at = other.steps.front().created + seconds(1);
    held.state = state;
    other.holds["AAAAAA2"] = held;
    Process third(other);
    third.executor->run_once(at(1));
    EXPECT_FALSE(other.was_called("hold AAAAAA2"));
    EXPECT_EQ(other.holds["AAAAAA2"].state, HoldState::released);
    EXPECT_EQ(other.holds["AAAAAA2"].ended_by, "op@a.test");
    EXPECT_TRUE(other.all_done());
  }
  // What was let go before this containment is held in this one.
  World later;
  fill_queue(later);
  later.request(k_taro, RequestKind::suspend);
  held.state = HoldState::released;
  held.ended_at = later.steps.front().created - seconds(1);
  later.holds["AAAAAA2"] = held;
  Process second(later);
  second.executor->run_once(at(1));
  EXPECT_TRUE(later.was_called("hold AAAAAA2"));
}

TEST(Executor, ADomainsMailIsHeldAndLetGoWithIt) {
  const Subject domain{SubjectKind::domain, "a.test"};
  World world;
  fill_queue(world);
  world.request(domain, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_TRUE(world.all_done());
  std::vector<std::string> held;
  for (const auto& [id, hold] : world.holds) {
    EXPECT_EQ(hold.evidence, "held with the domain a.test");
    EXPECT_EQ(domain_of(hold.account), "a.test");
    held.push_back(id);
  }
  ASSERT_GE(held.size(), 3U);  // of more than one account
  // One of them is contained meanwhile; one hold has a reason of its own.
  world.request(k_taro, RequestKind::restrict);
  HeldMessage asked = world.holds[held.back()];
  asked.queue_id = "CCCCCC1";
  asked.evidence = "shape 3.10";
  world.holds[asked.queue_id] = asked;
  process.executor->run_once(at(1));
  world.calls.clear();
  world.request(domain, RequestKind::restore);
  process.executor->run_once(at(2));
  for (const std::string& id : held) {
    const bool is_taros = world.holds[id].account == "taro@a.test";
    EXPECT_EQ(world.was_called("release " + id), !is_taros) << id;
    EXPECT_EQ(world.holds[id].state, is_taros ? HoldState::held : HoldState::released) << id;
    if (!is_taros) {
      EXPECT_EQ(world.holds[id].ended_by, "op");
    }
  }
  EXPECT_EQ(world.holds["CCCCCC1"].state, HoldState::held);
  // Contained again before it was let go: nothing is.
  World second;
  fill_queue(second);
  second.request(domain, RequestKind::restrict);
  Process other(second);
  other.executor->run_once(at(0));
  second.request(domain, RequestKind::restore);
  second.request(domain, RequestKind::restrict);
  second.calls.clear();
  other.executor->run_once(at(1));
  EXPECT_FALSE(second.was_called("release " + held.front()));
}

TEST(Executor, LooksAtALongQueueInParts) {
  World world;
  for (int i = 0; i < 25; ++i) {
    const std::string id = "BBBBBB" + std::to_string(i);
    world.queue.push_back(queued(id, "deferred", "s@elsewhere.test"));
    world.logins[id] = i % 2 == 0 ? "taro@a.test" : "hanako@a.test";
  }
  world.request(k_taro, RequestKind::restrict);
  Process process(world, {}, {.look_ups_max = 10});
  std::int64_t t = 0;
  for (int i = 0; i < 10 && !world.all_done(); ++i) {
    const auto report = process.executor->run_once(at(t));
    if (report.next) t = (report.next->us - at(0).us) / 1'000'000;
  }
  EXPECT_TRUE(world.all_done());
  EXPECT_EQ(world.holds.size(), 13U);
}

TEST(Executor, DovecotDownHoldsUpNeitherTheQueueNorTheNotice) {
  World world;
  fill_queue(world);
  world.broken = {"flush"};
  world.request(k_taro, RequestKind::suspend);
  world.request(k_hanako, RequestKind::restrict);
  Process process(world);
  const auto report = process.executor->run_once(at(0));
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));
  EXPECT_TRUE(world.was_called("hold AAAAAA3"));
  EXPECT_TRUE(world.was_called("notify suspended"));
  EXPECT_FALSE(world.was_called("kick taro@a.test"));  // would only make them sign in again
  EXPECT_EQ(report.next, at(1));
  EXPECT_EQ(process.executor->run_once(Instant{at(1).us - 1}).failed, 0U);  // not before its time
  EXPECT_EQ(process.executor->run_once(at(1)).next, at(3));
  world.broken.clear();
  process.executor->run_once(at(3));
  EXPECT_TRUE(world.all_done());
  EXPECT_LT(world.index_of("flush taro@a.test"), world.index_of("kick taro@a.test"));
}

TEST(Executor, GuardDownHoldsUpTheKickAndTheRequeue) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  world.broken = {"guard"};
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_FALSE(world.was_called("flush taro@a.test"));
  EXPECT_TRUE(world.was_called("notify suspended"));
  world.request(k_taro, RequestKind::restore);
  process.executor->run_once(at(0));
  EXPECT_FALSE(world.was_called("requeue AAAAAA5"));
  world.broken.clear();
  process.executor->run_once(at(60));
  EXPECT_TRUE(world.was_called("requeue AAAAAA5"));
  EXPECT_FALSE(world.was_called("kick taro@a.test"));  // of the older standing: skipped
  // This Postfix keeps the mail deferred whatever is done: after some looks it is left to itself.
  for (int look = 1; look <= 8; ++look) process.executor->run_once(at(60 + 60 * look));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, BacksOffToAMinuteForEver) {
  World world;
  world.broken = {"notify"};
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  std::int64_t t = 0;
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 10; ++i) {
    const auto report = process.executor->run_once(at(t));
    ASSERT_TRUE(report.next);
    const std::int64_t next = (report.next->us - at(0).us) / 1'000'000;
    waits.push_back(next - t);
    t = next;
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}));
  EXPECT_EQ(world.steps.back().detail, "notify is down");
  EXPECT_EQ(world.steps.back().state, StepState::retrying);
  // A clock set back a day does not silence it for a day.
  world.broken.clear();
  process.executor->run_once(at(t - 86'400));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, GivesUpOnlyWhatCanNeverWork) {
  World world;
  world.refused = {"flush"};
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  EXPECT_FALSE(process.executor->run_once(at(0)).next);
  EXPECT_EQ(std::ranges::count(world.steps, StepState::failed, &Step::state), 1);
  EXPECT_TRUE(world.was_called("kick taro@a.test"));
}

TEST(Executor, SkipsTheOlderStandingButNotWhatIsStillWanted) {
  World world;
  fill_queue(world);
  world.broken = {"list"};
  world.request(k_taro, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  world.request(k_taro, RequestKind::begin_recovery);  // asks for no hold_queued of its own
  world.broken.clear();
  process.executor->run_once(at(5));
  EXPECT_TRUE(world.was_called("hold AAAAAA1"));  // sending is still forbidden: still wanted
  EXPECT_TRUE(world.all_done());

  World other;
  fill_queue(other);
  other.broken = {"list"};
  other.request(k_taro, RequestKind::restrict);
  Process second(other);
  second.executor->run_once(at(0));
  other.request(k_taro, RequestKind::restore);
  other.broken.clear();
  second.executor->run_once(at(5));
  EXPECT_FALSE(other.was_called("hold AAAAAA1"));  // they may send again
  EXPECT_TRUE(other.all_done());
}

TEST(Executor, StopsAndStartsTheWholeServer) {
  World world;
  const Subject server{SubjectKind::server, ""};
  world.request(server, RequestKind::restrict);
  Process process(world);
  process.executor->run_once(at(0));
  world.request(server, RequestKind::restore);
  process.executor->run_once(at(1));
  EXPECT_EQ(world.calls, (std::vector<std::string>{"guard ", "server stop", "notify restricted",
                                                   "guard ", "server start", "notify restored"}));
}

TEST(Executor, ClosesEverybodysDoorsBeforeSearchingOneQueue) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  world.request(k_hanako, RequestKind::suspend);
  Process process(world);
  process.executor->run_once(at(0));
  EXPECT_LT(world.index_of("kick hanako@a.test"), world.index_of("hold AAAAAA1"));
}

// Killed before and after every single call, then started again: the end is the same, and order
// held.
TEST(Executor, SurvivesDeathAtEveryCall) {
  int points = 0;
  for (const bool after : {false, true}) {
    for (int k = 0;; ++k) {
      World world;
      fill_queue(world);
      world.request(k_taro, RequestKind::suspend);
      world.request(k_hanako, RequestKind::restrict);
      (after ? world.die_after : world.die_before) = k;
      bool died = false;
      try {
        Process process(world);
        process.executor->run_once(at(0));
      } catch (const Killed&) {
        died = true;
      }
      world.die_before = world.die_after = -1;
      Process next(world);
      next.executor->run_once(at(100));
      ASSERT_TRUE(world.all_done()) << k;
      EXPECT_TRUE(world.guard[k_taro].no_login && world.guard[k_hanako].no_send);
      EXPECT_LT(world.index_of("guard taro@a.test"), world.index_of("flush taro@a.test"));
      EXPECT_LT(world.index_of("flush taro@a.test"), world.index_of("kick taro@a.test"));
      EXPECT_TRUE(world.was_called("notify suspended") && world.was_called("notify restricted"));
      for (const char* id : {"AAAAAA1", "AAAAAA2", "AAAAAA3"}) {
        EXPECT_TRUE(world.was_called(std::string("hold ") + id)) << id << " " << k;
        EXPECT_EQ(world.holds[id].state, HoldState::held) << id << " " << k;  // known, not stranded
      }
      if (!died) break;
      ++points;
    }
  }
  EXPECT_GT(points, 40);
}

TEST(Executor, SurvivesAStoreThatFails) {
  World world;
  fill_queue(world);
  world.request(k_taro, RequestKind::suspend);
  Process process(world);
  for (const char* broken : {"open_steps", "put_step", "put_hold"}) {
    world.broken = {broken};
    const auto report = process.executor->run_once(at(0));
    EXPECT_TRUE(report.next) << broken;
  }
  world.broken.clear();
  process.executor->run_once(at(60));
  EXPECT_TRUE(world.all_done());
}

TEST(Executor, ItsThreadWakesUpAndEnds) {
  World world;
  std::latch told(1);
  Process process(world, [&](ExecutorSettings& settings) {
    settings.log = [&](std::string_view line) {
      if (line.starts_with("notify")) told.count_down();
    };
  });
  process.executor->start();
  {
    // The world is not locked: it is changed before the thread has reason to look at it.
    process.executor->stop();
    world.request(k_taro, RequestKind::restrict);
    process.executor->start();
  }
  process.executor->wake();
  told.wait();
  process.executor->stop();
  EXPECT_TRUE(world.all_done());
}

}  // namespace
}  // namespace sekimori::act
