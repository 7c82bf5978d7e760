// Rules for addresses (decide/address_rules.h), in the same database as the state store.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "decide/address_rules.h"
#include "store/state_store.h"

namespace sekimori::store {

struct RuleHits {
  std::uint64_t id = 0;
  std::uint64_t hits = 0;  // more than before
  Instant last;
};

// Any thread; calls are served one at a time. Never throws.
class RuleStore {
 public:
  // Makes or updates its tables. Errors: operating, bad_input (the URL).
  [[nodiscard]] static Result<std::unique_ptr<RuleStore>> open(const StateStoreSettings& settings);
  ~RuleStore();

  // Rules that are not over at `now`: all, in no order; or a page.
  [[nodiscard]] Result<std::vector<decide::AddressRule>> all(Instant now);
  [[nodiscard]] Result<decide::RulePage> page(const decide::RuleFilter& filter, Instant now);
  // In the order of `ids`, those that are there.
  [[nodiscard]] Result<std::vector<decide::AddressRule>> by_id(std::span<const std::uint64_t> ids);

  // All or none; a rule for the same target, scope and use is replaced. The rules as stored.
  // Errors: bad_input (there would be more than k_address_rules_max).
  [[nodiscard]] Result<std::vector<decide::AddressRule>> put(
      std::span<const decide::AddressRule> rules);
  // Errors: not_found.
  [[nodiscard]] Result<decide::AddressRule> remove(std::uint64_t id);
  // Those of the whole server for this target, whatever their use. Errors: not_found.
  [[nodiscard]] Result<std::vector<decide::AddressRule>> remove(const decide::RuleTarget& target);
  [[nodiscard]] Result<void> add_hits(std::span<const RuleHits> hits);
  // Forgets rules that were over at `before`.
  [[nodiscard]] Result<void> prune(Instant before);

 private:
  struct Impl;
  explicit RuleStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::store
