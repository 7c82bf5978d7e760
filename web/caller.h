// Who asks, and what they may see: the one description of a caller that authorisation
// (permissions.h) and the audit work with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace sekimori::web {

enum class Role : std::uint8_t {
  operator_,     // everything
  support,       // looks at everything, gives recovery codes, makes call-backs
  domain_admin,  // everything of their own domains' accounts, and nothing else
};
// "operator", "support", "domain_admin".
[[nodiscard]] std::string_view to_string(Role);
[[nodiscard]] std::optional<Role> parse_role(std::string_view);

struct Caller {
  std::string who;  // "api", "cli:root", a panel login; "" when not authorised
  bool authorised = false;
  bool may_read_metrics = false;  // authorised, or on this machine where the settings allow that
  IpAddress ip;                   // unset: the unix socket
  // The bearer of the token and the command line are operators.
  Role role = Role::operator_;
  std::vector<std::string> domains = {};  // of a domain admin, in lower case
  // A browser's session (sign_in.h); 0: none. What a session changes wants its anti-forgery token.
  std::uint64_t session = 0;
  bool forgery_safe = true;
};

}  // namespace sekimori::web
