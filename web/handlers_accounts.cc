// Accounts, and the standing of accounts, domains and the server.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace {

using decide::RequestKind;
using decide::SubjectKind;

Result<AccountQuery> read_account_query(const Target& target) {
  AccountQuery query;
  query.search = target.find("search").value_or("");
  if (query.search.size() > 320) return bad_input("search is at most 320 bytes");
  if (const auto domain = target.find("domain"); domain && !domain->empty()) {
    auto read = read_domain(*domain);
    if (!read) return std::unexpected(read.error());
    query.domain = std::move(*read);
  }
  if (const auto word = target.find("standing"); word && !word->empty()) {
    query.standing = parse_standing(*word);
    if (!query.standing) {
      return bad_input("standing must be normal, restricted, suspended, recovering or probation");
    }
  }
  if (const auto word = target.find("off"); word && !word->empty()) {
    static constexpr std::array<std::string_view, 3> k_words{"any", "receive", "login"};
    const auto at = std::ranges::find(k_words, *word);
    if (at == k_words.end()) return bad_input("off must be any, receive or login");
    query.off = static_cast<SwitchedOffFilter>(at - k_words.begin());
  }
  auto sort = target.find("sort").value_or("address");
  if (sort.starts_with('-')) {
    query.descending = true;
    sort.remove_prefix(1);
  }
  if (sort == "address")
    query.order = AccountOrder::address;
  else if (sort == "log_r")
    query.order = AccountOrder::log_r;
  else if (sort == "standing")
    query.order = AccountOrder::standing;
  else if (sort == "since")
    query.order = AccountOrder::since;
  else
    return bad_input("sort must be address, log_r, standing or since, perhaps with '-' before");
  const auto paging = read_paging(target);
  if (!paging) return std::unexpected(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  return query;
}

ApiResponse list_accounts(const Call& call) {
  const auto query = read_account_query(call.target);
  if (!query) return bad_request(query.error());
  const auto page = call.control.accounts(*query);
  if (!page) return failure_response(page.error(), false);
  auto json = json_of_page(*page, query->offset);
  json.as_object()["off"] = boost::json::object{
      {"any", page->off.any}, {"receive", page->off.receive}, {"login", page->off.login}};
  return json_response(json);
}

ApiResponse show_account(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto details = call.control.account(address->text());
  if (!details) return failure_response(details.error(), false);
  return json_response(json_of(*details, address->text()));
}

ApiResponse make_recovery_code(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto code = call.control.recovery_code(address->text(), call.caller);
  if (!code) return failure_response(code.error(), true);
  return json_response(json_of(*code), 201);
}

template <SubjectKind kind>
Result<decide::Subject> subject_of(const Call& call) {
  return make_subject(kind, call.parameters.empty() ? "" : call.parameters[0]);
}

template <SubjectKind kind>
ApiResponse show_standing(const Call& call) {
  const auto subject = subject_of<kind>(call);
  if (!subject) return bad_request(subject.error());
  const auto record = call.control.standing(*subject);
  if (!record) return failure_response(record.error(), false);
  return json_response(json_of(*record));
}

// With the gates that are open, where those are why.
ApiResponse restore_refusal(const Call& call, const StandingOrder& order, const Error& error) {
  if (error.kind == ErrorKind::bad_input && order.subject.kind == SubjectKind::account &&
      order.reason.empty()) {
    const auto view = call.control.recovery(order.subject.id);
    if (view && !view->recovery.ended.is_set() && !decide::is_complete(view->recovery)) {
      return error_with(409, error.text, "open_gates", json_of_open_gates(view->recovery));
    }
  }
  return failure_response(error, true);
}

template <SubjectKind kind, RequestKind request>
ApiResponse change(const Call& call) {
  auto subject = subject_of<kind>(call);
  if (!subject) return bad_request(subject.error());
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto probation = read_bool(call.body, "probation");
  if (!probation) return bad_request(probation.error());
  StandingOrder order;
  order.subject = std::move(*subject);
  order.kind = request;
  order.to_probation = request == RequestKind::restore && probation->value_or(false);
  order.reason = std::move(*reason);
  const auto outcome = call.control.change_standing(order, call.caller);
  if (!outcome && request == RequestKind::restore) {
    return restore_refusal(call, order, outcome.error());
  }
  if (!outcome) return failure_response(outcome.error(), true);
  return json_response(json_of(*outcome));
}

constexpr auto k_account = SubjectKind::account;
constexpr auto k_domain = SubjectKind::domain;
constexpr auto k_server = SubjectKind::server;

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts", Access::authorised, list_accounts},
    Route{Method::get, "/api/v1/accounts/{address}", Access::authorised, show_account},
    Route{Method::post, "/api/v1/accounts/{address}/restrict", Access::authorised,
          change<k_account, RequestKind::restrict>},
    Route{Method::post, "/api/v1/accounts/{address}/suspend", Access::authorised,
          change<k_account, RequestKind::suspend>},
    Route{Method::post, "/api/v1/accounts/{address}/restore", Access::authorised,
          change<k_account, RequestKind::restore>},
    Route{Method::post, "/api/v1/accounts/{address}/recovery-code", Access::authorised,
          make_recovery_code},
    Route{Method::get, "/api/v1/domains/{domain}", Access::authorised, show_standing<k_domain>},
    Route{Method::post, "/api/v1/domains/{domain}/restrict", Access::authorised,
          change<k_domain, RequestKind::restrict>},
    Route{Method::post, "/api/v1/domains/{domain}/suspend", Access::authorised,
          change<k_domain, RequestKind::suspend>},
    Route{Method::post, "/api/v1/domains/{domain}/restore", Access::authorised,
          change<k_domain, RequestKind::restore>},
    Route{Method::get, "/api/v1/server", Access::authorised, show_standing<k_server>},
    Route{Method::post, "/api/v1/server/restrict", Access::authorised,
          change<k_server, RequestKind::restrict>},
    Route{Method::post, "/api/v1/server/restore", Access::authorised,
          change<k_server, RequestKind::restore>},
};

}  // namespace

std::span<const Route> account_routes() { return k_routes; }

}  // namespace sekimori::web
