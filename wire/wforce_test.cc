// What these prove: both ways of asking and the verb of each command; entries with every key at its
// place, addresses unmapped and masks cut; answers letter by letter as weakforced prints them.
#include "wire/wforce.h"

#include <gtest/gtest.h>

#include "wire/json_object.h"

namespace sekimori::wire {
namespace {

TEST(WforceCommand, BothSpellingsAndTheRightVerb) {
  EXPECT_EQ(parse_wforce_command("POST", "/?command=allow"), WforceCommand::allow);
  EXPECT_EQ(parse_wforce_command("POST", "/command/addBLEntry"), WforceCommand::add_block);
  EXPECT_EQ(parse_wforce_command("GET", "/?command=getWL"), WforceCommand::get_allow);
  EXPECT_EQ(parse_wforce_command("GET", "/command/ping"), WforceCommand::ping);
  EXPECT_EQ(parse_wforce_command("POST", "/command/getDBStats"), WforceCommand::get_stats);
  EXPECT_EQ(parse_wforce_command("GET", "/?command=allow"), WforceCommand::unknown);
  EXPECT_EQ(parse_wforce_command("POST", "/?command=ping"), WforceCommand::unknown);
  EXPECT_EQ(parse_wforce_command("POST", "/?command=syncDBs"), WforceCommand::unknown);
  EXPECT_EQ(parse_wforce_command("GET", "/"), WforceCommand::unknown);
  for (std::size_t i = 1; i < k_wforce_commands; ++i) {
    EXPECT_NE(to_string(static_cast<WforceCommand>(i)), "");
  }
}

TEST(WforceEntry, EveryKindOfEntry) {
  const auto ip =
      parse_wforce_entry(R"({"ip":"::ffff:192.0.2.9","expire_secs":60,"reason":"a test"})", true);
  ASSERT_TRUE(ip);
  EXPECT_EQ(wforce_network(*ip->network), "192.0.2.9/32");
  EXPECT_TRUE(ip->single);
  EXPECT_EQ(ip->expire_secs, 60);
  EXPECT_EQ(ip->reason, "a test");
  const auto net = parse_wforce_entry(
      R"({"netmask":"2001:503:ba3e::77/64","expire_secs":3600.0,"reason":"r"})", true);
  ASSERT_TRUE(net);
  EXPECT_EQ(wforce_network(*net->network), "2001:503:ba3e::/64");
  EXPECT_FALSE(net->single);
  const auto both = parse_wforce_entry(R"({"ip":"2001:db8::1","login":"u@d"})", false);
  ASSERT_TRUE(both);
  EXPECT_EQ(*both->login, "u@d");
  EXPECT_TRUE(both->network);
}

TEST(WforceEntry, SaysWhatIsMissing) {
  const auto said = [](std::string_view body) {
    const auto entry = parse_wforce_entry(body, true);
    return entry ? std::string() : entry.error().text;
  };
  EXPECT_EQ(said(R"({"ip":"192.0.2.1","reason":"r"})"), "Missing mandatory expire_secs field");
  EXPECT_EQ(said(R"({"ip":"192.0.2.1","expire_secs":5})"), "Missing mandatory reason field");
  EXPECT_NE(said(R"({"ip":"nonsense","expire_secs":5,"reason":"r"})"), "");
  EXPECT_NE(said(R"({"netmask":"192.0.2.0/33","expire_secs":5,"reason":"r"})"), "");
  EXPECT_NE(said(R"({"netmask":"192.0.2.0/24","login":"u","expire_secs":5,"reason":"r"})"), "");
  EXPECT_NE(said("[]"), "");
  EXPECT_NE(said(R"({"login":"","expire_secs":5,"reason":"r"})"), "");
}

TEST(WforceLogin, NeedsALoginAndAnAddress) {
  EXPECT_TRUE(parse_wforce_login(R"({"login":"u","remote":"192.0.2.1","pwhash":"1234"})"));
  EXPECT_FALSE(parse_wforce_login(R"({"login":"u","remote":"here"})"));
  EXPECT_FALSE(parse_wforce_login(R"({"remote":"192.0.2.1"})"));
}

TEST(WforceAnswers, LetterByLetter) {
  EXPECT_EQ(wforce_allow_answer(0, "", {}), R"({"msg": "", "r_attrs": {}, "status": 0})");
  EXPECT_EQ(wforce_allow_answer(-1, "no", {{"key", "ip"}, {"reason", "a \"b\""}}),
            R"({"msg": "no", "r_attrs": {"key": "ip", "reason": "a \"b\""}, "status": -1})");
  EXPECT_EQ(wforce_failure("Unauthorized"), R"({"status":"failure", "reason":"Unauthorized"})");
  EXPECT_EQ(wforce_time(Instant{1'795'373'391'000'000}), "2026-Nov-22 18:49:51");
}

TEST(WforceParsers, AnyPrefixOfABodyIsReadOrRefused) {
  const std::string body =
      R"({"ip":"192.0.2.1","login":"u@d","expire_secs":60,"reason":"\u65e5\u672c","remote":"::1"})";
  for (std::size_t n = 0; n <= body.size(); ++n) {
    const std::string_view part = std::string_view(body).substr(0, n);
    EXPECT_EQ(parse_wforce_entry(part, true).has_value(), n == body.size());
    EXPECT_EQ(parse_wforce_key(part).has_value(), n == body.size());
    EXPECT_EQ(parse_wforce_login(part).has_value(), n == body.size());
  }
}

}  // namespace
}  // namespace sekimori::wire
