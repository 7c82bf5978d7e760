// The rules that people keep, and beside them what programs said of addresses (weakforced's
// addBLEntry and addWLEntry): one list to look at, one place to take something out.
//
// What programs say is kept and decided by SignInService; here it is only shown, behind the rules
// of people, as rules over sign-ins of the whole server.
#pragma once

#include <functional>

#include "app/sign_in_service.h"
#include "web/address_rules.h"

namespace sekimori::app {

// Any thread; removing waits for the database.
class ProgramRules : public web::RuleDesk {
 public:
  // References live as long as this.
  ProgramRules(web::RuleDesk& people, SignInService& programs, std::function<Instant()> now,
               std::function<void(decide::AuditEntry)> audit)
      : people_(people), programs_(programs), now_(std::move(now)), audit_(std::move(audit)) {}

  Result<decide::RulePage> rules(const decide::RuleFilter& filter) override;
  Result<std::vector<decide::AddressRule>> put(const std::vector<decide::AddressRule>& rules,
                                               const web::Caller& by) override {
    return people_.put(rules, by);
  }
  Result<decide::AddressRule> remove(std::uint64_t id, const web::Caller& by) override;
  Result<std::vector<decide::AddressRule>> remove(const decide::RuleTarget& target,
                                                  const web::Caller& by) override;
  Result<web::RuleCheck> check(const web::RuleQuestion& question) override;
  Result<decide::Subject> subject_of(std::uint64_t id) override;

 private:
  // Calls `each` with those about addresses alone, both lists.
  void each(const std::function<void(const decide::SignInEntry&)>& each) const;
  [[nodiscard]] Result<void> forget(const decide::SignInEntry& entry, const web::Caller& by);

  web::RuleDesk& people_;
  SignInService& programs_;
  std::function<Instant()> now_;
  std::function<void(decide::AuditEntry)> audit_;
};

}  // namespace sekimori::app
