// Mail that came back, and requests to blacklists.
#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

ApiResponse show_bounces(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  const auto report = call.control.returned_mail(address->text(), paging->limit);
  if (!report) return failure_response(report.error(), false);
  return json_response(json_of(*report));
}

ApiResponse show_delisting(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto named = call.target.find("named");
  if (named && *named != "true" && *named != "false") {
    return error_response(400, "'named' must be true or false");
  }
  const auto made = call.control.delisting(*id, named && *named == "true");
  if (!made) return failure_response(made.error(), false);
  return json_response(json_of(*made));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts/{address}/bounces", Access::authorised, show_bounces},
    Route{Method::get, "/api/v1/incidents/{id}/delisting", Access::authorised, show_delisting},
};

}  // namespace

std::span<const Route> report_routes() { return k_routes; }

}  // namespace sekimori::web
