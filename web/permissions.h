// Who may do what: the one place of authorisation. Every route that wants an authorised caller has
// a row that names the roles and says whose affair the request is; a route without a row is for
// operators alone.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "web/api.h"
#include "web/handlers.h"

namespace sekimori::web {

// How a request names whose affair it is. A domain admin's must be of their own domains.
enum class Scope : std::uint8_t {
  server,    // everybody's: no domain admin
  own,       // the caller's own
  account,   // {address}
  domain,    // {domain}
  incident,  // {id}
  hold,      // {queue_id}
  approval,  // {id}
  rule,      // {id}
  // A rule to be made, by the body's "domain" or "account", of which one must be there:
  rule_in_body,
  // Lists, by the filters of which one must be there and all must be theirs:
  list_of_domain,   // ?domain=
  list_within,      // ?within= or ?account=
  list_of_subject,  // ?account= or ?domain=
};

struct Permission {
  std::string_view method;
  std::string_view pattern;
  bool support = false;       // operators may do everything
  bool domain_admin = false;  // within their scope
  Scope scope = Scope::server;
};
[[nodiscard]] std::span<const Permission> permissions();

// By the route alone, before the body is read.
[[nodiscard]] bool may(Role role, Method method, std::string_view pattern);
// By what the request is about: nullopt = go on. Asks Control whose an incident or message is. What
// is another's looks as if it were not there (404).
[[nodiscard]] std::optional<ApiResponse> refuse_scope(const Route& route, const Call& call);

}  // namespace sekimori::web
