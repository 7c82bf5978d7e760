// The approvals of MemoryControl, for the tests of this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decide/approval_advice.h"
#include "web/control.h"

namespace sekimori::web {

class MemoryApprovals {
 public:
  explicit MemoryApprovals(Instant now) : now_(now) {}

  [[nodiscard]] std::vector<decide::ApprovalView> of(std::string_view account) const {
    std::vector<decide::ApprovalView> out;
    for (const auto& [id, view] : views_) {
      if (view.approval.account == account) out.push_back(view);
    }
    return out;
  }
  [[nodiscard]] std::optional<std::string> account_of(std::string_view id) const {
    for (const auto& [number, view] : views_) {
      if (std::to_string(number) == id) return view.approval.account;
    }
    return std::nullopt;
  }
  decide::ApprovalView give(std::string_view account, const ApprovalTerms& terms,
                            const std::string& reason, const std::string& who) {
    decide::ApprovalView view;
    view.approval.id = views_.size() + 1;
    view.approval.account = std::string(account);
    view.approval.epoch = 1;
    view.approval.terms = terms;
    if (!terms.from.is_set()) view.approval.terms.from = now_;
    if (!terms.until.is_set()) view.approval.terms.until = now_ + days(1);
    view.approval.created = view.approval.changed = now_;
    view.approval.created_by = view.approval.changed_by = who;
    view.approval.reason = reason;
    views_[view.approval.id] = view;
    return view;
  }
  Result<decide::ApprovalView> change(std::uint64_t id, ApprovalState to,
                                      const std::string& reason) {
    const auto at = views_.find(id);
    if (at == views_.end()) return not_found("no such approval");
    auto& approval = at->second.approval;
    if (approval.state == ApprovalState::ended && to != approval.state) {
      return bad_input("it has ended");
    }
    approval.state = to;
    approval.reason = reason;
    return at->second;
  }
  // As if what is held now had come four weeks ago as well, and a person had let it go.
  [[nodiscard]] std::vector<decide::ApprovalSuggestion> suggest(
      std::vector<decide::HeldMessage> holds) const {
    decide::AdviceQuestion question;
    question.now = now_;
    question.zone = "Asia/Tokyo";
    question.zone_rule = "JST-9";
    for (auto& hold : holds) {
      question.holds.push_back(hold);
      hold.held_at = hold.held_at - days(28);
      hold.state = decide::HoldState::released;
      hold.ended_by = "api";
      question.holds.push_back(std::move(hold));
    }
    return decide::suggest_approvals(question);
  }

 private:
  Instant now_;
  std::map<std::uint64_t, decide::ApprovalView> views_;
};

}  // namespace sekimori::web
