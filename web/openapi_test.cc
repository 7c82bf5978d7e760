// The description and the server are one: every path and method of openapi.json is asked of the
// real router and handlers, the answers are held to the declared schemas, and no route is left out.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <map>
#include <set>
#include <sstream>

#include "base/mail_address.h"
#include "web/api.h"
#include "web/memory_control.h"
#include "web/memory_people.h"
#include "web/panel_files.h"
#include "web/schema_checker.h"
#include "web/target.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

Caller operator_caller() {
  Caller caller;
  caller.who = "api";
  caller.authorised = true;
  caller.may_read_metrics = true;
  return caller;
}

const json::value& document() {
  static const json::value k_document = json::parse(openapi_json());
  return k_document;
}

std::string upper(std::string_view method) {
  std::string out(method);
  for (auto& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

// The operations in an order in which each of them can be done.
struct Ask {
  std::string method;  // "GET"
  std::string pattern;
  std::string target;
  std::string body;
};

// Of a build with the panel: one of its files.
std::string panel_asset() {
  for (const auto& file : panel_files()) {
    if (file.name.starts_with("assets/")) return std::string(file.name.substr(7));
  }
  return "";
}

std::vector<Ask> asks() {
  const std::map<std::string, std::string> bodies = {
      {"POST /api/v1/bans",
       R"({"network":"198.51.100.0/24","minutes":60,"reason":"試験","anyway":true})"},
      {"DELETE /api/v1/bans/{id}", R"({"reason":"本人から連絡がありました。"})"},
      {"POST /api/v1/ban-list",
       R"({"list":"192.0.2.0/24 ; SBL123\nnonsense\n","name":"DROP","reason":"試験"})"},
      {"POST /api/v1/bypass", R"({"on":true,"reason":"試験"})"},
      {"POST /api/v1/incidents/{id}/note", R"({"text":"電話しました。\n折り返し待ち。"})"},
      {"POST /api/v1/ip-rules", R"({"network":"192.0.2.0/24","action":"allow","reason":"office",)"
                                R"("expires":"2030-01-01T00:00:00Z"})"},
      {"DELETE /api/v1/ip-rules", ""},
      {"POST /api/v1/ip-rules/bulk",
       R"({"lines":"198.51.100.0/24 ; SBL1\ncountry:KP\nAS64500","reason":"DROP","use":"both"})"},
      {"POST /api/v1/accounts/{address}/approvals",
       R"({"recipients":500,"per_message":100,"size_min":1000,"size_max":90000,)"
       R"("network":"192.0.2.0/24","repeat":"monthly","days":["1","last"],"start":"09:00",)"
       R"("minutes":240,"zone":"Asia/Tokyo","reason":"毎月の請求書"})"},
      {"POST /api/v1/history",
       "{\"t\":\"2026-08-01T00:00:00Z\",\"kind\":\"received\",\"account\":\"taro@example.jp\","
       "\"from\":\"a@x.example\"}\n"},
      {"POST /api/v1/accounts/{address}/password", R"({"password":"Kawagoe-22-sanpo"})"},
      {"POST /api/v1/accounts/{address}/password/check", R"({"password":"short"})"},
      {"POST /api/v1/accounts/{address}/recovery/forwards",
       R"({"answer":"remove","targets":["collector@thief.example"]})"},
      {"POST /api/v1/accounts/{address}/queue/hold", R"({"ids":["4XqAAAAAAA1"]})"},
      {"POST /api/v1/accounts/{address}/queue/release", R"({"all":true})"},
      {"POST /api/v1/accounts/{address}/queue/delete", R"({"all":true,"reason":"spam"})"},
      {"POST /api/v1/session", R"({"login":"nao","password":"a-long-good-password"})"},
      {"POST /api/v1/session/password",
       R"({"old_password":"a-long-good-password","password":"another-good-password"})"},
      {"POST /api/v1/session/totp", R"({"on":true,"password":"a-long-good-password"})"},
      {"POST /api/v1/operators", R"({"login":"new@example.jp","role":"support"})"},
      {"POST /api/v1/operators/{login}/password", "{}"},
      {"POST /api/v1/operators/{login}/totp", R"({"on":true})"},
      {"POST /api/v1/accounts/{address}/diagnosis", R"({"ip":"192.0.2.7","yes":["usb_devices"]})"},
      {"POST /api/v1/owner/diagnosis", R"({"yes":["many_programs"]})"},
      {"POST /api/v1/owner/session",
       R"({"address":"TARO@example.jp","proof":"totp","value":"492039"})"},
      {"POST /api/v1/owner/contact-code", R"({"address":"taro@example.jp","language":"en"})"},
      {"POST /api/v1/owner/password", "{}"},
      {"POST /api/v1/owner/password/check", R"({"password":"Kawagoe-23-sanpo"})"},
      {"POST /api/v1/owner/forwards", R"({"answer":"keep"})"},
      {"POST /api/v1/owner/enquiries",
       R"({"address":"TARO@example.jp","customer_number":"AB-1","name":"太郎","text":"助けて",)"
       R"("topic":"suspended","call_back":true,"hours":"平日","language":"ja"})"},
      {"POST /api/v1/owner/enquiries/read",
       R"({"reference":"E-000001","key":"the-key-of-this-enquiry"})"},
      {"POST /api/v1/enquiries", R"({"address":"taro@example.jp","name":"太郎","call_back":true})"},
      {"POST /api/v1/encryption/rules",
       R"({"domain":"example.jp","from":"2030-01-01","reason":"wiretaps"})"},
      {"POST /api/v1/encryption/exceptions",
       R"({"account":"taro@example.jp","until":"2030-01-01T00:00:00Z","reason":"an old scanner"})"},
      {"POST /api/v1/enquiries/{id}/take", "{}"},
      {"POST /api/v1/enquiries/{id}/return", R"({"text":"昼番へ"})"},
      {"POST /api/v1/enquiries/{id}/call", R"({"reached":false,"text":"留守"})"},
      {"POST /api/v1/enquiries/{id}/answer", R"({"text":"再開しました。"})"},
      {"POST /api/v1/enquiries/{id}/close", "{}"},
      {"POST /api/v1/accounts/{address}/customer",
       R"({"number":"AB-1","telephone":"+81 3","terms_accepted":"2026-04-01T00:00:00Z",)"
       R"("reason":"契約書"})"},
      {"POST /api/v1/accounts/{address}/notes", R"({"text":"電話しました。\n折り返し待ち。"})"},
      {"POST /api/v1/incidents/{id}/feedback", R"({"verdict":"wrong","text":"社内の連絡"})"},
      {"POST /api/v1/incidents/{id}/investigation",
       R"({"to":"estimated","amount_yen":33000,"scope":"ログの調査"})"},
      {"POST /api/v1/accounts/{address}/policy",
       R"({"values":{"recipients_per_hour":50,"mode":null},"reason":"試験"})"},
      {"POST /api/v1/accounts/{address}/switches",
       R"({"what":"login","on":false,"reason":"退職","until":"2030-01-01T00:00:00Z"})"},
      {"POST /api/v1/domains/{domain}/policy",
       R"({"values":{"restrict_line":8.5},"reason":"試験"})"},
      {"POST /api/v1/policy/dry-runs",
       R"({"kind":"domain","id":"example.jp","values":{"recipients_per_hour":50},"days":3})"},
      {"POST /api/v1/notice-texts/{text}", R"({"text":"Subject: x\n\n{address}\n"})"},
      {"POST /api/v1/notice-texts/{text}/preview", R"({"text":"Subject: x\n\n{address}\n"})"},
      {"POST /api/v1/owner/sign-ins", R"({"network":"192.0.2.0","mine":false})"},
      {"POST /api/v1/owner/devices/revoke", "{}"},
      {"POST /api/v1/owner/live-test", R"({"language":"en"})"},
      {"POST /api/v1/owner/contact", R"({"email":"taro@home.example","language":"ja"})"},
      {"POST /api/v1/owner/contact/confirm", R"({"code":"246810"})"},
      {"POST /api/v1/owner/totp/confirm", R"({"code":"246810"})"},
      {"POST /api/v1/owner/totp/remove", R"({"code":"246810"})"},
      {"POST /autodiscover/autodiscover.xml", "<a/>"},
      {"POST /Autodiscover/Autodiscover.xml", "<a/>"},
      {"POST /portal/status", "address=taro%40example.jp&password=Old-pass-1&language=en"},
  };
  std::vector<Ask> out;
  for (const auto& [path, operations] : document().at("paths").as_object()) {
    if (path == "/assets/{name}" && panel_files().empty()) continue;
    for (const auto& [method, operation] : operations.as_object()) {
      Ask ask;
      ask.method = upper(method);
      ask.pattern = path;
      ask.target = path;
      const auto put = [&ask](std::string_view name, std::string_view value) {
        const auto at = ask.target.find(name);
        if (at != std::string::npos) ask.target.replace(at, name.size(), value);
      };
      put("{address}", "taro%40example.jp");
      put("{domain}", "Example.JP");
      // The pasted ones come behind the single one, which goes by its network.
      put("{id}", path == "/api/v1/ip-rules/{id}" ? "2" : "1");
      put("{login}", "new@example.jp");
      put("{text}", MemoryServerDesk::k_text);
      put("{name}", panel_asset());
      put("{change}", ask.pattern.ends_with("keep") ? "1" : "2");
      put("{queue_id}", ask.pattern.ends_with("release") ? "4bXyZ12345" : "4bXyZ67890");
      const auto body = bodies.find(ask.method + " " + ask.pattern);
      if (body != bodies.end()) {
        ask.body = body->second;
      } else if (operation.as_object().contains("requestBody")) {
        ask.body = R"({"reason":"本人から連絡がありました。"})";
      }
      if (ask.method == "POST" && ask.pattern.ends_with("/history")) ask.target += "?finish=true";
      if (ask.pattern.ends_with(".mobileconfig")) ask.target += "?address=taro%40example.jp";
      if (ask.method == "DELETE") {
        ask.target += "?network=192.0.2.0/24&domain=example.jp&account=taro%40example.jp";
      }
      if (ask.pattern.ends_with("/ip-check")) ask.target += "?address=192.0.2.7&use=login";
      out.push_back(ask);
    }
  }
  // A rule must be there before it is listed and removed; all held mail goes last.
  const auto rank = [](const Ask& ask) {
    if (ask.method == "POST" && ask.pattern.ends_with("/ip-rules")) return 0;
    if (ask.method == "POST" && ask.pattern.ends_with("/approvals")) return 0;
    if (ask.method == "POST" && ask.pattern.starts_with("/api/v1/encryption/")) return 0;
    if (ask.pattern.ends_with("/approvals/{id}/end")) return 2;
    if (ask.method == "POST" && ask.pattern.ends_with("/operators")) return 0;
    if (ask.pattern.ends_with("/dry-runs")) return 0;
    if (ask.pattern.ends_with("/release-all") || ask.method == "DELETE") return 2;
    // A way back ends with the last gate, or with a restore.
    if (ask.pattern.ends_with("/review")) return 2;
    if (ask.pattern.ends_with("/enquiries/{id}/close")) return 2;
    if (ask.pattern.ends_with("}/restore")) return 3;
    return 1;
  };
  std::ranges::stable_sort(out, {}, rank);
  return out;
}

const json::value& operation_of(const Ask& ask) {
  return document().at("paths").at(ask.pattern).at(ascii_lower(ask.method));
}

std::string_view media_of(const Ask& ask) {
  if (ask.body.empty()) return "";
  if (ask.pattern.ends_with("iscover.xml")) return "text/xml";
  if (ask.pattern == "/portal/status") return "application/x-www-form-urlencoded";
  return ask.pattern == "/api/v1/history" ? "application/x-ndjson" : "application/json";
}

ApiResponse send(const Ask& ask, Control& control, const Caller& caller,
                 std::string_view authorization = "") {
  const ApiRequest request{parse_method(ask.method), ask.target, media_of(ask), ask.body,
                           authorization};
  MemoryPeople people;
  if (ask.pattern != "/api/v1/operators") people.put("new@example.jp", Role::support, {});
  SignIns sign_ins(people, MemoryPeople::options());
  auto by = caller;
  if (by.authorised && ask.pattern.find("/session") != std::string::npos) {
    People::Proof proof;
    proof.login = by.who = "nao";
    proof.password = Secret(std::string(MemoryPeople::k_password));
    by.session = sign_ins.begin(proof, {}, "")->view.id;
  }
  return handle(request, control, by, nullptr, &sign_ins);
}

// What the operation asks of whoever calls: nothing, the provider's token (or session), or the
// owner's.
enum class Wants { nothing, token, owner };
Wants wants_of(const Ask& ask) {
  const auto* security = operation_of(ask).as_object().if_contains("security");
  if (security == nullptr) return Wants::token;
  if (security->as_array().empty()) return Wants::nothing;
  return security->as_array().at(0).as_object().contains("owner") ? Wants::owner : Wants::token;
}

// "Bearer …" of an owner who has proved who they are.
std::string owner_of(MemoryControl& control) {
  OwnerProof proof;
  proof.kind = OwnerProofKind::totp;
  proof.value = Secret(std::string(MemoryRecovery::k_totp));
  const auto session = control.owner_begin("taro@example.jp", std::move(proof), {});
  EXPECT_TRUE(session);
  return "Bearer " + std::string(session->token.reveal());
}

// Is this answer one that the operation declares, in status, media type and form?
std::string undeclared(const Ask& ask, const ApiResponse& response) {
  const SchemaChecker checker(document());
  const auto& responses = operation_of(ask).at("responses").as_object();
  const auto* declared = responses.if_contains(std::to_string(response.status));
  if (declared == nullptr) {
    return "status " + std::to_string(response.status) + " is not declared: " + response.body;
  }
  const auto& content = checker.resolve(*declared).at("content").as_object();
  const auto media = response.content_type.substr(0, response.content_type.find(';'));
  const auto* form = content.if_contains(media);
  if (form == nullptr) return media + " is not declared";
  if (media != "application/json") return "";
  return checker.check(json::parse(response.body), form->at("schema"));
}

TEST(OpenApi, every_operation_answers_as_declared) {
  MemoryControl control;
  // The second time, so that the review is asked for, too.
  control.contain_by_machine("taro@example.jp");
  control.contain_by_machine("taro@example.jp");
  const auto owner = owner_of(control);
  std::size_t done = 0;
  for (const auto& ask : asks()) {
    SCOPED_TRACE(ask.method + " " + ask.target);
    const auto response = send(ask, control, operator_caller(), owner);
    EXPECT_GE(response.status, 200);
    EXPECT_LT(response.status, 300) << response.body;
    EXPECT_EQ(undeclared(ask, response), "");
    ++done;
  }
  EXPECT_EQ(done, routes().size());
}

TEST(OpenApi, every_failure_answers_as_declared) {
  MemoryControl control;
  for (const auto kind : {ErrorKind::operating, ErrorKind::uncertain}) {
    control.fail_with(Error{kind, "the database is locked"});
    for (const auto& ask : asks()) {
      SCOPED_TRACE(ask.method + " " + ask.target);
      const auto response = send(ask, control, operator_caller(), "Bearer some-owner-token");
      // What asks nothing of Control goes on answering, and so does what must not tell anybody
      // whether there was something to fail.
      if (response.status >= 300) {
        EXPECT_EQ(response.status, 503);
      }
      EXPECT_EQ(undeclared(ask, response), "");
    }
  }
}

TEST(OpenApi, security_is_as_declared) {
  MemoryControl control;
  control.contain_by_machine("taro@example.jp");
  for (const auto& ask : asks()) {
    SCOPED_TRACE(ask.method + " " + ask.target);
    const auto response = send(ask, control, Caller());
    EXPECT_EQ(response.status == 401, wants_of(ask) != Wants::nothing);
    EXPECT_EQ(undeclared(ask, response), "");
  }
  EXPECT_TRUE(control.audit_entries().empty());
}

// An owner's token opens the owner's routes and no other; whoever has the provider's opens none of
// the owner's by it.
TEST(OpenApi, each_token_opens_its_own_routes_only) {
  MemoryControl control;
  control.contain_by_machine("taro@example.jp");
  const auto owner = owner_of(control);
  for (const auto& ask : asks()) {
    SCOPED_TRACE(ask.method + " " + ask.target);
    const auto as_owner = send(ask, control, Caller(), owner);
    EXPECT_EQ(as_owner.status == 401, wants_of(ask) == Wants::token);
    const auto as_operator = send(ask, control, operator_caller(), "Bearer the-api-token-itself");
    EXPECT_EQ(as_operator.status == 401, wants_of(ask) == Wants::owner);
  }
  for (const auto& entry : control.audit_entries()) {
    if (entry.who != "api") {
      EXPECT_EQ(entry.who, "owner:totp");
      EXPECT_EQ(entry.subject.id, "taro@example.jp");
    }
  }
}

TEST(OpenApi, routes_and_description_are_the_same_set) {
  std::set<std::string> described;
  std::set<std::string> ids;
  for (const auto& ask : asks()) {
    described.insert(ask.method + " " + ask.pattern);
    ids.insert(std::string(operation_of(ask).at("operationId").as_string()));
  }
  std::set<std::string> served;
  for (const auto& route : routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.pattern));
  }
  EXPECT_EQ(described, served);
  EXPECT_EQ(ids.size(), described.size()) << "operationId must be unique";
}

// What each path's braces and bodies name is declared, and every reference leads somewhere.
TEST(OpenApi, the_description_is_whole) {
  const SchemaChecker checker(document());
  for (const auto& ask : asks()) {
    SCOPED_TRACE(ask.method + " " + ask.pattern);
    const auto& operation = operation_of(ask).as_object();
    std::set<std::string> declared;
    if (const auto* parameters = operation.if_contains("parameters")) {
      for (const auto& parameter : parameters->as_array()) {
        if (parameter.at("in").as_string() == "path") {
          declared.insert(std::string(parameter.at("name").as_string()));
        }
      }
    }
    std::set<std::string> named;
    for (auto at = ask.pattern.find('{'); at != std::string::npos;
         at = ask.pattern.find('{', at + 1)) {
      named.insert(ask.pattern.substr(at + 1, ask.pattern.find('}', at) - at - 1));
    }
    EXPECT_EQ(declared, named);
    if (const auto* body = operation.if_contains("requestBody")) {
      const auto& content = body->at("content").as_object();
      ASSERT_TRUE(content.contains(media_of(ask)));
      if (media_of(ask) != "application/json") continue;  // lines, each an event
      const auto& schema = content.at("application/json").at("schema");
      EXPECT_EQ(checker.check(json::parse(ask.body), schema), "");
    }
  }
  std::set<std::string> used;
  std::istringstream words{std::string(openapi_json())};
  for (std::string line; std::getline(words, line);) {
    static constexpr std::string_view k_prefix = "#/components/schemas/";
    for (auto at = line.find(k_prefix); at != std::string::npos; at = line.find(k_prefix, at + 1)) {
      const auto begin = at + k_prefix.size();
      used.insert(line.substr(begin, line.find('"', begin) - begin));
    }
  }
  for (const auto& name : used) {
    EXPECT_TRUE(document().at("components").at("schemas").as_object().contains(name)) << name;
  }
  for (const auto& [name, unused] : document().at("components").at("schemas").as_object()) {
    EXPECT_TRUE(used.contains(std::string(name))) << name << " is used by nothing";
  }
}

// The checker itself: it must be able to say no.
TEST(OpenApi, the_checker_finds_what_is_wrong) {
  const SchemaChecker checker(document());
  const auto schema = json::parse(R"({"$ref":"#/components/schemas/RecoveryCode"})");
  const auto fits = [&](std::string_view text) {
    return checker.check(json::parse(text), schema).empty();
  };
  EXPECT_TRUE(fits(R"({"code":"x","expires":"2026-11-18T00:00:00Z"})"));
  EXPECT_FALSE(fits(R"({"code":"x"})"));
  EXPECT_FALSE(fits(R"({"code":1,"expires":"2026-11-18T00:00:00Z"})"));
  EXPECT_FALSE(fits(R"({"code":"x","expires":"tomorrow"})"));
  EXPECT_FALSE(fits(R"({"code":"x","expires":null})"));
  EXPECT_FALSE(fits(R"({"code":"x","expires":"2026-11-18T00:00:00Z","more":1})"));
}

}  // namespace
}  // namespace sekimori::web
