// The rules of MemoryControl, for the tests of this folder.
#pragma once

#include <algorithm>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/mail_address.h"
#include "web/address_rules.h"

namespace sekimori::web {

class MemoryRules : public RuleDesk {
 public:
  std::function<void(const Caller&, const char* action)> audit;
  void fail_with(std::optional<Error> error) {
    const std::scoped_lock lock(mutex_);
    failure_ = std::move(error);
  }

  Result<decide::RulePage> rules(const decide::RuleFilter& filter) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    decide::RulePage page;
    auto rules = rules_;
    const auto key = [&](const decide::AddressRule& rule) {
      using Sort = decide::RuleFilter::Sort;
      switch (filter.sort) {
        case Sort::created: return std::to_string(rule.created.us);
        case Sort::expires:
          return rule.expires.is_set() ? std::to_string(rule.expires.us) : std::string("~");
        case Sort::hits: return std::to_string(rule.hits);
        case Sort::target: break;
      }
      return rule.target.sort_key();
    };
    std::ranges::stable_sort(rules, {}, key);
    if (filter.descending) std::ranges::reverse(rules);
    for (const auto& rule : rules) {
      const std::string text = ascii_lower(rule.target.to_string() + rule.reason + rule.by);
      const bool fits = (!filter.action || rule.action == *filter.action) &&
                        (!filter.use || decide::is_for(rule.use, *filter.use)) &&
                        (!filter.kind || rule.target.kind() == *filter.kind) &&
                        (!filter.scope || rule.scope.kind == *filter.scope) &&
                        (!filter.subject || rule.scope == *filter.subject) &&
                        (filter.within.empty() || rule.scope.id == filter.within ||
                         domain_of(rule.scope.id) == filter.within) &&
                        text.contains(ascii_lower(filter.search));
      if (!fits || page.total++ < filter.offset || page.items.size() >= filter.limit) continue;
      page.items.push_back(rule);
    }
    return page;
  }
  Result<std::vector<decide::AddressRule>> put(const std::vector<decide::AddressRule>& rules,
                                               const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    if (rules_.size() + rules.size() > 100) return bad_input("too many rules");
    auto stored = rules;
    for (auto& rule : stored) {
      std::erase_if(rules_, [&](const auto& old) {
        return old.target == rule.target && old.scope == rule.scope && old.use == rule.use;
      });
      rule.id = ++last_;
      rule.created = k_now;
      rules_.push_back(rule);
    }
    audit(by, "ip_rule");
    return stored;
  }
  Result<decide::AddressRule> remove(std::uint64_t id, const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    const auto at = std::ranges::find(rules_, id, &decide::AddressRule::id);
    if (at == rules_.end()) return not_found("no such rule");
    const auto removed = *at;
    rules_.erase(at);
    audit(by, "ip_rule_removed");
    return removed;
  }
  Result<std::vector<decide::AddressRule>> remove(const decide::RuleTarget& target,
                                                  const Caller& by) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    std::vector<decide::AddressRule> gone;
    std::erase_if(rules_, [&](const auto& rule) {
      const bool hit = rule.target == target && rule.scope.kind == decide::SubjectKind::server;
      if (hit) gone.push_back(rule);
      return hit;
    });
    if (gone.empty()) return not_found("no such rule");
    audit(by, "ip_rule_removed");
    return gone;
  }
  Result<RuleCheck> check(const RuleQuestion& question) override {
    const std::scoped_lock lock(mutex_);
    if (failure_) return std::unexpected(*failure_);
    RuleCheck out;
    out.question = question;
    if (out.question.domain.empty()) out.question.domain = domain_of(question.account);
    const decide::AddressRuleSet set(rules_);
    const auto found =
        set.all({question.ip, {}, question.account, out.question.domain, question.use, k_now});
    decide::AddressFacts facts;
    for (const auto* entry : found) {
      out.rules.push_back(*std::ranges::find(rules_, entry->id, &decide::AddressRule::id));
    }
    if (!found.empty()) facts.rule = found.front()->rank();
    out.verdict = decide::decide_address(facts);
    out.words = decide::verdict_words(out.verdict, out.rules.empty() ? nullptr : &out.rules.front(),
                                      question.use);
    return out;
  }
  Result<decide::Subject> subject_of(std::uint64_t id) override {
    const std::scoped_lock lock(mutex_);
    const auto at = std::ranges::find(rules_, id, &decide::AddressRule::id);
    if (at == rules_.end()) return not_found("no such rule");
    return at->scope;
  }

 private:
  static constexpr Instant k_now{1'795'000'000'000'000};
  std::mutex mutex_;
  std::optional<Error> failure_;
  std::vector<decide::AddressRule> rules_;
  std::uint64_t last_ = 0;
};

}  // namespace sekimori::web
