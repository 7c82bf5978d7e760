// Letters that came back, in the forms that matter, and what must hold for any bytes.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "report/header_block.h"
#include "report/mail_report.h"
#include "report/plain_text.h"
#include "report/report_text.h"

namespace sekimori::report {
namespace {

std::string postfix_bounce(std::string_view head_of_original) {
  return "Return-Path: <>\r\n"
         "Date: Sun, 22 Nov 2026 12:00:00 +0900\r\n"
         "From: MAILER-DAEMON@mx.example.jp (Mail Delivery System)\r\n"
         "Subject: Undelivered Mail Returned to Sender\r\n"
         "To: hanako@example.jp\r\n"
         "Auto-Submitted: auto-replied\r\n"
         "MIME-Version: 1.0\r\n"
         "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b/x\"\r\n"
         "Message-Id: <20261122@mx.example.jp>\r\n\r\n"
         "--b/x\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
         "<Nobody@Example.org>: host mail.example.org[192.0.2.1] said: 550 5.1.1\r\n"
         "    User unknown (in reply to RCPT TO command)\r\n\r\n"
         "--b/x\r\nContent-Type: message/delivery-status\r\n\r\n"
         "Reporting-MTA: dns; mx.example.jp\r\nX-Postfix-Queue-ID: 4XyZ\r\n\r\n"
         "Final-Recipient: rfc822; Nobody@Example.org\r\n"
         "Original-Recipient: rfc822;alias@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
         "Remote-MTA: dns; mail.example.org\r\n"
         "Diagnostic-Code: smtp; 550 5.1.1 User\r\n    unknown\r\n\r\n"
         "--b/x\r\nContent-Type: message/rfc822\r\n\r\n" +
         std::string(head_of_original) + "\r\nSecret words.\r\n\r\n--b/x--\r\n";
}

constexpr std::string_view k_original =
    "Return-Path: <hanako@example.jp>\r\n"
    "Received: from [192.0.2.9] (unknown [192.0.2.9])\r\n"
    "\tby mx.example.jp (Postfix) with ESMTPSA id 4QueueID\r\n"
    "\tfor <nobody@example.org>; Sun, 22 Nov 2026 11:59:00 +0900 (JST)\r\n"
    "X-Sekimori-Account: abc.def\r\n"
    "From: =?UTF-8?B?6Iqx5a2Q?= <Hanako@example.jp>\r\nTo: nobody@example.org\r\n"
    "Message-ID: <one@example.jp>\r\nDate: Sun, 22 Nov 2026 11:59:00 +0900\r\n";

TEST(MailReport, ReadsAPostfixBounce) {
  const auto report = read_report(postfix_bounce(k_original));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kind, ReportKind::bounce);
  EXPECT_EQ(report->to, "hanako@example.jp");
  EXPECT_TRUE(report->null_sender);
  EXPECT_EQ(report->reporting_mta, "mx.example.jp");
  EXPECT_EQ(report->queue_id, "4XyZ");
  ASSERT_EQ(report->recipients.size(), 1U);
  const auto& r = report->recipients[0];
  EXPECT_EQ(r.final_recipient, "nobody@example.org");
  EXPECT_EQ(r.original_recipient, "alias@example.net");
  EXPECT_EQ(r.action, "failed");
  EXPECT_EQ(r.status, "5.1.1");
  EXPECT_EQ(r.reply_code, "550");
  EXPECT_EQ(r.reason, BounceReason::user_unknown);
  EXPECT_TRUE(r.hard);
  EXPECT_EQ(r.diagnostic, "smtp; 550 5.1.1 User unknown");
  const auto& original = report->original;
  EXPECT_EQ(original.message_id, "one@example.jp");
  EXPECT_EQ(original.from, "hanako@example.jp");
  EXPECT_EQ(original.to, "nobody@example.org");
  EXPECT_EQ(original.stamp, "abc.def");
  ASSERT_EQ(original.received.size(), 1U);
  EXPECT_EQ(original.received[0].by, "mx.example.jp");
  EXPECT_EQ(original.received[0].id, "4QueueID");
}

TEST(MailReport, KeepsNothingOfTheBody) {
  const auto report = read_report(postfix_bounce(k_original));
  ASSERT_TRUE(report);
  for (const auto& r : report->recipients) {
    EXPECT_EQ(r.diagnostic.find("Secret"), std::string::npos);
  }
}

TEST(MailReport, ReadsQmail) {
  const auto report = read_report(
      "Return-Path: <>\nFrom: MAILER-DAEMON@isp.example\nTo: taro@example.jp\n"
      "Subject: failure notice\n\nHi. This is the qmail-send program at isp.example.\n"
      "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
      "<a@example.org>:\n192.0.2.1 does not like recipient.\n"
      "Remote host said: 552 5.2.2 Mailbox full\nGiving up on 192.0.2.1.\n\n"
      "<b@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
      "--- Below this line is a copy of the message.\n\nReturn-Path: <taro@example.jp>\n"
      "Received: (qmail 1 invoked by uid 0); 1 Jul 2014 08:30:40 -0000\n"
      "Message-ID: <q@example.jp>\nFrom: taro@example.jp\nTo: a@example.org\n\nWords\n");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kind, ReportKind::bounce);
  ASSERT_EQ(report->recipients.size(), 2U);
  EXPECT_EQ(report->recipients[0].final_recipient, "a@example.org");
  EXPECT_EQ(report->recipients[0].reason, BounceReason::mailbox_full);
  EXPECT_FALSE(report->recipients[0].hard);
  EXPECT_EQ(report->recipients[1].status, "5.1.1");
  EXPECT_TRUE(report->recipients[1].hard);
  EXPECT_EQ(report->original.message_id, "q@example.jp");
}

TEST(MailReport, ReadsACarriersJapaneseLetter) {
  const auto report = read_report(
      "From: Postmaster@carrier.example\nTo: <hanako@example.jp>\n"
      "Subject: =?UTF-8?B?44Oh44O844Or44Ko44Op44O86YCa55+l?=\nMIME-Version: 1.0\n"
      "Content-Type: text/plain; charset=utf-8\n\n"
      "次の宛先へのメッセージはエラーのため送信できませんでした。\n"
      "送信先メールアドレスが見つかりません。\n\n<nobody@carrier.example>\n");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kind, ReportKind::bounce);
  ASSERT_EQ(report->recipients.size(), 1U);
  EXPECT_EQ(report->recipients[0].final_recipient, "nobody@carrier.example");
  EXPECT_TRUE(report->recipients[0].hard);
}

TEST(MailReport, ReadsAFeedbackReport) {
  const auto report = read_report(
      "From: fbl@isp.example\nTo: fbl@example.jp\nMIME-Version: 1.0\n"
      "Content-Type: multipart/report; report-type=feedback-report; boundary=x\n\n"
      "--x\nContent-Type: text/plain\n\nA complaint.\n"
      "--x\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: T/1\n"
      "Version: 1\nOriginal-Mail-From: <hanako@example.jp>\nSource-IP: 192.0.2.7\n\n"
      "--x\nContent-Type: text/rfc822-headers\n\n" +
      std::string(k_original) + "\n--x--\n");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->kind, ReportKind::feedback);
  EXPECT_EQ(report->feedback.type, "abuse");
  EXPECT_EQ(report->feedback.original_mail_from, "hanako@example.jp");
  EXPECT_EQ(report->feedback.source_ip, "192.0.2.7");
  EXPECT_EQ(report->original.stamp, "abc.def");
}

TEST(MailReport, TellsRepliesAndLettersFromBounces) {
  const auto away = read_report(
      "From: taro@example.org\nTo: hanako@example.jp\nSubject: Automatic reply: tea\n"
      "Auto-Submitted: auto-replied\n\nI am out. Ask 550 someone@example.org.\n");
  ASSERT_TRUE(away);
  EXPECT_EQ(away->kind, ReportKind::auto_reply);
  const auto letter = read_report(
      "From: taro@example.org\nTo: hanako@example.jp\nSubject: tea\n\n"
      "Shall we? taro@example.org\n");
  ASSERT_TRUE(letter);
  EXPECT_EQ(letter->kind, ReportKind::not_a_report);
  EXPECT_FALSE(read_report(" \n"));
}

TEST(MailReport, AnyPrefixAndAnyDamageIsReadWithinItsBounds) {
  const std::string whole = postfix_bounce(k_original);
  const auto holds = [](const Result<MailReport>& report) {
    if (!report) return;
    EXPECT_LE(report->recipients.size(), k_report_recipients_max);
    EXPECT_LE(report->original.received.size(), k_received_max);
    for (const auto& r : report->recipients) {
      EXPECT_LE(r.diagnostic.size(), k_diagnostic_max);
      EXPECT_EQ(r.diagnostic.find('\n'), std::string::npos);
      EXPECT_LE(r.final_recipient.size(), 320U);
    }
  };
  for (std::size_t n = 0; n <= whole.size(); ++n) holds(read_report(whole.substr(0, n)));
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 1 + round % 20; ++i) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    holds(read_report(damaged));
  }
}

TEST(MailReport, NestingAndSizeAreBounded) {
  std::string nested;
  for (int i = 0; i < 3000; ++i) nested += "Content-Type: message/rfc822\n\n";
  EXPECT_TRUE(read_report(nested));
  std::string boxes = "Content-Type: multipart/mixed; boundary=b0\n\n";
  for (int i = 0; i < 1500; ++i) {
    boxes += "--b" + std::to_string(i) + "\nContent-Type: multipart/mixed; boundary=b" +
             std::to_string(i + 1) + "\n\n";
  }
  EXPECT_TRUE(read_report(boxes));
  std::string many = "Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nSubject: failure notice\n\n";
  for (int i = 0; i < 9000; ++i) many += "<u" + std::to_string(i) + "@example.org>: 550 no\n";
  const auto report = read_report(many);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->recipients.size(), k_report_recipients_max);
}

TEST(ReportText, AddressesAreFoundAndNoOthers) {
  std::size_t at = 0;
  const std::string_view text = "to <A.b+c@Example.JP>, 'x@y.z', bad@, @bad.example, d@host e@f.g.";
  EXPECT_EQ(next_address(text, at), "a.b+c@example.jp");
  EXPECT_EQ(next_address(text, at), "x@y.z");
  EXPECT_EQ(next_address(text, at), "e@f.g");
  EXPECT_EQ(next_address(text, at), std::nullopt);
  EXPECT_EQ(address_of("Taro <taro@example.jp>"), "taro@example.jp");
  EXPECT_EQ(address_of("nobody"), "");
}

TEST(HeaderBlockTest, FoldedFieldsAreOne) {
  const auto block =
      HeaderBlock::read("A: one\r\n\ttwo\r\nno field\r\n ignored\r\nB:x\r\n\r\nC: y\r\n");
  EXPECT_EQ(block.get("a"), "one two");
  EXPECT_EQ(block.get("b"), "x");
  EXPECT_FALSE(block.has("c"));
}

}  // namespace
}  // namespace sekimori::report
