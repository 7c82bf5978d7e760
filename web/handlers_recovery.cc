// The way back as operators see it: passwords, the gates, what people are told.
#include <array>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

ApiResponse set_password(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  auto request = read_password_request(call.body);
  if (!request) return bad_request(request.error());
  if (request->given && !request->order.password.is_set()) {
    const auto verdict = call.control.judge_password(address->text(), request->order.password);
    if (!verdict) return failure_response(verdict.error(), true);
    return error_with(422, "", "problems", json_of_list(verdict->problems).at("items"));
  }
  const auto outcome =
      call.control.set_password(address->text(), std::move(request->order), call.caller);
  if (!outcome) return failure_response(outcome.error(), true);
  if (!outcome->changed) {
    return error_with(422, "", "problems", json_of_list(outcome->verdict.problems).at("items"));
  }
  auto body = json_of(*outcome);
  if (outcome->recovery) {
    // With the standing and the forwards, which the outcome alone does not know.
    if (const auto view = call.control.recovery(address->text())) {
      body.as_object()["recovery"] = json_of(*view);
    }
  }
  return json_response(body);
}

ApiResponse check_password(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto candidate = read_candidate(call.body);
  if (!candidate) return bad_request(candidate.error());
  const auto verdict = call.control.judge_password(address->text(), *candidate);
  if (!verdict) return failure_response(verdict.error(), false);
  return json_response(json_of(*verdict));
}

ApiResponse view_response(const Result<RecoveryView>& view, bool changing) {
  if (!view) return failure_response(view.error(), changing);
  return json_response(json_of(*view));
}

ApiResponse show_recovery(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  return view_response(call.control.recovery(address->text()), false);
}

ApiResponse check_recovery(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  return view_response(call.control.check_recovery(address->text(), call.caller), true);
}

ApiResponse answer_forwards(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto order = read_forwards_order(call.body);
  if (!order) return bad_request(order.error());
  return view_response(
      call.control.answer_forwards(address->text(), order->answer, order->targets, call.caller),
      true);
}

ApiResponse review(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  if (reason->empty()) return error_response(400, "'reason' is needed: what the review found");
  return view_response(call.control.review(address->text(), *reason, call.caller), true);
}

ApiResponse list_notices(const Call& call) {
  decide::NoticeFilter filter;
  if (const auto word = call.target.find("state"); word && !word->empty()) {
    filter.state = decide::parse_notice_state(*word);
    if (!filter.state) {
      return error_response(400, "state must be waiting, sent, acknowledged or failed");
    }
  }
  if (const auto word = call.target.find("channel"); word && !word->empty()) {
    filter.channel = decide::parse_notice_channel(*word);
    if (!filter.channel) return error_response(400, "channel must be mail, webhook or call");
  }
  auto subject = read_subject(call.target);
  if (!subject) return bad_request(subject.error());
  filter.subject = std::move(*subject);
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto page = call.control.notices(filter);
  if (!page) return failure_response(page.error(), false);
  return json_response(json_of_page(*page, filter.offset));
}

ApiResponse acknowledge_notice(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto notice = call.control.acknowledge_notice(*id, call.caller);
  if (!notice) return failure_response(notice.error(), true);
  return json_response(json_of(*notice));
}

ApiResponse show_call_sheet(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto sheet = call.control.call_sheet(address->text());
  if (!sheet) return failure_response(sheet.error(), false);
  return json_response(json_of(*sheet));
}

constexpr std::array k_routes = {
    Route{Method::post, "/api/v1/accounts/{address}/password", Access::authorised, set_password},
    Route{Method::post, "/api/v1/accounts/{address}/password/check", Access::authorised,
          check_password},
    Route{Method::get, "/api/v1/accounts/{address}/recovery", Access::authorised, show_recovery},
    Route{Method::post, "/api/v1/accounts/{address}/recovery/check", Access::authorised,
          check_recovery},
    Route{Method::post, "/api/v1/accounts/{address}/recovery/forwards", Access::authorised,
          answer_forwards},
    Route{Method::post, "/api/v1/accounts/{address}/recovery/review", Access::authorised, review},
    Route{Method::get, "/api/v1/accounts/{address}/call-sheet", Access::authorised,
          show_call_sheet},
    Route{Method::get, "/api/v1/notices", Access::authorised, list_notices},
    Route{Method::post, "/api/v1/notices/{id}/acknowledge", Access::authorised, acknowledge_notice},
};

}  // namespace

std::span<const Route> recovery_routes() { return k_routes; }

}  // namespace sekimori::web
