#include "decide/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/mail_address.h"

namespace sekimori::decide {
namespace {

constexpr std::array<PolicyFieldInfo, k_policy_fields> k_fields = {{
    {"recipients_per_message", "limits.recipients_per_message", 0, 50'000, true},
    {"recipients_per_hour", "limits.recipients_per_hour", 0, 10'000'000, true},
    {"recipients_per_day", "limits.recipients_per_day", 0, 100'000'000, true},
    {"new_recipients_per_day", "limits.new_recipients_per_day", 0, 10'000'000, true},
    {"messages_per_hour", "limits.messages_per_hour", 0, 10'000'000, true},
    {"bytes_per_day", "limits.bytes_per_day", 0, 10'995'116'277'760.0, true},  // 10 TiB
    {"restrict_line", "detect.restrict_line", 4, 30, false},
    {"suspend_line", "detect.suspend_line", 5, 40, false},
    {"mode", "server.mode", 0, 2, true},
}};

constexpr std::size_t at(PolicyField field) { return static_cast<std::size_t>(field); }

// 0 = no limit on either side: the tighter one is the smaller of those that are set.
template <class T>
void put_limit(T& limit, const std::optional<double>& value, bool tighten) {
  if (!value) return;
  const auto own = static_cast<T>(*value);
  if (!tighten || limit == 0) {
    limit = own == 0 && tighten ? limit : own;
  } else if (own != 0) {
    limit = std::min(limit, own);
  }
}

void put_line(double& line, const std::optional<double>& value, bool tighten) {
  if (!value) return;
  line = tighten ? std::min(line, *value) : *value;
}

}  // namespace

const PolicyFieldInfo& info(PolicyField field) { return k_fields[at(field)]; }

std::optional<PolicyField> parse_policy_field(std::string_view name) {
  const auto found = std::ranges::find(k_fields, name, &PolicyFieldInfo::name);
  if (found == k_fields.end()) return std::nullopt;
  return static_cast<PolicyField>(found - k_fields.begin());
}

Result<void> check_policy_value(PolicyField field, double value) {
  const auto& rule = info(field);
  if (!std::isfinite(value) || value < rule.min || value > rule.max) {
    return bad_input(fmt::format("{} must lie between {} and {}", rule.name, rule.min, rule.max));
  }
  if (rule.whole && value != std::floor(value)) {
    return bad_input(fmt::format("{} must be a whole number", rule.name));
  }
  return {};
}

PolicyTable::PolicyTable(const std::vector<PolicyEntry>& entries) {
  for (const auto& entry : entries) {
    if (std::ranges::none_of(entry.values, [](const auto& v) { return v.has_value(); })) continue;
    if (entry.subject.kind == SubjectKind::account) accounts_[entry.subject.id] = entry.values;
    if (entry.subject.kind == SubjectKind::domain) domains_[entry.subject.id] = entry.values;
  }
}

const PolicyValues* PolicyTable::of_account(std::string_view account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second;
}

const PolicyValues* PolicyTable::of_domain(std::string_view domain) const {
  const auto found = domains_.find(domain);
  return found == domains_.end() ? nullptr : &found->second;
}

std::optional<double> PolicyTable::find(std::string_view account, PolicyField field) const {
  if (const auto* own = of_account(account); own != nullptr && (*own)[at(field)]) {
    return (*own)[at(field)];
  }
  if (const auto* shared = of_domain(domain_of(account)); shared != nullptr) {
    return (*shared)[at(field)];
  }
  return std::nullopt;
}

void PolicyTable::lay_over(Rules& rules, std::string_view account, bool tighten) const {
  const auto* own = of_account(account);
  const auto* shared = of_domain(domain_of(account));
  if (own == nullptr && shared == nullptr) return;
  const auto value = [&](PolicyField field) -> std::optional<double> {
    if (own != nullptr && (*own)[at(field)]) return (*own)[at(field)];
    return shared == nullptr ? std::nullopt : (*shared)[at(field)];
  };
  Limits& l = rules.limits;
  put_limit(l.recipients_per_message, value(PolicyField::recipients_per_message), tighten);
  put_limit(l.recipients_per_hour, value(PolicyField::recipients_per_hour), tighten);
  put_limit(l.recipients_per_day, value(PolicyField::recipients_per_day), tighten);
  put_limit(l.new_recipients_per_day, value(PolicyField::new_recipients_per_day), tighten);
  put_limit(l.messages_per_hour, value(PolicyField::messages_per_hour), tighten);
  put_limit(l.bytes_per_day, value(PolicyField::bytes_per_day), tighten);
  put_line(rules.restrict_log_r, value(PolicyField::restrict_line), tighten);
  put_line(rules.suspend_log_r, value(PolicyField::suspend_line), tighten);
}

}  // namespace sekimori::decide
