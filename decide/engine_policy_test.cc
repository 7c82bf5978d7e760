// What these prove: what people set for a domain or an account is what the engine answers by, from
// the next message on, survives a reload of the settings, and touches nobody else.
#include <gtest/gtest.h>

#include "decide/engine_test_support.h"

namespace sekimori::decide {
namespace {

Event message(std::string account, int number, std::size_t recipients) {
  Event event;
  event.t = Instant{1'790'000'000'000'000LL + number * 1'000'000LL};
  event.id = account + std::to_string(number);
  event.host = "mx";
  event.account = std::move(account);
  Submission mail;
  mail.queue_id = "Q" + std::to_string(number);
  mail.size = 2000;
  for (std::size_t i = 0; i < recipients; ++i) {
    mail.to.push_back("r" + std::to_string(i) + "@there.example");
  }
  event.body = mail;
  return event;
}

std::string rule_of(Engine& engine, const Event& event) {
  Applied applied;
  engine.apply(event, applied);
  return applied.answer ? applied.answer->rule : "none";
}

std::shared_ptr<const PolicyTable> table(SubjectKind kind, std::string id, PolicyField field,
                                         double value) {
  PolicyEntry entry;
  entry.subject = {kind, std::move(id)};
  entry.values[static_cast<std::size_t>(field)] = value;
  return std::make_shared<const PolicyTable>(std::vector<PolicyEntry>{entry});
}

EngineSettings roomy() {
  auto settings = enforcing();
  settings.limits.recipients_per_message = 100;
  settings.probation_limits = settings.limits;
  return settings;
}

TEST(EnginePolicy, AnAccountsLimitHoldsForItAlone) {
  Engine engine(roomy(), nullptr, nullptr);
  engine.set_policy(
      table(SubjectKind::account, "taro@example.jp", PolicyField::recipients_per_message, 2));
  EXPECT_EQ(rule_of(engine, message("taro@example.jp", 1, 3)), "limit:recipients_per_message");
  EXPECT_NE(rule_of(engine, message("taro@example.jp", 2, 1)), "limit:recipients_per_message");
  EXPECT_NE(rule_of(engine, message("hanako@example.jp", 3, 3)), "limit:recipients_per_message");
  EXPECT_EQ(
      engine.view("taro@example.jp", Instant{1'790'000'100'000'000}).limits.recipients_per_message,
      2U);
  // A reload of the settings leaves it standing; without it the setting holds again.
  engine.set_live(roomy());
  EXPECT_EQ(rule_of(engine, message("taro@example.jp", 4, 3)), "limit:recipients_per_message");
  engine.set_policy(nullptr);
  EXPECT_NE(rule_of(engine, message("taro@example.jp", 5, 3)), "limit:recipients_per_message");
}

TEST(EnginePolicy, APersonHasAllOfAnAccountHeld) {
  auto settings = roomy();
  settings.mode = Mode::observe;
  settings.limits.recipients_per_message = 2;
  Engine engine(settings, nullptr, nullptr);
  EXPECT_NE(rule_of(engine, message("taro@example.jp", 1, 1)), "hold_order");
  engine.set_policy(table(SubjectKind::account, "taro@example.jp", PolicyField::mode, 2));
  // In force where the server only observes; a limit does not refuse what waits.
  for (const int number : {2, 3}) {
    Applied applied;
    engine.apply(message("taro@example.jp", number, number == 2 ? 1 : 3), applied);
    ASSERT_TRUE(applied.answer);
    EXPECT_EQ(applied.answer->action, Answer::Action::hold);
    EXPECT_EQ(applied.answer->rule, "hold_order");
    ASSERT_EQ(applied.holds.size(), 1U);
    EXPECT_EQ(applied.holds[0].kind, HoldKind::asked);
    EXPECT_NE(applied.holds[0].reason.en.find("A person has set"), std::string::npos);
  }
  EXPECT_EQ(rule_of(engine, message("hanako@example.jp", 4, 3)),
            "observe:limit:recipients_per_message");
  engine.set_policy(nullptr);
  EXPECT_NE(rule_of(engine, message("taro@example.jp", 5, 1)), "hold_order");
}

TEST(EnginePolicy, ADomainsModeObservesWhereTheServerEnforces) {
  auto settings = roomy();
  settings.limits.recipients_per_message = 2;
  Engine engine(settings, nullptr, nullptr);
  EXPECT_EQ(rule_of(engine, message("taro@example.jp", 1, 3)), "limit:recipients_per_message");
  engine.set_policy(table(SubjectKind::domain, "example.jp", PolicyField::mode, 0));
  EXPECT_EQ(rule_of(engine, message("taro@example.jp", 2, 3)),
            "observe:limit:recipients_per_message");
  EXPECT_EQ(rule_of(engine, message("new@example.jp", 3, 3)),
            "observe:limit:recipients_per_message");
  EXPECT_EQ(rule_of(engine, message("jiro@example.com", 4, 3)), "limit:recipients_per_message");
  // The configuration's word on the account itself is nearer than the domain's.
  settings.account_modes = {{"taro@example.jp", Mode::enforce}};
  engine.set_live(settings);
  EXPECT_EQ(rule_of(engine, message("taro@example.jp", 5, 3)), "limit:recipients_per_message");
}

}  // namespace
}  // namespace sekimori::decide
