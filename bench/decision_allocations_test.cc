// What people wait for while mail is handed in asks nothing of the heap, once the tables have their
// size: an allocation may wait for a lock of all threads, or for the kernel.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "bench/count_allocations.h"
#include "bench/mail_day.h"
#include "decide/engine.h"
#include "decide/recent_ids.h"
#include "detect/epoch.h"
#include "store/journal.h"

namespace sekimori::bench {
namespace {

constexpr std::size_t k_decisions = 100'000;
// Few accounts, so that the memory of event ids (decide/recent_ids.h) is full in every shard at
// hand after some hundred thousand events.
constexpr std::size_t k_accounts = 4, k_warm_up = 5 * 2 * decide::RecentIds::k_max;

class DecisionAllocations : public testing::Test {
 protected:
  DecisionAllocations() {
    std::filesystem::remove_all(directory_);
    auto opened =
        store::Journal::open({.directory = directory_.string(), .segment_bytes = 1ULL << 30});
    EXPECT_TRUE(opened) << opened.error().text;
    journal_ = std::move(*opened);
    decide::EngineSettings settings;
    settings.mode = decide::Mode::enforce;
    settings.limits.recipients_per_hour = 100'000;  // never reached, always asked
    engine_ = std::make_unique<decide::Engine>(settings, journal_.get(), detect::shipped_priors());
  }
  ~DecisionAllocations() override { std::filesystem::remove_all(directory_); }

  // One decision, and what it asked of the heap.
  std::uint64_t message() {
    (void)day_.message(day_.any_account(), event_);
    const std::uint64_t before = allocations();
    engine_->apply(event_, applied_);
    const std::uint64_t after = allocations();
    accepted_ += applied_.answer && applied_.answer->action == decide::Answer::Action::dunno;
    return after - before;
  }
  std::uint64_t sign_in() {
    const std::size_t who = day_.any_account();
    day_.sign_in(who, event_);
    const std::uint64_t before = allocations();
    const auto answer = engine_->may_login(day_.account(who), Service::smtp);
    engine_->apply(event_, applied_);
    const std::uint64_t after = allocations();
    EXPECT_EQ(answer.status, 0);
    return after - before;
  }
  std::uint64_t question() {
    const std::string& account = day_.account(day_.any_account());
    const std::uint64_t before = allocations();
    const auto answer = engine_->may_send(account, day_.now(), 1, 3);
    const auto receives = engine_->may_receive(account);
    const std::uint64_t after = allocations();
    EXPECT_EQ(answer.action, decide::Answer::Action::dunno);
    EXPECT_EQ(receives.action, decide::Answer::Action::dunno);
    return after - before;
  }
  // Years of ordinary life, until every table has been as full as it will be.
  void warm_up() {
    for (std::size_t i = 0; i < k_warm_up; ++i) {
      if (i % 4 == 0) {
        (void)sign_in();
      } else {
        (void)message();
      }
      if (i % k_decisions == k_decisions - 1) (void)engine_->next_epoch(day_.now());
    }
  }

  std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() /
      ("sekimori-allocations-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
       "-" + std::to_string(::getpid()));
  std::unique_ptr<store::Journal> journal_;
  std::unique_ptr<decide::Engine> engine_;
  MailDay day_{{.accounts = k_accounts, .step = minutes(10), .stranger_every = 200}};
  Event event_;
  decide::Applied applied_;
  std::size_t accepted_ = 0;
};

TEST_F(DecisionAllocations, NoneOnceWarm) {
  warm_up();
  accepted_ = 0;
  std::uint64_t of_messages = 0, of_sign_ins = 0, of_questions = 0;
  for (std::size_t i = 0; i < k_decisions; ++i) {
    switch (i % 4) {
      case 0: of_sign_ins += sign_in(); break;
      case 1: of_questions += question(); break;
      default: of_messages += message();
    }
  }
  EXPECT_EQ(accepted_, k_decisions / 2) << "a message that is held is told in words";
  EXPECT_EQ(of_messages, 0U);
  EXPECT_EQ(of_sign_ins, 0U);
  EXPECT_EQ(of_questions, 0U);
}

// The counter counts: else the test above could not fail.
TEST(CountAllocations, CountsOrdinaryAndAlignedOnes) {
  const std::uint64_t before = allocations();
  auto plain = std::make_unique<std::string>(100, 'x');
  struct alignas(64) Line {
    char bytes[64];
  };
  auto aligned = std::make_unique<Line>();
  EXPECT_EQ(allocations() - before, 3U);
  EXPECT_EQ(plain->size(), 100U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned.get()) % 64, 0U);
}

}  // namespace
}  // namespace sekimori::bench
