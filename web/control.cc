#include "web/control.h"

namespace sekimori::web {

std::string_view to_string(IpAction action) { return action == IpAction::allow ? "allow" : "deny"; }

std::optional<IpAction> parse_ip_action(std::string_view word) {
  if (word == "allow") return IpAction::allow;
  if (word == "deny") return IpAction::deny;
  return std::nullopt;
}

std::string_view to_string(HealthLevel level) {
  switch (level) {
    case HealthLevel::ok: return "ok";
    case HealthLevel::warning: return "warning";
    case HealthLevel::failing: return "failing";
  }
  return "failing";
}

}  // namespace sekimori::web
