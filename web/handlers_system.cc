// The panic handles, health, metrics and the description.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"
#include "web/metrics.h"

namespace sekimori::web {
namespace {

ApiResponse set_bypass(const Call& call) {
  const auto on = read_bool(call.body, "on");
  if (!on) return bad_request(on.error());
  if (!*on) return error_response(400, "'on' is needed: true or false");
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto done = call.control.set_bypass(**on, *reason, call.caller);
  if (!done) return failure_response(done.error(), true);
  return json_response(boost::json::object{{"bypass", **on}});
}

boost::json::object json_of_history(const decide::HistoryReport& r) {
  boost::json::array items;
  for (const auto& left : r.left_out) {
    items.push_back(boost::json::object{{"account", left.account},
                                        {"messages", left.messages},
                                        {"first", json_of(left.first)},
                                        {"last", json_of(left.last)}});
  }
  boost::json::object left_out;
  left_out["accounts"] = r.left_out_accounts;
  left_out["messages"] = r.left_out_messages;
  left_out["items"] = std::move(items);
  return {{"from", json_of(r.from)},
          {"until", json_of(r.until)},
          {"accounts", r.accounts},
          {"logins", r.logins},
          {"messages", r.messages},
          {"recipients", r.recipients},
          {"received", r.received},
          {"contacts", r.contacts},
          {"correspondents", r.correspondents},
          {"messages_learnt", r.learnt},
          {"messages_waiting", r.waiting},
          {"places_median", r.places_median},
          {"left_out", std::move(left_out)}};
}

ApiResponse learn_history(const Call& call) {
  const auto word = call.target.find("finish");
  if (word && *word != "true" && *word != "false") {
    return error_response(400, "'finish' must be true or false");
  }
  const auto done = call.control.learn_history(call.body.at("lines").as_string(),
                                               word && *word == "true", call.caller);
  if (!done) return failure_response(done.error(), true);
  boost::json::object out{{"learnt", done->learnt},   {"suspicious", done->suspicious},
                          {"already", done->already}, {"lived", done->lived},
                          {"ignored", done->ignored}, {"malformed", done->malformed}};
  out["report"] = nullptr;
  if (done->report) out["report"] = json_of_history(*done->report);
  return json_response(out);
}

ApiResponse release_all(const Call& call) {
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto report = call.control.release_all(*reason, call.caller);
  if (!report) return failure_response(report.error(), true);
  return json_response(json_of(*report));
}

ApiResponse show_health(const Call& call) {
  const auto report = call.control.health();
  if (!report) return failure_response(report.error(), false);
  return json_response(json_of(*report));
}

ApiResponse open_stream(const Call&) {
  ApiResponse response;
  response.content_type = "text/event-stream";
  response.is_stream = true;
  return response;
}

ApiResponse show_description(const Call&) {
  ApiResponse response;
  response.body = openapi_json();
  return response;
}

ApiResponse text_response(int status, std::string body) {
  ApiResponse response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

ApiResponse show_metrics(const Call& call) {
  const auto report = call.control.metrics();
  if (!report) return failure_response(report.error(), false);
  auto response = text_response(200, metrics_text(*report));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

ApiResponse live(const Call&) { return text_response(200, "ok\n"); }

// Open to all, so it says only that something is missing; what, is in /api/v1/health.
ApiResponse ready(const Call& call) {
  return call.control.ready() ? text_response(200, "ok\n") : text_response(503, "not ready\n");
}

constexpr std::array k_routes = {
    Route{Method::post, "/api/v1/history", Access::authorised, learn_history, true},
    Route{Method::post, "/api/v1/bypass", Access::authorised, set_bypass},
    Route{Method::post, "/api/v1/release-all", Access::authorised, release_all},
    Route{Method::get, "/api/v1/health", Access::authorised, show_health},
    Route{Method::get, "/api/v1/stream", Access::authorised, open_stream},
    Route{Method::get, "/api/v1/openapi.json", Access::open, show_description},
    Route{Method::get, "/metrics", Access::metrics, show_metrics},
    Route{Method::get, "/livez", Access::open, live},
    Route{Method::get, "/readyz", Access::open, ready},
};

}  // namespace

std::span<const Route> system_routes() { return k_routes; }

}  // namespace sekimori::web
