// What these prove: through Dovecot's own questions a guesser is refused and the owner at home is
// not; who is allowed comes before who is denied, who is denied before who is banned; in observe
// mode, with the bypass pulled and before the accounts are known nothing is refused.
#include "serve/guess_desk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/auth_policy_server.h"
#include "serve/test_world.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using ::testing::HasSubstr;

struct Doors : World {
  Doors() : World(enforcing()) {
    decide::GuessSettings settings;
    settings.addresses_max = 10'000;
    settings.accounts_max = 1'000;
    guard = std::make_unique<decide::GuessGuard>(settings, HashKey{}, bans);
    GuessDeskOptions guessing;
    guessing.news = [this](decide::GuessNews&& all) {
      for (auto& ban : all.bans) {
        ban.id = ++made;
        bans.put(std::move(ban));
      }
      for (auto& one : all.right) right.push_back(one.account);
    };
    guessing.enforced = [this] { return enforced; };
    guesses = std::make_unique<GuessDesk>(engine, *guard, std::move(guessing));
    AuthDeskOptions options;
    options.boot = "b1";
    options.guesses = guesses.get();
    options.rules = &rules;
    auth = std::make_unique<AuthDesk>(engine, metrics, std::move(options));
  }
  std::string post(const char* command, const std::string& login, const std::string& ip, int hash,
                   const std::string& more = "") {
    std::string out;
    auth->answer(fmt::format("/?command={}", command),
                 fmt::format(R"({{"login":"{}","protocol":"imap","remote":"{}",)"
                             R"("pwhash":"{:04x}"{}}})",
                             login, ip, hash, more),
                 now, names, out);
    return out;
  }
  // As Dovecot: asked, then reported; returns the answer.
  std::string wrong(const std::string& login, const std::string& ip, int hash) {
    const std::string answer = post("allow", login, ip, hash);
    const bool refused = answer.find("\"status\":-1") != std::string::npos;
    post("report", login, ip, hash, fmt::format(R"(,"success":false,"policy_reject":{})", refused));
    return answer;
  }
  std::string sign_in(const std::string& login, const std::string& ip) {
    const std::string answer = post("allow", login, ip, 0x777);
    if (answer.find("\"status\":-1") == std::string::npos) {
      post("report", login, ip, 0x777, R"(,"success":true,"policy_reject":false)");
    }
    return answer;
  }

  decide::BanTable bans{HashKey{}};
  std::unique_ptr<decide::GuessGuard> guard;
  std::unique_ptr<GuessDesk> guesses;
  std::unique_ptr<AuthDesk> auth;
  std::uint64_t made = 0;
  std::vector<std::string> right;
  bool enforced = true;
  void rule(const std::string& ip, decide::RuleAction action) {
    std::vector<decide::AddressRule> all;
    if (!ip.empty()) {
      all.emplace_back();
      all.back().id = 7;
      all.back().target = decide::RuleTarget::parse(ip).value();
      all.back().action = action;
    }
    rules.set(all);
  }
  RuleBook rules;
};

const std::string k_refused = "\"status\":-1";
const std::string k_let_in = "\"status\":0";

TEST(GuessDesk, AGuesserIsRefusedInWordsAndTheOwnerIsNot) {
  Doors w;
  EXPECT_THAT(w.sign_in("taro@example.jp", "192.0.2.10"), HasSubstr(k_let_in));
  for (int i = 0; i < 10; ++i) w.wrong("taro@example.jp", "203.0.113.9", i);
  const std::string answer = w.sign_in("hanako@example.jp", "203.0.113.9");
  EXPECT_THAT(answer, HasSubstr(k_refused));
  EXPECT_THAT(answer, HasSubstr("一時的に止めています"));
  EXPECT_THAT(answer, HasSubstr("paused"));
  EXPECT_THAT(w.sign_in("taro@example.jp", "192.0.2.10"), HasSubstr(k_let_in));
  // Of the account that the owner has, in any spelling.
  EXPECT_THAT(w.sign_in("Taro+x@old.example.jp", "192.0.2.10"), HasSubstr(k_let_in));
  EXPECT_EQ(w.bans.size(), 1U);
}

TEST(GuessDesk, AnAccountGuessedFromEverywhereIsOpenAtHomeOnly) {
  Doors w;
  w.sign_in("taro@example.jp", "192.0.2.10");
  for (int i = 0; i < 40; ++i) w.wrong("taro@example.jp", fmt::format("100.64.{}.7", i), i);
  const std::string elsewhere = w.sign_in("taro@example.jp", "203.0.113.1");
  EXPECT_THAT(elsewhere, HasSubstr(k_refused));
  EXPECT_THAT(elsewhere, HasSubstr("used from before"));
  EXPECT_THAT(w.sign_in("taro@example.jp", "192.0.2.10"), HasSubstr(k_let_in));
  EXPECT_THAT(w.sign_in("hanako@example.jp", "203.0.113.1"), HasSubstr(k_let_in));
  EXPECT_EQ(w.made, 0U);
}

TEST(GuessDesk, AllowedBeforeDeniedBeforeBanned) {
  Doors w;
  w.rule("203.0.113.9", decide::RuleAction::deny);
  for (int i = 0; i < 12; ++i) w.wrong("taro@example.jp", "203.0.113.9", i);
  EXPECT_THAT(w.sign_in("taro@example.jp", "203.0.113.9"), HasSubstr("administrator"));
  w.rule("", decide::RuleAction::deny);
  EXPECT_THAT(w.sign_in("taro@example.jp", "203.0.113.9"), HasSubstr("paused"));
  w.rule("203.0.113.9", decide::RuleAction::allow);
  EXPECT_THAT(w.sign_in("taro@example.jp", "203.0.113.9"), HasSubstr(k_let_in));
  // Nor is an allowed address counted.
  w.rule("203.0.113.10", decide::RuleAction::allow);
  for (int i = 0; i < 50; ++i) w.wrong("taro@example.jp", "203.0.113.10", i);
  EXPECT_EQ(w.bans.size(), 1U);
}

// Dovecot asks twice about a good sign-in and reports it once: one hit; a refused one is one, too.
TEST(GuessDesk, ASignInIsOneHitOfARule) {
  Doors w;
  const auto hits = [&] {
    std::uint64_t sum = 0;
    for (const auto& one : w.rules.take_hits()) sum += one.hits;
    return sum;
  };
  w.rule("192.0.2.10", decide::RuleAction::allow);
  w.post("allow", "taro@example.jp", "192.0.2.10", 0x777);
  w.sign_in("taro@example.jp", "192.0.2.10");
  EXPECT_EQ(hits(), 1U);
  w.wrong("taro@example.jp", "192.0.2.10", 5);
  EXPECT_EQ(hits(), 1U);
  w.rule("192.0.2.10", decide::RuleAction::deny);
  EXPECT_THAT(w.wrong("taro@example.jp", "192.0.2.10", 5), HasSubstr(k_refused));
  EXPECT_EQ(hits(), 1U);
  EXPECT_THAT(w.sign_in("taro@example.jp", "192.0.2.11"), HasSubstr(k_let_in));
  EXPECT_EQ(hits(), 0U);
}

TEST(GuessDesk, WhatARightPasswordCameBehindStandsInTheEvent) {
  Doors w;
  w.sign_in("taro@example.jp", "192.0.2.10");
  for (int i = 0; i < 4; ++i) w.wrong("taro@example.jp", "203.0.113.9", i + 1);
  w.sign_in("taro@example.jp", "203.0.113.9");
  w.sign_in("taro@example.jp", "192.0.2.10");
  std::vector<std::uint32_t> own;
  for (const Event& event : w.journal.all<Login>()) {
    const auto& login = std::get<Login>(event.body);
    if (login.result == LoginResult::ok) own.push_back(login.guesses.own);
  }
  EXPECT_EQ(own, (std::vector<std::uint32_t>{0, 4, 0}));
  EXPECT_TRUE(w.right.empty());
}

TEST(GuessDesk, ObservedOrBypassedNothingIsRefused) {
  Doors w;
  for (int i = 0; i < 12; ++i) w.wrong("taro@example.jp", "203.0.113.9", i);
  ASSERT_EQ(w.bans.size(), 1U);
  w.enforced = false;
  EXPECT_THAT(w.sign_in("hanako@example.jp", "203.0.113.9"), HasSubstr(k_let_in));
  w.enforced = true;
  EXPECT_THAT(w.sign_in("jiro@example.jp", "203.0.113.9"), HasSubstr(k_refused));
  w.engine.set_bypass(true);
  EXPECT_THAT(w.sign_in("jiro@example.jp", "203.0.113.9"), HasSubstr(k_let_in));
}

TEST(GuessDesk, NoNameIsUnknownWhileTheAccountsAreNotRead) {
  Doors w;
  const auto known = w.names;
  w.names = {};
  for (int i = 0; i < 7; ++i) w.wrong(fmt::format("n{}@example.jp", i), "203.0.113.9", 5);
  EXPECT_EQ(w.bans.size(), 0U);
  w.names = known;
  for (int i = 0; i < 7; ++i) w.wrong(fmt::format("n{}@example.jp", i), "203.0.113.10", 5);
  ASSERT_EQ(w.bans.size(), 1U);
  EXPECT_EQ(w.bans.all()[0].kind, decide::BanKind::unknown_names);
}

TEST(GuessDesk, ARightGuessBehindASprayIsTold) {
  Doors w;
  for (int i = 0; i < 4; ++i) w.wrong(fmt::format("n{}@example.jp", i), "203.0.113.9", 5);
  w.wrong("hanako@example.jp", "203.0.113.9", 5);
  w.sign_in("taro@example.jp", "203.0.113.9");
  EXPECT_EQ(w.right, std::vector<std::string>{"taro@example.jp"});
}

TEST(GuessDesk, AClosedAccountsOwnerDoesNotGuess) {
  Doors w;
  w.stand("taro@example.jp", decide::RequestKind::suspend);
  for (int i = 0; i < 40; ++i) w.wrong("taro@example.jp", "203.0.113.9", i);
  EXPECT_EQ(w.bans.size(), 0U);
}

}  // namespace
}  // namespace sekimori::serve
