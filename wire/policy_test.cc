#include "wire/policy.h"

#include <gtest/gtest.h>

#include <string>

namespace sekimori::wire {
namespace {

// As Postfix 3.7.11 sends it (29 attributes), here at RCPT of an authenticated session.
const std::string k_rcpt =
    "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
    "client_address=192.0.2.7\nclient_name=unknown\nclient_port=40112\n"
    "reverse_client_name=unknown\nserver_address=198.51.100.2\nserver_port=587\n"
    "helo_name=[10.0.0.4]\nsender=taro@example.jp\nrecipient=hanako@example.com\n"
    "recipient_count=0\nqueue_id=4Xk1jd2Gz3z9sP\ninstance=3a7.6561f0aa.8a2c1.0\nsize=18234\n"
    "etrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username=Taro@Example.JP\nsasl_sender=\n"
    "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n"
    "encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\n"
    "encryption_keysize=256\npolicy_context=mx1\n\n";

TEST(PolicyRequest, ReadsEveryAttributeThePolicyUses) {
  const auto r = parse_policy_request(k_rcpt);
  ASSERT_TRUE(r) << r.error().text;
  EXPECT_EQ(r->state, PolicyState::rcpt);
  EXPECT_EQ(r->client_address, "192.0.2.7");
  EXPECT_EQ(r->helo_name, "[10.0.0.4]");
  EXPECT_EQ(r->sender, "taro@example.jp");
  EXPECT_EQ(r->recipient, "hanako@example.com");
  EXPECT_EQ(r->recipient_count, 0U);
  EXPECT_EQ(r->size, 18234U);
  EXPECT_EQ(r->instance, "3a7.6561f0aa.8a2c1.0");
  EXPECT_EQ(r->queue_id, "4Xk1jd2Gz3z9sP");
  EXPECT_EQ(r->sasl_method, "PLAIN");
  EXPECT_EQ(r->sasl_username, "Taro@Example.JP");
  EXPECT_EQ(r->encryption_protocol, "TLSv1.3");
  EXPECT_EQ(r->encryption_keysize, "256");
  EXPECT_EQ(r->server_port, "587");
  EXPECT_EQ(r->policy_context, "mx1");
}

TEST(PolicyRequest, KnowsEveryState) {
  const std::pair<const char*, PolicyState> states[] = {
      {"CONNECT", PolicyState::connect}, {"EHLO", PolicyState::ehlo},
      {"HELO", PolicyState::helo},       {"MAIL", PolicyState::mail},
      {"RCPT", PolicyState::rcpt},       {"DATA", PolicyState::data},
      {"BDAT", PolicyState::data},       {"END-OF-MESSAGE", PolicyState::end_of_message},
      {"VRFY", PolicyState::vrfy},       {"ETRN", PolicyState::etrn},
      {"rcpt", PolicyState::other},      {"", PolicyState::other}};
  for (const auto& [word, state] : states) {
    const std::string text = std::string("protocol_state=") + word + "\n\n";
    const auto r = parse_policy_request(text);
    ASSERT_TRUE(r);
    EXPECT_EQ(r->state, state) << word;
  }
}

TEST(PolicyRequest, OrderUnknownNamesAndMissingGroupsDoNotMatter) {
  const auto r = parse_policy_request(
      "size=7\nnew_thing_of_a_later_postfix=1\nsender=a=b@example.jp\nrecipient_count=12\n"
      "protocol_state=DATA\n\n");
  ASSERT_TRUE(r);
  EXPECT_EQ(r->state, PolicyState::data);
  EXPECT_EQ(r->sender, "a=b@example.jp");
  EXPECT_EQ(r->recipient_count, 12U);
  EXPECT_EQ(r->size, 7U);
  EXPECT_EQ(r->sasl_username, "");
}

TEST(PolicyRequest, RefusesWhatPostfixWouldNotSend) {
  for (const std::string text :
       {"\n", "", "no equals sign\n\n", "=x\n\n", "size=-1\n\n", "size=1x\n\n", "request=junk\n\n",
        "recipient_count=4294967296\n\n", "a=b\n\nc=d\n\n"}) {
    EXPECT_FALSE(parse_policy_request(text)) << text;
  }
  EXPECT_FALSE(parse_policy_request("sender=" + std::string(k_policy_line_max, 'x') + "\n\n"));
  EXPECT_FALSE(parse_policy_request(std::string(k_policy_request_max + 1, 'x')));
}

TEST(PolicyRequest, PrintThenParseIsTheSame) {
  const auto first = parse_policy_request(k_rcpt);
  ASSERT_TRUE(first);
  std::string printed;
  append_policy_request(printed, *first);
  const auto again = parse_policy_request(printed);
  ASSERT_TRUE(again);
  std::string twice;
  append_policy_request(twice, *again);
  EXPECT_EQ(printed, twice);
  EXPECT_EQ(again->sasl_username, first->sasl_username);
  EXPECT_EQ(again->size, first->size);
  EXPECT_EQ(again->state, first->state);
}

TEST(PolicyFraming, EveryPrefixAsksForMoreAndTheWholeIsFound) {
  const std::string two = k_rcpt + k_rcpt;
  for (std::size_t n = 0; n < k_rcpt.size(); ++n) {
    const auto found = find_request(std::string_view(two).substr(0, n));
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->has_value()) << n;
  }
  for (std::size_t n = k_rcpt.size(); n <= two.size(); ++n) {
    const auto found = find_request(std::string_view(two).substr(0, n));
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->has_value());
    EXPECT_EQ(**found, k_rcpt.size());
  }
}

TEST(PolicyFraming, TakesCarriageReturns) {
  const std::string text = "protocol_state=RCPT\r\nsender=x@y.jp\r\n\r\nrest";
  for (std::size_t n = 0; n < text.size() - 4; ++n) {
    EXPECT_FALSE(find_request(std::string_view(text).substr(0, n))->has_value()) << n;
  }
  const auto found = find_request(text);
  ASSERT_TRUE(found && found->has_value());
  EXPECT_EQ(**found, text.size() - 4);
  const auto r = parse_policy_request(std::string_view(text).substr(0, **found));
  ASSERT_TRUE(r);
  EXPECT_EQ(r->sender, "x@y.jp");
  EXPECT_EQ(r->state, PolicyState::rcpt);
}

TEST(PolicyFraming, GivesUpAtTheLimitAndNotBefore) {
  const std::string endless(k_policy_request_max - 1, 'a');
  EXPECT_FALSE(find_request(endless)->has_value());
  EXPECT_FALSE(find_request(endless + "a").has_value());
  const std::string fits = std::string(k_policy_request_max - 2, 'a') + "\n\n";
  EXPECT_EQ(**find_request(fits), k_policy_request_max);
}

std::string answer(const PolicyAnswer& a) {
  std::string out;
  append_policy_answer(out, a);
  return out;
}

TEST(PolicyAnswer, PrintsEachAction) {
  EXPECT_EQ(answer({}), "action=DUNNO\n\n");
  EXPECT_EQ(answer({PolicyAction::hold, "", ""}), "action=HOLD\n\n");
  EXPECT_EQ(answer({PolicyAction::hold, "", "why"}), "action=HOLD why\n\n");
  EXPECT_EQ(answer({PolicyAction::reject, "525 5.7.13", "incident 7"}),
            "action=525 5.7.13 incident 7\n\n");
  EXPECT_EQ(answer({PolicyAction::defer, "450 4.7.1", "later"}), "action=450 4.7.1 later\n\n");
  EXPECT_EQ(answer({PolicyAction::reject, "", "no"}), "action=REJECT no\n\n");
  EXPECT_EQ(answer({PolicyAction::warn, "", "would hold"}), "action=WARN would hold\n\n");
  EXPECT_EQ(answer({PolicyAction::prepend, "", "X-A: b"}), "action=PREPEND X-A: b\n\n");
  EXPECT_EQ(answer({PolicyAction::bcc, "", "r@x.example"}), "action=BCC r@x.example\n\n");
}

TEST(PolicyAnswer, NothingCanBreakOutOfTheLine) {
  EXPECT_EQ(answer({PolicyAction::reject, "550 5.1.1\naction=OK", "a\r\n\naction=OK\x01\x7f"}),
            "action=REJECT a???action=OK??\n\n");
  EXPECT_EQ(answer({PolicyAction::reject, "250 2.0.0", "x"}), "action=REJECT x\n\n");
  EXPECT_EQ(answer({PolicyAction::reject, "550 4.1.1", "x"}), "action=REJECT x\n\n");
  // One '?' for each character, not for each byte of it.
  EXPECT_EQ(answer({PolicyAction::warn, "", "停止 ok"}), "action=WARN ?? ok\n\n");
}

TEST(PolicyAnswer, CutsAtWhatPostfixTakes) {
  const std::string out = answer({PolicyAction::reject, "525 5.7.13", std::string(2000, 'x')});
  EXPECT_EQ(out.size(), std::string_view("action=").size() + k_policy_action_max + 2);
  EXPECT_TRUE(out.ends_with("xx\n\n"));
}

}  // namespace
}  // namespace sekimori::wire
