// Parts of MemoryControl, for the tests of this folder: whose things are, what lies within a
// domain, and a report on health.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/mail_address.h"
#include "web/control.h"
#include "web/memory_approvals.h"

namespace sekimori::web {

inline bool lies_within(std::string_view address, const std::string& domain) {
  return domain.empty() || domain_of(address) == domain;
}

inline Result<decide::Subject> subject_among(
    Thing thing, std::string_view id, const std::map<std::string, decide::HeldMessage>& holds,
    const std::map<std::uint64_t, decide::Incident>& incidents, const MemoryApprovals& approvals) {
  std::optional<std::string> account;
  if (thing == Thing::approval) account = approvals.account_of(id);
  for (const auto& [queue_id, held] : holds) {
    if (thing == Thing::hold && queue_id == id) account = held.account;
  }
  if (account) return decide::Subject{decide::SubjectKind::account, *account};
  for (const auto& [number, incident] : incidents) {
    if (thing == Thing::incident && std::to_string(number) == id) return incident.subject;
  }
  return not_found("no such thing");
}

inline HealthReport memory_health(bool bypass, Instant now) {
  HealthReport report;
  report.items = {{"journal", HealthLevel::ok, {"書き込めています。", "Being written."}, {}},
                  {"doveadm",
                   HealthLevel::warning,
                   {"応答が遅れています。", "Answers late."},
                   {"Dovecot を確認してください。", "Look at Dovecot."}}};
  report.bypass = bypass;
  report.version = "0.1.0";
  report.started = report.now = now;
  return report;
}

}  // namespace sekimori::web
