// Who may do what, asked of the real router route by route, and sessions: how they begin, what
// their cookie opens, and how they end.
#include "web/permissions.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <set>

#include "web/memory_control.h"
#include "web/memory_people.h"

namespace sekimori::web {
namespace {

Caller caller_of(Role role) {
  Caller caller;
  caller.who = "somebody";
  caller.authorised = true;
  caller.role = role;
  if (role == Role::domain_admin) caller.domains = {"example.jp"};
  return caller;
}

std::string filled(std::string_view pattern, std::string_view address, std::string_view domain) {
  std::string target(pattern);
  const auto put = [&target](std::string_view name, std::string_view value) {
    const auto at = target.find(name);
    if (at != std::string::npos) target.replace(at, name.size(), value);
  };
  put("{address}", address);
  put("{domain}", domain);
  put("{id}", "999");
  put("{queue_id}", "4bXyZ00000");
  put("{login}", "nobody");
  put("{change}", "1");
  put("{text}", "nothing.at.all");
  return target;
}

int ask(Control& control, const Caller& caller, std::string_view method, const std::string& target,
        SignIns* sign_ins = nullptr) {
  ApiRequest request;
  request.method = parse_method(method);
  request.target = target;
  return handle(request, control, caller, nullptr, sign_ins).status;
}

TEST(Permissions, every_row_is_a_route_and_stands_once) {
  std::set<std::string> served;
  for (const auto& route : routes()) {
    served.insert(std::string(route.method) + " " + std::string(route.pattern));
  }
  std::set<std::string> rows;
  for (const auto& row : permissions()) {
    const auto name = std::string(row.method) + " " + std::string(row.pattern);
    EXPECT_TRUE(served.contains(name)) << name;
    EXPECT_TRUE(rows.insert(name).second) << name;
  }
}

TEST(Permissions, each_route_lets_in_whom_the_table_names) {
  for (const auto& route : routes()) {
    if (route.access != Access::authorised) continue;
    const Permission* row = nullptr;
    for (const auto& one : permissions()) {
      if (one.method == route.method && one.pattern == route.pattern) row = &one;
    }
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.pattern));
    for (const auto role : {Role::support, Role::domain_admin}) {
      const bool allowed =
          row != nullptr && (role == Role::support ? row->support : row->domain_admin);
      MemoryControl control;
      const auto status = ask(control, caller_of(role), route.method,
                              filled(route.pattern, "taro%40example.jp", "example.jp"));
      EXPECT_EQ(status == 403, !allowed);
    }
    MemoryControl control;
    EXPECT_NE(ask(control, caller_of(Role::operator_), route.method,
                  filled(route.pattern, "taro%40example.jp", "example.jp")),
              403);
  }
}

TEST(Permissions, what_changes_everybody_is_for_operators) {
  for (const auto& [method, target] :
       {std::pair("POST", "/api/v1/bypass"), std::pair("POST", "/api/v1/release-all"),
        std::pair("POST", "/api/v1/server/restrict"), std::pair("DELETE", "/api/v1/ip-rules"),
        std::pair("POST", "/api/v1/history"), std::pair("GET", "/api/v1/operators"),
        std::pair("POST", "/api/v1/domains/example.jp/suspend")}) {
    MemoryControl control;
    EXPECT_EQ(ask(control, caller_of(Role::support), method, target), 403) << target;
    EXPECT_EQ(ask(control, caller_of(Role::domain_admin), method, target), 403) << target;
  }
}

// What is another domain's looks as if it were not there, and nothing of it changes.
TEST(Permissions, a_domain_admin_sees_their_own_domain_only) {
  const auto admin = caller_of(Role::domain_admin);
  for (const auto& route : routes()) {
    if (route.access != Access::authorised || route.pattern.find('{') == std::string_view::npos ||
        !may(Role::domain_admin, parse_method(route.method), route.pattern)) {
      continue;
    }
    SCOPED_TRACE(std::string(route.method) + " " + std::string(route.pattern));
    MemoryControl control;
    EXPECT_EQ(ask(control, admin, route.method,
                  filled(route.pattern, "anna%40example.com", "example.com")),
              404);
    EXPECT_TRUE(control.audit_entries().empty());
  }
  MemoryControl control;
  EXPECT_EQ(ask(control, admin, "GET", "/api/v1/accounts/TARO%40Example.JP"), 200);
}

// A domain admin's rules are their domain's: they cannot be made for others, nor seen or removed.
TEST(Permissions, a_domain_admin_keeps_rules_of_their_domain) {
  const auto admin = caller_of(Role::domain_admin);
  MemoryControl control;
  const auto post = [&](const Caller& caller, std::string_view scope) {
    ApiRequest request;
    request.method = Method::post;
    request.target = "/api/v1/ip-rules";
    request.content_type = "application/json";
    const std::string body = R"({"network":"192.0.2.0/24","reason":"x")" + std::string(scope) + "}";
    request.body = body;
    return handle(request, control, caller).status;
  };
  EXPECT_EQ(post(admin, ""), 404);
  EXPECT_EQ(post(admin, R"(,"domain":"example.com")"), 404);
  EXPECT_EQ(post(admin, R"(,"account":"anna@example.com")"), 404);
  EXPECT_EQ(post(admin, R"(,"account":"taro@example.jp","domain":"example.com")"), 400);
  EXPECT_EQ(post(admin, R"(,"domain":"Example.jp")"), 201);
  EXPECT_EQ(post(admin, R"(,"account":"taro@example.jp")"), 201);
  EXPECT_EQ(post(caller_of(Role::operator_), ""), 201);
  EXPECT_EQ(ask(control, admin, "GET", "/api/v1/ip-rules"), 404);
  EXPECT_EQ(ask(control, admin, "GET", "/api/v1/ip-rules?within=example.jp"), 200);
  EXPECT_EQ(ask(control, admin, "GET", "/api/v1/ip-check?address=192.0.2.1"), 404);
  EXPECT_EQ(ask(control, admin, "GET", "/api/v1/ip-check?address=192.0.2.1&domain=example.jp"),
            200);
  EXPECT_EQ(ask(control, admin, "DELETE", "/api/v1/ip-rules/3"), 404) << "the server's";
  EXPECT_EQ(ask(control, admin, "DELETE", "/api/v1/ip-rules/1"), 200);
  EXPECT_EQ(ask(control, admin, "DELETE", "/api/v1/ip-rules/1"), 404);
}

TEST(Permissions, a_domain_admins_lists_name_their_domain) {
  const auto admin = caller_of(Role::domain_admin);
  MemoryControl control;
  const auto status = [&](const std::string& target) { return ask(control, admin, "GET", target); };
  for (const std::string list : {"accounts", "incidents", "holds", "audit", "notices"}) {
    const auto path = "/api/v1/" + list;
    EXPECT_EQ(status(path), 404) << list;
    // The filter of another list is none of this one's: it would leave the list whole.
    const std::string good =
        list == "incidents" || list == "holds" || list == "audit" ? "within" : "domain";
    const std::string none = good == "within" ? "kind" : "within";
    EXPECT_EQ(status(path + "?" + good + "=example.jp"), 200) << list;
    EXPECT_EQ(status(path + "?" + good + "=EXAMPLE.jp"), 200) << list;
    EXPECT_EQ(status(path + "?" + none + "=example.jp"), 404) << list;
    EXPECT_EQ(status(path + "?" + good + "=example.com"), 404) << list;
    EXPECT_EQ(status(path + "?" + good + "="), 404) << list;
    EXPECT_EQ(status(path + "?" + good + "=example.jp&account=anna%40example.com"), 404) << list;
    EXPECT_EQ(status(path + "?" + good + "=example.jp&kind=server"), 404) << list;
  }
}

class Sessions : public ::testing::Test {
 protected:
  SignIns::Options options() {
    SignIns::Options out;
    out.idle = minutes(30);
    out.length = hours(2);
    out.now = [this] { return now; };
    return out;
  }
  static People::Proof proof(std::string_view login, std::string_view code = "") {
    People::Proof out;
    out.login = std::string(login);
    out.password = Secret(std::string(MemoryPeople::k_password));
    out.code = Secret(std::string(code));
    return out;
  }
  Instant now{1'790'000'000'000'000};
  MemoryPeople people;
  const IpAddress home = *IpAddress::parse("192.0.2.7");
};

TEST_F(Sessions, a_token_opens_until_it_was_not_used_or_lasted_too_long) {
  SignIns doors(people, options());
  const auto begun = doors.begin(proof("nao"), home, "a browser");
  ASSERT_TRUE(begun);
  const auto token = begun->token.reveal();
  EXPECT_EQ(token.size(), 43U);
  EXPECT_TRUE(doors.find(token, home));
  EXPECT_FALSE(doors.find(std::string(token) + "x", home));
  EXPECT_FALSE(doors.find("", home));
  for (int i = 0; i < 4; ++i) {
    now = now + minutes(29);
    EXPECT_TRUE(doors.find(token, home)) << i;
  }
  now = now + minutes(29);  // beyond two hours, however busy
  EXPECT_FALSE(doors.find(token, home));
  const auto second = doors.begin(proof("nao"), home, "");
  now = now + minutes(30);
  EXPECT_FALSE(doors.find(second->token.reveal(), home));
}

TEST_F(Sessions, whoever_is_removed_or_demoted_is_so_within_moments) {
  SignIns doors(people, options());
  const auto begun = doors.begin(proof("nao"), home, "");
  Caller caller = caller_of(Role::operator_);
  caller.who = "nao";
  caller.session = begun->view.id;
  people.put("nao", Role::support, {});
  EXPECT_TRUE(doors.confirm(caller));
  now = now + seconds(31);
  EXPECT_TRUE(doors.confirm(caller));
  EXPECT_EQ(caller.role, Role::support);
  ASSERT_TRUE(people.remove("nao", {}));
  now = now + seconds(31);
  EXPECT_FALSE(doors.confirm(caller));
  EXPECT_FALSE(doors.find(begun->token.reveal(), home));
}

TEST_F(Sessions, end_one_or_all_others_and_nobody_elses) {
  SignIns doors(people, options());
  const auto one = doors.begin(proof("nao"), home, "");
  const auto two = doors.begin(proof("nao"), home, "");
  const auto hers = doors.begin(proof("sho"), home, "");
  EXPECT_EQ(doors.end("nao", hers->view.id), 0U);
  EXPECT_EQ(doors.sessions_of("nao").size(), 2U);
  EXPECT_EQ(doors.end("nao", 0, two->view.id), 1U);
  EXPECT_FALSE(doors.find(one->token.reveal(), home));
  EXPECT_TRUE(doors.find(two->token.reveal(), home));
  EXPECT_TRUE(doors.find(hers->token.reveal(), home));
  for (std::size_t i = 0; i < k_sessions_of_one_max + 5; ++i) {
    now = now + seconds(1);
    ASSERT_TRUE(doors.begin(proof("sho"), home, ""));
  }
  EXPECT_EQ(doors.sessions_of("sho").size(), k_sessions_of_one_max);
  EXPECT_FALSE(doors.find(hers->token.reveal(), home));
}

TEST_F(Sessions, an_authenticator_and_the_network_are_asked_for) {
  people.want_code("nao", "123456");
  auto settings = options();
  settings.networks = {*IpNetwork::parse("192.0.2.0/24")};
  SignIns doors(people, settings);
  const auto first = doors.begin(proof("nao"), home, "");
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->code_wanted);
  EXPECT_FALSE(first->token.is_set());
  EXPECT_FALSE(doors.begin(proof("nao", "000000"), home, ""));
  const auto in = doors.begin(proof("nao", "123456"), home, "");
  ASSERT_TRUE(in);
  EXPECT_TRUE(doors.find(in->token.reveal(), home));
  EXPECT_FALSE(doors.find(in->token.reveal(), *IpAddress::parse("198.51.100.1")));
}

// A foreign page can make a browser send the cookie, and not the header.
TEST_F(Sessions, a_change_wants_the_anti_forgery_token) {
  SignIns doors(people, options());
  const auto begun = doors.begin(proof("nao"), home, "");
  MemoryControl control;
  Caller caller = caller_of(Role::operator_);
  caller.who = "nao";
  caller.session = begun->view.id;
  caller.forgery_safe = false;
  const std::string target = "/api/v1/accounts/taro%40example.jp/restrict";
  EXPECT_EQ(ask(control, caller, "POST", target, &doors), 403);
  EXPECT_TRUE(control.audit_entries().empty());
  EXPECT_EQ(ask(control, caller, "DELETE", "/api/v1/session", &doors), 403);
  EXPECT_EQ(ask(control, caller, "GET", "/api/v1/accounts", &doors), 200);
  caller.forgery_safe = true;
  EXPECT_EQ(ask(control, caller, "POST", target, &doors), 200);
  EXPECT_EQ(ask(control, caller, "DELETE", "/api/v1/session", &doors), 200);
  EXPECT_FALSE(doors.find(begun->token.reveal(), home));
}

TEST(Cookies, are_found_by_their_whole_name) {
  EXPECT_EQ(cookie_of("sekimori_session=abc", "sekimori_session"), "abc");
  EXPECT_EQ(cookie_of("a=b; sekimori_session=abc; c=d", "sekimori_session"), "abc");
  EXPECT_EQ(cookie_of("xsekimori_session=abc", "sekimori_session"), "");
  EXPECT_EQ(cookie_of("sekimori_session", "sekimori_session"), "");
  EXPECT_EQ(cookie_of("", "sekimori_session"), "");
}

}  // namespace
}  // namespace sekimori::web
