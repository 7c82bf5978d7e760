// An account's mail in Postfix's queue.
#include <array>
#include <boost/json/array.hpp>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

ApiResponse list_queue(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  QueueQuery query;
  if (const auto word = call.target.find("part"); word && !word->empty()) {
    query.part = parse_queue_part(*word);
    if (!query.part) {
      return error_response(400, "part must be incoming, active, deferred or hold");
    }
  }
  if (const auto word = call.target.find("subjects"); word && !word->empty()) {
    if (*word != "true" && *word != "false") {
      return error_response(400, "subjects must be true or false");
    }
    query.subjects = *word == "true";
  }
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  const auto queue = call.control.queue(address->text(), query);
  if (!queue) {
    // Well asked, but not allowed here.
    if (queue.error().kind == ErrorKind::bad_input) return error_response(409, queue.error().text);
    return failure_response(queue.error(), false);
  }
  return json_response(json_of(*queue, query.offset));
}

Result<QueueOrder> read_order(const Call& call) {
  QueueOrder order;
  auto all = read_bool(call.body, "all");
  if (!all) return std::unexpected(all.error());
  order.all = all->value_or(false);
  if (const auto* ids = call.body.if_contains("ids"); ids != nullptr && !ids->is_null()) {
    if (!ids->is_array()) return bad_input("'ids' must be a list of queue ids");
    if (ids->get_array().size() > k_queue_ids_max) {
      return bad_input("'ids' has at most " + std::to_string(k_queue_ids_max) + " queue ids");
    }
    for (const auto& value : ids->get_array()) {
      if (!value.is_string()) return bad_input("'ids' must be a list of queue ids");
      auto id = read_queue_id(std::string_view(value.get_string()));
      if (!id) return std::unexpected(id.error());
      order.ids.push_back(std::move(*id));
    }
  }
  if (order.all != order.ids.empty()) {
    return bad_input("name the messages in 'ids', or say \"all\": true");
  }
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return std::unexpected(reason.error());
  order.reason = std::move(*reason);
  return order;
}

template <QueueAction action>
ApiResponse change_queue(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  auto order = read_order(call);
  if (!order) return bad_request(order.error());
  order->action = action;
  // Deleted mail does not come back: whoever does it says why.
  if (action == QueueAction::remove && order->reason.empty()) {
    return error_response(400, "'reason' is needed: deleted mail cannot be brought back");
  }
  const auto report = call.control.change_queue(address->text(), *order, call.caller);
  if (!report) return failure_response(report.error(), true);
  return json_response(json_of(*report));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts/{address}/queue", Access::authorised, list_queue},
    Route{Method::post, "/api/v1/accounts/{address}/queue/hold", Access::authorised,
          change_queue<QueueAction::hold>},
    Route{Method::post, "/api/v1/accounts/{address}/queue/release", Access::authorised,
          change_queue<QueueAction::release>},
    Route{Method::post, "/api/v1/accounts/{address}/queue/delete", Access::authorised,
          change_queue<QueueAction::remove>},
};

}  // namespace

std::span<const Route> queue_routes() { return k_routes; }

}  // namespace sekimori::web
