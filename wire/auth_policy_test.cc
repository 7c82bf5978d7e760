#include "wire/auth_policy.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sekimori::wire {
namespace {

TEST(AuthPolicyTarget, BothWaysOfAsking) {
  EXPECT_EQ(parse_auth_policy_target("/?command=allow"), AuthPolicyCommand::allow);
  EXPECT_EQ(parse_auth_policy_target("/auth?key=1&command=report"), AuthPolicyCommand::report);
  EXPECT_EQ(parse_auth_policy_target("/command/allow"), AuthPolicyCommand::allow);
  EXPECT_EQ(parse_auth_policy_target("/wf/command/report/"), AuthPolicyCommand::report);
  EXPECT_EQ(parse_auth_policy_target("/command/allow?x=y"), AuthPolicyCommand::allow);
  EXPECT_EQ(parse_auth_policy_target("/"), AuthPolicyCommand::other);
  EXPECT_EQ(parse_auth_policy_target(""), AuthPolicyCommand::other);
  EXPECT_EQ(parse_auth_policy_target("/?command=allowed"), AuthPolicyCommand::other);
  EXPECT_EQ(parse_auth_policy_target("/?xcommand=allow"), AuthPolicyCommand::other);
  EXPECT_EQ(auth_policy_command_word("/command/addBLEntry"), "addBLEntry");
  EXPECT_EQ(auth_policy_command_word("/?command=ping"), "ping");
}

TEST(AuthPolicyRequest, ReadsWhatDovecotSends) {
  const auto allow = parse_auth_policy_request(
      R"({"device_id":"d","login":"u@d","protocol":"imap","pwhash":"025a",)"
      R"("remote":"192.0.2.1","session_id":"9pZk","tls":true})");
  ASSERT_TRUE(allow);
  EXPECT_EQ(allow->login, "u@d");
  EXPECT_EQ(allow->service(), Service::imap);
  EXPECT_EQ(allow->pwhash, "025a");
  EXPECT_EQ(allow->remote, *IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(allow->session_id, "9pZk");
  EXPECT_EQ(allow->device_id, "d");
  EXPECT_TRUE(allow->tls && allow->tls_told);
  EXPECT_FALSE(allow->success);
  const auto report = parse_auth_policy_request(
      R"({"login":"u@d","protocol":"smtp","remote":"::ffff:192.0.2.1",)"
      R"("success":false,"policy_reject":true,"tls":false,"fail_type":"policy"})");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->success, false);
  EXPECT_TRUE(report->policy_reject);
  EXPECT_EQ(report->fail_type, "policy");
  EXPECT_EQ(report->remote.to_string(), "192.0.2.1");
}

TEST(AuthPolicyRequest, EveryKeyMayBeMissingOrWrong) {
  for (const std::string body :
       {"{}", R"({"login":null,"remote":"not an address","tls":"maybe","success":[],"protocol":7})",
        R"({"attrs":{"x":["y"]},"remote":5,"pwhash":{}})"}) {
    const auto r = parse_auth_policy_request(body);
    ASSERT_TRUE(r) << body;
    EXPECT_FALSE(r->remote.is_set());
    EXPECT_FALSE(r->success);
    EXPECT_FALSE(r->tls);
    EXPECT_EQ(r->tls_told, body.find("maybe") != std::string::npos);
    EXPECT_EQ(r->service(), Service::other);
  }
  EXPECT_TRUE(parse_auth_policy_request(R"({"success":"yes","tls":1})")->success.value());
}

TEST(AuthPolicyRequest, RefusesWhatIsNoJsonAndEveryPrefix) {
  const std::string body = R"({"login":"u@d","remote":"192.0.2.1","tls":false})";
  for (std::size_t n = 0; n < body.size(); ++n)
    EXPECT_FALSE(parse_auth_policy_request(body.substr(0, n)));
  EXPECT_FALSE(parse_auth_policy_request("login=u@d"));
  EXPECT_FALSE(
      parse_auth_policy_request("{\"a\":\"" + std::string(k_auth_policy_body_max, 'x') + "\"}"));
}

TEST(AuthPolicyAnswer, IsOneLineOfJson) {
  std::string out;
  append_auth_policy_answer(out, {-1, "止めています \"x\"\r\nA1 OK"});
  EXPECT_EQ(out, "{\"status\":-1,\"msg\":\"止めています \\\"x\\\"  A1 OK\"}");
  out.clear();
  append_auth_policy_answer(out, {});
  EXPECT_EQ(out, R"({"status":0,"msg":""})");
  std::string words;
  for (int i = 0; i < 300; ++i) words += "止";
  out.clear();
  append_auth_policy_answer(out, {5, words});
  const auto tree = boost::json::parse(out);
  EXPECT_EQ(tree.at("status").as_int64(), 5);
  EXPECT_EQ(std::string_view(tree.at("msg").as_string()), words.substr(0, 399));
}

}  // namespace
}  // namespace sekimori::wire
