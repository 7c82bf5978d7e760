#include "app/cli_requests.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "app/cli_account_desk.h"
#include "app/cli_aftermath.h"
#include "app/cli_approvals.h"
#include "app/cli_bans.h"
#include "app/cli_encryption.h"
#include "app/cli_operators.h"
#include "app/cli_queue.h"
#include "app/cli_rules.h"
#include "app/cli_ways.h"
#include "web/target.h"

namespace sekimori::app {
namespace json = boost::json;
namespace {

// A query that grows: "/api/v1/accounts" + "?search=…" + "&limit=…". Empty values are left out.
class Query {
 public:
  explicit Query(std::string path) : text_(std::move(path)) {}
  Query& with(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    text_ += fmt::format("{}{}={}", first_ ? '?' : '&', key, web::percent_encode(value));
    first_ = false;
    return *this;
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  std::string text_;
  bool first_ = true;
};

std::string reason_body(const Invocation& given) {
  json::object body;
  if (!given.reason.empty()) body["reason"] = given.reason;
  if (given.probation) body["probation"] = true;
  return json::serialize(body);
}

ApiRequestText get(const Query& query) { return {"GET", query.text(), ""}; }
ApiRequestText post(std::string target, std::string body) {
  return {"POST", std::move(target), std::move(body)};
}

// "account restrict" → the resource's path and what is done to it.
struct OnOne {
  std::string_view command;
  std::string_view collection;
  std::string_view action;  // "" reads it
};
constexpr std::array k_on_one = {
    OnOne{"account show", "accounts", ""},
    OnOne{"account restrict", "accounts", "restrict"},
    OnOne{"account suspend", "accounts", "suspend"},
    OnOne{"account restore", "accounts", "restore"},
    OnOne{"account recovery-code", "accounts", "recovery-code"},
    OnOne{"account call-sheet", "accounts", "call-sheet"},
    OnOne{"notice acknowledge", "notices", "acknowledge"},
    OnOne{"domain restrict", "domains", "restrict"},
    OnOne{"domain suspend", "domains", "suspend"},
    OnOne{"domain restore", "domains", "restore"},
    OnOne{"incident show", "incidents", ""},
    OnOne{"incident close", "incidents", "close"},
    OnOne{"hold release", "holds", "release"},
    OnOne{"hold delete", "holds", "delete"},
};

ApiRequestText recovery(const Invocation& given) {
  const auto path = fmt::format("/api/v1/accounts/{}/recovery", web::percent_encode(given.subject));
  if (given.check) return post(path + "/check", "");
  if (!given.review.empty()) {
    return post(path + "/review", json::serialize(json::object{{"reason", given.review}}));
  }
  if (given.keep_forwards || given.remove_forwards) {
    json::object body{{"answer", given.keep_forwards ? "keep" : "remove"}};
    if (!given.targets.empty()) {
      body["targets"] = json::array(given.targets.begin(), given.targets.end());
    }
    return post(path + "/forwards", json::serialize(body));
  }
  return {"GET", path, ""};
}

}  // namespace

Result<Instant> parse_expiry(std::string_view text, Instant now) {
  if (text.empty()) return Instant{};
  if (const auto instant = parse_instant(text)) return *instant;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  // Ten years: beyond it, a rule without an end is meant.
  if (error == std::errc() && count > 0 && count <= 5'256'000) {
    if (unit == "m") return now + minutes(count);
    if (unit == "h" && count <= 87'600) return now + hours(count);
    if (unit == "d" && count <= 3'650) return now + days(count);
  }
  return bad_input(
      fmt::format("'{}' is no time: write 30m, 24h, 7d or 2026-11-22T00:00:00Z", text));
}

Result<ApiRequestText> api_request(const Invocation& given, Instant now) {
  const std::string& command = given.command;
  for (const OnOne& one : k_on_one) {
    if (command != one.command) continue;
    auto path = fmt::format("/api/v1/{}/{}", one.collection, web::percent_encode(given.subject));
    if (one.action.empty()) return ApiRequestText{"GET", std::move(path), ""};
    if (one.action == "call-sheet") return ApiRequestText{"GET", path + "/call-sheet", ""};
    return post(fmt::format("{}/{}", path, one.action), reason_body(given));
  }
  if (auto request = queue_request(given)) return *std::move(request);
  if (auto request = account_desk_request(given, now)) return *std::move(request);
  if (command == "account diagnose") {
    json::object body;
    if (!given.ip.empty()) body["ip"] = given.ip;
    return post(fmt::format("/api/v1/accounts/{}/diagnosis", web::percent_encode(given.subject)),
                json::serialize(body));
  }
  const std::string limit = std::to_string(given.limit);
  if (command == "account list") {
    return get(Query("/api/v1/accounts")
                   .with("search", given.search)
                   .with("domain", given.domain)
                   .with("standing", given.standing)
                   .with("off", given.switched_off)
                   .with("sort", given.switched_off.empty() ? "" : "since")
                   .with("limit", limit));
  }
  if (command == "incident list") {
    return get(Query("/api/v1/incidents").with("state", given.state).with("limit", limit));
  }
  if (command == "account bounces") {
    return get(Query(fmt::format("/api/v1/accounts/{}/bounces", web::percent_encode(given.subject)))
                   .with("limit", limit));
  }
  if (command == "incident delisting") {
    return get(
        Query(fmt::format("/api/v1/incidents/{}/delisting", web::percent_encode(given.subject)))
            .with("named", given.named ? "true" : ""));
  }
  if (command == "incident note") {
    return post(fmt::format("/api/v1/incidents/{}/note", web::percent_encode(given.subject)),
                json::serialize(json::object{{"text", given.text}}));
  }
  if (command == "hold list") {
    return get(Query("/api/v1/holds")
                   .with("account", given.account)
                   .with("state", given.state)
                   .with("limit", limit));
  }
  if (command == "account recovery") return recovery(given);
  if (auto approval = approval_request(given, now)) return std::move(*approval);
  if (auto rule = rule_request(given, now)) return std::move(*rule);
  if (auto request = operator_request(given)) return std::move(*request);
  if (auto request = encryption_request(given, now)) return std::move(*request);
  if (auto report = aftermath_request(given)) return std::move(*report);
  if (auto bans = ban_request(given, now)) return std::move(*bans);
  if (auto way = way_request(given)) return std::move(*way);
  if (command == "notice list") {
    return get(Query("/api/v1/notices")
                   .with("state", given.state)
                   .with("account", given.account)
                   .with("limit", limit));
  }
  if (command == "server stop-sending") return post("/api/v1/server/restrict", reason_body(given));
  if (command == "server resume-sending") return post("/api/v1/server/restore", reason_body(given));
  if (command == "health") return ApiRequestText{"GET", "/api/v1/health", ""};
  if (command == "release-all") return post("/api/v1/release-all", reason_body(given));
  if (command == "bypass") {
    json::object body{{"on", given.subject == "on"}};
    if (!given.reason.empty()) body["reason"] = given.reason;
    return post("/api/v1/bypass", json::serialize(body));
  }
  return not_found("no such command: " + command);
}

}  // namespace sekimori::app
