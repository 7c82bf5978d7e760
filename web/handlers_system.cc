// Address rules, the panic handles, health, metrics and the description.
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

ApiResponse bad(const Error& error) { return error_response(400, error.text); }

ApiResponse list_ip_rules(const Call& call) {
  const auto paging = read_paging(call.target);
  if (!paging) return bad(paging.error());
  const auto search = ascii_lower(call.target.find("search").value_or(""));
  std::optional<IpAction> action;
  if (const auto word = call.target.find("action"); word && !word->empty()) {
    action = parse_ip_action(*word);
    if (!action) return error_response(400, "'action' must be allow or deny");
  }
  std::string sort(call.target.find("sort").value_or("network"));
  const bool descending = sort.starts_with('-');
  if (descending) sort.erase(0, 1);
  if (sort != "network" && sort != "created" && sort != "expires") {
    return error_response(400, "'sort' must be network, created or expires");
  }
  auto rules = call.control.ip_rules();
  if (!rules) return failure_response(rules.error(), false);
  std::erase_if(*rules, [&](const IpRule& rule) {
    if (action && rule.action != *action) return true;
    if (search.empty()) return false;
    return !ascii_lower(rule.network.to_string()).contains(search) &&
           !ascii_lower(rule.reason).contains(search) && !ascii_lower(rule.by).contains(search);
  });
  // They come by network. A rule without end is the last to expire.
  const auto time_of = [&sort](const IpRule& rule) {
    if (sort == "created") return rule.created.us;
    return rule.expires.is_set() ? rule.expires.us : std::numeric_limits<std::int64_t>::max();
  };
  if (sort != "network") std::ranges::stable_sort(*rules, {}, time_of);
  if (descending) std::ranges::reverse(*rules);
  Page<IpRule> page;
  page.total = rules->size();
  const std::size_t most = call.target.find("limit") ? paging->limit : rules->size();
  for (std::size_t i = paging->offset; i < rules->size() && page.items.size() < most; ++i) {
    page.items.push_back(std::move((*rules)[i]));
  }
  return json_response(json_of_page(page, paging->offset));
}

// "network", or "address" for those who mean one address.
Result<std::optional<IpNetwork>> read_network(const boost::json::object& body) {
  for (const auto* key : {"network", "address"}) {
    const auto text = read_text(body, key, 64);
    if (!text) return std::unexpected(text.error());
    if (text->empty()) continue;
    const auto network = IpNetwork::parse(*text);
    if (!network) return std::unexpected(network.error());
    return std::optional<IpNetwork>(*network);
  }
  return std::optional<IpNetwork>();
}

Result<IpRule> read_ip_rule(const boost::json::object& body) {
  const auto network = read_network(body);
  if (!network) return std::unexpected(network.error());
  if (!*network) return bad_input("'network' is needed");
  IpRule rule;
  rule.network = **network;
  const auto word = read_text(body, "action", 16);
  if (!word) return std::unexpected(word.error());
  const auto action = word->empty() ? IpAction::deny : parse_ip_action(*word);
  if (!action) return bad_input("'action' must be allow or deny");
  rule.action = *action;
  // A slip of the pen must not shut the world out.
  const int least = rule.network.address().is_v4() ? 8 : 16;
  if (rule.action == IpAction::deny && rule.network.bits() < least) {
    return bad_input("a range that is denied has a prefix of at least /" + std::to_string(least));
  }
  auto reason = read_text(body, "reason", k_reason_max);
  if (!reason) return std::unexpected(reason.error());
  rule.reason = std::move(*reason);
  const auto expires = read_text(body, "expires", 64);
  if (!expires) return std::unexpected(expires.error());
  if (!expires->empty()) {
    const auto instant = parse_instant(*expires);
    if (!instant) return bad_input("'expires': " + instant.error().text);
    rule.expires = *instant;
  }
  return rule;
}

ApiResponse put_ip_rule(const Call& call) {
  auto rule = read_ip_rule(call.body);
  if (!rule) return bad(rule.error());
  rule->by = call.caller.who;
  const auto stored = call.control.put_ip_rule(*rule, call.caller);
  if (!stored) return failure_response(stored.error(), true);
  return json_response(json_of(*stored), 201);
}

Result<IpRuleKey> read_rule_key(const Call& call) {
  IpRuleKey key;
  if (const auto text = call.target.find("id")) {
    const auto id = read_number(*text, (1ULL << 63U) - 1);
    if (!id) return std::unexpected(id.error());
    key.id = *id;
    return key;
  }
  auto text = call.target.find("network");
  if (!text) text = call.target.find("address");
  if (text) {
    const auto network = IpNetwork::parse(*text);
    if (!network) return std::unexpected(network.error());
    key.network = *network;
    return key;
  }
  const auto network = read_network(call.body);
  if (!network) return std::unexpected(network.error());
  if (!*network) return bad_input("'id' or 'network' is needed");
  key.network = **network;
  return key;
}

ApiResponse remove_ip_rule(const Call& call) {
  const auto key = read_rule_key(call);
  if (!key) return bad(key.error());
  const auto rule = call.control.remove_ip_rule(*key, call.caller);
  if (!rule) return failure_response(rule.error(), true);
  return json_response(json_of(*rule));
}

ApiResponse set_bypass(const Call& call) {
  const auto on = read_bool(call.body, "on");
  if (!on) return bad(on.error());
  if (!*on) return error_response(400, "'on' is needed: true or false");
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad(reason.error());
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
  if (!reason) return bad(reason.error());
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
    Route{Method::get, "/api/v1/ip-rules", Access::authorised, list_ip_rules},
    Route{Method::post, "/api/v1/ip-rules", Access::authorised, put_ip_rule},
    Route{Method::delete_, "/api/v1/ip-rules", Access::authorised, remove_ip_rule},
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
