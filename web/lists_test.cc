// Lists that the server filters, sorts and pages: address rules and the audit.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "web/api.h"
#include "web/memory_control.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;

class Lists : public testing::Test {
 protected:
  ApiResponse ask(std::string_view method, const std::string& target, std::string_view body = "") {
    Caller caller;
    caller.who = "nao";
    caller.authorised = true;
    ApiRequest request;
    request.method = parse_method(method);
    request.target = target;
    request.content_type = body.empty() ? "" : "application/json";
    request.body = body;
    return handle(request, control_, caller);
  }
  // The items' values under `key`, with blanks between, and " of N".
  std::string list(const std::string& target, std::string_view key) {
    const auto response = ask("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    const auto body = json::parse(response.body);
    std::string out;
    for (const auto& item : body.at("items").as_array()) {
      out += std::string(item.at(key).as_string()) + " ";
    }
    return out + "of " + std::to_string(body.at("total").to_number<int>());
  }
  void rule(std::string_view network, std::string_view action, std::string_view reason,
            std::string_view expires = "") {
    std::string body = "{\"network\":\"" + std::string(network) + "\",\"action\":\"" +
                       std::string(action) + "\",\"reason\":\"" + std::string(reason) + "\"";
    if (!expires.empty()) body += ",\"expires\":\"" + std::string(expires) + "\"";
    ASSERT_EQ(ask("POST", "/api/v1/ip-rules", body + "}").status, 201);
  }
  MemoryControl control_;
};

TEST_F(Lists, RulesAreFilteredSortedAndPaged) {
  rule("192.0.2.0/24", "deny", "guessing");
  rule("198.51.100.0/24", "allow", "Tokyo Office", "2031-01-01T00:00:00Z");
  rule("203.0.113.0/24", "deny", "guessing", "2030-01-01T00:00:00Z");
  const std::string path = "/api/v1/ip-rules";
  EXPECT_EQ(list(path + "?search=office", "network"), "198.51.100.0/24 of 1");
  EXPECT_EQ(list(path + "?search=203.0", "network"), "203.0.113.0/24 of 1");
  EXPECT_EQ(list(path + "?action=deny", "network"), "192.0.2.0/24 203.0.113.0/24 of 2");
  EXPECT_EQ(list(path + "?sort=expires", "network"),
            "203.0.113.0/24 198.51.100.0/24 192.0.2.0/24 of 3")
      << "what never ends is last";
  EXPECT_EQ(list(path + "?sort=-network&offset=1&limit=1", "network"), "198.51.100.0/24 of 3");
  EXPECT_EQ(list(path + "?offset=9", "network"), "of 3");
  EXPECT_EQ(ask("GET", path + "?sort=reason").status, 400);
  EXPECT_EQ(ask("GET", path + "?action=maybe").status, 400);
}

TEST_F(Lists, TheAuditIsFilteredAndPaged) {
  for (const auto* what : {"suspend", "restore", "suspend"}) {
    const auto target = std::string("/api/v1/accounts/taro%40example.jp/") + what;
    ASSERT_EQ(ask("POST", target, R"({"reason":"a test"})").status, 200);
  }
  const std::string path = "/api/v1/audit";
  EXPECT_EQ(list(path + "?action=standing_suspended", "action"),
            "standing_suspended standing_suspended of 2");
  EXPECT_EQ(list(path + "?action=standing_suspended&limit=1", "action"), "standing_suspended of 2");
  EXPECT_EQ(list(path + "?who=ken", "action"), "of 0");
  EXPECT_EQ(ask("GET", path + "?within=not%20a%20domain").status, 400);
}

}  // namespace
}  // namespace sekimori::web
