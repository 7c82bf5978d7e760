// The ways mail leaves, as web::Control words them.
#include <fmt/format.h>

#include "app/control_service.h"
#include "app/recovery_service.h"
#include "app/ways_service.h"

namespace sekimori::app {

Result<std::vector<decide::WayView>> ControlService::ways_of_incident(std::uint64_t incident) {
  return parts_.ways.of_incident(incident);
}

Result<decide::WayView> ControlService::answer_way(std::uint64_t incident, std::uint64_t change,
                                                   bool keep, const std::string& reason,
                                                   const web::Caller& by) {
  auto answered = parts_.ways.answer(incident, change, keep, reason, by.who);
  if (!answered) return answered;
  const auto& way = answered->change;
  audited(by, keep ? "way_keep" : "way_revert", {decide::SubjectKind::account, way.account},
          incident, reason,
          fmt::format(R"({{"change":{},"kind":"{}"}})", way.id, to_string(way.kind)));
  // A gate of the recovery may have waited for this.
  parts_.way_back.wake();
  return answered;
}

Result<decide::AccountWays> ControlService::ways(std::string_view address) {
  const std::string who = normalised(address);
  auto known = exists({decide::SubjectKind::account, who});
  if (!known) return std::unexpected(known.error());
  if (!*known) return not_found(fmt::format("'{}' is no account of this server", who));
  return parts_.ways.in_force(who);
}

}  // namespace sekimori::app
