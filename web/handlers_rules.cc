// Rules for addresses: lists, single ones, pasted ones, and what becomes of an address.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/mail_address.h"
#include "decide/rule_words.h"
#include "web/address_rules.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

using decide::AddressRule;
using decide::RuleTarget;
using decide::Subject;
using decide::SubjectKind;
namespace json = boost::json;

// Lines of a pasted list that an answer explains; the rest are counted.
constexpr std::size_t k_line_errors_shown = 1000;

json::value json_of_time(Instant t) {
  return t.is_set() ? json::value(format_instant(t)) : json::value(nullptr);
}

json::object json_of(const AddressRule& rule) {
  return json::object{{"id", rule.id},
                      {"network", rule.target.to_string()},
                      {"kind", to_string(rule.target.kind())},
                      {"scope", to_string(rule.scope.kind)},
                      {"subject", rule.scope.id},
                      {"use", to_string(rule.use)},
                      {"action", to_string(rule.action)},
                      {"reason", rule.reason},
                      {"created", json_of_time(rule.created)},
                      {"expires", json_of_time(rule.expires)},
                      {"by", rule.by},
                      {"hits", rule.hits},
                      {"last_hit", json_of_time(rule.last_hit)}};
}
json::array json_of(const std::vector<AddressRule>& rules) {
  json::array out;
  for (const auto& rule : rules) out.push_back(json_of(rule));
  return out;
}

// A word of the query as one of an enum's; "" and missing are nullopt.
template <class Enum>
Result<std::optional<Enum>> read_word(const Target& target, std::string_view key,
                                      std::optional<Enum> (*parse)(std::string_view)) {
  const auto text = target.find(key);
  if (!text || text->empty()) return std::optional<Enum>();
  const auto found = parse(*text);
  if (!found) return bad_input("'" + std::string(key) + "' is none of the words that it may be");
  return std::optional<Enum>(*found);
}

Result<std::optional<Subject>> read_scope(std::string_view account, std::string_view domain) {
  if (!account.empty() && !domain.empty()) {
    return bad_input("either 'account' or 'domain', not both");
  }
  if (account.empty() && domain.empty()) return std::optional<Subject>();
  auto subject = account.empty() ? make_subject(SubjectKind::domain, domain)
                                 : make_subject(SubjectKind::account, account);
  if (!subject) return std::unexpected(subject.error());
  subject->id = ascii_lower(subject->id);
  return std::optional<Subject>(std::move(*subject));
}

Result<decide::RuleFilter> read_filter(const Target& target) {
  decide::RuleFilter filter;
  const auto paging = read_paging(target);
  if (!paging) return std::unexpected(paging.error());
  filter.offset = paging->offset;
  filter.limit = target.find("limit") ? paging->limit : 1000;
  filter.search = std::string(target.find("search").value_or(""));
  const auto action = read_word(target, "action", decide::parse_rule_action);
  if (!action) return std::unexpected(action.error());
  filter.action = *action;
  const auto use = read_word(target, "use", decide::parse_rule_use);
  if (!use) return std::unexpected(use.error());
  filter.use = *use;
  const auto kind = read_word(target, "kind", decide::parse_rule_kind);
  if (!kind) return std::unexpected(kind.error());
  filter.kind = *kind;
  const auto scope = read_word(target, "scope", decide::parse_subject_kind);
  if (!scope) return std::unexpected(scope.error());
  filter.scope = *scope;
  const auto subject =
      read_scope(target.find("account").value_or(""), target.find("domain").value_or(""));
  if (!subject) return std::unexpected(subject.error());
  filter.subject = *subject;
  if (const auto within = target.find("within"); within && !within->empty()) {
    auto domain = read_domain(*within);
    if (!domain) return std::unexpected(domain.error());
    filter.within = ascii_lower(*domain);
  }
  std::string sort(target.find("sort").value_or("network"));
  filter.descending = sort.starts_with('-');
  if (filter.descending) sort.erase(0, 1);
  using Sort = decide::RuleFilter::Sort;
  constexpr std::array k_sorts = {
      std::pair("network", Sort::target), std::pair("created", Sort::created),
      std::pair("expires", Sort::expires), std::pair("hits", Sort::hits)};
  const auto* found = std::ranges::find(
      k_sorts, std::string_view(sort), [](const auto& one) { return std::string_view(one.first); });
  if (found == k_sorts.end()) {
    return bad_input("'sort' must be network, created, expires or hits");
  }
  filter.sort = found->second;
  return filter;
}

ApiResponse list_rules(const Call& call) {
  const auto filter = read_filter(call.target);
  if (!filter) return bad_request(filter.error());
  const auto page = call.control.rules().rules(*filter);
  if (!page) return failure_response(page.error(), false);
  return json_response(json::object{
      {"items", json_of(page->items)}, {"total", page->total}, {"offset", filter->offset}});
}

// What the rule is about: "network" (which takes all the forms), or "address", "country", "asn".
Result<std::optional<RuleTarget>> read_target(const json::object& body) {
  for (const auto& [key, before] : {std::pair("network", ""), std::pair("address", ""),
                                    std::pair("country", "country:"), std::pair("asn", "asn:")}) {
    if (const auto* number = body.if_contains(key);
        number != nullptr && key == std::string_view("asn") && number->is_int64()) {
      const auto target = RuleTarget::parse("asn:" + std::to_string(number->as_int64()));
      if (!target) return std::unexpected(target.error());
      return std::optional<RuleTarget>(*target);
    }
    const auto text = read_text(body, key, 64);
    if (!text) return std::unexpected(text.error());
    if (text->empty()) continue;
    const auto target = RuleTarget::parse(before + *text);
    if (!target) return std::unexpected(target.error());
    return std::optional<RuleTarget>(*target);
  }
  return std::optional<RuleTarget>();
}

// All of a rule but its target.
Result<AddressRule> read_terms(const Call& call) {
  AddressRule rule;
  rule.by = call.caller.who;
  const auto action = read_text(call.body, "action", 16);
  if (!action) return std::unexpected(action.error());
  if (!action->empty()) {
    const auto word = decide::parse_rule_action(*action);
    if (!word) return bad_input("'action' must be allow or deny");
    rule.action = *word;
  }
  const auto use = read_text(call.body, "use", 16);
  if (!use) return std::unexpected(use.error());
  if (!use->empty()) {
    const auto word = decide::parse_rule_use(*use);
    if (!word) return bad_input("'use' must be receive, login or both");
    rule.use = *word;
  }
  const auto account = read_text(call.body, "account", 320);
  if (!account) return std::unexpected(account.error());
  const auto domain = read_text(call.body, "domain", 253);
  if (!domain) return std::unexpected(domain.error());
  auto scope = read_scope(*account, *domain);
  if (!scope) return std::unexpected(scope.error());
  if (*scope) rule.scope = std::move(**scope);
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return std::unexpected(reason.error());
  if (reason->empty()) return bad_input("'reason' is needed: who asks later wants to know why");
  rule.reason = std::move(*reason);
  const auto expires = read_text(call.body, "expires", 64);
  if (!expires) return std::unexpected(expires.error());
  if (!expires->empty()) {
    const auto instant = parse_instant(*expires);
    if (!instant) return bad_input("'expires': " + instant.error().text);
    rule.expires = *instant;
  }
  return rule;
}

ApiResponse put_rule(const Call& call) {
  const auto target = read_target(call.body);
  if (!target) return bad_request(target.error());
  if (!*target) return error_response(400, "'network' is needed");
  auto rule = read_terms(call);
  if (!rule) return bad_request(rule.error());
  rule->target = **target;
  if (const auto fits = decide::check_rule(*rule); !fits) return bad_request(fits.error());
  const auto stored = call.control.rules().put({*rule}, call.caller);
  if (!stored) return failure_response(stored.error(), true);
  return json_response(json_of(stored->front()), 201);
}

json::array json_of(const std::vector<decide::RuleLineError>& errors) {
  json::array out;
  for (const auto& error : errors) {
    if (out.size() == k_line_errors_shown) break;
    out.push_back(json::object{{"line", error.line},
                               {"text", error.text},
                               {"what", error.what},
                               {"words", web::json_of(rule_line_words(error))}});
  }
  return out;
}

ApiResponse put_rules(const Call& call) {
  const auto text = read_text(call.body, "lines", std::size_t{64} * 1024 * 1024, true);
  if (!text) return bad_request(text.error());
  if (text->empty()) return error_response(400, "'lines' is needed: one target a line");
  const auto terms = read_terms(call);
  if (!terms) return bad_request(terms.error());
  const auto partial = read_bool(call.body, "partial");
  if (!partial) return bad_request(partial.error());
  const auto dry = read_bool(call.body, "dry_run");
  if (!dry) return bad_request(dry.error());
  auto lines = decide::parse_rule_lines(*text);
  std::vector<AddressRule> rules;
  for (auto& line : lines.good) {
    AddressRule rule = *terms;
    rule.target = line.target;
    if (!line.note.empty() && rule.reason.size() + line.note.size() + 3 <= k_reason_max) {
      rule.reason += " (" + line.note + ")";
    }
    if (const auto fits = decide::check_rule(rule); !fits) {
      lines.errors.push_back({line.line, line.target.to_string(), fits.error().text});
      continue;
    }
    rules.push_back(std::move(rule));
  }
  std::ranges::sort(lines.errors, {}, &decide::RuleLineError::line);
  if (!lines.errors.empty() && !partial->value_or(false)) {
    return error_with(400,
                      std::to_string(lines.errors.size()) +
                          " lines are no rules, so nothing was taken: correct them, or send "
                          "'partial': true to take the others",
                      "lines", json_of(lines.errors));
  }
  if (!rules.empty() && !dry->value_or(false)) {
    const auto stored = call.control.rules().put(rules, call.caller);
    if (!stored) return failure_response(stored.error(), true);
  }
  return json_response(json::object{{"added", rules.size()},
                                    {"repeated", lines.repeated},
                                    {"refused", lines.errors.size()},
                                    {"dry_run", dry->value_or(false)},
                                    {"lines", json_of(lines.errors)}},
                       201);
}

ApiResponse remove_rule(const Call& call) {
  auto& desk = call.control.rules();
  auto text = call.parameters.empty() ? call.target.find("id")
                                      : std::optional<std::string_view>(call.parameters[0]);
  if (text) {
    const auto id = read_number(*text, k_id_max);
    if (!id) return bad_request(id.error());
    const auto rule = desk.remove(*id, call.caller);
    if (!rule) return failure_response(rule.error(), true);
    return json_response(json_of(*rule));
  }
  text = call.target.find("network");
  if (!text) text = call.target.find("address");
  auto target = read_target(text ? json::object{{"network", *text}} : call.body);
  if (!target) return bad_request(target.error());
  if (!*target) return error_response(400, "'id' or 'network' is needed");
  const auto rules = desk.remove(**target, call.caller);
  if (!rules) return failure_response(rules.error(), true);
  return json_response(json_of(rules->front()));
}

// What a domain admin is not told of others' rules: why, and by whom.
void redact(RuleCheck& check, const Caller& caller) {
  if (caller.role != Role::domain_admin) return;
  for (auto& rule : check.rules) {
    const std::string_view domain = rule.scope.kind == SubjectKind::account
                                        ? domain_of(rule.scope.id)
                                        : std::string_view(rule.scope.id);
    if (std::ranges::find(caller.domains, domain) == caller.domains.end()) {
      rule.reason.clear();
      rule.by.clear();
    }
  }
}

ApiResponse check_address(const Call& call) {
  RuleQuestion question;
  const auto ip = IpAddress::parse(call.target.find("address").value_or(""));
  if (!ip) return error_response(400, "'address': " + ip.error().text);
  question.ip = *ip;
  const auto use = read_word(call.target, "use", decide::parse_rule_use);
  if (!use) return bad_request(use.error());
  question.use = use->value_or(decide::RuleUse::login);
  if (question.use == decide::RuleUse::both) {
    return error_response(400, "'use' must be receive or login");
  }
  const auto scope =
      read_scope(call.target.find("account").value_or(""), call.target.find("domain").value_or(""));
  if (!scope) return bad_request(scope.error());
  if (*scope) {
    ((*scope)->kind == SubjectKind::account ? question.account : question.domain) = (*scope)->id;
  }
  auto check = call.control.rules().check(question);
  if (!check) return failure_response(check.error(), false);
  redact(*check, call.caller);
  json::value ban = nullptr;
  if (check->ban) {
    ban = json::object{{"reason_ja", check->ban->reason.ja},
                       {"reason_en", check->ban->reason.en},
                       {"since", json_of_time(check->ban->since)},
                       {"until", json_of_time(check->ban->until)}};
  }
  return json_response(json::object{{"address", check->question.ip.to_string()},
                                    {"country", check->place.country_text()},
                                    {"asn", check->place.asn},
                                    {"account", check->question.account},
                                    {"domain", check->question.domain},
                                    {"use", to_string(check->question.use)},
                                    {"let_in", check->verdict.let_in},
                                    {"decided_by", to_string(check->verdict.layer)},
                                    {"why_ja", check->words.ja},
                                    {"why_en", check->words.en},
                                    {"rules", json_of(check->rules)},
                                    {"ban", std::move(ban)}});
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/ip-rules", Access::authorised, list_rules},
    Route{Method::post, "/api/v1/ip-rules", Access::authorised, put_rule},
    Route{Method::delete_, "/api/v1/ip-rules", Access::authorised, remove_rule},
    Route{Method::post, "/api/v1/ip-rules/bulk", Access::authorised, put_rules},
    Route{Method::delete_, "/api/v1/ip-rules/{id}", Access::authorised, remove_rule},
    Route{Method::get, "/api/v1/ip-check", Access::authorised, check_address},
};

}  // namespace

std::span<const Route> rule_routes() { return k_routes; }

}  // namespace sekimori::web
