// What handle() makes of requests: statuses, bodies, what reaches Control, and what never does.
#include "web/api.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "web/memory_control.h"
#include "web/panel_files.h"
#include "web/target.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

class Api : public ::testing::Test {
 protected:
  ApiResponse ask(std::string_view method, std::string_view target, std::string_view body = "",
                  std::string_view type = "application/json") {
    return handle({parse_method(method), target, body.empty() ? "" : type, body}, control, caller);
  }
  json::value get(std::string_view target) {
    const auto response = ask("GET", target);
    EXPECT_EQ(response.status, 200) << target << " " << response.body;
    return json::parse(response.body);
  }
  static std::string code_of(const ApiResponse& response) {
    const auto body = json::parse(response.body);
    return std::string(body.at("error").at("code").as_string());
  }

  MemoryControl control;
  Caller caller{"cli:root", true, true, {}};
};

TEST_F(Api, an_account_goes_through_its_standings_and_is_audited) {
  EXPECT_EQ(get("/api/v1/accounts/taro@example.jp").at("standing").as_string(), "normal");
  const auto response =
      ask("POST", "/api/v1/accounts/TARO%40Example.JP/suspend", R"({"reason":"電話で依頼"})");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_TRUE(json::parse(response.body).at("changed").as_bool());
  EXPECT_EQ(get("/api/v1/accounts/taro@example.jp").at("standing").as_string(), "suspended");
  const auto again = ask("POST", "/api/v1/accounts/taro@example.jp/suspend");
  EXPECT_FALSE(json::parse(again.body).at("changed").as_bool());
  ASSERT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restore").status, 200);
  EXPECT_EQ(get("/api/v1/accounts/taro@example.jp").at("standing").as_string(), "normal");
  const auto audit = control.audit_entries();
  ASSERT_GE(audit.size(), 2U);
  EXPECT_EQ(audit[0].who, "cli:root");
  EXPECT_EQ(audit[0].why, "電話で依頼");
  EXPECT_EQ(audit[0].subject.id, "taro@example.jp");
}

TEST_F(Api, restore_can_end_in_probation) {
  ASSERT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restrict").status, 200);
  ASSERT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restore", R"({"probation":true})").status,
            200);
  EXPECT_EQ(get("/api/v1/accounts/taro@example.jp").at("standing").as_string(), "probation");
}

TEST_F(Api, a_domain_and_the_server_can_be_stopped) {
  ASSERT_EQ(ask("POST", "/api/v1/domains/EXAMPLE.jp/restrict").status, 200);
  EXPECT_EQ(get("/api/v1/domains/example.jp").at("standing").as_string(), "restricted");
  EXPECT_EQ(ask("POST", "/api/v1/domains/example.org/restrict").status, 404);
  ASSERT_EQ(ask("POST", "/api/v1/server/restrict").status, 200);
  EXPECT_EQ(get("/api/v1/server").at("standing").as_string(), "restricted");
  ASSERT_EQ(ask("POST", "/api/v1/server/restore").status, 200);
  EXPECT_EQ(get("/api/v1/server").at("standing").as_string(), "normal");
}

TEST_F(Api, lists_are_searched_filtered_sorted_and_paged) {
  EXPECT_EQ(get("/api/v1/accounts").at("total").to_number<int>(), 3);
  EXPECT_EQ(get("/api/v1/accounts?domain=Example.jp").at("total").to_number<int>(), 2);
  EXPECT_EQ(get("/api/v1/accounts?search=%E5%A4%AA%E9%83%8E").at("items").as_array().size(), 1U);
  EXPECT_EQ(get("/api/v1/accounts?standing=restricted").at("total").to_number<int>(), 0);
  const auto page = get("/api/v1/accounts/?sort=-address&offset=1&limit=1");
  EXPECT_EQ(page.at("total").to_number<int>(), 3);
  ASSERT_EQ(page.at("items").as_array().size(), 1U);
  EXPECT_EQ(page.at("items").at(0).at("address").as_string(), "hanako@example.jp");
  EXPECT_TRUE(page.at("items").at(0).at("log_r").is_null());
  EXPECT_EQ(get("/api/v1/incidents?account=taro@example.jp").at("total").to_number<int>(), 1);
  EXPECT_EQ(get("/api/v1/incidents?account=anna@example.com").at("total").to_number<int>(), 0);
  EXPECT_EQ(get("/api/v1/incidents?state=closed").at("total").to_number<int>(), 0);
  for (const auto* target :
       {"/api/v1/accounts?limit=1001", "/api/v1/accounts?limit=-1",
        "/api/v1/accounts?limit=", "/api/v1/accounts?offset=1e3", "/api/v1/accounts?standing=bad",
        "/api/v1/accounts?sort=name", "/api/v1/accounts?off=send", "/api/v1/accounts?domain=a..b",
        "/api/v1/incidents?state=x", "/api/v1/incidents?kind=person", "/api/v1/incidents/0x1",
        "/api/v1/incidents/99999999999999999999", "/api/v1/holds?state=x",
        "/api/v1/audit?account=nobody", "/api/v1/accounts/no-at-sign",
        "/api/v1/accounts?limit=1&limit=2"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
}

TEST_F(Api, held_mail_is_released_or_deleted_once) {
  EXPECT_EQ(get("/api/v1/holds").at("total").to_number<int>(), 2);
  ASSERT_EQ(ask("POST", "/api/v1/holds/4bXyZ12345/release", R"({"reason":"ok"})").status, 200);
  EXPECT_EQ(ask("POST", "/api/v1/holds/4bXyZ12345/release").status, 409);
  EXPECT_EQ(ask("POST", "/api/v1/holds/4bXyZ12345/delete").status, 409);
  EXPECT_EQ(ask("POST", "/api/v1/holds/ABCDEF0123/release").status, 404);
  EXPECT_EQ(ask("POST", "/api/v1/holds/-d%20ALL/delete").status, 400);
  EXPECT_EQ(get("/api/v1/holds").at("total").to_number<int>(), 1);
  EXPECT_EQ(get("/api/v1/holds?state=all").at("total").to_number<int>(), 2);
  const auto all = json::parse(ask("POST", "/api/v1/release-all").body);
  EXPECT_EQ(all.at("released").to_number<int>(), 1);
  EXPECT_TRUE(all.at("complete").as_bool());
}

TEST_F(Api, queued_mail_is_held_let_go_and_deleted) {
  const std::string queue = "/api/v1/accounts/taro%40example.jp/queue";
  EXPECT_EQ(get(queue).at("total").to_number<int>(), 2);
  EXPECT_EQ(get(queue + "?part=hold").at("total").to_number<int>(), 1);
  EXPECT_TRUE(get(queue).at("items").at(0).at("subject").is_null());
  EXPECT_EQ(get(queue + "?subjects=true").at("items").at(0).at("subject").as_string(), "請求書");
  for (const auto* query : {"?part=x", "?subjects=1", "?limit=1001"}) {
    EXPECT_EQ(ask("GET", queue + query).status, 400) << query;
  }
  // Neither messages nor all, both, no queue id, too many, no list.
  std::string many = R"({"ids":[)";
  for (int i = 0; i < 1001; ++i) many += (i == 0 ? "\"4XqAAAAAAA1\"" : ",\"4XqAAAAAAA1\"");
  for (const auto& body :
       {std::string("{}"), std::string(R"({"ids":["4XqAAAAAAA1"],"all":true})"),
        std::string(R"({"ids":["-d ALL"]})"), many + "]}", std::string(R"({"ids":"4XqAAAAAAA1"})"),
        std::string(R"({"all":"yes"})")}) {
    EXPECT_EQ(ask("POST", queue + "/hold", body).status, 400) << body.substr(0, 40);
  }
  EXPECT_EQ(ask("POST", queue + "/delete", R"({"all":true})").status, 400);  // without a reason
  EXPECT_EQ(
      ask("POST", "/api/v1/accounts/nobody%40example.jp/queue/hold", R"({"all":true})").status,
      404);
  const auto held =
      json::parse(ask("POST", queue + "/hold", R"({"ids":["4XqAAAAAAA1","4XqZZZZZZZ9"]})").body);
  EXPECT_EQ(held.at("done").to_number<int>(), 1);
  EXPECT_EQ(held.at("recipients").to_number<int>(), 12);
  EXPECT_EQ(held.at("gone").to_number<int>(), 1);
  EXPECT_EQ(json::parse(ask("POST", queue + "/delete", R"({"all":true,"reason":"spam"})").body)
                .at("done")
                .to_number<int>(),
            2);
}

TEST_F(Api, why_mail_cannot_be_got_is_answered) {
  const std::string path = "/api/v1/accounts/taro%40example.jp/diagnosis";
  const auto code = [&](const char* body) {
    return std::string(
        json::parse(ask("POST", path, body).body).at("findings").at(0).at("code").as_string());
  };
  EXPECT_EQ(code(R"({"ip":"192.0.2.7"})"), "address_banned");
  EXPECT_EQ(code(R"({"yes":["on_all_night"]})"), "never_reads");
  for (const auto* body : {R"({"ip":"x"})", R"({"yes":"usb_devices"})", R"({"yes":["no_such"]})",
                           R"({"yes":[1]})", R"({"yes":[1,2,3,4,5,6,7,8,9,10,11]})"}) {
    EXPECT_EQ(ask("POST", path, body).status, 400) << body;
  }
  EXPECT_EQ(get("/api/v1/diagnosis/questions").at("items").as_array().size(), 10U);
}

// Which rule decides is shown with all that match; a denied domain lets its neighbour in.
TEST_F(Api, an_address_is_explained) {
  const auto put = [&](const char* body) {
    EXPECT_EQ(ask("POST", "/api/v1/ip-rules", body).status, 201) << body;
  };
  put(R"({"network":"192.0.2.0/24","reason":"guessing","use":"both"})");
  put(R"({"network":"192.0.2.7","reason":"ours","action":"allow","account":"taro@example.jp"})");
  put(R"({"country":"kp","reason":"nobody there","domain":"example.jp"})");
  put(R"({"asn":64500,"reason":"bullet-proof"})");
  const auto denied = get("/api/v1/ip-check?address=192.0.2.7&use=receive");
  EXPECT_FALSE(denied.at("let_in").as_bool());
  EXPECT_EQ(denied.at("decided_by").as_string(), "deny");
  const auto of_taro = get("/api/v1/ip-check?address=192.0.2.7&account=taro%40example.jp");
  EXPECT_TRUE(of_taro.at("let_in").as_bool());
  EXPECT_EQ(of_taro.at("decided_by").as_string(), "allow");
  EXPECT_EQ(of_taro.at("rules").as_array().size(), 2U);
  EXPECT_NE(of_taro.at("why_ja").as_string().find("許可"), std::string::npos);
  EXPECT_EQ(get("/api/v1/ip-check?address=198.51.100.1").at("decided_by").as_string(), "none");
  EXPECT_EQ(ask("GET", "/api/v1/ip-check").status, 400);
  EXPECT_EQ(ask("GET", "/api/v1/ip-check?address=192.0.2.7&use=both").status, 400);
  EXPECT_EQ(get("/api/v1/ip-rules?kind=country").at("total").to_number<int>(), 1);
  EXPECT_EQ(get("/api/v1/ip-rules?within=example.jp").at("total").to_number<int>(), 2);
}

TEST_F(Api, pasted_rules_are_taken_all_or_none) {
  const std::string path = "/api/v1/ip-rules/bulk";
  const auto total = [&] { return get("/api/v1/ip-rules").at("total").to_number<int>(); };
  const auto bad =
      ask("POST", path, R"({"lines":"192.0.2.0/24\nnonsense\n10.0.0.0/7","reason":"x"})");
  EXPECT_EQ(bad.status, 400);
  const auto lines = json::parse(bad.body).at("error").at("lines").as_array();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].at("line").to_number<int>(), 2);
  EXPECT_EQ(lines[1].at("line").to_number<int>(), 3);
  EXPECT_EQ(total(), 0);
  const auto part =
      ask("POST", path,
          R"({"lines":"192.0.2.0/24 ; SBL7\nnonsense\n192.0.2.0/24","reason":"x","partial":true})");
  EXPECT_EQ(part.status, 201);
  EXPECT_EQ(json::parse(part.body).at("added").to_number<int>(), 1);
  EXPECT_EQ(json::parse(part.body).at("repeated").to_number<int>(), 1);
  EXPECT_EQ(get("/api/v1/ip-rules").at("items").at(0).at("reason").as_string(), "x (SBL7)");
  EXPECT_EQ(ask("POST", path, R"({"lines":"9.9.9.9","reason":"x","dry_run":true})").status, 201);
  EXPECT_EQ(total(), 1);
  EXPECT_EQ(ask("POST", path, R"({"lines":"9.9.9.9"})").status, 400);
  EXPECT_EQ(
      ask("DELETE",
          "/api/v1/ip-rules/" +
              std::to_string(get("/api/v1/ip-rules").at("items").at(0).at("id").to_number<int>()))
          .status,
      200);
  EXPECT_EQ(total(), 0);
}

TEST_F(Api, address_rules_are_made_replaced_and_removed) {
  EXPECT_EQ(ask("POST", "/api/v1/ip-rules", R"({"address":"2001:DB8::1","reason":"x"})").status,
            201);
  EXPECT_EQ(
      ask("POST", "/api/v1/ip-rules", R"({"network":"192.0.2.0/24","action":"allow","reason":"x"})")
          .status,
      201);
  EXPECT_EQ(
      ask("POST", "/api/v1/ip-rules", R"({"network":"192.0.2.0/24","action":"deny","reason":"x"})")
          .status,
      201);
  const auto rules = get("/api/v1/ip-rules").at("items").as_array();
  ASSERT_EQ(rules.size(), 2U);
  EXPECT_EQ(rules[1].at("network").as_string(), "2001:db8::1");
  EXPECT_EQ(rules[0].at("action").as_string(), "deny");
  EXPECT_EQ(rules[0].at("use").as_string(), "login") << "as it was before rules had a use";
  EXPECT_EQ(rules[1].at("action").as_string(), "deny");
  EXPECT_EQ(ask("DELETE", "/api/v1/ip-rules?address=2001:db8::1").status, 200);
  EXPECT_EQ(ask("DELETE", "/api/v1/ip-rules?address=2001:db8::1").status, 404);
  EXPECT_EQ(ask("DELETE", "/api/v1/ip-rules", R"({"network":"192.0.2.0/24"})").status, 200);
  EXPECT_EQ(ask("DELETE", "/api/v1/ip-rules").status, 400);
  EXPECT_EQ(ask("POST", "/api/v1/ip-rules", R"({"network":"192.0.2.0/24"})").status, 400)
      << "a reason is needed";
  for (const auto* body :
       {R"()", R"("network":"192.0.2.1/24")", R"("network":"0.0.0.0/0")",
        R"("network":"::/0","action":"deny")", R"("network":"192.0.2.0/33")",
        R"("network":"192.0.2.0/24","action":"block")", R"("network":"192.0.2.0/24","use":"x")",
        R"("network":"192.0.2.0/24","expires":"soon")", R"("network":7)", R"("country":"JPN")",
        R"("asn":0)", R"("network":"192.0.2.0/24","domain":"a b")",
        R"("network":"192.0.2.0/24","domain":"a.example","account":"b@a.example")"}) {
    const std::string whole =
        std::string("{\"reason\":\"x\"") + (*body == 0 ? "" : ",") + body + "}";
    EXPECT_EQ(ask("POST", "/api/v1/ip-rules", whole).status, 400) << whole;
  }
}

TEST_F(Api, incidents_take_notes_and_are_closed_once) {
  ASSERT_EQ(ask("POST", "/api/v1/incidents/1/note", R"({"text":"line one\nline two"})").status,
            201);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/1/note", R"({"text":""})").status, 400);
  EXPECT_EQ(ask("POST", "/api/v1/incidents/2/note", R"({"text":"x"})").status, 404);
  const auto shown = get("/api/v1/incidents/1");
  EXPECT_EQ(shown.at("notes").as_array().size(), 1U);
  EXPECT_EQ(shown.at("evidence").at(0).at("nats").as_double(), 3.1416);
  EXPECT_EQ(shown.at("summary").at("ja").as_string(), "3 分間に 47 通を送りました。");
  ASSERT_EQ(ask("POST", "/api/v1/incidents/1/close", R"({"reason":"done"})").status, 200);
  const auto again = ask("POST", "/api/v1/incidents/1/close");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(code_of(again), "conflict");
}

TEST_F(Api, bypass_needs_a_clear_word) {
  EXPECT_EQ(ask("POST", "/api/v1/bypass").status, 400);
  EXPECT_EQ(ask("POST", "/api/v1/bypass", R"({"on":"true"})").status, 400);
  ASSERT_EQ(ask("POST", "/api/v1/bypass", R"({"on":true})").status, 200);
  EXPECT_TRUE(get("/api/v1/health").at("bypass").as_bool());
  EXPECT_EQ(get("/api/v1/health").at("level").as_string(), "warning");
}

TEST_F(Api, bad_bodies_change_nothing) {
  const std::string deep(100, '[');
  const std::string long_reason = R"({"reason":")" + std::string(k_reason_max + 1, 'a') + "\"}";
  for (const std::string_view body :
       {std::string_view("{"), std::string_view("[]"), std::string_view("7"),
        std::string_view(R"({"reason":7})"), std::string_view(deep), std::string_view(long_reason),
        std::string_view("{\"reason\":\"\xff\"}"), std::string_view(R"({"reason":"a\u0000b"})"),
        std::string_view(R"({"reason":"a\nb"})"), std::string_view(R"({"reason":"x"} trailing)")}) {
    EXPECT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restrict", body).status, 400) << body;
  }
  EXPECT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restrict", "reason=x",
                "application/x-www-form-urlencoded")
                .status,
            415);
  EXPECT_TRUE(control.audit_entries().empty());
  EXPECT_EQ(ask("POST", "/api/v1/accounts/taro@example.jp/restrict", R"({"reason":"x","more":[1]})",
                "Application/JSON; charset=utf-8")
                .status,
            200);
}

TEST_F(Api, errors_speak_both_languages) {
  const auto response = ask("GET", "/api/v1/accounts/nobody@example.jp");
  EXPECT_EQ(response.status, 404);
  const auto error = json::parse(response.body).at("error");
  EXPECT_EQ(error.at("code").as_string(), "not_found");
  EXPECT_FALSE(error.at("message_ja").as_string().empty());
  EXPECT_FALSE(error.at("message_en").as_string().empty());
  control.fail_with(Error{ErrorKind::uncertain, "commit timed out"});
  const auto uncertain = ask("POST", "/api/v1/accounts/taro@example.jp/restrict");
  EXPECT_EQ(uncertain.status, 503);
  EXPECT_NE(uncertain.body.find("may or may not"), std::string::npos);
}

TEST_F(Api, unknown_paths_and_methods) {
  for (const auto* target :
       {"/api/v1", "/api/v2/accounts", "/api/v1/accounts/a@b/c/d", "/favicon.ico",
        "/api/v1/accounts/taro@example.jp/explode", "/portal/x"}) {
    EXPECT_EQ(ask("GET", target).status, 404) << target;
  }
  const auto response = ask("POST", "/api/v1/accounts");
  EXPECT_EQ(response.status, 405);
  ASSERT_FALSE(response.headers.empty());
  EXPECT_EQ(response.headers[0].first, "Allow");
  EXPECT_EQ(response.headers[0].second, "GET, HEAD");
  EXPECT_EQ(ask("GET", "/api/v1/accounts/a@b.jp/restrict").status, 405);
  EXPECT_EQ(ask("PATCH", "/api/v1/accounts").status, 405);
  EXPECT_EQ(ask("HEAD", "/api/v1/accounts").status, 200);
  for (const auto* target : {"", "*", "accounts", "//api", "/api//v1", "/api/../etc", "/%2e%2e/x",
                             "/api/v1/accounts/%", "/api/v1/accounts/%g0", "/api/v1/accounts/%00",
                             "/api/v1/accounts/%ff@example.jp", "/api/v1/accounts/a%0d%0ab@c"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
  EXPECT_EQ(ask("GET", "/" + std::string(k_target_max, 'a')).status, 400);
}

TEST_F(Api, metrics_are_for_whom_the_settings_say) {
  caller = Caller();
  EXPECT_EQ(ask("GET", "/metrics").status, 401);
  caller.may_read_metrics = true;
  const auto response = ask("GET", "/metrics");
  ASSERT_EQ(response.status, 200);
  EXPECT_NE(response.body.find("sekimori_events_total 42\n"), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("sekimori_queue_length{queue=\"steps\"} 3\n"), std::string::npos);
  // HELP and TYPE once for a name, however many labels it has.
  EXPECT_EQ(response.body.find("# TYPE sekimori_queue_length"),
            response.body.rfind("# TYPE sekimori_queue_length"));
  EXPECT_EQ(ask("GET", "/api/v1/health").status, 401);
}

TEST_F(Api, readiness_says_no_more_than_that) {
  EXPECT_EQ(ask("GET", "/readyz").status, 200);
  control.fail_with(Error{ErrorKind::operating, "guard.db: disk full"});
  const auto response = ask("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.find("disk"), std::string::npos);
  EXPECT_EQ(ask("GET", "/livez").status, 200);
}

// With the panel built in (panel_files.h) these are its pages, without it the plain ones.
TEST_F(Api, pages_are_static_and_locked_down) {
  for (const auto* target : {"/", "/portal"}) {
    const auto response = ask("GET", target);
    ASSERT_EQ(response.status, 200);
    if (!panel_files().empty()) {
      EXPECT_NE(response.body.find("lang=\"ja\""), std::string::npos);
      EXPECT_EQ(response.body.find("<style"), std::string::npos);
      EXPECT_EQ(response.body.find(" style="), std::string::npos);
      std::string policy;
      for (const auto& [name, value] : response.headers) {
        if (name == "Content-Security-Policy") policy = value;
      }
      EXPECT_NE(policy.find("script-src 'self'"), std::string::npos);
      EXPECT_EQ(policy.find("unsafe"), std::string::npos);
      continue;
    }
    EXPECT_NE(response.body.find("lang=\"ja\""), std::string::npos);
    EXPECT_NE(response.body.find("lang=\"en\""), std::string::npos);
    EXPECT_EQ(response.body.find("<script"), std::string::npos);
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_TRUE(response.headers[0].second.starts_with("default-src 'none'; style-src 'sha256-"));
  }
}

}  // namespace
}  // namespace sekimori::web
