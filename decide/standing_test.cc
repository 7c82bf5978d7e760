// What these prove: standings change only as the table in standing.h says, in every combination; a
// machine never loosens; a repeated request changes nothing; containment refuses, flushes, then
// kicks.
#include "decide/standing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sekimori::decide {
namespace {

constexpr Standing k_all_standings[] = {Standing::normal, Standing::restricted, Standing::suspended,
                                        Standing::recovering, Standing::probation};
constexpr RequestKind k_all_requests[] = {RequestKind::restrict, RequestKind::suspend,
                                          RequestKind::begin_recovery, RequestKind::restore,
                                          RequestKind::end_probation};

StandingRecord record_in(Standing standing, SubjectKind kind = SubjectKind::account) {
  StandingRecord r;
  r.subject = {kind, kind == SubjectKind::server ? "" : "taro@example.jp"};
  r.standing = standing;
  r.epoch = 7;
  r.incident = 12;
  return r;
}

StandingRequest request_of(RequestKind kind, bool by_machine) {
  StandingRequest r;
  r.kind = kind;
  r.by_machine = by_machine;
  r.by = by_machine ? "machine" : "operator";
  r.now = Instant{1'700'000'000'000'000};
  return r;
}

int tightness(Standing s) {
  return s == Standing::suspended    ? 3
         : s == Standing::restricted ? 2
         : s == Standing::recovering ? 1
                                     : 0;
}

TEST(Standing, AMachineNeverLoosens) {
  for (const Standing from : k_all_standings) {
    for (const RequestKind kind : k_all_requests) {
      const auto stepped = step(record_in(from), request_of(kind, true));
      if (!stepped) continue;
      if (kind == RequestKind::begin_recovery) continue;  // a verified owner, not a judgement
      EXPECT_GE(tightness(stepped->next.standing), tightness(from))
          << to_string(from) << " by request " << static_cast<int>(kind);
    }
  }
}

TEST(Standing, RepeatingARequestChangesNothing) {
  for (const Standing from : k_all_standings) {
    for (const RequestKind kind : k_all_requests) {
      for (const bool machine : {true, false}) {
        const auto once = step(record_in(from), request_of(kind, machine));
        if (!once) continue;
        const auto twice = step(once->next, request_of(kind, machine));
        if (!twice) continue;
        if (kind == RequestKind::restore && once->next.standing == Standing::normal) {
          EXPECT_FALSE(twice->changed);
        }
        if (kind != RequestKind::restore) {
          EXPECT_FALSE(twice->changed) << to_string(from) << " " << static_cast<int>(kind);
          EXPECT_EQ(twice->next, once->next);
        }
      }
    }
  }
}

TEST(Standing, TheEpochGrowsExactlyWhenSomethingChanges) {
  for (const Standing from : k_all_standings) {
    for (const RequestKind kind : k_all_requests) {
      for (const bool machine : {true, false}) {
        const StandingRecord before = record_in(from);
        const auto stepped = step(before, request_of(kind, machine));
        if (!stepped) continue;
        EXPECT_EQ(stepped->next.epoch, before.epoch + (stepped->changed ? 1 : 0));
        EXPECT_EQ(stepped->changed, stepped->next.standing != from);
        EXPECT_EQ(stepped->changed, !stepped->steps.empty());
        if (!stepped->changed) {
          EXPECT_EQ(stepped->next, before);
        }
      }
    }
  }
}

TEST(Standing, ContainmentRefusesThenFlushesThenKicks) {
  const auto stepped = step(record_in(Standing::normal), request_of(RequestKind::suspend, true));
  ASSERT_TRUE(stepped);
  const auto at = [&](StepKind kind) {
    return std::ranges::find(stepped->steps, kind) - stepped->steps.begin();
  };
  EXPECT_EQ(at(StepKind::write_guard), 0);
  EXPECT_LT(at(StepKind::write_guard), at(StepKind::flush_auth_cache));
  EXPECT_LT(at(StepKind::flush_auth_cache), at(StepKind::kick_sessions));
  EXPECT_LT(at(StepKind::kick_sessions), at(StepKind::suspend_app_passwords));
  EXPECT_LT(at(StepKind::suspend_app_passwords), at(StepKind::hold_queued));
  EXPECT_LT(at(StepKind::hold_queued), at(StepKind::pause_forwards));
  EXPECT_EQ(stepped->steps.back(), StepKind::notify);
}

TEST(Standing, ADomainsContainmentHoldsItsQueueAndItsRestoreLetsItGo) {
  const auto stepped = step(record_in(Standing::normal, SubjectKind::domain),
                            request_of(RequestKind::restrict, false));
  ASSERT_TRUE(stepped);
  const std::vector<StepKind> expected{StepKind::write_guard,           StepKind::flush_auth_cache,
                                       StepKind::suspend_app_passwords, StepKind::hold_queued,
                                       StepKind::pause_forwards,        StepKind::notify};
  EXPECT_EQ(stepped->steps, expected);
  const auto restored = step(stepped->next, request_of(RequestKind::restore, false));
  ASSERT_TRUE(restored);
  const std::vector<StepKind> opening{StepKind::write_guard, StepKind::flush_auth_cache,
                                      StepKind::requeue_waiting, StepKind::notify};
  EXPECT_EQ(restored->steps, opening);
}

TEST(Standing, ARestoreFlushesTheCacheAndRequeuesWaitingMail) {
  const auto stepped =
      step(record_in(Standing::suspended), request_of(RequestKind::restore, false));
  ASSERT_TRUE(stepped);
  EXPECT_EQ(stepped->next.standing, Standing::normal);
  const std::vector<StepKind> expected{StepKind::write_guard, StepKind::flush_auth_cache,
                                       StepKind::resume_app_passwords, StepKind::requeue_waiting,
                                       StepKind::notify};
  EXPECT_EQ(stepped->steps, expected);
  // A recovery ends with passwords of its own: what was suspended stays so.
  const auto recovered =
      step(record_in(Standing::recovering), request_of(RequestKind::restore, false));
  ASSERT_TRUE(recovered);
  EXPECT_EQ(std::ranges::find(recovered->steps, StepKind::resume_app_passwords),
            recovered->steps.end());
}

TEST(Standing, OnlyAPersonRestores) {
  for (const Standing from : {Standing::restricted, Standing::suspended, Standing::recovering}) {
    EXPECT_FALSE(step(record_in(from), request_of(RequestKind::restore, true)));
    EXPECT_TRUE(step(record_in(from), request_of(RequestKind::restore, false)));
  }
}

TEST(Standing, TheServersSendingStopsButNobodyIsLockedOut) {
  const StandingRecord server = record_in(Standing::normal, SubjectKind::server);
  EXPECT_FALSE(step(server, request_of(RequestKind::suspend, false)));
  const auto stopped = step(server, request_of(RequestKind::restrict, false));
  ASSERT_TRUE(stopped);
  EXPECT_NE(std::ranges::find(stopped->steps, StepKind::stop_server_sending), stopped->steps.end());
  EXPECT_FALSE(guard_row(stopped->next, "").no_login);
}

// Any sequence of requests keeps the record consistent with what is enforced.
TEST(Standing, RandomWalksKeepGuardAndStandingTogether) {
  std::mt19937_64 random(20261122);
  for (int walk = 0; walk < 300; ++walk) {
    StandingRecord now = record_in(Standing::normal);
    std::uint64_t epoch = now.epoch;
    for (int i = 0; i < 40; ++i) {
      auto request = request_of(k_all_requests[random() % 5], random() % 2 == 0);
      request.to_probation = random() % 2 == 0;
      const auto stepped = step(now, request);
      if (!stepped) continue;
      now = stepped->next;
      EXPECT_GE(now.epoch, epoch);
      epoch = now.epoch;
      const GuardRow row = guard_row(now, "https://portal.example.jp/");
      EXPECT_EQ(row.no_send, tightness(now.standing) > 0);
      EXPECT_EQ(row.no_login, now.standing == Standing::suspended);
      EXPECT_EQ(row.no_receive, now.standing == Standing::suspended);
      EXPECT_EQ(row.reply.empty(), !row.no_send);
    }
  }
}

TEST(Standing, RefusalsAreAsciiAndNameIncidentAndPortal) {
  StandingRecord r = record_in(Standing::restricted);
  const GuardRow row = guard_row(r, "https://portal.example.jp/受付\r\n550 x");
  EXPECT_TRUE(row.reply.starts_with("525 5.7.13 "));
  EXPECT_NE(row.reply.find("incident 12"), std::string::npos);
  EXPECT_NE(row.reply.find("https://portal.example.jp/"), std::string::npos);
  for (const char c : row.reply) EXPECT_TRUE(c >= ' ' && c <= '~');
}

}  // namespace
}  // namespace sekimori::decide
