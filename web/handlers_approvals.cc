// Approvals given beforehand, for newsletters and invoice runs.
#include <array>
#include <boost/json/array.hpp>

#include "base/mail_address.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

// `out` stays as it is when the key is missing or null.
template <class Number>
Result<void> take_number(const json::object& body, std::string_view key, std::uint64_t most,
                         Number& out) {
  const auto* value = body.if_contains(key);
  if (value == nullptr || value->is_null()) return {};
  std::uint64_t number = 0;
  if (value->is_uint64()) {
    number = value->get_uint64();
  } else if (value->is_int64() && value->get_int64() >= 0) {
    number = static_cast<std::uint64_t>(value->get_int64());
  } else {
    return bad_input("'" + std::string(key) + "' must be a whole number, not negative");
  }
  if (number > most) {
    return bad_input("'" + std::string(key) + "' is at most " + std::to_string(most));
  }
  out = static_cast<Number>(number);
  return {};
}

// The same for a text that `parse` reads.
template <class Parse, class Value>
Result<void> take_text(const json::object& body, std::string_view key, Parse parse, Value& out) {
  auto text = read_text(body, key, 100);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return {};
  auto value = parse(*text);
  if (!value) return bad_input("'" + std::string(key) + "': " + value.error().text);
  out = std::move(*value);
  return {};
}

Result<ApprovalRepeat> read_repeat(std::string_view word) {
  if (const auto repeat = parse_approval_repeat(word)) return *repeat;
  return bad_input("it must be once, daily, weekly or monthly");
}

// ["mon", "fri"], or ["1", "15", "last"].
Result<void> take_days(const json::object& body, ApprovalTerms& terms) {
  const auto* value = body.if_contains("days");
  if (value == nullptr || value->is_null()) return {};
  if (!value->is_array() || value->get_array().size() > 32) {
    return bad_input("'days' must be a list of at most 32 words");
  }
  std::string text;
  for (const auto& word : value->get_array()) {
    if (!word.is_string() || word.get_string().size() > 8) {
      return bad_input("'days' must hold texts such as \"mon\", \"15\" or \"last\"");
    }
    if (!text.empty()) text += ',';
    text += std::string_view(word.get_string());
  }
  auto days = parse_days(terms.repeat, text);
  if (!days) return bad_input("'days': " + days.error().text);
  terms.days = *days;
  return {};
}

// The rules that hold whatever the clock and the zone turn out to be.
Result<void> check_now(ApprovalTerms terms) {
  if (!terms.from.is_set()) terms.from = terms.until.is_set() ? terms.until - hours(1) : Instant{1};
  if (!terms.until.is_set()) terms.until = terms.from + hours(1);
  terms.zone_rule = "UTC0";
  return check_terms(terms);
}

Result<ApprovalTerms> read_terms(const json::object& body) {
  ApprovalTerms terms;
  auto done = take_number(body, "recipients", k_approval_recipients_max, terms.recipients);
  terms.each = terms.recipients;
  const auto then = [&done](auto&& next) {
    if (done) done = next();
  };
  then([&] { return take_number(body, "per_message", k_approval_recipients_max, terms.each); });
  then([&] { return take_number(body, "size_min", k_approval_size_max, terms.size_min); });
  then([&] { return take_number(body, "size_max", k_approval_size_max, terms.size_max); });
  then([&] { return take_text(body, "network", &IpNetwork::parse, terms.network); });
  then([&] { return take_text(body, "from", &parse_instant, terms.from); });
  then([&] { return take_text(body, "until", &parse_instant, terms.until); });
  then([&] { return take_text(body, "repeat", &read_repeat, terms.repeat); });
  then([&] { return take_days(body, terms); });
  then([&] { return take_text(body, "start", &parse_clock, terms.start_minute); });
  then([&] { return take_number(body, "minutes", k_approval_minutes_max, terms.minutes); });
  if (!done) return std::unexpected(done.error());
  auto zone = read_text(body, "zone", k_zone_name_max);
  if (!zone) return std::unexpected(zone.error());
  terms.zone = std::move(*zone);
  if (auto well = check_now(terms); !well) return std::unexpected(well.error());
  return terms;
}

ApiResponse list_approvals(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto list = call.control.approvals(address->text());
  if (!list) return failure_response(list.error(), false);
  return json_response(json_of_list(*list));
}

ApiResponse list_suggestions(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto list = call.control.approval_suggestions(address->text());
  if (!list) return failure_response(list.error(), false);
  return json_response(json_of_list(*list));
}

ApiResponse approve(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto terms = read_terms(call.body);
  if (!terms) return bad_request(terms.error());
  const auto made = call.control.approve(address->text(), *terms, *reason, call.caller);
  if (!made) return failure_response(made.error(), true);
  return json_response(json_of(*made), 201);
}

template <ApprovalState to>
ApiResponse change(const Call& call) {
  const auto id = read_number(call.parameters[0], k_id_max);
  if (!id) return bad_request(id.error());
  const auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  const auto changed = call.control.change_approval(*id, to, *reason, call.caller);
  if (!changed) return failure_response(changed.error(), true);
  return json_response(json_of(*changed));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/accounts/{address}/approvals", Access::authorised, list_approvals},
    Route{Method::post, "/api/v1/accounts/{address}/approvals", Access::authorised, approve},
    Route{Method::get, "/api/v1/accounts/{address}/approval-suggestions", Access::authorised,
          list_suggestions},
    Route{Method::post, "/api/v1/approvals/{id}/resume", Access::authorised,
          change<ApprovalState::active>},
    Route{Method::post, "/api/v1/approvals/{id}/end", Access::authorised,
          change<ApprovalState::ended>},
};

}  // namespace

std::span<const Route> approval_routes() { return k_routes; }

}  // namespace sekimori::web
