// The owner's routes on real sockets: whose token opens what, and how often anybody may knock.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "web/admission.h"
#include "web/client.h"
#include "web/memory_control.h"
#include "web/server.h"

namespace sekimori::web {
namespace {

namespace json = boost::json;
constexpr std::string_view k_token = "a-token-of-good-length-for-tests";

class OwnerServer : public ::testing::Test {
 protected:
  void SetUp() override {
    settings.listen.push_back({IpAddress::parse("127.0.0.1").value(), 0});
    control.contain_by_machine("taro@example.jp");
  }
  void start() {
    server = std::make_unique<Server>(settings, Secret(std::string(k_token)), control, hub);
    const auto started = server->start();
    ASSERT_TRUE(started) << started.error().text;
  }
  Client::Response call(std::string_view method, std::string_view target, std::string_view body,
                        std::string_view token) {
    ClientSettings to;
    to.address = IpAddress::parse("127.0.0.1").value();
    to.port = server->ports().at(0);
    to.token = Secret(std::string(token));
    const auto response = Client(std::move(to)).call(method, target, body);
    if (!response) {
      ADD_FAILURE() << response.error().text;
      return {};
    }
    return *response;
  }
  std::string prove(std::string_view value, int status = 201) {
    const auto response =
        call("POST", "/api/v1/owner/session",
             json::serialize(
                 json::object{{"address", "taro@example.jp"}, {"proof", "totp"}, {"value", value}}),
             "");
    EXPECT_EQ(response.status, status) << response.body;
    if (response.status != 201) return "";
    return std::string(json::parse(response.body).at("token").as_string());
  }

  ServerSettings settings;
  MemoryControl control;
  Hub hub;
  std::unique_ptr<Server> server;
};

TEST_F(OwnerServer, each_token_opens_its_own_doors) {
  start();
  const auto token = prove(MemoryRecovery::k_totp);
  EXPECT_EQ(call("GET", "/api/v1/owner/recovery", "", token).status, 200);
  EXPECT_EQ(call("GET", "/api/v1/owner/recovery", "", k_token).status, 401);
  EXPECT_EQ(call("GET", "/api/v1/owner/recovery", "", "").status, 401);
  EXPECT_EQ(call("GET", "/api/v1/accounts/taro@example.jp", "", token).status, 401);
  EXPECT_EQ(call("POST", "/api/v1/accounts/taro@example.jp/restore", "{}", token).status, 401);
  EXPECT_EQ(call("GET", "/api/v1/accounts/taro@example.jp", "", k_token).status, 200);
  // At the doors the header says nothing, whatever stands in it.
  const std::string body = R"({"address":"taro@example.jp","proof":"totp","value":"492039"})";
  EXPECT_EQ(call("POST", "/api/v1/owner/session", body, "no-such-token-at-all").status, 201);
}

TEST_F(OwnerServer, guessing_comes_to_an_end_and_others_go_on) {
  start();
  // What was right does not count, however often.
  std::string token;
  for (std::uint32_t i = 0; i < OwnerLimiter::k_prove.per_both + 2; ++i) {
    token = prove(MemoryRecovery::k_totp);
  }
  for (std::uint32_t i = 0; i < OwnerLimiter::k_prove.per_both; ++i) prove("000000", 401);
  // Over the limit even the right one is not looked at; who is in stays in.
  prove("000000", 429);
  prove(MemoryRecovery::k_totp, 429);
  EXPECT_EQ(call("GET", "/api/v1/owner/recovery", "", token).status, 200);
  EXPECT_EQ(call("GET", "/api/v1/server", "", k_token).status, 200);
  const std::string contact = R"({"address":"nobody@example.jp"})";
  for (std::uint32_t i = 0; i < OwnerLimiter::k_send.per_both; ++i) {
    EXPECT_EQ(call("POST", "/api/v1/owner/contact-code", contact, "").status, 202);
  }
  EXPECT_EQ(call("POST", "/api/v1/owner/contact-code", contact, "").status, 429);
}

TEST_F(OwnerServer, wrong_tokens_are_counted) {
  settings.failures_per_minute = 3;
  start();
  int refused = 0;
  int braked = 0;
  for (int i = 0; i < 6; ++i) {
    const auto status =
        call("GET", "/api/v1/owner/recovery", "", "guess-" + std::to_string(i)).status;
    refused += status == 401;
    braked += status == 429;
  }
  EXPECT_EQ(refused + braked, 6);
  // A minute may turn once meanwhile.
  EXPECT_GE(braked, 1);
  EXPECT_GE(server->counters().auth_failures, 6U);
}

TEST_F(OwnerServer, bodies_of_anybody_are_small) {
  start();
  const std::string body = R"({"address":")" + std::string(k_owner_body_max, 'a') + "\"}";
  EXPECT_EQ(call("POST", "/api/v1/owner/session", body, "").status, 413);
  EXPECT_EQ(call("POST", "/api/v1/accounts/taro@example.jp/restrict", body, k_token).status, 200);
}

// ---- the limiter itself ----

TEST(OwnerLimiter, counts_by_network_and_by_address) {
  OwnerLimiter limiter;
  const Instant now{1'795'000'000'000'000};
  const auto ip = [](int i) {
    return IpAddress::parse("192.0." + std::to_string(i / 200) + "." + std::to_string(i % 200))
        .value();
  };
  const auto tries = [&](OwnerAct act, auto&& from, auto&& address) {
    std::uint32_t admitted = 0;
    for (int i = 0; i < 1000; ++i) admitted += limiter.admit(act, from(i), address(i), now);
    return admitted;
  };
  const auto one = [](int) { return std::string("taro@example.jp"); };
  const auto many = [](int i) { return "a" + std::to_string(i) + "@example.jp"; };
  EXPECT_EQ(
      tries(OwnerAct::prove, [&](int) { return ip(1); }, one), OwnerLimiter::k_prove.per_both);
  EXPECT_EQ(tries(
                OwnerAct::prove, [&](int i) { return ip(i + 2); }, one),
            OwnerLimiter::k_prove.per_address - OwnerLimiter::k_prove.per_both);
  EXPECT_EQ(tries(
                OwnerAct::prove, [](int) { return IpAddress::parse("2001:db8::1").value(); }, many),
            OwnerLimiter::k_prove.per_network);
  EXPECT_FALSE(limiter.admit(OwnerAct::prove, IpAddress::parse("2001:db8::2").value(), "x@y", now))
      << "one /64 is one network";
  EXPECT_TRUE(limiter.admit(OwnerAct::send, ip(1), "taro@example.jp", now)) << "acts are apart";
  EXPECT_FALSE(limiter.admit(OwnerAct::prove, ip(1), "taro@example.jp", now + minutes(1)));
  EXPECT_TRUE(limiter.admit(OwnerAct::prove, ip(1), "taro@example.jp", now + minutes(15)));
}

TEST(OwnerLimiter, a_flood_of_addresses_does_not_grow_it) {
  OwnerLimiter limiter;
  const Instant now{1'795'000'000'000'000};
  std::uint32_t admitted = 0;
  for (std::size_t i = 0; i < 3 * OwnerLimiter::k_keys_max; ++i) {
    admitted += limiter.admit(OwnerAct::send, {}, "a" + std::to_string(i) + "@example.jp", now);
  }
  EXPECT_LE(admitted, OwnerLimiter::k_keys_max + OwnerLimiter::k_send.per_address);
}

}  // namespace
}  // namespace sekimori::web
