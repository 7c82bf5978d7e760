// The approving part of ControlService.
#include <fmt/format.h>

#include <algorithm>

#include "app/control_service.h"
#include "app/time_zones.h"

namespace sekimori::app {
namespace {

// How long a person waits for the database before being told that it is still busy.
constexpr int k_durable_wait_ms = 5000;
// A year of releases of one account, for what looks like one of them.
constexpr std::size_t k_holds_looked_at = 1000;

}  // namespace

Result<std::vector<decide::ApprovalView>> ControlService::approvals(std::string_view address) {
  const std::string who = normalised(address);
  auto known = exists({decide::SubjectKind::account, who});
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", who));
  decide::StateStore::ApprovalFilter filter;
  filter.account = who;
  filter.limit = web::k_page_max;
  auto stored = parts_.reader.approvals(filter);
  if (!stored) return std::unexpected(stored.error());
  // In force is what the engine says, with what of it is used; the database remembers the rest.
  auto views = parts_.engine.approvals(who, parts_.now());
  for (auto& row : *stored) {
    const auto at = std::ranges::find(views, row.id, [](const auto& v) { return v.approval.id; });
    if (at == views.end()) {
      views.push_back({std::move(row), {}, {}, {}});
    } else {
      at->approval.created = row.created;
      at->approval.created_by = row.created_by;
    }
  }
  std::ranges::sort(views, std::ranges::greater{}, [](const auto& v) { return v.approval.id; });
  return views;
}

Result<decide::ApprovalView> ControlService::remember_approval(const decide::Approval& approval,
                                                               std::string action,
                                                               const web::Caller& by) {
  parts_.writer.put(approval);
  audited(by, std::move(action), {decide::SubjectKind::account, approval.account}, 0,
          approval.reason,
          fmt::format(R"({{"approval":{},"recipients":{},"per_message":{},"until":"{}"}})",
                      approval.id, approval.terms.recipients, approval.terms.each,
                      format_instant(approval.terms.until)));
  if (auto durable = parts_.writer.wait(parts_.writer.last_ticket(), k_durable_wait_ms); !durable) {
    return std::unexpected(durable.error());
  }
  auto view = parts_.engine.approval(approval.id, parts_.now());
  if (!view) return decide::ApprovalView{approval, {}, {}, {}};
  return std::move(*view);
}

Result<decide::ApprovalView> ControlService::approve(std::string_view address,
                                                     const ApprovalTerms& terms,
                                                     const std::string& reason,
                                                     const web::Caller& by) {
  decide::ApprovalOrder order;
  order.account = normalised(address);
  auto known = exists({decide::SubjectKind::account, order.account});
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", order.account));
  auto zone = time_zone(terms.zone);
  if (!zone) return std::unexpected(zone.error());
  order.terms = terms;
  order.terms.zone = std::move(zone->name);
  order.terms.zone_rule = std::move(zone->rule);
  order.now = parts_.now();
  if (!order.terms.from.is_set()) order.terms.from = order.now;
  if (!order.terms.until.is_set()) {
    const bool once = order.terms.repeat == ApprovalRepeat::once;
    order.terms.until = order.terms.from + (once ? days(1) : days(365));
  }
  order.by = by.who;
  order.reason = reason;
  auto made = parts_.engine.approve(order);
  if (!made) return std::unexpected(made.error());
  return remember_approval(made->first, "approve", by);
}

Result<decide::ApprovalView> ControlService::change_approval(std::uint64_t id, ApprovalState to,
                                                             const std::string& reason,
                                                             const web::Caller& by) {
  const auto view = parts_.engine.approval(id, parts_.now());
  if (!view) {
    // Long over: the engine has forgotten it, the database has not.
    decide::StateStore::ApprovalFilter filter;
    filter.id = id;
    auto stored = parts_.reader.approvals(filter);
    if (!stored) return std::unexpected(stored.error());
    if (stored->empty()) return not_found(fmt::format("there is no approval {}", id));
    return bad_input(fmt::format("approval {} is over", id));
  }
  decide::ApprovalOrder order;
  order.account = view->approval.account;
  order.id = id;
  order.state = to;
  order.by = by.who;
  order.reason = reason;
  order.now = parts_.now();
  auto changed = parts_.engine.approve(order);
  if (!changed) return std::unexpected(changed.error());
  if (!changed->second) return *view;
  return remember_approval(changed->first,
                           to == ApprovalState::ended ? "approval_end" : "approval_resume", by);
}

Result<std::vector<decide::ApprovalSuggestion>> ControlService::approval_suggestions(
    std::string_view address) {
  auto views = approvals(address);
  if (!views) return std::unexpected(views.error());
  decide::StateStore::HoldFilter filter;
  filter.account = normalised(address);
  filter.limit = k_holds_looked_at;
  auto holds = parts_.reader.holds(filter);
  if (!holds) return std::unexpected(holds.error());
  auto zone = time_zone("");
  if (!zone) return std::unexpected(zone.error());
  decide::AdviceQuestion question;
  question.holds = std::move(*holds);
  question.approvals = std::move(*views);
  question.zone = std::move(zone->name);
  question.zone_rule = std::move(zone->rule);
  question.now = parts_.now();
  return decide::suggest_approvals(question);
}

}  // namespace sekimori::app
