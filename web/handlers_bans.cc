// Bans: who may not sign in for a while, and why; lists of them in and out.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "base/mail_address.h"
#include "web/bans.h"
#include "web/handlers.h"
#include "web/json_bans.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;

json::value json_of_ban(const BanRow& row) {
  const decide::Ban& ban = row.record.ban;
  json::object out;
  out["id"] = ban.id;
  out["network"] = ban.network.to_string();
  out["kind"] = to_string(ban.kind);
  out["reach"] = to_string(ban.reach);
  out["why"] = json_of(ban_reason(ban));
  out["effect"] = json_of(ban_effect(ban));
  out["since"] = json_of(ban.since);
  out["until"] = json_of(ban.until);
  out["hits"] = ban.hits;
  out["last_hit"] = json_of(ban.last_hit);
  out["failures"] = ban.failures;
  out["accounts"] = ban.accounts;
  out["unknown_names"] = ban.unknown;
  out["parts"] = ban.parts;
  out["times"] = ban.times;
  out["collateral"] = ban.collateral;
  out["country"] = ban.place.country_text();
  out["asn"] = ban.place.asn;
  out["operator"] = row.operator_name;
  out["hosting"] = ban.place.hosting;
  out["last_account"] = ban.last_account;
  out["by"] = ban.by;
  out["reason"] = ban.reason;
  out["in_firewall"] = row.in_firewall;
  out["ended"] = json_of(row.record.ended);
  out["ended_by"] = row.record.ended_by;
  return out;
}

namespace {

BanDesk& bans_of(const Call& call) { return dynamic_cast<HasBans&>(call.control).bans(); }

// Ten years: beyond it a ban without end is meant.
constexpr std::uint64_t k_minutes_max = 5'256'000;

Result<decide::BanFilter> read_filter(const Target& target) {
  decide::BanFilter filter;
  const auto paging = read_paging(target);
  if (!paging) return std::unexpected(paging.error());
  filter.offset = paging->offset;
  filter.limit = paging->limit;
  const auto word = [&](std::string_view name) {
    return std::string(target.find(name).value_or(""));
  };
  if (const auto state = word("state"); state == "ended") {
    filter.ended = true;
  } else if (!state.empty() && state != "in_force") {
    return bad_input("'state' must be in_force or ended");
  }
  if (const auto kind = word("kind"); !kind.empty()) {
    filter.kind = decide::parse_ban_kind(kind);
    if (!filter.kind) return bad_input("'kind' is none of the kinds of bans");
  }
  if (const auto reach = word("reach"); !reach.empty()) {
    filter.reach = decide::parse_ban_reach(reach);
    if (!filter.reach) return bad_input("'reach' must be packets, sign_ins or delay");
  }
  filter.country = word("country");
  if (!filter.country.empty() && filter.country.size() != 2) {
    return bad_input("'country' must be two letters");
  }
  std::ranges::transform(filter.country, filter.country.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  });
  filter.search = word("search").substr(0, 320);
  std::string sort = word("sort");
  if (sort.empty()) sort = "-since";
  filter.descending = sort.starts_with('-');
  if (filter.descending) sort.erase(0, 1);
  using Sort = decide::BanFilter::Sort;
  constexpr std::array k_sorts = {std::pair{"since", Sort::since}, std::pair{"until", Sort::until},
                                  std::pair{"hits", Sort::hits},
                                  std::pair{"network", Sort::network}};
  const auto* at =
      std::ranges::find_if(k_sorts, [&](const auto& one) { return sort == one.first; });
  if (at == k_sorts.end()) return bad_input("'sort' must be since, until, hits or network");
  filter.sort = at->second;
  return filter;
}

ApiResponse list_bans(const Call& call) {
  const auto filter = read_filter(call.target);
  if (!filter) return bad_request(filter.error());
  const auto page = bans_of(call).bans(*filter);
  if (!page) return failure_response(page.error(), false);
  json::array items;
  for (const BanRow& row : page->items) items.push_back(json_of_ban(row));
  return json_response(json::object{
      {"items", std::move(items)}, {"total", page->total}, {"offset", filter->offset}});
}

Result<BanKey> read_key(std::string_view text) {
  BanKey key;
  const bool number = !text.empty() && text.size() < 20 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const auto id = read_number(text, k_id_max);
    if (!id) return std::unexpected(id.error());
    key.id = *id;
    return key;
  }
  const auto network = IpNetwork::parse(text);
  if (!network) return std::unexpected(network.error());
  key.network = *network;
  return key;
}

ApiResponse show_ban(const Call& call) {
  const auto key = read_key(call.parameters[0]);
  if (!key) return bad_request(key.error());
  const auto row = bans_of(call).ban(*key);
  if (!row) return failure_response(row.error(), false);
  return json_response(json_of_ban(*row));
}

// "expires": a time, or null for no end; "minutes" from now. Neither: a day.
Result<Instant> read_until(const json::object& body, const Call& call) {
  const auto text = read_text(body, "expires", 64);
  if (!text) return std::unexpected(text.error());
  if (!text->empty()) {
    const auto instant = parse_instant(*text);
    if (!instant) return bad_input("'expires': " + instant.error().text);
    return *instant;
  }
  if (const auto* given = body.if_contains("expires"); given != nullptr && given->is_null()) {
    return Instant{};
  }
  std::uint64_t count = 1440;
  if (const auto* given = body.if_contains("minutes"); given != nullptr && !given->is_null()) {
    if (!given->is_int64() || given->get_int64() < 1 ||
        static_cast<std::uint64_t>(given->get_int64()) > k_minutes_max) {
      return bad_input("'minutes' must be a whole number from 1 to " +
                       std::to_string(k_minutes_max));
    }
    count = static_cast<std::uint64_t>(given->get_int64());
  }
  return bans_of(call).now() + minutes(static_cast<std::int64_t>(count));
}

Result<std::string> read_reason(const json::object& body) {
  auto reason = read_text(body, "reason", k_reason_max);
  if (!reason) return reason;
  if (reason->empty()) return bad_input("'reason' is needed: it is shown with the ban");
  return reason;
}

// Why and until when, of a ban or a whole list.
template <class Order>
Result<void> read_terms(const Call& call, Order& order) {
  auto reason = read_reason(call.body);
  if (!reason) return std::unexpected(reason.error());
  order.reason = std::move(*reason);
  const auto until = read_until(call.body, call);
  if (!until) return std::unexpected(until.error());
  order.until = *until;
  return {};
}

ApiResponse put_ban(const Call& call) {
  BanOrder order;
  auto text = read_text(call.body, "network", 64);
  if (text && text->empty()) text = read_text(call.body, "address", 64);
  if (!text) return bad_request(text.error());
  if (text->empty()) return error_response(400, "'network' is needed");
  const auto network = IpNetwork::parse(*text);
  if (!network) return bad_request(network.error());
  if (decide::is_too_wide(*network)) {
    return error_response(400, "a banned range has a prefix of at least /8 (IPv6: /16)");
  }
  order.network = *network;
  if (const auto given = read_terms(call, order); !given) return bad_request(given.error());
  const auto anyway = read_bool(call.body, "anyway");
  if (!anyway) return bad_request(anyway.error());
  order.anyway = anyway->value_or(false);
  const std::uint32_t collateral = bans_of(call).collateral(order.network);
  if (collateral > 0 && !order.anyway) {
    return error_with(409,
                      "accounts signed in from there of late; say \"anyway\": true to ban it all "
                      "the same (they go on, others are refused)",
                      "collateral", collateral);
  }
  const auto row = bans_of(call).put_ban(order, call.caller);
  if (!row) return failure_response(row.error(), true);
  return json_response(json_of_ban(*row), 201);
}

ApiResponse end_ban(const Call& call) {
  const auto key = read_key(call.parameters[0]);
  if (!key) return bad_request(key.error());
  auto reason = read_text(call.body, "reason", k_reason_max);
  if (!reason) return bad_request(reason.error());
  if (reason->empty()) reason = std::string(call.target.find("reason").value_or(""));
  if (reason->empty()) return error_response(400, "'reason' is needed");
  if (reason->size() > k_reason_max) return error_response(400, "'reason' is too long");
  const auto row = bans_of(call).end_ban(*key, *reason, call.caller);
  if (!row) return failure_response(row.error(), true);
  return json_response(json_of_ban(*row));
}

ApiResponse export_list(const Call& call) {
  const auto format = call.target.find("format").value_or("plain");
  BanExport as = BanExport::plain;
  if (format == "json") {
    as = BanExport::json;
  } else if (format == "rbldnsd") {
    as = BanExport::rbldnsd;
  } else if (format == "rbldnsd6") {
    as = BanExport::rbldnsd6;
  } else if (format != "plain") {
    return error_response(400, "'format' must be plain, json, rbldnsd or rbldnsd6");
  }
  auto text = bans_of(call).export_bans(as);
  if (!text) return failure_response(text.error(), false);
  ApiResponse response;
  response.body = std::move(*text);
  response.content_type = as == BanExport::json ? "application/json" : "text/plain; charset=utf-8";
  return response;
}

ApiResponse import_list(const Call& call) {
  BanImport order;
  const auto* list = call.body.if_contains("list");
  if (list == nullptr || !list->is_string()) return error_response(400, "'list' must be a text");
  order.text = std::string(list->get_string());
  if (order.text.size() > k_import_bytes_max) return error_response(400, "the list is too long");
  auto name = read_text(call.body, "name", 100);
  if (!name) return bad_request(name.error());
  order.name = name->empty() ? "list" : std::move(*name);
  if (const auto given = read_terms(call, order); !given) return bad_request(given.error());
  const auto done = bans_of(call).import_bans(order, call.caller);
  if (!done) return failure_response(done.error(), true);
  json::array errors;
  for (const auto& error : done->errors) {
    errors.push_back(json::object{{"line", error.line}, {"text", json_of(error.text)}});
  }
  return json_response(json::object{{"banned", done->banned},
                                    {"known", done->known},
                                    {"lived_in", done->lived_in},
                                    {"errors", std::move(errors)}});
}

ApiResponse show_totals(const Call& call) {
  const auto totals = bans_of(call).totals();
  if (!totals) return failure_response(totals.error(), false);
  return json_response(json::object{{"in_force", totals->in_force},
                                    {"in_firewall", totals->in_firewall},
                                    {"refused", totals->refused},
                                    {"addresses", totals->addresses},
                                    {"bytes", totals->bytes},
                                    {"enforced", totals->enforced},
                                    {"firewall_wanted", totals->firewall_wanted},
                                    {"firewall_works", totals->firewall_works},
                                    {"firewall_trouble", totals->firewall_trouble}});
}

ApiResponse show_guessing(const Call& call) {
  const auto address = MailAddress::parse(call.parameters[0]);
  if (!address) return bad_request(address.error());
  const auto view = bans_of(call).guessing(address->text());
  if (!view) return failure_response(view.error(), false);
  json::array forgotten;
  for (const auto& one : view->forgotten) {
    const auto& setting = one.setting;
    forgotten.push_back(json::object{{"ip", setting.ip.to_string()},
                                     {"service", to_string(setting.service)},
                                     {"country", setting.place.country_text()},
                                     {"known_place", setting.known},
                                     {"repeats", setting.repeats},
                                     {"first", json_of(one.first)},
                                     {"last", json_of(one.last)},
                                     {"told", json_of(one.told)},
                                     {"text", json_of(forgotten_words(setting))}});
  }
  return json_response(json::object{{"account", view->account},
                                    {"closed_to_strangers", view->now.closed_to_strangers},
                                    {"since", json_of(view->now.since)},
                                    {"failures", view->now.failures},
                                    {"addresses", view->now.addresses},
                                    {"networks", view->now.networks},
                                    {"seconds_between", view->now.pace.seconds()},
                                    {"text", json_of(view->words)},
                                    {"forgotten", std::move(forgotten)}});
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/bans", Access::authorised, list_bans},
    Route{Method::post, "/api/v1/bans", Access::authorised, put_ban},
    Route{Method::get, "/api/v1/bans/{id}", Access::authorised, show_ban},
    Route{Method::delete_, "/api/v1/bans/{id}", Access::authorised, end_ban},
    Route{Method::get, "/api/v1/ban-list", Access::authorised, export_list},
    Route{Method::post, "/api/v1/ban-list", Access::authorised, import_list},
    Route{Method::get, "/api/v1/ban-totals", Access::authorised, show_totals},
    Route{Method::get, "/api/v1/accounts/{address}/guessing", Access::authorised, show_guessing},
};

}  // namespace

std::span<const Route> ban_routes() { return k_routes; }

}  // namespace sekimori::web
