// Whose things are, for authorisation (web/permissions.h).
#include <charconv>

#include "app/control_service.h"
#include "web/address_rules.h"

namespace sekimori::app {

using decide::Subject;
using decide::SubjectKind;

Result<Subject> ControlService::subject_of(web::Thing thing, std::string_view id) {
  if (thing == web::Thing::hold) {
    auto hold = parts_.desk.hold(id);
    if (!hold) return std::unexpected(hold.error());
    if (!*hold) return not_found("there is no such message");
    return Subject{SubjectKind::account, (*hold)->account};
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return not_found("no such number");
  if (thing == web::Thing::incident) {
    auto incident = parts_.reader.incident(number);
    if (!incident) return std::unexpected(incident.error());
    if (!*incident) return not_found("there is no such incident");
    return (*incident)->subject;
  }
  if (thing == web::Thing::rule) return parts_.rules.subject_of(number);
  decide::StateStore::ApprovalFilter filter;
  filter.id = number;
  auto found = parts_.reader.approvals(filter);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return not_found("there is no such approval");
  return Subject{SubjectKind::account, found->front().account};
}

}  // namespace sekimori::app
