// What these prove: the account's value goes before its domain's, the domain's before the setting,
// field by field; probation is never widened; bounds and names are the settings'. The engine's own
// answers under such a table are in engine_policy_test.cc.
#include "decide/policy.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sekimori::decide {
namespace {

PolicyEntry entry(SubjectKind kind, std::string id,
                  std::vector<std::pair<PolicyField, double>> values) {
  PolicyEntry out;
  out.subject = {kind, std::move(id)};
  for (const auto& [field, value] : values) out.values[static_cast<std::size_t>(field)] = value;
  return out;
}

Rules settings() {
  Rules rules;
  rules.limits.recipients_per_hour = 500;
  rules.limits.recipients_per_day = 3000;
  rules.restrict_log_r = 9.21;
  rules.suspend_log_r = 11.5;
  return rules;
}

TEST(Policy, TheNearestValueHoldsFieldByField) {
  const PolicyTable table(
      {entry(SubjectKind::domain, "example.jp",
             {{PolicyField::recipients_per_hour, 100}, {PolicyField::restrict_line, 7}}),
       entry(SubjectKind::account, "news@example.jp",
             {{PolicyField::recipients_per_hour, 9000}, {PolicyField::recipients_per_day, 0}})});
  auto rules = settings();
  table.lay_over(rules, "news@example.jp", false);
  EXPECT_EQ(rules.limits.recipients_per_hour, 9000U);
  EXPECT_EQ(rules.limits.recipients_per_day, 0U);  // turned off
  EXPECT_EQ(rules.restrict_log_r, 7);              // the domain's
  rules = settings();
  table.lay_over(rules, "taro@example.jp", false);
  EXPECT_EQ(rules.limits.recipients_per_hour, 100U);
  EXPECT_EQ(rules.limits.recipients_per_day, 3000U);
  rules = settings();
  table.lay_over(rules, "taro@example.com", false);
  EXPECT_EQ(rules.limits.recipients_per_hour, 500U);
  EXPECT_EQ(table.find("news@example.jp", PolicyField::recipients_per_hour), 9000);
  EXPECT_EQ(table.find("news@example.jp", PolicyField::restrict_line), 7);
  EXPECT_EQ(table.find("news@example.jp", PolicyField::mode), std::nullopt);
}

TEST(Policy, ProbationIsNeverWidened) {
  const PolicyTable table({entry(SubjectKind::account, "a@example.jp",
                                 {{PolicyField::recipients_per_hour, 9000},
                                  {PolicyField::recipients_per_day, 10},
                                  {PolicyField::restrict_line, 20}})});
  auto rules = settings();
  table.lay_over(rules, "a@example.jp", true);
  EXPECT_EQ(rules.limits.recipients_per_hour, 500U);
  EXPECT_EQ(rules.limits.recipients_per_day, 10U);
  EXPECT_EQ(rules.restrict_log_r, 9.21);
  const PolicyTable off(
      {entry(SubjectKind::account, "a@example.jp", {{PolicyField::recipients_per_hour, 0}})});
  rules = settings();
  off.lay_over(rules, "a@example.jp", true);
  EXPECT_EQ(rules.limits.recipients_per_hour, 500U);
}

TEST(Policy, ValuesAreHeldToTheSettingsBounds) {
  EXPECT_TRUE(check_policy_value(PolicyField::recipients_per_hour, 0));
  EXPECT_FALSE(check_policy_value(PolicyField::recipients_per_hour, -1));
  EXPECT_FALSE(check_policy_value(PolicyField::recipients_per_hour, 1.5));
  EXPECT_FALSE(check_policy_value(PolicyField::recipients_per_hour, 1e12));
  EXPECT_TRUE(check_policy_value(PolicyField::restrict_line, 9.5));
  EXPECT_FALSE(check_policy_value(PolicyField::restrict_line, 3.9));
  EXPECT_FALSE(check_policy_value(PolicyField::suspend_line, std::nan("")));
  for (std::size_t i = 0; i < k_policy_fields; ++i) {
    const auto field = static_cast<PolicyField>(i);
    EXPECT_EQ(parse_policy_field(info(field).name), field);
  }
  EXPECT_FALSE(parse_policy_field("recipients"));
}

TEST(Policy, AnEntryWithoutValuesIsNone) {
  EXPECT_TRUE(PolicyTable({entry(SubjectKind::domain, "example.jp", {})}).empty());
}

}  // namespace
}  // namespace sekimori::decide
