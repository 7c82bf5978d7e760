#include "app/rule_service.h"

#include <fmt/format.h>

#include "base/mail_address.h"

namespace sekimori::app {

using decide::AddressRule;
using decide::SubjectKind;

Result<decide::RulePage> RuleService::rules(const decide::RuleFilter& filter) {
  return parts_.store.page(filter, parts_.now());
}

// One entry however many rules came together: the list itself is in the database.
void RuleService::audited(const web::Caller& by, std::string action, const AddressRule& rule,
                          std::size_t count) {
  parts_.writer.put(decide::AuditEntry{
      .t = parts_.now(),
      .who = by.who,
      .action = std::move(action),
      .subject = rule.scope,
      .incident = 0,
      .why = rule.reason,
      .detail = fmt::format(R"({{"rule":{},"network":"{}","use":"{}","rules":{}}})", rule.id,
                            rule.target.to_string(), to_string(rule.use), count)});
}

Result<std::vector<AddressRule>> RuleService::put(const std::vector<AddressRule>& rules,
                                                  const web::Caller& by) {
  if (rules.empty()) return std::vector<AddressRule>();
  std::vector<AddressRule> wanted = rules;
  const Instant now = parts_.now();
  for (AddressRule& rule : wanted) {
    rule.created = now;
    rule.by = by.who;
    if (rule.expires.is_set() && rule.expires <= now) {
      return bad_input("'expires' is over already");
    }
    if (rule.scope.kind != SubjectKind::account) continue;
    // A rule holds for the account as sign-ins and recipients are understood.
    const std::string account = parts_.directory()->account_of(rule.scope.id);
    if (account != rule.scope.id) {
      return bad_input(
          fmt::format("{} means the account {}: name that one", rule.scope.id, account));
    }
  }
  auto stored = parts_.store.put(wanted);
  if (!stored) return stored;
  reload();
  if (parts_.changed) parts_.changed();
  audited(by, fmt::format("ip_{}", to_string(stored->front().action)), stored->front(),
          stored->size());
  return stored;
}

Result<AddressRule> RuleService::remove(std::uint64_t id, const web::Caller& by) {
  auto gone = parts_.store.remove(id);
  if (!gone) return gone;
  reload();
  audited(by, "ip_unblock", *gone, 1);
  return gone;
}

Result<std::vector<AddressRule>> RuleService::remove(const decide::RuleTarget& target,
                                                     const web::Caller& by) {
  auto gone = parts_.store.remove(target);
  if (!gone) return gone;
  reload();
  for (const AddressRule& rule : *gone) audited(by, "ip_unblock", rule, 1);
  return gone;
}

Result<web::RuleCheck> RuleService::check(const web::RuleQuestion& question) {
  web::RuleCheck out;
  out.question = question;
  if (!question.account.empty()) {
    out.question.account = parts_.directory()->account_of(question.account);
    out.question.domain = domain_of(out.question.account);
  }
  out.place = parts_.book.place_of(question.ip);
  decide::AddressQuestion asked;
  asked.ip = question.ip;
  asked.place = out.place;
  asked.account = out.question.account;
  asked.domain = out.question.domain;
  asked.use = question.use;
  asked.now = parts_.now();
  decide::AddressFacts facts;
  const auto ids = parts_.book.all(asked, facts.rule);
  auto rules = parts_.store.by_id(ids);
  if (!rules) return std::unexpected(rules.error());
  out.rules = std::move(*rules);
  if (parts_.ban && question.use == decide::RuleUse::login) {
    out.ban = parts_.ban(question.ip, out.question.account);
    facts.banned = out.ban.has_value();
  }
  out.verdict = decide::decide_address(facts);
  const bool by_rule = facts.rule && !out.rules.empty() && out.rules.front().id == facts.rule->id;
  out.words =
      decide::verdict_words(out.verdict, by_rule ? &out.rules.front() : nullptr, question.use);
  return out;
}

Result<decide::Subject> RuleService::subject_of(std::uint64_t id) {
  const std::uint64_t ids[] = {id};
  const auto found = parts_.store.by_id(ids);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return not_found("there is no such rule");
  return found->front().scope;
}

void RuleService::reload() {
  const auto rules = parts_.store.all(parts_.now());
  if (rules) parts_.book.set(*rules);  // else the old ones stay in force; health says so
}

void RuleService::write_hits() {
  std::vector<store::RuleHits> rows;
  for (const auto& hits : parts_.book.take_hits()) rows.push_back({hits.id, hits.hits, hits.last});
  if (auto done = parts_.store.add_hits(rows); !done && parts_.log) {
    parts_.log(fmt::format("state database: {}", done.error().text));
  }
}

void RuleService::prune(Instant before) {
  if (auto done = parts_.store.prune(before); !done && parts_.log) {
    parts_.log(fmt::format("state database: {}", done.error().text));
  }
}

}  // namespace sekimori::app
