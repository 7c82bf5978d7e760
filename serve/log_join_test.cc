// What these prove, on lines as Postfix and Dovecot write them: logins are carried from the smtpd
// line to the delivery, through a content filter too; what cleanup refused is withdrawn; sessions
// get the address and length that only their login line knows.
#include "serve/log_join.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/test_world.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Log {
  explicit Log(LogJoinOptions options = {})
      : join(queue, metrics,
             {[this](std::string_view id) { confirmed.emplace_back(id); },
              [this](std::string_view id, Instant) { withdrawn.emplace_back(id); },
              [this](Event&& e) { events.push_back(std::move(e)); },
              [this](std::string_view id, std::string_view message_id, const std::string& account,
                     Instant) {
                messages.push_back(fmt::format("{} {} {}", id, message_id, account));
              },
              [this](const decide::MailboxDelivery& d) { mailboxes.push_back(d); }},
             std::move(options)) {}
  void line(const std::string& text) {
    ++number;
    join.line("2025-06-15T15:00:" + std::to_string(10 + number) + "+00:00 mx1 " + text,
              "log:1:" + std::to_string(number), k_now + days(1), 0, names);
  }
  int number = 0;
  decide::Directory names = directory();
  QueueIndex queue;
  ServerMetrics metrics;
  std::vector<std::string> confirmed, withdrawn, messages;
  std::vector<Event> events;
  std::vector<decide::MailboxDelivery> mailboxes;
  LogJoin join;
};

TEST(LogJoin, TellsOfSignInsThatCrossedANetworkUnencrypted) {
  std::vector<std::string> seen;
  QueueIndex queue;
  ServerMetrics metrics;
  LogHandlers handlers;
  handlers.unencrypted = [&](const SignIn& sign_in) {
    EXPECT_TRUE(sign_in.tls_told && !sign_in.tls);
    seen.push_back(fmt::format("{} {} {}", sign_in.account, to_string(sign_in.service),
                               sign_in.ip.to_string()));
  };
  LogJoin join(queue, metrics, std::move(handlers), {});
  const decide::Directory names = directory();
  for (const char* login :
       {"imap-login: Login: user=<Taro@old.example.jp>, method=PLAIN, rip=198.51.100.9, "
        "lip=192.0.2.1, mpid=7, session=<a>",
        "pop3-login: Login: user=<hanako@example.jp>, method=PLAIN, rip=198.51.100.9, "
        "lip=192.0.2.1, mpid=7, TLS, session=<b>",
        "imap-login: Login: user=<hanako@example.jp>, method=PLAIN, rip=198.51.100.9, "
        "lip=192.0.2.1, mpid=7, secured, session=<c>",
        "imap-login: Login: user=<hanako@example.jp>, method=PLAIN, rip=192.0.2.1, "
        "lip=192.0.2.1, mpid=7, session=<d>",
        "imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<hanako@example.jp>, "
        "method=PLAIN, rip=198.51.100.9, lip=192.0.2.1, session=<e>"}) {
    join.line(fmt::format("2025-06-15T15:00:10+00:00 mx1 dovecot: {}", login), "log:1:1",
              k_now + days(1), 0, names);
  }
  EXPECT_THAT(seen, ElementsAre("taro@example.jp imap 198.51.100.9"));
}

TEST(LogJoin, CarriesTheLoginToTheDelivery) {
  Log log;
  log.line(
      "postfix/submission/smtpd[1]: 4Xk1jd2Gz3z9sP: client=p[192.0.2.1], sasl_method=PLAIN, "
      "sasl_username=Taro@old.example.jp");
  log.line("postfix/cleanup[2]: 4Xk1jd2Gz3z9sP: message-id=<one@pc>");
  EXPECT_THAT(log.messages, ElementsAre("4Xk1jd2Gz3z9sP one@pc taro@example.jp"));
  log.line(
      "postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: from=<taro@example.jp>, size=500, nrcpt=2 (queue active)");
  log.line(
      "postfix/smtp[3]: 4Xk1jd2Gz3z9sP: to=<a@example.com>, relay=mx[203.0.113.5]:25, delay=1, "
      "delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 ok)");
  log.line(
      "postfix/smtp[3]: 4Xk1jd2Gz3z9sP: to=<b@example.com>, relay=mx[203.0.113.5]:25, delay=1, "
      "delays=0.1/0/0.5/0.4, dsn=5.1.1, status=bounced (host mx said: 550 5.1.1 no such user)");
  EXPECT_EQ(log.queue.account_of("4Xk1jd2Gz3z9sP"), "taro@example.jp");
  log.line("postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: removed");
  EXPECT_THAT(log.confirmed, ElementsAre("4Xk1jd2Gz3z9sP"));
  ASSERT_EQ(log.events.size(), 2U);
  EXPECT_EQ(log.events[1].account, "taro@example.jp");
  EXPECT_EQ(log.events[1].id, "log:1:5");
  const auto& bounce = std::get<Delivery>(log.events[1].body);
  EXPECT_EQ(bounce.status, DeliveryStatus::bounced);
  EXPECT_EQ(bounce.dsn, "5.1.1");
  EXPECT_EQ(bounce.to, "b@example.com");
  EXPECT_EQ(log.queue.size(), 0U);
}

TEST(LogJoin, MailWithoutALoginIsNobodysDelivery) {
  Log log;
  log.line("postfix/smtpd[1]: 4Xk1jd2Gz3z9sP: client=mx.example.com[203.0.113.5]");
  log.line(
      "postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: from=<x@example.com>, size=500, nrcpt=1 (queue active)");
  log.line(
      "postfix/lmtp[3]: 4Xk1jd2Gz3z9sP: to=<taro@example.jp>, relay=mx[private/dovecot-lmtp], "
      "delay=1, delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 <taro@example.jp> Saved)");
  ASSERT_EQ(log.events.size(), 1U);
  EXPECT_EQ(log.events[0].account, "taro@example.jp");
  EXPECT_EQ(std::get<Received>(log.events[0].body).from, "x@example.com");
}

TEST(LogJoin, KnowsWhoseMailItDoesNotKnow) {
  Log log;
  // Handed in before our time: its next try says nothing of a login.
  log.line(
      "postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: from=<taro@example.jp>, size=5, nrcpt=1 (queue active)");
  EXPECT_FALSE(log.queue.find("4Xk1jd2Gz3z9sP")->is_login_known);
  log.line("postfix/smtpd[1]: 4Xk1jd2Gz3z9sQ: client=p[192.0.2.1]");
  EXPECT_TRUE(log.queue.find("4Xk1jd2Gz3z9sQ")->is_login_known);
  EXPECT_EQ(log.queue.find("4Xk1jd2Gz3z9sQ")->account, "");
  log.line(
      "postfix/smtpd[1]: 4Xk1jd2Gz3z9sR: client=p[192.0.2.1], sasl_method=PLAIN, "
      "sasl_username=taro@example.jp");
  EXPECT_TRUE(log.queue.find("4Xk1jd2Gz3z9sR")->is_login_known);
}

TEST(LogJoin, WhatCleanupRefusesIsWithdrawn) {
  Log log;
  log.line(
      "postfix/cleanup[1]: 4Xk1jd2Gz3z9sP: milter-reject: END-OF-MESSAGE from p[192.0.2.1]: 5.7.1 "
      "virus; from=<taro@example.jp> to=<a@example.com> proto=ESMTP helo=<x>");
  EXPECT_THAT(log.withdrawn, ElementsAre("4Xk1jd2Gz3z9sP"));
  // One refused recipient of a message does not withdraw the others.
  log.line(
      "postfix/smtpd[1]: 4Xk1jd2Gz3z9sQ: reject: RCPT from p[192.0.2.1]: 550 5.1.1 <b@example.jp>: "
      "unknown; from=<taro@example.jp> to=<b@example.jp> proto=ESMTP helo=<x>");
  EXPECT_EQ(log.withdrawn.size(), 1U);
}

TEST(LogJoin, SessionsKnowTheirLogin) {
  Log log;
  log.line(
      "dovecot: imap-login: Login: user=<taro@example.jp>, method=PLAIN, rip=192.0.2.1, "
      "lip=192.0.2.25, mpid=77, TLS, session=<abc>");
  EXPECT_THAT(log.events, IsEmpty());  // the auth policy reports logins
  for (const char* words :
       {"expunge: box=Sent, uid=1, msgid=<a, uid=9@pc>", "expunge: box=Sent, uid=2",
        "expunge: box=Drafts, old, uid=2", "Mailbox deleted: Archive", "delete: box=Sent, uid=3"}) {
    log.line(std::string("dovecot: imap(taro@example.jp)<77><abc>: ") + words);
    log.line(std::string("dovecot: imap(taro@example.jp)<77><other>: ") + words);
  }
  log.line(
      "dovecot: imap(taro@example.jp)<77><abc>: Disconnected: Logged out in=100 out=2000 deleted=1 "
      "expunged=1 trashed=0 hdr_count=5 hdr_bytes=10 body_count=3 body_bytes=999");
  ASSERT_EQ(log.events.size(), 1U);
  const auto& session = std::get<Session>(log.events[0].body);
  EXPECT_EQ(session.ip.to_string(), "192.0.2.1");
  EXPECT_EQ(session.seconds, 11.0);
  EXPECT_THAT(session.expunges,
              ElementsAre(MailboxExpunge{"Sent", 2}, MailboxExpunge{"Drafts, old", 1},
                          MailboxExpunge{"Archive", 0}));
  EXPECT_EQ(session.bytes_in, 100U);
  EXPECT_EQ(session.bytes_out, 2000U);
}

TEST(LogJoin, GarbageIsOnlyCounted) {
  Log log;
  for (const char* text :
       {"", "x", "\xff\xfe", "postfix/smtp[1]: : to=<>, status=", "dovecot: imap(: "}) {
    log.line(text);
    log.join.line(text, "log:1:x", k_now, 0, log.names);
  }
  EXPECT_THAT(log.events, IsEmpty());
  EXPECT_EQ(log.metrics.log_lines_unknown.get(), 10U);
}

TEST(LogJoin, TellsWhatBecomesOfMailForOurMailboxes) {
  Log log;
  log.line("postfix/smtpd[1]: 4Xk1jd2Gz3z9sP: client=mx.friend.example[192.0.2.7]");
  log.line("postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: from=<>, size=4711, nrcpt=2 (queue active)");
  log.line(
      "postfix/error[3]: 4Xk1jd2Gz3z9sP: to=<Taro+x@example.jp>, orig_to=<all@example.jp>, "
      "relay=none, delay=0.02, delays=0.01/0.01/0/0, dsn=4.2.1, status=deferred (mailbox "
      "temporarily suspended)");
  log.line(
      "postfix/lmtp[3]: 4Xk1jd2Gz3z9sP: to=<taro@example.jp>, relay=mx[private/dovecot-lmtp], "
      "delay=0.1, delays=0.1/0/0/0, dsn=4.3.2, status=deferred (try again)");
  log.line(
      "postfix/lmtp[3]: 4Xk1jd2Gz3z9sP: to=<taro@example.jp>, relay=mx[private/dovecot-lmtp], "
      "delay=0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 saved)");
  log.line(
      "postfix/smtp[3]: 4Xk1jd2Gz3z9sP: to=<somebody@far.example>, relay=mx.far.example[192.0.2.9]"
      ":25, delay=0.1, delays=0.1/0/0/0, dsn=2.0.0, status=sent (250 ok)");
  ASSERT_EQ(log.mailboxes.size(), 2U);
  for (const auto& one : log.mailboxes) {
    EXPECT_EQ(one.account, "taro@example.jp");
    EXPECT_EQ(one.queue_id, "4Xk1jd2Gz3z9sP");
    EXPECT_EQ(one.sender, "");
    EXPECT_EQ(one.size, 4711U);
  }
  EXPECT_EQ(log.mailboxes[0].status, DeliveryStatus::deferred);
  EXPECT_EQ(log.mailboxes[1].status, DeliveryStatus::sent);
}

}  // namespace
}  // namespace sekimori::serve
