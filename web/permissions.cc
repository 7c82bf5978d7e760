#include "web/permissions.h"

#include <algorithm>
#include <array>

#include "base/mail_address.h"

namespace sekimori::web {
namespace {

constexpr bool k_yes = true;
constexpr bool k_no = false;

// method, pattern, support, domain admin, scope
constexpr std::array k_permissions = {
    Permission{"GET", "/api/v1/accounts", k_yes, k_yes, Scope::list_of_domain},
    Permission{"GET", "/api/v1/accounts/{address}", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/approvals", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/approvals", k_no, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/approval-suggestions", k_yes, k_yes,
               Scope::account},
    Permission{"POST", "/api/v1/approvals/{id}/resume", k_no, k_yes, Scope::approval},
    Permission{"POST", "/api/v1/approvals/{id}/end", k_no, k_yes, Scope::approval},
    Permission{"POST", "/api/v1/accounts/{address}/restrict", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/suspend", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/restore", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/recovery-code", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/password", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/password/check", k_no, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/recovery", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/recovery/check", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/recovery/forwards", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/recovery/review", k_no, k_no, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/call-sheet", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/diagnosis", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/queue", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/queue/hold", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/queue/release", k_no, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/queue/delete", k_no, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/bounces", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/incidents/{id}/delisting", k_yes, k_yes, Scope::incident},
    Permission{"GET", "/api/v1/accounts/{address}/waiting", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/waiting", k_yes, k_no, Scope::server},
    // It names the neighbours whose mail was late, of whichever domain.
    Permission{"GET", "/api/v1/incidents/{id}/damage", k_yes, k_no, Scope::incident},
    Permission{"GET", "/api/v1/incidents/{id}/damage.html", k_yes, k_no, Scope::incident},
    Permission{"GET", "/api/v1/accounts/{address}/ways", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/incidents/{id}/ways", k_yes, k_yes, Scope::incident},
    Permission{"POST", "/api/v1/incidents/{id}/ways/{change}/keep", k_no, k_yes, Scope::incident},
    Permission{"POST", "/api/v1/incidents/{id}/ways/{change}/revert", k_no, k_yes, Scope::incident},
    // Customers' data: a domain admin sees those of their own accounts only.
    Permission{"GET", "/api/v1/enquiries", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/enquiries/{id}", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries/{id}/take", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries/{id}/return", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries/{id}/call", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries/{id}/answer", k_yes, k_no, Scope::server},
    Permission{"POST", "/api/v1/enquiries/{id}/close", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/accounts/{address}/customer", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/customer", k_no, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/notes", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/notes", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/mailbox", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/figures", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/sign-ins", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/encryption", k_yes, k_yes, Scope::list_of_domain},
    Permission{"GET", "/api/v1/encryption/accounts", k_yes, k_yes, Scope::list_of_domain},
    Permission{"GET", "/api/v1/encryption/exceptions", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/feedback", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/incidents/{id}/feedback", k_yes, k_yes, Scope::incident},
    Permission{"POST", "/api/v1/incidents/{id}/feedback", k_yes, k_yes, Scope::incident},
    Permission{"GET", "/api/v1/incidents/{id}/investigation", k_yes, k_yes, Scope::incident},
    Permission{"GET", "/api/v1/domains/{domain}", k_yes, k_yes, Scope::domain},
    Permission{"GET", "/api/v1/server", k_yes, k_no, Scope::server},
    // A domain admin's list holds their own domains only. What is set is an operator's to change.
    Permission{"GET", "/api/v1/domains", k_yes, k_yes, Scope::own},
    Permission{"GET", "/api/v1/admins", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/accounts/{address}/policy", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/accounts/{address}/switches", k_yes, k_yes, Scope::account},
    Permission{"POST", "/api/v1/accounts/{address}/switches", k_no, k_yes, Scope::account},
    Permission{"GET", "/api/v1/domains/{domain}/policy", k_yes, k_yes, Scope::domain},
    Permission{"GET", "/api/v1/server/policy", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/notice-texts", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/notice-texts/{text}", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/health/history", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/incidents", k_yes, k_yes, Scope::list_within},
    Permission{"GET", "/api/v1/incidents/{id}", k_yes, k_yes, Scope::incident},
    Permission{"POST", "/api/v1/incidents/{id}/close", k_no, k_yes, Scope::incident},
    Permission{"POST", "/api/v1/incidents/{id}/note", k_yes, k_yes, Scope::incident},
    Permission{"GET", "/api/v1/holds", k_yes, k_yes, Scope::list_within},
    Permission{"POST", "/api/v1/holds/{queue_id}/release", k_no, k_yes, Scope::hold},
    Permission{"POST", "/api/v1/holds/{queue_id}/delete", k_no, k_yes, Scope::hold},
    Permission{"GET", "/api/v1/audit", k_yes, k_yes, Scope::list_within},
    Permission{"GET", "/api/v1/notices", k_yes, k_yes, Scope::list_of_subject},
    Permission{"POST", "/api/v1/notices/{id}/acknowledge", k_yes, k_no, Scope::server},
    // Bans name accounts of all domains, and ending one touches all of them.
    Permission{"GET", "/api/v1/bans", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/bans/{id}", k_yes, k_no, Scope::server},
    Permission{"DELETE", "/api/v1/bans/{id}", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/ban-list", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/ban-totals", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/accounts/{address}/guessing", k_yes, k_yes, Scope::account},
    Permission{"GET", "/api/v1/ip-rules", k_yes, k_yes, Scope::list_within},
    Permission{"POST", "/api/v1/ip-rules", k_no, k_yes, Scope::rule_in_body},
    Permission{"POST", "/api/v1/ip-rules/bulk", k_no, k_yes, Scope::rule_in_body},
    Permission{"DELETE", "/api/v1/ip-rules/{id}", k_no, k_yes, Scope::rule},
    Permission{"GET", "/api/v1/ip-check", k_yes, k_yes, Scope::list_of_subject},
    Permission{"GET", "/api/v1/health", k_yes, k_no, Scope::server},
    // A domain admin hears of their own domains only (hub.h).
    Permission{"GET", "/api/v1/stream", k_yes, k_yes, Scope::own},
    Permission{"GET", "/metrics", k_yes, k_no, Scope::server},
    Permission{"GET", "/api/v1/session", k_yes, k_yes, Scope::own},
    Permission{"DELETE", "/api/v1/session", k_yes, k_yes, Scope::own},
    Permission{"GET", "/api/v1/sessions", k_yes, k_yes, Scope::own},
    Permission{"DELETE", "/api/v1/sessions", k_yes, k_yes, Scope::own},
    Permission{"POST", "/api/v1/session/password", k_yes, k_yes, Scope::own},
    Permission{"POST", "/api/v1/session/totp", k_yes, k_yes, Scope::own},
};

std::string_view word_of(Method method) {
  switch (method) {
    case Method::get:
    case Method::head: return "GET";
    case Method::post: return "POST";
    case Method::delete_: return "DELETE";
    case Method::other: break;
  }
  return "";
}

const Permission* find_row(Method method, std::string_view pattern) {
  const auto* at = std::ranges::find_if(k_permissions, [&](const auto& row) {
    return row.method == word_of(method) && row.pattern == pattern;
  });
  return at == k_permissions.end() ? nullptr : at;
}

bool has(const Caller& caller, std::string_view domain) {
  const auto plain = ascii_lower(domain);
  return std::ranges::find(caller.domains, plain) != caller.domains.end();
}

bool has_address(const Caller& caller, std::string_view address) {
  // As the handlers read it: what they could not read is not let through here either.
  const auto read = MailAddress::parse(address);
  return read && has(caller, domain_of(read->text()));
}

bool has_subject(const Caller& caller, const decide::Subject& subject) {
  switch (subject.kind) {
    case decide::SubjectKind::account: return has(caller, domain_of(subject.id));
    case decide::SubjectKind::domain: return has(caller, subject.id);
    case decide::SubjectKind::server: break;
  }
  return false;
}

// All the filters that name somebody must name what is theirs, and one that this list knows must be
// there: one that it does not know would leave it whole.
bool list_is_own(const Call& call, std::string_view first, std::string_view second) {
  bool named = false;
  for (const std::string_view key : {"domain", "within", "account"}) {
    const auto value = call.target.find(key);
    if (!value) continue;
    const bool own = key == "account" ? has_address(call.caller, *value) : has(call.caller, *value);
    if (!own) return false;
    named = named || key == first || key == second;
  }
  return named && !call.target.find("kind") && !call.target.find("id");
}

bool thing_is_own(const Call& call, Thing thing) {
  const auto subject = call.control.subject_of(thing, call.parameters[0]);
  return subject && has_subject(call.caller, *subject);
}

// Who reads the body afterwards takes what stands here, and refuses both together.
bool rule_is_own(const Call& call) {
  const auto text = [&](std::string_view key) -> std::string_view {
    const auto* value = call.body.if_contains(key);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                  : std::string_view();
  };
  if (!text("account").empty()) return has_address(call.caller, text("account"));
  return !text("domain").empty() && has(call.caller, text("domain"));
}

}  // namespace

std::span<const Permission> permissions() { return k_permissions; }

bool may(Role role, Method method, std::string_view pattern) {
  if (role == Role::operator_) return true;
  const auto* row = find_row(method, pattern);
  if (row == nullptr) return false;
  return role == Role::support ? row->support : row->domain_admin;
}

std::optional<ApiResponse> refuse_scope(const Route& route, const Call& call) {
  if (call.caller.role != Role::domain_admin) return std::nullopt;
  const auto* row = find_row(route.method, route.pattern);
  bool own = false;
  switch (row == nullptr ? Scope::server : row->scope) {
    case Scope::server: break;
    case Scope::own: own = true; break;
    case Scope::account: own = has_address(call.caller, call.parameters[0]); break;
    case Scope::domain: own = has(call.caller, call.parameters[0]); break;
    case Scope::incident: own = thing_is_own(call, Thing::incident); break;
    case Scope::hold: own = thing_is_own(call, Thing::hold); break;
    case Scope::approval: own = thing_is_own(call, Thing::approval); break;
    case Scope::rule: own = thing_is_own(call, Thing::rule); break;
    case Scope::rule_in_body: own = rule_is_own(call); break;
    case Scope::list_of_domain: own = list_is_own(call, "domain", ""); break;
    case Scope::list_within: own = list_is_own(call, "within", "account"); break;
    case Scope::list_of_subject: own = list_is_own(call, "account", "domain"); break;
  }
  if (own) return std::nullopt;
  return error_response(404);
}

}  // namespace sekimori::web
