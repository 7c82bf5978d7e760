#include "wire/dovecot_event.h"

#include <gtest/gtest.h>

namespace sekimori::wire {
namespace {

DovecotEvent must(std::string_view body) {
  auto event = parse_dovecot_event(body);
  EXPECT_TRUE(event) << body << (event ? "" : event.error().text);
  return event ? *event : DovecotEvent{};
}

TEST(DovecotEvent, ReadsBothVersionsFieldNames) {
  const auto v23 = must(
      R"({"event":"imap_command_finished","hostname":"mx1",)"
      R"("start_time":"2026-11-22T03:04:05.000001Z",)"
      R"("end_time":"2026-11-22T03:04:06Z",)"
      R"("categories":["imap"],"fields":{"user":"u@d.jp","service":"imap",)"
      R"("session":"s","cmd_name":"FETCH","cmd_args":"1:* BODY[]",)"
      R"("tagged_reply_state":"OK","bytes_in":120,"bytes_out":999000,"remote_ip":"192.0.2.1"}})");
  const auto v24 = must(R"({"event":"imap_command_finished","hostname":"mx1",)"
                        R"("start_time":"2026-11-22T03:04:05.000001Z",)"
                        R"("end_time":"2026-11-22T03:04:06Z",)"
                        R"("categories":["imap"],"fields":{"user":"u@d.jp","protocol":"imap",)"
                        R"("session":"s","cmd_name":"FETCH","cmd_args":"1:* BODY[]",)"
                        R"("tagged_reply_state":"OK","net_in_bytes":"120",)"
                        R"("net_out_bytes":"999000","remote_ip":"192.0.2.1"}})");
  for (const auto& e : {v23, v24}) {
    EXPECT_EQ(e.name, "imap_command_finished");
    EXPECT_EQ(e.user, "u@d.jp");
    EXPECT_EQ(e.service, "imap");
    EXPECT_EQ(e.cmd_name, "FETCH");
    EXPECT_EQ(e.bytes_in, 120U);
    EXPECT_EQ(e.bytes_out, 999000U);
    EXPECT_EQ(e.remote_ip.to_string(), "192.0.2.1");
    EXPECT_EQ(e.categories, std::vector<std::string>{"imap"});
    EXPECT_EQ(e.reply_state, "OK");
    EXPECT_EQ((e.end - e.start).us, 999'999);
    EXPECT_FALSE(to_event(e));
  }
}

TEST(DovecotEvent, AMissingSuccessIsAFailedLogin) {
  EXPECT_EQ(must(R"({"event":"auth_request_finished","fields":{"user":"u"}})").success, false);
  EXPECT_EQ(
      must(R"({"event":"auth_request_finished","fields":{"user":"u","success":"yes"}})").success,
      true);
  EXPECT_EQ(must(R"({"event":"imap_command_finished","fields":{}})").success, std::nullopt);
  EXPECT_FALSE(to_event(must(R"({"event":"auth_request_finished","end_time":1795316645,)"
                             R"("fields":{"user":"u@d","success":"yes"}})")));
}

TEST(DovecotEvent, SessionEndBecomesASession) {
  const auto e =
      to_event(must(R"({"event":"mail_user_session_finished",)"
                    R"("start_time":"2026-11-22T03:00:00Z","end_time":"2026-11-22T03:01:30.0004Z",)"
                    R"("fields":{"user":"U@D.jp","service":"imap","remote_ip":"2001:db8::7",)"
                    R"("net_in_bytes":5,"net_out_bytes":6,"fetch_body_count":7,"deleted":8}})"));
  ASSERT_TRUE(e);
  EXPECT_EQ(e->account, "u@d.jp");
  EXPECT_EQ(e->t, *parse_instant("2026-11-22T03:01:30.0004Z"));
  EXPECT_EQ(std::get<Session>(e->body),
            (Session{Service::imap, *IpAddress::parse("2001:db8::7"), 90, 5, 6, 7, 8}));
  EXPECT_FALSE(to_event(must(R"({"event":"mail_user_session_finished",)"
                             R"("end_time":"2026-11-22T03:01:30Z","fields":{"user":"u@d.jp",)"
                             R"("service":"lmtp"}})")));
}

TEST(DovecotEvent, FiltersAndDeliveries) {
  const auto filter = to_event(must(R"({"event":"sieve_script_activated","end_time":1795316645.5,)"
                                    R"("fields":{"user":"u@d.jp","script_name":"main"}})"));
  ASSERT_TRUE(filter);
  EXPECT_EQ(std::get<SettingsChange>(filter->body), (SettingsChange{SettingKind::filter, "main"}));
  EXPECT_TRUE(to_event(must(R"({"event":"managesieve_command_finished","end_time":"1795316645",)"
                            R"("fields":{"user":"u@d.jp","cmd_name":"PUTSCRIPT"}})")));
  EXPECT_FALSE(
      to_event(must(R"({"event":"managesieve_command_finished","end_time":1795316645,)"
                    R"("fields":{"user":"u@d.jp","cmd_name":"PUTSCRIPT","error":"quota"}})")));
  const auto received = to_event(must(R"({"event":"mail_delivery_finished","end_time":1795316645,)"
                                      R"("fields":{"user":"u@d.jp","message_from":"\"Han,)"
                                      R"( ako\" <Hanako@Example.com>","message_size":900}})"));
  ASSERT_TRUE(received);
  EXPECT_EQ(std::get<Received>(received->body).from, "hanako@example.com");
  EXPECT_FALSE(to_event(
      must(R"({"event":"mail_delivery_finished","end_time":1,"fields":{"user":"u@d.jp"}})")));
  const auto redirect = must(R"({"event":"sieve_action_finished","fields":{"user":"u@d.jp",)"
                             R"("action_name":"redirect","redirect_target":"x@evil.example"}})");
  EXPECT_EQ(redirect.redirect_target, "x@evil.example");
}

TEST(DovecotEvent, OddTypesCountAsMissingAndBrokenTextIsRefused) {
  const auto odd = must(R"({"event":"x","start_time":[],"end_time":"soon","categories":5,)"
                        R"("fields":{"user":7,"bytes_in":"many","remote_ip":{}}})");
  EXPECT_EQ(odd.user, "7");
  EXPECT_EQ(odd.bytes_in, 0U);
  EXPECT_FALSE(odd.end.is_set());
  EXPECT_FALSE(parse_dovecot_event("{}"));
  EXPECT_FALSE(parse_dovecot_event("[]"));
  const std::string body = R"({"event":"x","fields":{"user":"u@d.jp"}})";
  for (std::size_t n = 0; n < body.size(); ++n)
    EXPECT_FALSE(parse_dovecot_event(body.substr(0, n)));
  EXPECT_FALSE(
      parse_dovecot_event(R"({"event":"x","a":")" + std::string(k_dovecot_event_max, 'x') + "\"}"));
}

}  // namespace
}  // namespace sekimori::wire
