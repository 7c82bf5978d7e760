#include "app/program_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "base/hash.h"
#include "base/mail_address.h"

namespace sekimori::app {
namespace {

using decide::AddressRule;
using decide::SignInEntry;
using decide::SignInList;

// Their numbers stand above all that the database gives, and within what JSON's readers keep exact.
constexpr std::uint64_t k_first = 1ULL << 52;
constexpr auto k_patience = std::chrono::seconds(10);

std::uint64_t number_of(const SignInEntry& entry) {
  std::uint64_t sum = static_cast<std::uint64_t>(entry.list) + 1;
  for (const char c : entry.key()) sum = mix64(sum ^ static_cast<unsigned char>(c));
  return k_first | (sum & (k_first - 1));
}

AddressRule rule_of(const SignInEntry& entry) {
  AddressRule rule;
  rule.id = number_of(entry);
  rule.target = decide::RuleTarget(entry.network);
  rule.use = decide::RuleUse::login;
  rule.action =
      entry.list == SignInList::allow ? decide::RuleAction::allow : decide::RuleAction::deny;
  rule.reason = entry.reason;
  rule.by = "weakforced";
  rule.created = entry.created;
  rule.expires = entry.expires;
  return rule;
}

bool has(std::string_view text, std::string_view part) {
  return ascii_lower(text).find(part) != std::string::npos;
}

bool is_meant(const decide::RuleFilter& filter, const AddressRule& rule) {
  if (filter.action && *filter.action != rule.action) return false;
  if (filter.use && !decide::is_for(rule.use, *filter.use)) return false;
  if (filter.kind && *filter.kind != decide::RuleTarget::Kind::network) return false;
  if (filter.scope && *filter.scope != decide::SubjectKind::server) return false;
  if (filter.subject || !filter.within.empty()) return false;
  if (!filter.target.empty() && filter.target != rule.target.to_string()) return false;
  const std::string part = ascii_lower(filter.search);
  return part.empty() || has(rule.target.to_string(), part) || has(rule.reason, part) ||
         has(rule.by, part);
}

}  // namespace

void ProgramRules::each(const std::function<void(const SignInEntry&)>& each) const {
  if (programs_.entries() == 0) return;
  for (const SignInList list : {SignInList::allow, SignInList::block}) {
    for (const SignInEntry& entry : programs_.all(list, now_())) {
      if (entry.kind() == decide::SignInEntryKind::ip) each(entry);
    }
  }
}

Result<decide::RulePage> ProgramRules::rules(const decide::RuleFilter& filter) {
  auto page = people_.rules(filter);
  if (!page) return page;
  const std::size_t before = page->total;
  const std::size_t skip = filter.offset > before ? filter.offset - before : 0;
  std::size_t seen = 0;
  each([&](const SignInEntry& entry) {
    AddressRule rule = rule_of(entry);
    if (!is_meant(filter, rule)) return;
    ++page->total;
    if (seen++ >= skip && page->items.size() < filter.limit) page->items.push_back(std::move(rule));
  });
  return page;
}

Result<void> ProgramRules::forget(const SignInEntry& entry, const web::Caller& by) {
  const auto done = std::make_shared<std::promise<Result<void>>>();
  auto waiting = done->get_future();
  programs_.change(entry, true, [done](Result<void> kept) { done->set_value(std::move(kept)); });
  if (waiting.wait_for(k_patience) != std::future_status::ready) {
    return operating_failure("the database does not answer");
  }
  auto kept = waiting.get();
  if (kept) {
    decide::AuditEntry line;
    line.t = now_();
    line.who = by.who;
    line.action = "ip_unblock";
    line.subject = {decide::SubjectKind::server, ""};
    line.why = entry.reason;
    line.detail = fmt::format("{} of weakforced's: {}", to_string(entry.list), entry.key());
    audit_(std::move(line));
  }
  return kept;
}

Result<AddressRule> ProgramRules::remove(std::uint64_t id, const web::Caller& by) {
  if (id < k_first) return people_.remove(id, by);
  std::optional<SignInEntry> found;
  each([&](const SignInEntry& entry) {
    if (number_of(entry) == id) found = entry;
  });
  if (!found) return not_found(fmt::format("there is no address rule {}", id));
  if (auto done = forget(*found, by); !done) return std::unexpected(done.error());
  return rule_of(*found);
}

Result<std::vector<AddressRule>> ProgramRules::remove(const decide::RuleTarget& target,
                                                      const web::Caller& by) {
  auto gone = people_.remove(target, by);
  if (!gone && gone.error().kind != ErrorKind::not_found) return gone;
  std::vector<AddressRule> rules;
  if (gone) rules = std::move(*gone);
  if (target.kind() == decide::RuleTarget::Kind::network && programs_.entries() > 0) {
    SignInEntry entry;
    entry.network = target.network();
    for (const SignInList list : {SignInList::allow, SignInList::block}) {
      entry.list = list;
      const auto there = programs_.exactly(entry, now_());
      if (!there) continue;
      if (auto done = forget(*there, by); !done) return std::unexpected(done.error());
      rules.push_back(rule_of(*there));
    }
  }
  if (rules.empty()) return gone;
  return rules;
}

Result<web::RuleCheck> ProgramRules::check(const web::RuleQuestion& question) {
  auto out = people_.check(question);
  if (!out || !decide::is_for(decide::RuleUse::login, question.use)) return out;
  bool any = false;
  for (const SignInList list : {SignInList::allow, SignInList::block}) {
    const auto entry = programs_.entry(list, question.ip, "", now_());
    if (!entry || entry->kind() != decide::SignInEntryKind::ip) continue;
    out->rules.push_back(rule_of(*entry));
    any = true;
  }
  if (!any) return out;
  std::ranges::stable_sort(out->rules, [](const AddressRule& a, const AddressRule& b) {
    return decide::decides_before(decide::rank_of(a), decide::rank_of(b));
  });
  decide::AddressFacts facts;
  facts.rule = decide::rank_of(out->rules.front());
  facts.banned = out->ban.has_value();
  out->verdict = decide::decide_address(facts);
  out->words = decide::verdict_words(out->verdict, &out->rules.front(), question.use);
  return out;
}

Result<decide::Subject> ProgramRules::subject_of(std::uint64_t id) {
  if (id < k_first) return people_.subject_of(id);
  return decide::Subject{decide::SubjectKind::server, ""};
}

}  // namespace sekimori::app
