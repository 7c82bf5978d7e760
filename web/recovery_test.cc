// The way back through handle(): what operators and owners may do, what each sees, what is refused
// and how, and what an owner's token does not open.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/api.h"
#include "web/memory_control.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

constexpr std::string_view k_taro = "/api/v1/accounts/taro@example.jp";

class Way : public ::testing::Test {
 protected:
  ApiResponse ask(std::string_view method, std::string_view target, std::string_view body = "") {
    return handle({parse_method(method), target, body.empty() ? "" : "application/json", body, ""},
                  control, caller);
  }
  ApiResponse of_taro(std::string_view method, std::string_view path, std::string_view body = "") {
    return ask(method, std::string(k_taro) + std::string(path), body);
  }
  ApiResponse as_owner(std::string_view method, std::string_view path, std::string_view body = "") {
    const auto target = "/api/v1/owner/" + std::string(path);
    return handle(
        {parse_method(method), target, body.empty() ? "" : "application/json", body, authorization},
        control, Caller());
  }
  ApiResponse begin(std::string_view address, std::string_view proof, std::string_view value) {
    const json::object body{{"address", address}, {"proof", proof}, {"value", value}};
    return as_owner("POST", "session", json::serialize(body));
  }
  void prove_with_totp() {
    const auto response = begin("taro@example.jp", "totp", MemoryRecovery::k_totp);
    ASSERT_EQ(response.status, 201) << response.body;
    authorization = "bearer " + std::string(json::parse(response.body).at("token").as_string());
  }
  static json::value parsed(const ApiResponse& response) { return json::parse(response.body); }
  static std::string code_of(const ApiResponse& response) {
    return std::string(parsed(response).at("error").at("code").as_string());
  }
  static std::string gate_state(const json::value& recovery, std::string_view kind) {
    for (const auto& gate : recovery.at("gates").as_array()) {
      if (gate.at("kind").as_string() == kind) return std::string(gate.at("state").as_string());
    }
    return "";
  }

  MemoryControl control;
  Caller caller{"cli:root", true, true, {}};
  std::string authorization;
};

TEST_F(Way, a_password_is_judged_before_it_is_taken) {
  const auto refused = of_taro("POST", "/password", R"({"password":"short"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(code_of(refused), "password_refused");
  const auto problems = parsed(refused).at("error").at("problems").as_array();
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].at("code").as_string(), "too_short");
  EXPECT_FALSE(problems[0].at("message_ja").as_string().empty());
  EXPECT_FALSE(problems[0].at("message_en").as_string().empty());
  EXPECT_TRUE(control.audit_entries().empty());
  // An empty one is empty, not "make one".
  EXPECT_EQ(of_taro("POST", "/password", R"({"password":""})").status, 422);
  const auto checked = of_taro("POST", "/password/check", R"({"password":"short"})");
  ASSERT_EQ(checked.status, 200);
  EXPECT_FALSE(parsed(checked).at("good").as_bool());
  EXPECT_EQ(of_taro("POST", "/password/check", R"({"password":""})").status, 200);
  EXPECT_EQ(of_taro("POST", "/password/check", "{}").status, 400);
  EXPECT_TRUE(control.audit_entries().empty());

  const auto made = of_taro("POST", "/password");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(parsed(made).at("generated").as_string(), MemoryRecovery::k_generated);
  EXPECT_FALSE(parsed(made).at("reading").at("ja").as_string().empty());
  EXPECT_TRUE(parsed(made).at("recovery").is_null());
  const auto chosen = of_taro("POST", "/password", R"({"password":"Kawagoe-22"})");
  ASSERT_EQ(chosen.status, 200);
  EXPECT_TRUE(parsed(chosen).at("generated").is_null());
  EXPECT_EQ(chosen.body.find("Kawagoe"), std::string::npos);
}

TEST_F(Way, passwords_stand_in_no_error_and_no_audit) {
  for (const std::string_view body :
       {std::string_view(R"({"password":"s3cret-value"} trailing)"),
        std::string_view(R"({"password":["s3cret-value"]})"),
        std::string_view(R"({"password":{"s3cret-value":1}})"),
        std::string_view(R"({"password":"s3cret-value","old_password":7})")}) {
    const auto response = of_taro("POST", "/password", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_EQ(response.body.find("s3cret"), std::string::npos) << response.body;
  }
  const std::string huge = R"({"password":")" + std::string(5000, 'x') + "\"}";
  EXPECT_EQ(of_taro("POST", "/password", huge).status, 400);
  ASSERT_EQ(of_taro("POST", "/password", R"({"password":"s3cret-value\n"})").status, 200)
      << "what a password may hold is the judge's business";
  for (const auto& entry : control.audit_entries()) {
    EXPECT_EQ((entry.action + entry.why + entry.detail).find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(ask("POST", "/api/v1/accounts/nobody@example.jp/password").status, 404);
  EXPECT_EQ(ask("POST", "/api/v1/accounts/nobody/password").status, 400);
}

TEST_F(Way, an_operator_leads_an_account_back_gate_by_gate) {
  EXPECT_EQ(of_taro("GET", "/recovery").status, 404);
  control.contain_by_machine("taro@example.jp", Standing::suspended);
  auto recovery = parsed(of_taro("GET", "/recovery"));
  EXPECT_EQ(recovery.at("standing").as_string(), "suspended");
  EXPECT_EQ(recovery.at("gates").as_array().size(), decide::k_gates);
  EXPECT_EQ(gate_state(recovery, "reviewed"), "not_needed");
  EXPECT_EQ(recovery.at("forwards").as_array().size(), 2U);
  EXPECT_FALSE(recovery.at("complete").as_bool());
  EXPECT_EQ(recovery.at("next_step").at("ja").as_string(), "新しいパスワードを設定してください。");

  const auto changed = parsed(of_taro("POST", "/password", R"({"password":"Kawagoe-22"})"));
  EXPECT_EQ(changed.at("recovery").at("standing").as_string(), "recovering");
  EXPECT_EQ(changed.at("recovery").at("begun_by").as_string(), "cli:root");
  EXPECT_EQ(gate_state(changed.at("recovery"), "password_changed"), "proved");
  EXPECT_EQ(of_taro("POST", "/recovery/forwards", R"({"answer":"perhaps"})").status, 400);
  EXPECT_EQ(of_taro("POST", "/recovery/forwards", "{}").status, 400);
  EXPECT_EQ(of_taro("POST", "/recovery/forwards", R"({"answer":"keep","targets":"x"})").status,
            400);
  EXPECT_EQ(of_taro("POST", "/recovery/forwards", R"({"answer":"keep","targets":[""]})").status,
            400);
  EXPECT_EQ(
      of_taro("POST", "/recovery/forwards", R"({"answer":"remove","targets":["no@x.jp"]})").status,
      409);
  recovery = parsed(of_taro("POST", "/recovery/forwards",
                            R"({"answer":"remove","targets":["collector@thief.example"]})"));
  ASSERT_EQ(recovery.at("forwards").as_array().size(), 1U);
  EXPECT_EQ(recovery.at("forwards").at(0).at("target").as_string(), "taro@home.example");
  recovery = parsed(of_taro("POST", "/recovery/check"));
  EXPECT_TRUE(recovery.at("complete").as_bool());
  EXPECT_EQ(recovery.at("standing").as_string(), "probation");
  EXPECT_EQ(recovery.at("ended_by").as_string(), "verified");
  EXPECT_EQ(of_taro("POST", "/recovery/check").status, 409);
}

TEST_F(Way, taken_over_again_a_person_looks_first) {
  control.contain_by_machine("taro@example.jp");
  control.contain_by_machine("taro@example.jp");
  const auto recovery = parsed(of_taro("GET", "/recovery"));
  EXPECT_EQ(recovery.at("times").to_number<int>(), 2);
  EXPECT_EQ(gate_state(recovery, "reviewed"), "open");
  EXPECT_EQ(of_taro("POST", "/recovery/review").status, 400);
  EXPECT_EQ(of_taro("POST", "/recovery/review", R"({"reason":""})").status, 400);
  const auto after = parsed(of_taro("POST", "/recovery/review", R"({"reason":"電話で確認"})"));
  EXPECT_EQ(gate_state(after, "reviewed"), "proved");
}

TEST_F(Way, a_restore_past_open_gates_needs_a_reason) {
  control.contain_by_machine("taro@example.jp");
  const auto refused = of_taro("POST", "/restore");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(code_of(refused), "conflict");
  const auto gates = parsed(refused).at("error").at("open_gates").as_array();
  EXPECT_EQ(gates.size(), decide::k_gates - 1);
  EXPECT_EQ(gates[0].at("kind").as_string(), "password_changed");
  EXPECT_EQ(parsed(of_taro("GET", "/recovery")).at("standing").as_string(), "restricted");
  ASSERT_EQ(of_taro("POST", "/restore", R"({"reason":"社長から依頼"})").status, 200);
  const auto recovery = parsed(of_taro("GET", "/recovery"));
  EXPECT_EQ(recovery.at("standing").as_string(), "normal");
  EXPECT_EQ(gate_state(recovery, "works_smtp"), "overridden");
  // What a person closed, a person opens.
  ASSERT_EQ(of_taro("POST", "/restrict").status, 200);
  ASSERT_EQ(of_taro("POST", "/restore").status, 200);
}

TEST_F(Way, notices_are_found_and_acknowledged) {
  EXPECT_EQ(parsed(ask("GET", "/api/v1/notices")).at("total").to_number<int>(), 3);
  const auto total = [this](std::string_view query) {
    return parsed(ask("GET", "/api/v1/notices?" + std::string(query))).at("total").to_number<int>();
  };
  EXPECT_EQ(total("state=waiting"), 2);
  EXPECT_EQ(total("channel=call"), 1);
  EXPECT_EQ(total("account=TARO@example.jp&state=sent"), 1);
  EXPECT_EQ(total("account=anna@example.com"), 0);
  EXPECT_EQ(total("domain=example.jp"), 0);
  for (const auto* wrong :
       {"state=lost", "channel=fax", "account=x", "kind=person", "limit=1001"}) {
    EXPECT_EQ(ask("GET", "/api/v1/notices?" + std::string(wrong)).status, 400) << wrong;
  }
  const auto known = parsed(ask("POST", "/api/v1/notices/3/acknowledge"));
  EXPECT_EQ(known.at("state").as_string(), "acknowledged");
  EXPECT_EQ(known.at("detail").as_string(), "cli:root");
  EXPECT_EQ(ask("POST", "/api/v1/notices/9/acknowledge").status, 404);
  EXPECT_EQ(ask("POST", "/api/v1/notices/x/acknowledge").status, 400);
  const auto sheet = parsed(of_taro("GET", "/call-sheet"));
  EXPECT_EQ(sheet.at("customer_number").as_string(), "C-1024");
  EXPECT_EQ(ask("GET", "/api/v1/accounts/nobody@example.jp/call-sheet").status, 404);
}

// ---- the owner ----

TEST_F(Way, every_failed_proof_is_one_and_the_same_answer) {
  control.contain_by_machine("taro@example.jp");
  const auto wrong = begin("taro@example.jp", "code", "AAAA-AAAA-AAAA");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(code_of(wrong), "not_proved");
  for (const auto& [address, proof] : {std::pair("nobody@example.jp", "code"),
                                       {"nobody@elsewhere.example", "totp"},
                                       {"hanako@example.jp", "contact"},
                                       {"taro@example.jp", "totp"}}) {
    const auto response = begin(address, proof, "000000");
    EXPECT_EQ(response.status, wrong.status) << address;
    EXPECT_EQ(response.body, wrong.body) << address;
    EXPECT_EQ(response.headers, wrong.headers) << address;
  }
  // There is no such kind.
  EXPECT_EQ(begin("taro@example.jp", "petname", "pochi").status, 400);
  for (const auto* body :
       {R"({})", R"({"address":"taro@example.jp"})", R"({"address":"taro","proof":"code"})",
        R"({"address":"taro@example.jp","proof":"code"})",
        R"({"address":"taro@example.jp","proof":"code","value":""})",
        R"({"address":"taro@example.jp","proof":"code","value":123456})"}) {
    EXPECT_EQ(as_owner("POST", "session", body).status, 400) << body;
  }
  EXPECT_TRUE(control.audit_entries().empty());
}

TEST_F(Way, a_contact_code_is_sent_or_not_with_the_same_words) {
  control.contain_by_machine("taro@example.jp");
  const auto known = as_owner("POST", "contact-code", R"({"address":"taro@example.jp"})");
  const auto unknown = as_owner("POST", "contact-code", R"({"address":"nobody@example.jp"})");
  EXPECT_EQ(known.status, 202);
  EXPECT_EQ(unknown.status, 202);
  EXPECT_EQ(known.body, unknown.body);
  control.fail_with(Error{ErrorKind::operating, "the mail cannot be sent"});
  EXPECT_EQ(as_owner("POST", "contact-code", R"({"address":"taro@example.jp"})").body, known.body);
  control.fail_with(std::nullopt);
  EXPECT_EQ(as_owner("POST", "contact-code", R"({"address":"a@b.jp","language":"fr"})").status,
            400);
  EXPECT_EQ(begin("taro@example.jp", "contact", MemoryRecovery::k_contact_code).status, 201);
  EXPECT_EQ(begin("taro@example.jp", "contact", MemoryRecovery::k_contact_code).status, 401)
      << "good once";
}

TEST_F(Way, a_code_read_out_is_good_once) {
  control.contain_by_machine("taro@example.jp");
  const auto code = parsed(of_taro("POST", "/recovery-code"));
  const std::string value(code.at("code").as_string());
  const auto session = begin("TARO@Example.JP", "code", value);
  ASSERT_EQ(session.status, 201) << session.body;
  EXPECT_EQ(parsed(session).at("recovery").at("account").as_string(), "taro@example.jp");
  EXPECT_EQ(begin("taro@example.jp", "code", value).status, 401);
}

TEST_F(Way, an_owner_comes_back_alone) {
  control.contain_by_machine("taro@example.jp", Standing::suspended);
  EXPECT_EQ(code_of(as_owner("GET", "recovery")), "session_over");
  prove_with_totp();
  ASSERT_EQ(as_owner("GET", "recovery").status, 200);
  EXPECT_EQ(as_owner("POST", "password", R"({"password":"short"})").status, 422);
  EXPECT_EQ(as_owner("POST", "password", R"({"password":""})").status, 422);
  EXPECT_EQ(as_owner("POST", "password/check", R"({"password":"short"})").status, 200);
  const auto changed = as_owner("POST", "password", R"({"password":"Kawagoe-22"})");
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(parsed(changed).at("recovery").at("standing").as_string(), "recovering");
  ASSERT_EQ(as_owner("POST", "forwards", R"({"answer":"remove"})").status, 200);
  const auto audit = control.audit_entries();
  ASSERT_EQ(audit.size(), 2U);
  EXPECT_EQ(audit[0].who, "owner:totp");
  EXPECT_EQ(audit[1].action, "forwards");
  control.end_owner_sessions();
  EXPECT_EQ(code_of(as_owner("GET", "recovery")), "session_over");
}

TEST_F(Way, an_owner_sees_no_names_and_no_figures) {
  control.contain_by_machine("taro@example.jp");
  control.contain_by_machine("taro@example.jp");
  prove_with_totp();
  ASSERT_EQ(of_taro("POST", "/recovery/review", R"({"reason":"suspect: insider"})").status, 200);
  ASSERT_EQ(of_taro("POST", "/restore", R"({"reason":"the boss wants it"})").status, 200);
  const auto shown = as_owner("GET", "recovery");
  ASSERT_EQ(shown.status, 200);
  for (const auto* word :
       {"cli:root", "boss", "log_r", "incident", "by_machine", "begun_by", "hash"}) {
    EXPECT_EQ(shown.body.find(word), std::string::npos) << word << " in " << shown.body;
  }
  EXPECT_NE(of_taro("GET", "/recovery").body.find("boss"), std::string::npos);
}

TEST_F(Way, the_brake_is_asked_before_anything_is_tried) {
  struct Shut : OwnerBrake {
    bool admit(OwnerAct act, const IpAddress&, std::string_view address) override {
      asked.emplace_back(act, address);
      return false;
    }
    void take_back(OwnerAct, const IpAddress&, std::string_view) override {}
    std::vector<std::pair<OwnerAct, std::string>> asked;
  } shut;
  control.contain_by_machine("taro@example.jp");
  prove_with_totp();
  const auto braked = [&](std::string_view method, std::string_view path, std::string_view body) {
    const auto target = "/api/v1/owner/" + std::string(path);
    const auto response = handle(
        {parse_method(method), target, body.empty() ? "" : "application/json", body, authorization},
        control, Caller(), &shut);
    EXPECT_EQ(response.status, 429) << path;
    EXPECT_EQ(code_of(response), "too_many_requests");
  };
  braked("POST", "session", R"({"address":"Nobody@example.jp","proof":"totp","value":"492039"})");
  braked("POST", "contact-code", R"({"address":"taro@example.jp"})");
  braked("GET", "recovery", "");
  ASSERT_EQ(shut.asked.size(), 3U);
  EXPECT_EQ(shut.asked[0], std::pair(OwnerAct::prove, std::string("nobody@example.jp")));
  EXPECT_EQ(shut.asked[1], std::pair(OwnerAct::send, std::string("taro@example.jp")));
  EXPECT_EQ(shut.asked[2], std::pair(OwnerAct::go_on, std::string("taro@example.jp")));
}

// The thief has the password, too: while the account is stopped it shows and changes nothing.
TEST_F(Way, the_password_alone_only_looks_while_the_account_is_stopped) {
  EXPECT_EQ(code_of(begin("taro@example.jp", "password", "wrong")), "not_proved");
  control.contain_by_machine("taro@example.jp");
  const auto begun = begin("taro@example.jp", "password", MemoryRecovery::k_first_password);
  ASSERT_EQ(begun.status, 201) << begun.body;
  authorization = "bearer " + std::string(json::parse(begun.body).at("token").as_string());
  control.own_desk.password_is_enough = false;
  EXPECT_EQ(as_owner("GET", "status").status, 200);
  EXPECT_EQ(as_owner("POST", "diagnosis", "{}").status, 200);
  for (const auto& route : routes()) {
    if (route.access != Access::owner) continue;
    const auto path = std::string(route.pattern.substr(std::string_view("/api/v1/owner/").size()));
    const auto refused = as_owner(route.method, path, route.method == "GET" ? "" : "{}");
    EXPECT_EQ(refused.status, 403) << route.pattern;
    EXPECT_EQ(code_of(refused), "proof_wanted") << route.pattern;
  }
  EXPECT_TRUE(control.own_desk.answered.empty());
  control.own_desk.password_is_enough = true;
  EXPECT_EQ(as_owner("GET", "history").status, 200);
}

TEST_F(Way, an_owner_sees_no_operators_name_in_a_change) {
  control.contain_by_machine("taro@example.jp");
  prove_with_totp();
  const auto ways = as_owner("GET", "ways");
  ASSERT_EQ(ways.status, 200);
  EXPECT_EQ(ways.body.find("operator-nao"), std::string::npos);
  EXPECT_EQ(ways.body.find("not for owners"), std::string::npos);
  EXPECT_NE(ways.body.find("collector@thief.example"), std::string::npos);
}

TEST_F(Way, the_card_without_scripts_shows_what_it_says_as_text) {
  const auto card = [this](std::string_view body) {
    return handle({Method::post, "/portal/status", "application/x-www-form-urlencoded", body, ""},
                  control, Caller());
  };
  const auto shown = card("address=taro%40example.jp&password=Old-pass-1");
  ASSERT_EQ(shown.status, 200);
  EXPECT_TRUE(shown.content_type.starts_with("text/html"));
  EXPECT_NE(shown.body.find("止めています"), std::string::npos);
  EXPECT_NE(shown.body.find("&lt;大量&gt;"), std::string::npos);
  EXPECT_EQ(shown.body.find("<大量>"), std::string::npos);
  EXPECT_EQ(shown.body.find("<script"), std::string::npos);
  EXPECT_NE(card("address=taro%40example.jp&password=Old-pass-1&language=en")
                .body.find("It sent in &lt;bulk&gt;."),
            std::string::npos);
  for (const std::string_view wrong :
       {"", "address=taro%40example.jp", "address=taro%40example.jp&password=x", "%", "address=&",
        "address=nobody%40example.jp&password=Old-pass-1"}) {
    const auto refused = card(wrong);
    EXPECT_EQ(refused.status, 200) << wrong;
    EXPECT_EQ(refused.body.find("taro@example.jp"), std::string::npos) << wrong;
    EXPECT_NE(refused.body.find("role=\"alert\""), std::string::npos) << wrong;
  }
}

}  // namespace
}  // namespace sekimori::web
