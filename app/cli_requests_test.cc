#include "app/cli_requests.h"

#include <gtest/gtest.h>

#include "web/api.h"

namespace sekimori::app {
namespace {

const Instant k_now = *parse_instant("2026-11-22T00:00:00Z");

ApiRequestText request_of(std::vector<std::string> words) {
  const auto given = parse_command_line(words, {});
  EXPECT_TRUE(given);
  const auto request = api_request(*given, k_now);
  EXPECT_TRUE(request) << words[0];
  return request.value_or(ApiRequestText{});
}

TEST(CliRequests, AddressesAndReasonsAreEscaped) {
  const auto request =
      request_of({"account", "restrict", "a/b?c@x.example", "--reason", "said \"no\"\n送信"});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/api/v1/accounts/a%2Fb%3Fc%40x.example/restrict");
  EXPECT_EQ(request.body, "{\"reason\":\"said \\\"no\\\"\\n送信\"}");
}

TEST(CliRequests, RestoreMayAskForProbation) {
  EXPECT_EQ(request_of({"account", "restore", "a@b"}).body, "{}");
  EXPECT_EQ(request_of({"account", "restore", "a@b", "--probation"}).body, "{\"probation\":true}");
}

TEST(CliRequests, ListsCarryTheirFilters) {
  EXPECT_EQ(request_of({"account", "list"}).target, "/api/v1/accounts?limit=100");
  EXPECT_EQ(request_of({"account", "list", "--search", "a b", "--standing", "suspended"}).target,
            "/api/v1/accounts?search=a%20b&standing=suspended&limit=100");
}

TEST(CliRequests, AnApprovalIsSaidInFull) {
  const auto request =
      request_of({"account",       "approve", "a@b.example", "--recipients", "500",
                  "--per-message", "100",     "--size",      "10k-2M",       "--network",
                  "192.0.2.0/24",  "--until", "30d",         "--repeat",     "monthly",
                  "--days",        "1,last",  "--start",     "09:00",        "--minutes",
                  "240",           "--zone",  "Asia/Tokyo",  "--reason",     "請求書"});
  EXPECT_EQ(request.target, "/api/v1/accounts/a%40b.example/approvals");
  EXPECT_EQ(request.body,
            R"({"recipients":500,"per_message":100,"size_min":10000,"size_max":2000000,)"
            R"("until":"2026-12-22T00:00:00Z","network":"192.0.2.0/24","repeat":"monthly",)"
            R"("start":"09:00","zone":"Asia/Tokyo","reason":"請求書","days":["1","last"],)"
            R"("minutes":240})");
  EXPECT_EQ(request_of({"account", "approval-end", "7", "--reason", "over"}).body,
            R"({"reason":"over"})");
  for (const auto* size : {"10k", "10k-", "-10k", "10g-20g", "10k-2M-3M"}) {
    const auto given = parse_command_line(
        {"account", "approve", "a@b", "--recipients", "5", std::string("--size=") + size}, {});
    ASSERT_TRUE(given) << size;
    EXPECT_FALSE(api_request(*given, k_now)) << size;
  }
}

TEST(CliRequests, EveryRequestIsARouteOfTheApi) {
  // "{address}" stands for one segment.
  const auto matches = [](std::string_view pattern, std::string_view path) {
    while (true) {
      const auto p = pattern.substr(0, pattern.find('/'));
      const auto t = path.substr(0, path.find('/'));
      if (p != t && !p.starts_with('{')) return false;
      const bool ends = p.size() == pattern.size();
      if (ends || t.size() == path.size()) return ends == (t.size() == path.size());
      pattern.remove_prefix(p.size() + 1);
      path.remove_prefix(t.size() + 1);
    }
  };
  const std::vector<std::vector<std::string>> lines = {
      {"account", "list"},
      {"account", "show", "a@b"},
      {"account", "suspend", "a@b"},
      {"account", "recovery-code", "a@b"},
      {"account", "recovery", "a@b"},
      {"account", "approve", "a@b", "--recipients", "9"},
      {"account", "approvals", "a@b"},
      {"account", "approval-suggestions", "a@b"},
      {"account", "approval-end", "7"},
      {"account", "approval-resume", "7"},
      {"account", "recovery", "a@b", "--check"},
      {"account", "ways", "a@b"},
      {"account", "recovery", "a@b", "--keep-forwards"},
      {"account", "recovery", "a@b", "--review", "x"},
      {"account", "call-sheet", "a@b"},
      {"encryption", "show", "--domain", "b"},
      {"encryption", "list", "--hit"},
      {"encryption", "enforce", "b", "--from", "2030-01-01", "--reason", "x"},
      {"encryption", "lift", "b"},
      {"encryption", "exceptions"},
      {"encryption", "except", "a@b", "--until", "30d", "--reason", "x"},
      {"encryption", "unexcept", "a@b"},
      {"notice", "list"},
      {"notice", "acknowledge", "1"},
      {"domain", "restrict", "b"},
      {"domain", "suspend", "b"},
      {"domain", "restore", "b"},
      {"server", "stop-sending"},
      {"server", "resume-sending"},
      {"incident", "list"},
      {"incident", "show", "1"},
      {"incident", "close", "1"},
      {"incident", "note", "1", "x"},
      {"incident", "delisting", "1", "--named"},
      {"account", "bounces", "a@b"},
      {"account", "waiting", "a@b"},
      {"incident", "report", "1"},
      {"incident", "warn-recipients", "1", "--send", "--reason", "x"},
      {"account", "waiting"},
      {"incident", "ways", "1"},
      {"incident", "keep", "1", "2"},
      {"incident", "revert", "1", "2", "--reason", "x"},
      {"hold", "list"},
      {"hold", "release", "ABC123"},
      {"hold", "delete", "ABC123"},
      {"ip", "list"},
      {"ip", "allow", "192.0.2.1"},
      {"ip", "deny", "192.0.2.1"},
      {"ip", "unblock", "192.0.2.1"},
      {"ip", "unblock", "17"},
      {"ip", "check", "192.0.2.1", "--account", "a@b"},
      {"ip", "import", "/dev/null", "--action", "deny", "--reason", "x"},
      {"health"},
      {"release-all"},
      {"bypass", "off"},
  };
  for (const auto& words : lines) {
    const auto request = request_of(words);
    const auto path = request.target.substr(0, request.target.find('?'));
    bool known = false;
    for (const auto& route : web::routes()) {
      known = known || (route.method == request.method && matches(route.pattern, path));
    }
    EXPECT_TRUE(known) << request.method << ' ' << request.target;
  }
}

TEST(CliRequests, ForwardsAreAnsweredByNameOrAllAtOnce) {
  const auto all = request_of({"account", "recovery", "a@b", "--remove-forwards"});
  EXPECT_EQ(all.method, "POST");
  EXPECT_EQ(all.target, "/api/v1/accounts/a%40b/recovery/forwards");
  EXPECT_EQ(all.body, "{\"answer\":\"remove\"}");
  EXPECT_EQ(request_of({"account", "recovery", "a@b", "--keep-forwards", "x@y", "z@y"}).body,
            "{\"answer\":\"keep\",\"targets\":[\"x@y\",\"z@y\"]}");
  EXPECT_EQ(request_of({"account", "recovery", "a@b", "--review", "called"}).body,
            "{\"reason\":\"called\"}");
  EXPECT_EQ(request_of({"notice", "list", "--state", "waiting"}).target,
            "/api/v1/notices?state=waiting&limit=100");
}

TEST(CliRequests, ExpiryIsALengthOrATime) {
  EXPECT_EQ(parse_expiry("24h", k_now)->us, (k_now + hours(24)).us);
  EXPECT_EQ(parse_expiry("30m", k_now)->us, (k_now + minutes(30)).us);
  EXPECT_EQ(parse_expiry("7d", k_now)->us, (k_now + days(7)).us);
  EXPECT_EQ(format_instant(*parse_expiry("2027-01-01T00:00:00Z", k_now)), "2027-01-01T00:00:00Z");
  EXPECT_FALSE(parse_expiry("", k_now)->is_set());
  for (const char* wrong :
       {"24", "h", "-1h", "24x", "0h", "99999999d", "24hh", "99999999999999999h"}) {
    EXPECT_FALSE(parse_expiry(wrong, k_now)) << wrong;
  }
}

}  // namespace
}  // namespace sekimori::app
