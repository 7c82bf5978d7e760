// What the API shows of records, as JSON. Every form here is described in openapi.json, and the
// tests hold the two together. Texts for people are {"ja","en"}; times RFC 3339 in UTC or null;
// numbers that are not finite (a log_r of nothing seen yet) null; no incident null.
#pragma once

#include <boost/json/value.hpp>

#include "web/control.h"

namespace sekimori::web {

[[nodiscard]] boost::json::value json_of(const Text&);
[[nodiscard]] boost::json::value json_of(Instant);
[[nodiscard]] boost::json::value json_of(const decide::Subject&);
[[nodiscard]] boost::json::value json_of(const AccountSummary&);
// null: on.
[[nodiscard]] boost::json::value json_of(const std::optional<decide::SwitchedOff>&);
// `asked`: the address asked for, shown where the provider's store has no row.
[[nodiscard]] boost::json::value json_of(const AccountDetails&, const std::string& asked);
[[nodiscard]] boost::json::value json_of(const decide::StandingRecord&);
[[nodiscard]] boost::json::value json_of(const StandingOutcome&);
[[nodiscard]] boost::json::value json_of(const RecoveryCode&);
[[nodiscard]] boost::json::value json_of(const decide::Incident&);
[[nodiscard]] boost::json::value json_of(const IncidentDetails&);
[[nodiscard]] boost::json::value json_of(const decide::Step&);
[[nodiscard]] boost::json::value json_of(const decide::HeldMessage&);
[[nodiscard]] boost::json::value json_of(const decide::AuditEntry&);
[[nodiscard]] boost::json::value json_of(const ReleaseReport&);
[[nodiscard]] boost::json::value json_of(const HealthReport&);
// ---- the queue ----
[[nodiscard]] boost::json::value json_of(const AccountQueue&, std::size_t offset);
[[nodiscard]] boost::json::value json_of(const QueueReport&);
// ---- the way back ----
[[nodiscard]] boost::json::value json_of(const PasswordProblem&);
[[nodiscard]] boost::json::value json_of(const PasswordVerdict&);
[[nodiscard]] boost::json::value json_of(const PasswordOutcome&);  // "recovery" null
[[nodiscard]] boost::json::value json_of(const RecoveryView&);
[[nodiscard]] boost::json::value json_of_open_gates(const decide::Recovery&);
[[nodiscard]] boost::json::value json_of(const decide::NoticeRow&);
[[nodiscard]] boost::json::value json_of(const decide::CallSheet&);
// ---- approvals ----
[[nodiscard]] boost::json::value json_of(const decide::ApprovalView&);
[[nodiscard]] boost::json::value json_of(const decide::ApprovalSuggestion&);
// ---- mail that came back ----
[[nodiscard]] boost::json::value json_of(const decide::ReturnedReport&);
[[nodiscard]] boost::json::value json_of(const decide::Delisting&);
// ---- the ways mail leaves ----
[[nodiscard]] boost::json::value json_of(const decide::WayView&);
[[nodiscard]] boost::json::value json_of(const decide::AccountWays&);
// What the account's owner sees of it: no operators' names, no incident, no figures.
[[nodiscard]] boost::json::value json_of_owner(const PasswordOutcome&);  // "recovery" null
[[nodiscard]] boost::json::value json_of_owner(const RecoveryView&);
[[nodiscard]] boost::json::value json_of_owner(const OwnerSession&);

// {"items": […], "total": n, "offset": o}.
template <class T>
[[nodiscard]] boost::json::value json_of_page(const Page<T>& page, std::size_t offset) {
  boost::json::array items;
  items.reserve(page.items.size());
  for (const auto& item : page.items) items.push_back(json_of(item));
  boost::json::object out;
  out["items"] = std::move(items);
  out["total"] = page.total;
  out["offset"] = offset;
  return out;
}

// {"items": […]}.
template <class T>
[[nodiscard]] boost::json::value json_of_list(const std::vector<T>& list) {
  boost::json::array items;
  items.reserve(list.size());
  for (const auto& item : list) items.push_back(json_of(item));
  boost::json::object out;
  out["items"] = std::move(items);
  return out;
}

}  // namespace sekimori::web
