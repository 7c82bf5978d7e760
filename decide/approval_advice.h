// What approvals are in words, and which one to propose: a run that a person let through and that
// comes again looks like one to approve for good. Over what the database remembers, never on the
// decision path. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/text.h"
#include "decide/engine.h"
#include "decide/records.h"

namespace sekimori::decide {

// "up to 500 recipients (100 a message), on the 1st of each month from 09:00 for 180 minutes".
[[nodiscard]] Text in_words(const ApprovalTerms&);
// Why it is suspended, and that the next run asks. Empty for ApprovalCause::none.
[[nodiscard]] Text in_words(ApprovalCause);

struct ApprovalSuggestion {
  ApprovalTerms terms;            // to be approved as they are
  std::vector<std::string> like;  // "hold:4bXyZ12345" or "approval:7", newest first
  Text text;                      // "This looks like the run of 22 October …"
};

struct AdviceQuestion {
  std::vector<HeldMessage> holds;       // of one account, in any order
  std::vector<ApprovalView> approvals;  // of the same
  std::string zone;                     // of the windows proposed
  std::string zone_rule;
  Instant now;
};
// The newest run first, at most k_suggestions_max: runs that wait for a person or were let through
// by one, each like an earlier one that was. Nothing for what a living approval would cover.
inline constexpr std::size_t k_suggestions_max = 5;
[[nodiscard]] std::vector<ApprovalSuggestion> suggest_approvals(const AdviceQuestion&);

}  // namespace sekimori::decide
