// What is asked of an approval and what is refused before anybody is asked.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/api.h"
#include "web/memory_control.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

class Approvals : public testing::Test {
 protected:
  ApiResponse ask(std::string_view method, std::string_view target, std::string_view body = "") {
    Caller caller;
    caller.who = "api";
    caller.authorised = true;
    return handle({parse_method(method), target, body.empty() ? "" : "application/json", body, ""},
                  control_, caller);
  }
  ApiResponse approve(std::string_view body) {
    return ask("POST", "/api/v1/accounts/taro%40example.jp/approvals", body);
  }
  MemoryControl control_;
};

TEST_F(Approvals, OneIsGivenShownTakenUpAndEnded) {
  const auto made = approve(R"({"recipients":60,"reason":"春のお知らせ"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto approval = json::parse(made.body);
  EXPECT_EQ(approval.at("per_message"), 60);
  EXPECT_EQ(approval.at("state"), "active");
  EXPECT_EQ(approval.at("created_by"), "api");
  EXPECT_TRUE(approval.at("network").is_null());
  EXPECT_FALSE(approval.at("text").at("ja").as_string().empty());
  const auto list = json::parse(ask("GET", "/api/v1/accounts/taro%40example.jp/approvals").body);
  EXPECT_EQ(list.at("items").as_array().size(), 1U);
  EXPECT_EQ(ask("POST", "/api/v1/approvals/1/end", "{}").status, 200);
  EXPECT_EQ(ask("POST", "/api/v1/approvals/1/resume", "{}").status, 409);
  EXPECT_EQ(ask("POST", "/api/v1/approvals/2/end", "{}").status, 404);
  EXPECT_EQ(ask("POST", "/api/v1/approvals/one/end", "{}").status, 400);
  const auto audit = control_.audit_entries();
  ASSERT_EQ(audit.size(), 2U);
  EXPECT_EQ(audit[0].action, "approve");
  EXPECT_EQ(audit[0].why, "春のお知らせ");
  EXPECT_EQ(audit[1].action, "approval_end");
}

TEST_F(Approvals, ASuggestionCanBeSentBackAsItIs) {
  const auto found =
      json::parse(ask("GET", "/api/v1/accounts/taro%40example.jp/approval-suggestions").body);
  ASSERT_EQ(found.at("items").as_array().size(), 1U);
  const auto terms = json::serialize(found.at("items").at(0).at("terms"));
  EXPECT_EQ(approve(terms).status, 201) << terms;
}

TEST_F(Approvals, WhatDoesNotHoldTogetherIsRefused) {
  for (const auto* body : {
           R"({})",
           R"({"recipients":0})",
           R"({"recipients":-5})",
           R"({"recipients":"60"})",
           R"({"recipients":1000001})",
           R"({"recipients":60,"per_message":61})",
           R"({"recipients":60,"size_min":2,"size_max":1})",
           R"({"recipients":60,"network":"192.0.2.77/24"})",
           R"({"recipients":60,"from":"tomorrow"})",
           R"({"recipients":60,"from":"2026-12-02T00:00:00Z","until":"2026-12-01T00:00:00Z"})",
           R"({"recipients":60,"repeat":"yearly"})",
           R"({"recipients":60,"repeat":"monthly","start":"09:00","minutes":60})",
           R"({"recipients":60,"repeat":"monthly","days":["mon"],"start":"09:00","minutes":60})",
           R"({"recipients":60,"repeat":"weekly","days":"mon","start":"09:00","minutes":60})",
           R"({"recipients":60,"repeat":"daily","start":"9","minutes":60})",
           R"({"recipients":60,"repeat":"daily","start":"09:00","minutes":10})",
           R"({"recipients":60,"repeat":"daily","start":"09:00","minutes":1441})",
           R"({"recipients":60,"start":"09:00","minutes":60})",
       }) {
    EXPECT_EQ(approve(body).status, 400) << body;
  }
  EXPECT_EQ(
      ask("POST", "/api/v1/accounts/nobody%40example.jp/approvals", R"({"recipients":6})").status,
      404);
  EXPECT_TRUE(control_.audit_entries().empty());
}

}  // namespace
}  // namespace sekimori::web
