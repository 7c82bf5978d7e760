// An account over time.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/mail_address.h"
#include "web/figures.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

json::object json_of_step(const FigureStep& step) {
  const auto& f = step.figures;
  json::object out;
  out["t"] = json_of(step.begin);
  out["messages"] = f.messages;
  out["recipients"] = f.recipients;
  out["new_recipients"] = f.new_recipients;
  out["refused"] = f.refused;
  out["bounces"] = f.bounces;
  out["bytes_sent"] = f.bytes_sent;
  out["bytes_in"] = f.bytes_in;
  out["bytes_out"] = f.bytes_out;
  out["sign_ins"] = f.sign_ins;
  out["sign_ins_bad"] = f.sign_ins_bad;
  out["sessions"] = f.sessions;
  out["session_seconds"] = static_cast<double>(f.session_ms) / 1000.0;
  out["longest_seconds"] = static_cast<double>(f.longest_ms) / 1000.0;
  return out;
}

json::object json_of_series(const FigureSeries& series) {
  json::array steps;
  for (const auto& step : series.steps) steps.push_back(json_of_step(step));
  json::array networks;
  for (const auto& network : series.networks) {
    networks.push_back(
        json::object{{"network", network.network},
                     {"country", network.country},
                     {"asn", network.asn},
                     {"hosting", network.hosting},
                     {"counts", json::array(network.counts.begin(), network.counts.end())}});
  }
  return json::object{{"account", series.account},
                      {"step", series.by_day ? "day" : "hour"},
                      {"items", std::move(steps)},
                      {"networks", std::move(networks)}};
}

json::object json_of_sign_in(const decide::SignInRow& row) {
  json::object out;
  out["first"] = json_of(row.first);
  out["last"] = json_of(row.last);
  out["count"] = row.count;
  out["ip"] = row.key.ip;
  out["country"] = row.place.country_text();
  out["asn"] = row.place.asn;
  out["hosting"] = row.place.hosting;
  out["service"] = to_string(row.key.service);
  out["client"] = row.key.client;
  out["encrypted"] = row.key.encrypted;
  out["result"] = to_string(row.key.result);
  return out;
}

ApiResponse figures_response(const Call& call, std::string_view account) {
  FigureQuery query;
  if (const auto step = call.target.find("step"); step && *step != "hour") {
    if (*step != "day") return error_response(400, "'step' must be hour or day");
    query.by_day = true;
    query.steps = 30;
  }
  if (const auto steps = call.target.find("steps")) {
    const auto count = read_number(*steps, k_figure_steps_max);
    if (!count) return bad_request(count.error());
    if (*count == 0) return error_response(400, "'steps' must be at least 1");
    query.steps = *count;
  }
  const auto series = call.control.figures().figures(account, query);
  if (!series) return failure_response(series.error(), false);
  return json_response(json_of_series(*series));
}

ApiResponse sign_ins_response(const Call& call, std::string_view account) {
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  const auto page = call.control.figures().sign_ins(account, paging->offset, paging->limit);
  if (!page) return failure_response(page.error(), false);
  json::array items;
  for (const auto& row : page->items) items.push_back(json_of_sign_in(row));
  return json_response(json::object{
      {"items", std::move(items)}, {"total", page->total}, {"offset", paging->offset}});
}

ApiResponse mailbox_response(const Call& call, std::string_view account) {
  const auto use = call.control.figures().mailbox(account);
  if (!use) return failure_response(use.error(), false);
  json::object out;
  if (use->used_bytes)
    out["used_bytes"] = *use->used_bytes;
  else
    out["used_bytes"] = nullptr;
  out["limit_bytes"] = use->limit_bytes;
  out["source"] = use->limit_in_force ? "dovecot" : "store";
  return json_response(out);
}

using Answer = ApiResponse (*)(const Call&, std::string_view account);

template <Answer answer>
ApiResponse of_account(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  return answer(call, address->text());
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts/{address}/mailbox", Access::authorised,
          of_account<mailbox_response>},
    Route{Method::get, "/api/v1/accounts/{address}/figures", Access::authorised,
          of_account<figures_response>},
    Route{Method::get, "/api/v1/accounts/{address}/sign-ins", Access::authorised,
          of_account<sign_ins_response>},
};

}  // namespace

std::span<const Route> figure_routes() { return k_routes; }

}  // namespace sekimori::web
