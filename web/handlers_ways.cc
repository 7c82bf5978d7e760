// The ways mail leaves: what an incident changed, and people's answers.
#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

ApiResponse list_of_incident(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto list = call.control.ways_of_incident(*id);
  if (!list) return failure_response(list.error(), false);
  return json_response(json_of_list(*list));
}

template <bool keep>
ApiResponse answer(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto change = read_number(call.parameters[1], k_id_max);
  if (!change) return bad_request(change.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto answered = call.control.answer_way(*id, *change, keep, *reason, call.caller);
  if (!answered) return failure_response(answered.error(), true);
  return json_response(json_of(*answered));
}

ApiResponse list_of_account(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto ways = call.control.ways(address->text());
  if (!ways) return failure_response(ways.error(), false);
  return json_response(json_of(*ways));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/incidents/{id}/ways", Access::authorised, list_of_incident},
    Route{Method::post, "/api/v1/incidents/{id}/ways/{change}/keep", Access::authorised,
          answer<true>},
    Route{Method::post, "/api/v1/incidents/{id}/ways/{change}/revert", Access::authorised,
          answer<false>},
    Route{Method::get, "/api/v1/accounts/{address}/ways", Access::authorised, list_of_account},
};

}  // namespace

std::span<const Route> way_routes() { return k_routes; }

}  // namespace sekimori::web
