// web::RuleDesk over the store of rules and the book that the decisions read.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "app/state_writer.h"
#include "decide/directory.h"
#include "serve/rule_book.h"
#include "store/rule_store.h"
#include "web/address_rules.h"

namespace sekimori::app {

struct RuleParts {
  store::RuleStore& store;
  serve::RuleBook& book;
  StateWriter& writer;  // the audit
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  // A ban in force for a sign-in from there; may be empty.
  std::function<std::optional<decide::BanFound>(const IpAddress&, std::string_view account)> ban;
  std::function<void()> changed;  // after people changed rules that are in force; may be empty
  std::function<void(std::string_view)> log;
};

// Any thread.
class RuleService : public web::RuleDesk {
 public:
  explicit RuleService(RuleParts parts) : parts_(std::move(parts)) {}

  Result<decide::RulePage> rules(const decide::RuleFilter& filter) override;
  Result<std::vector<decide::AddressRule>> put(const std::vector<decide::AddressRule>& rules,
                                               const web::Caller& by) override;
  Result<decide::AddressRule> remove(std::uint64_t id, const web::Caller& by) override;
  Result<std::vector<decide::AddressRule>> remove(const decide::RuleTarget& target,
                                                  const web::Caller& by) override;
  Result<web::RuleCheck> check(const web::RuleQuestion& question) override;
  Result<decide::Subject> subject_of(std::uint64_t id) override;

  // Puts the store's rules in force; keeps those in force where it cannot be read.
  void reload();
  // Writes down how often rules decided. Call every few seconds.
  void write_hits();
  void prune(Instant before);

 private:
  void audited(const web::Caller& by, std::string action, const decide::AddressRule& rule,
               std::size_t count);

  RuleParts parts_;
};

}  // namespace sekimori::app
