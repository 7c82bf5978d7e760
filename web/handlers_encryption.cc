// Unencrypted sign-ins: figures, rules by domain, exceptions.
#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <map>

#include "base/mail_address.h"
#include "web/encryption.h"
#include "web/figures.h"
#include "web/handlers.h"
#include "web/json_views.h"

namespace sekimori::web {
namespace json = boost::json;
namespace {

constexpr std::size_t k_why_max = 500;

EncryptionDesk& desk_of(const Call& call) { return call.control.figures().encryption(); }

json::value json_of_rule(const decide::EncryptionRule& rule) {
  return json::object{{"domain", rule.domain},
                      {"from", json_of(rule.from)},
                      {"reason", rule.reason},
                      {"by", rule.by},
                      {"created", json_of(rule.created)}};
}

json::value json_of_exception(const decide::EncryptionException& one) {
  return json::object{{"account", one.account},
                      {"until", json_of(one.until)},
                      {"reason", one.reason},
                      {"by", one.by},
                      {"created", json_of(one.created)}};
}

json::value json_of_plain(const decide::PlainAccount& one) {
  json::object out;
  out["account"] = one.account;
  out["domain"] = domain_of(one.account);
  out["sign_ins"] = one.count;
  out["last"] = json_of(one.last);
  out["told"] = json_of(one.told);
  out["exception"] = one.exception ? json_of_exception(*one.exception) : json::value();
  out["enforced_from"] = json_of(one.enforced_from);
  json::array services;
  json::array days;
  std::map<decide::DayNumber, std::uint64_t> sums;
  const decide::PlainDay* latest = nullptr;
  for (const decide::PlainDay& day : one.days) {
    const json::value name(to_string(day.service));
    if (std::ranges::find(services, name) == services.end()) services.push_back(name);
    sums[day.day] += day.count;
    if (latest == nullptr || day.last >= latest->last) latest = &day;
  }
  for (const auto& [day, count] : sums) {
    days.push_back(json::object{{"day", decide::day_text(day)}, {"sign_ins", count}});
  }
  out["services"] = std::move(services);
  out["ip"] = latest == nullptr ? "" : latest->ip;
  out["client"] = latest == nullptr ? "" : latest->client;
  out["days"] = std::move(days);
  return out;
}

json::object json_of_accounts(const decide::PlainAccounts& accounts) {
  json::array items;
  for (const auto& one : accounts.items) items.push_back(json_of_plain(one));
  return {{"items", std::move(items)}, {"total", accounts.total}};
}

Result<std::size_t> read_days(const Call& call) {
  const auto text = call.target.find("days");
  if (!text) return std::size_t{30};
  const auto days = read_number(*text, k_plain_days_max);
  if (!days) return std::unexpected(days.error());
  if (*days == 0) return bad_input("'days' must be at least 1");
  return static_cast<std::size_t>(*days);
}

Result<std::string> read_domain_filter(const Call& call) {
  const auto text = call.target.find("domain");
  if (!text || text->empty()) return std::string();
  return read_domain(*text);
}

// Once for the query, once for the body.
Result<Instant> read_time(const json::object& body, std::string_view key) {
  auto text = read_text(body, key, 40);
  if (!text) return std::unexpected(text.error());
  if (text->size() == 10) *text += "T00:00:00Z";  // a date alone
  auto t = parse_instant(*text);
  if (!t) return bad_input("'" + std::string(key) + "' must be a date or a time as in RFC 3339");
  return t;
}

ApiResponse show_summary(const Call& call) {
  const auto days = read_days(call);
  if (!days) return bad_request(days.error());
  const auto domain = read_domain_filter(call);
  if (!domain) return bad_request(domain.error());
  const auto summary = desk_of(call).summary(*days, *domain);
  if (!summary) return failure_response(summary.error(), false);
  json::array trend;
  for (const auto& one : summary->trend) {
    trend.push_back(json::object{
        {"day", decide::day_text(one.day)}, {"accounts", one.accounts}, {"sign_ins", one.count}});
  }
  json::array domains;
  for (const auto& one : summary->domains) {
    domains.push_back(json::object{{"domain", one.domain},
                                   {"accounts", one.accounts},
                                   {"sign_ins", one.count},
                                   {"last", json_of(one.last)},
                                   {"rule", one.rule ? json_of_rule(*one.rule) : json::value()}});
  }
  return json_response(json::object{{"days", *days},
                                    {"accounts", summary->accounts},
                                    {"sign_ins", summary->count},
                                    {"trend", std::move(trend)},
                                    {"domains", std::move(domains)}});
}

ApiResponse list_accounts(const Call& call) {
  PlainQuery query;
  const auto days = read_days(call);
  if (!days) return bad_request(days.error());
  query.days = *days;
  auto domain = read_domain_filter(call);
  if (!domain) return bad_request(domain.error());
  query.domain = std::move(*domain);
  if (const auto search = call.target.find("search")) query.search = search->substr(0, 320);
  if (const auto word = call.target.find("service"); word && !word->empty()) {
    query.service = parse_service(*word);
    if (*query.service == Service::other)
      return error_response(400, "'service' must be imap, pop3, sieve or smtp");
  }
  if (const auto word = call.target.find("hit"); word && !word->empty()) {
    if (*word != "true" && *word != "false")
      return error_response(400, "'hit' must be true or false");
    query.hit = *word == "true";
  }
  const auto paging = read_paging(call.target);
  if (!paging) return bad_request(paging.error());
  query.offset = paging->offset;
  query.limit = paging->limit;
  const auto accounts = desk_of(call).accounts(query);
  if (!accounts) return failure_response(accounts.error(), false);
  json::object out = json_of_accounts(*accounts);
  out["offset"] = query.offset;
  return json_response(out);
}

ApiResponse put_rule(const Call& call) {
  EncryptionOrder order;
  const auto name = read_text(call.body, "domain", 255);
  if (!name) return bad_request(name.error());
  auto domain = read_domain(*name);
  if (!domain) return bad_request(domain.error());
  order.domain = std::move(*domain);
  const auto from = read_time(call.body, "from");
  if (!from) return bad_request(from.error());
  order.from = *from;
  auto reason = read_text(call.body, "reason", k_why_max);
  if (!reason) return bad_request(reason.error());
  order.reason = std::move(*reason);
  const auto dry_run = read_bool(call.body, "dry_run");
  if (!dry_run) return bad_request(dry_run.error());
  order.dry_run = dry_run->value_or(false);
  if (order.reason.empty() && !order.dry_run) return error_response(400, "'reason' is needed");
  const auto outcome = desk_of(call).put_rule(order, call.caller);
  if (!outcome) return failure_response(outcome.error(), true);
  return json_response(json::object{{"rule", json_of_rule(outcome->rule)},
                                    {"dry_run", outcome->dry_run},
                                    {"hit", json_of_accounts(outcome->hit)}},
                       outcome->dry_run ? 200 : 201);
}

ApiResponse remove_rule(const Call& call) {
  const auto text = call.target.find("domain");
  auto domain = read_domain(text.value_or(""));
  if (!domain) return bad_request(domain.error());
  const std::string reason(call.target.find("reason").value_or("").substr(0, k_why_max));
  const auto rule = desk_of(call).remove_rule(*domain, reason, call.caller);
  if (!rule) return failure_response(rule.error(), true);
  return json_response(json_of_rule(*rule));
}

ApiResponse list_exceptions(const Call& call) {
  const auto all = desk_of(call).exceptions();
  if (!all) return failure_response(all.error(), false);
  json::array items;
  for (const auto& one : *all) items.push_back(json_of_exception(one));
  const std::size_t total = items.size();
  return json_response(json::object{{"items", std::move(items)}, {"total", total}});
}

ApiResponse put_exception(const Call& call) {
  decide::EncryptionException one;
  const auto name = read_text(call.body, "account", 320);
  if (!name) return bad_request(name.error());
  const auto address = MailAddress::parse(*name);
  if (!address) return bad_request(address.error());
  one.account = address->text();
  const auto until = read_time(call.body, "until");
  if (!until) return bad_request(until.error());
  one.until = *until;
  auto reason = read_text(call.body, "reason", k_why_max);
  if (!reason) return bad_request(reason.error());
  if (reason->empty()) return error_response(400, "'reason' is needed");
  one.reason = std::move(*reason);
  const auto kept = desk_of(call).put_exception(std::move(one), call.caller);
  if (!kept) return failure_response(kept.error(), true);
  return json_response(json_of_exception(*kept), 201);
}

ApiResponse remove_exception(const Call& call) {
  const auto address = MailAddress::parse(call.target.find("account").value_or(""));
  if (!address) return bad_request(address.error());
  const auto gone = desk_of(call).remove_exception(std::string(address->text()), call.caller);
  if (!gone) return failure_response(gone.error(), true);
  return json_response(json_of_exception(*gone));
}

constexpr std::array k_routes = {
    Route{Method::get, "/api/v1/encryption", Access::authorised, show_summary},
    Route{Method::get, "/api/v1/encryption/accounts", Access::authorised, list_accounts},
    Route{Method::post, "/api/v1/encryption/rules", Access::authorised, put_rule},
    Route{Method::delete_, "/api/v1/encryption/rules", Access::authorised, remove_rule},
    Route{Method::get, "/api/v1/encryption/exceptions", Access::authorised, list_exceptions},
    Route{Method::post, "/api/v1/encryption/exceptions", Access::authorised, put_exception},
    Route{Method::delete_, "/api/v1/encryption/exceptions", Access::authorised, remove_exception},
};

}  // namespace

std::span<const Route> encryption_routes() { return k_routes; }

}  // namespace sekimori::web
