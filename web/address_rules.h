// Rules for addresses as people keep them. Part of Control, in a header of its own; threads and
// errors as there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/address_rules.h"
#include "web/control.h"

namespace sekimori::web {

// "What becomes of this address?"
struct RuleQuestion {
  IpAddress ip;
  std::string account;  // "" or an account, whatever its spelling
  std::string domain;   // "" or a domain; the account's own where one is given
  decide::RuleUse use = decide::RuleUse::login;
};
struct RuleCheck {
  RuleQuestion question;                   // as it was understood
  Place place;                             // of the address
  std::vector<decide::AddressRule> rules;  // all that match, the one that decides first
  std::optional<decide::BanFound> ban;
  decide::AddressVerdict verdict;
  Text words;
};

class RuleDesk {
 public:
  virtual ~RuleDesk() = default;

  [[nodiscard]] virtual Result<decide::RulePage> rules(const decide::RuleFilter&) = 0;
  // All or none, in force when it returns; the rules as stored. bad_input: over already, too many.
  [[nodiscard]] virtual Result<std::vector<decide::AddressRule>> put(
      const std::vector<decide::AddressRule>&, const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::AddressRule> remove(std::uint64_t id, const Caller& by) = 0;
  // All rules of the whole server for it.
  [[nodiscard]] virtual Result<std::vector<decide::AddressRule>> remove(
      const decide::RuleTarget& target, const Caller& by) = 0;
  [[nodiscard]] virtual Result<RuleCheck> check(const RuleQuestion&) = 0;
  // Whose rule it is. not_found.
  [[nodiscard]] virtual Result<decide::Subject> subject_of(std::uint64_t id) = 0;
};

}  // namespace sekimori::web
