// Domains and their administrators, policy and its dry run, settings, notices' texts, health over
// time.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_server_desk.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

using decide::SubjectKind;

// A letter is some kilobytes; the templates' own bound.
constexpr std::size_t k_notice_text_max = 64 * 1024;
constexpr std::size_t k_search_max = 320;
constexpr std::uint64_t k_history_days_max = 400;

template <class T>
ApiResponse answer(const Result<T>& result, bool changing, int status = 200) {
  if (!result) return failure_response(result.error(), changing);
  return json_response(json_of(*result), status);
}

template <class T>
ApiResponse page_answer(const Result<Page<T>>& page, std::size_t offset) {
  if (!page) return failure_response(page.error(), false);
  json::array items;
  for (const auto& item : page->items) items.push_back(json_of(item));
  return json_response(
      json::object{{"items", std::move(items)}, {"total", page->total}, {"offset", offset}});
}

template <class T>
ApiResponse list_answer(const Result<std::vector<T>>& list) {
  if (!list) return failure_response(list.error(), false);
  json::array items;
  for (const auto& item : *list) items.push_back(json_of(item));
  return json_response(json::object{{"items", std::move(items)}});
}

// ---------------------------------------------------------------- domains and admins

ApiResponse list_domains(const Call& call) {
  DomainQuery query;
  query.search = call.target.find("search").value_or("");
  if (query.search.size() > k_search_max) return error_response(400, "search is too long");
  const auto contained = call.target.find("contained").value_or("");
  if (!contained.empty() && contained != "true" && contained != "false") {
    return error_response(400, "contained must be true or false");
  }
  query.contained = contained == "true";
  auto sort = call.target.find("sort").value_or("domain");
  if (sort.starts_with('-')) {
    query.descending = true;
    sort.remove_prefix(1);
  }
  if (sort == "domain")
    query.order = DomainOrder::domain;
  else if (sort == "accounts")
    query.order = DomainOrder::accounts;
  else if (sort == "contained")
    query.order = DomainOrder::contained;
  else if (sort == "held")
    query.order = DomainOrder::held;
  else
    return error_response(400,
                          "sort must be domain, accounts, contained or held, perhaps with '-'");
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  if (call.caller.role == Role::domain_admin) query.among = call.caller.domains;
  return page_answer(call.control.server_desk().domains(query), query.offset);
}

ApiResponse list_admins(const Call& call) {
  AdminQuery query;
  query.search = call.target.find("search").value_or("");
  if (query.search.size() > k_search_max) return error_response(400, "search is too long");
  if (const auto domain = call.target.find("domain"); domain && !domain->empty()) {
    auto read = read_domain(*domain);
    if (!read) return bad_request(read.error());
    query.domain = std::move(*read);
  }
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  return page_answer(call.control.server_desk().admins(query), query.offset);
}

// ---------------------------------------------------------------- policy

// {"values": {"recipients_per_hour": 100, …}}; null and what is missing: not set here.
Result<decide::PolicyValues> read_values(const json::object& body) {
  decide::PolicyValues values;
  const auto* given = body.if_contains("values");
  if (given == nullptr || !given->is_object()) return bad_input("'values' must be an object");
  for (const auto& [name, value] : given->as_object()) {
    const auto field = decide::parse_policy_field(name);
    if (!field) return bad_input("there is no policy value '" + std::string(name) + "'");
    if (value.is_null()) continue;
    if (!value.is_number()) return bad_input("'" + std::string(name) + "' must be a number");
    const auto number = value.to_number<double>();
    if (auto good = decide::check_policy_value(*field, number); !good) {
      return std::unexpected(good.error());
    }
    values[static_cast<std::size_t>(*field)] = number;
  }
  return values;
}

template <SubjectKind kind>
ApiResponse show_policy(const Call& call) {
  const auto subject = make_subject(kind, call.parameters.empty() ? "" : call.parameters[0]);
  if (!subject) return bad_request(subject.error());
  return answer(call.control.server_desk().policy(*subject), false);
}

template <SubjectKind kind>
ApiResponse set_policy(const Call& call) {
  auto subject = make_subject(kind, call.parameters[0]);
  if (!subject) return bad_request(subject.error());
  PolicyOrder order;
  order.subject = std::move(*subject);
  const auto values = read_values(call.body);
  if (!values) return bad_request(values.error());
  order.values = *values;
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  if (reason->empty()) return error_response(400, "'reason' is needed");
  order.reason = std::move(*reason);
  return answer(call.control.server_desk().set_policy(order, call.caller), true);
}

// ---------------------------------------------------------------- receiving and signing in

ApiResponse show_switches(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  return answer(call.control.server_desk().switches(address->text()), false);
}

ApiResponse set_switch(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  SwitchOrder order;
  order.account = address->text();
  const auto name = read_text(call.body, "what", 16);
  if (!name) return bad_request(name.error());
  const auto what = decide::parse_account_switch(*name);
  if (!what) return error_response(400, "'what' must be receive or login");
  order.what = *what;
  const auto on = read_bool(call.body, "on");
  if (!on) return bad_request(on.error());
  if (!*on) return error_response(400, "'on' must be true or false");
  order.on = **on;
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  order.reason = std::move(*reason);
  if (!order.on && order.reason.empty()) {
    return error_response(400, "'reason' is needed: the owner reads it");
  }
  const auto tell = read_bool(call.body, "tell_owner");
  if (!tell) return bad_request(tell.error());
  order.tell = tell->value_or(true);
  const auto until = read_text(call.body, "until", 40);
  if (!until) return bad_request(until.error());
  if (!until->empty()) {
    const auto read = parse_instant(*until);
    if (!read) return bad_request(read.error());
    if (order.on) return error_response(400, "'until' goes with switching off");
    order.until = *read;
  }
  return answer(call.control.server_desk().set_switch(order, call.caller), true);
}

ApiResponse begin_dry_run(const Call& call) {
  DryRunOrder order;
  auto kind = read_text(call.body, "kind", 16);
  if (!kind) return bad_request(kind.error());
  const auto parsed = decide::parse_subject_kind(*kind);
  if (!parsed) return error_response(400, "'kind' must be account, domain or server");
  auto id = read_text(call.body, "id", 320);
  if (!id) return bad_request(id.error());
  auto subject = make_subject(*parsed, *id);
  if (!subject) return bad_request(subject.error());
  order.subject = std::move(*subject);
  const auto values = read_values(call.body);
  if (!values) return bad_request(values.error());
  order.values = *values;
  if (const auto* days = call.body.if_contains("days"); days != nullptr && !days->is_null()) {
    if (!days->is_int64() || days->get_int64() < 1 ||
        days->get_int64() > std::int64_t{k_dry_run_days_max}) {
      return error_response(400, "'days' must be a whole number from 1 to 30");
    }
    order.days = static_cast<std::uint32_t>(days->get_int64());
  }
  return answer(call.control.server_desk().begin_dry_run(order, call.caller), true, 202);
}

ApiResponse show_dry_run(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  return answer(call.control.server_desk().dry_run(*id), false);
}

// ---------------------------------------------------------------- settings and texts

ApiResponse show_settings(const Call& call) {
  return answer(call.control.server_desk().settings(), false);
}

ApiResponse reload_settings(const Call& call) {
  return answer(call.control.server_desk().reload(call.caller), true);
}

ApiResponse list_texts(const Call& call) {
  return list_answer(call.control.server_desk().notice_texts());
}

ApiResponse show_text(const Call& call) {
  return answer(call.control.server_desk().notice_text(call.parameters[0]), false);
}

Result<std::string> read_notice_text(const Call& call) {
  auto text = read_text(call.body, "text", k_notice_text_max, true);
  if (text && text->empty()) return bad_input("'text' is needed");
  return text;
}

ApiResponse preview_text(const Call& call) {
  const auto text = read_notice_text(call);
  if (!text) return bad_request(text.error());
  return answer(call.control.server_desk().preview_notice_text(call.parameters[0], *text), false);
}

ApiResponse put_text(const Call& call) {
  const auto text = read_notice_text(call);
  if (!text) return bad_request(text.error());
  return answer(call.control.server_desk().put_notice_text(call.parameters[0], *text, call.caller),
                true);
}

ApiResponse reset_text(const Call& call) {
  return answer(call.control.server_desk().reset_notice_text(call.parameters[0], call.caller),
                true);
}

// ---------------------------------------------------------------- health over time

ApiResponse health_history(const Call& call) {
  std::uint64_t days = 7;
  if (const auto text = call.target.find("days"); text && !text->empty()) {
    const auto read = read_number(*text, k_history_days_max);
    if (!read || *read == 0) return error_response(400, "days must be from 1 to 400");
    days = *read;
  }
  return list_answer(call.control.server_desk().health_history(static_cast<std::uint32_t>(days)));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/domains", Access::authorised, list_domains},
    Route{Method::get, "/api/v1/admins", Access::authorised, list_admins},
    Route{Method::get, "/api/v1/accounts/{address}/policy", Access::authorised,
          show_policy<SubjectKind::account>},
    Route{Method::post, "/api/v1/accounts/{address}/policy", Access::authorised,
          set_policy<SubjectKind::account>},
    Route{Method::get, "/api/v1/domains/{domain}/policy", Access::authorised,
          show_policy<SubjectKind::domain>},
    Route{Method::post, "/api/v1/domains/{domain}/policy", Access::authorised,
          set_policy<SubjectKind::domain>},
    Route{Method::get, "/api/v1/server/policy", Access::authorised,
          show_policy<SubjectKind::server>},
    Route{Method::get, "/api/v1/accounts/{address}/switches", Access::authorised, show_switches},
    Route{Method::post, "/api/v1/accounts/{address}/switches", Access::authorised, set_switch},
    Route{Method::post, "/api/v1/policy/dry-runs", Access::authorised, begin_dry_run},
    Route{Method::get, "/api/v1/policy/dry-runs/{id}", Access::authorised, show_dry_run},
    Route{Method::get, "/api/v1/settings", Access::authorised, show_settings},
    Route{Method::post, "/api/v1/settings/reload", Access::authorised, reload_settings},
    Route{Method::get, "/api/v1/notice-texts", Access::authorised, list_texts},
    Route{Method::get, "/api/v1/notice-texts/{text}", Access::authorised, show_text},
    Route{Method::post, "/api/v1/notice-texts/{text}", Access::authorised, put_text},
    Route{Method::post, "/api/v1/notice-texts/{text}/preview", Access::authorised, preview_text},
    Route{Method::post, "/api/v1/notice-texts/{text}/reset", Access::authorised, reset_text},
    Route{Method::get, "/api/v1/health/history", Access::authorised, health_history},
};

}  // namespace

std::span<const Route> server_desk_routes() { return k_routes; }

}  // namespace sekimori::web
