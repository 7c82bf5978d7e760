#include "decide/mail_settings.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sekimori::decide {
namespace {

const Instant k_now = *parse_instant("2026-11-22T12:00:00Z");

Event login(Instant t, LoginResult result, Service service) {
  Event event;
  event.t = t;
  event.account = "taro@example.jp";
  Login body;
  body.result = result;
  body.service = service;
  body.ip = *IpAddress::parse("192.0.2.7");
  event.body = std::move(body);
  return event;
}

MailSettingsFacts names() {
  MailSettingsFacts facts;
  facts.zone = ZoneRule::parse("JST-9").value();
  facts.servers = {{Service::imap, "imap.example.jp", 993, true},
                   {Service::smtp, "smtp.example.jp", 587, false}};
  return facts;
}
DiagnosisFacts reads_well() {
  DiagnosisFacts facts;
  facts.now = k_now;
  facts.reading[Service::imap] = {.signed_in = 30, .signed_in_hour = 3, .last = k_now - hours(1)};
  return facts;
}
std::vector<Finding> answered(const DiagnosisFacts& facts, const MailSettingsFacts& settings) {
  auto findings = diagnose(facts);
  add_mail_settings(findings, settings);
  return findings;
}
using Codes = std::vector<std::string>;
Codes codes(const std::vector<Finding>& findings) {
  Codes out;
  for (const Finding& finding : findings) out.push_back(finding.code);
  return out;
}
bool names_imap(const Finding& finding) {
  return finding.next.ja.find("受信(IMAP) imap.example.jp ポート 993 SSL/TLS") !=
             std::string::npos &&
         finding.next.en.find("incoming (IMAP) imap.example.jp port 993 SSL/TLS") !=
             std::string::npos;
}

TEST(MailSettings, WhatBrokeOffBeforeASignInIsAboutTheSettings) {
  auto settings = names();
  settings.handshakes = {{HandshakeTrouble::certificate_refused, Service::imap, 12, k_now},
                         {HandshakeTrouble::not_encrypted, Service::pop3, 3, k_now},
                         {HandshakeTrouble::password_in_plain, Service::imap, 1, k_now}};
  const auto found = answered(reads_well(), settings);
  ASSERT_EQ(codes(found), (Codes{"wrong_server_name", "wrong_port", "encryption_needed"}));
  for (const Finding& finding : found) {
    EXPECT_EQ(finding.weight, FindingWeight::warning);
    EXPECT_TRUE(names_imap(finding)) << finding.code << finding.next.ja;
    EXPECT_NE(finding.next.en.find("smtp.example.jp port 587 STARTTLS"), std::string::npos);
  }
  EXPECT_NE(found[0].what.en.find("12 IMAP connections"), std::string::npos) << found[0].what.en;
  EXPECT_NE(found[0].what.ja.find("12回"), std::string::npos);
  EXPECT_NE(found[1].what.en.find("POP3"), std::string::npos);
  // What is broken comes before.
  auto full = reads_well();
  full.used_bytes = 2'000'000'000;
  full.quota_bytes = 1'000'000'000;
  EXPECT_EQ(codes(answered(full, settings)).front(), "mailbox_full");
}

TEST(MailSettings, WhoSendsButNeverReadsHasAnotherIncomingServer) {
  auto settings = names();
  see_sending(settings, login(k_now - days(8), LoginResult::ok, Service::smtp), k_now);
  see_sending(settings, login(k_now - hours(1), LoginResult::bad_password, Service::smtp), k_now);
  see_sending(settings, login(k_now - hours(1), LoginResult::ok, Service::imap), k_now);
  EXPECT_FALSE(settings.last_sending.is_set());
  see_sending(settings, login(k_now - hours(30), LoginResult::ok, Service::smtp), k_now);
  see_sending(settings, login(k_now - hours(40), LoginResult::ok, Service::smtp), k_now);
  EXPECT_EQ(settings.last_sending, k_now - hours(30));
  DiagnosisFacts silent;
  silent.now = k_now;
  const auto found = answered(silent, settings);
  ASSERT_EQ(codes(found), Codes{"wrong_incoming_server"});
  EXPECT_TRUE(names_imap(found[0]));
  EXPECT_EQ(found[0].next.en.find("smtp.example.jp"), std::string::npos);
  EXPECT_NE(found[0].what.en.find("2026-11-21 15:00"), std::string::npos);
  EXPECT_NE(found[0].what.ja.find("2026年11月21日 15:00"), std::string::npos);
  // Who reads as well has nothing to compare.
  EXPECT_EQ(codes(answered(reads_well(), settings)), Codes{"nothing_here"});
}

// Nothing came at all: what went to another name never reached us, and that is said.
TEST(MailSettings, WhoseProgramNeverCameIsShownTheRightNames) {
  DiagnosisFacts silent;
  silent.now = k_now;
  const auto found = answered(silent, names());
  ASSERT_EQ(codes(found), Codes{"never_reads"});
  EXPECT_TRUE(names_imap(found[0]));
  EXPECT_NE(found[0].next.en.find("never reaches this server"), std::string::npos);
  // A provider that has set no names: the instructions.
  EXPECT_EQ(answered(silent, {}), diagnose(silent));
  EXPECT_NE(answered(silent, {})[0].next.ja.find("設定のご案内"), std::string::npos);
  MailSettingsFacts unnamed;
  unnamed.handshakes = {{HandshakeTrouble::not_encrypted, Service::imap, 1, k_now}};
  EXPECT_NE(answered(reads_well(), unnamed)[0].next.ja.find("設定のご案内"), std::string::npos);
}

}  // namespace
}  // namespace sekimori::decide
