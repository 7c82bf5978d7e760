#include "wire/log_line.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "wire/event_json.h"

namespace sekimori::wire {
namespace {

const LogContext k_utc{*parse_instant("2026-11-22T12:00:00Z"), 0};

LogLine must(std::string_view line, const LogContext& context = k_utc) {
  const auto parsed = parse_log_line(line, context);
  EXPECT_TRUE(parsed) << line << (parsed ? "" : parsed.error().text);
  return parsed ? *parsed : LogLine{};
}

template <class Record>
Record record(std::string_view line) {
  const LogLine parsed = must(line);
  const auto* r = std::get_if<Record>(&parsed.record);
  EXPECT_NE(r, nullptr) << line;
  return r == nullptr ? Record{} : *r;
}

#define SMTPD "Nov 22 03:04:05 mx1 postfix/submission/smtpd[811]: "
#define DOVECOT "2026-11-22T03:04:05.123456+09:00 mx1 dovecot: "

constexpr const char* k_samples[] = {
    SMTPD
    "4Xk1jd2Gz3z9sP: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=taro@example.jp",
    "Nov  2 03:04:05 mx1 postfix/qmgr[9]: 4104E3D: from=<taro@example.jp>, size=5360, nrcpt=3 "
    "(queue active)",
    "Nov 22 03:04:05 mx1 postfix/smtp[9]: 4104E3D: to=<a@b.jp>, orig_to=<c@d.jp>, "
    "relay=mx.b.jp[192.0.2.3]:25, delay=1.5, "
    "delays=0.1/0/1/0.4, dsn=5.1.1, status=bounced (host mx.b.jp[192.0.2.3] said: 550 5.1.1 no (in "
    "reply to RCPT TO command))",
    SMTPD
    "NOQUEUE: hold: RCPT from unknown[192.0.2.7]: <a@b.jp>: Recipient address triggers HOLD "
    "action; from=<taro@example.jp> "
    "to=<a@b.jp> proto=ESMTP helo=<[10.0.0.4]>",
    SMTPD
    "warning: unknown[192.0.2.7]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, "
    "sasl_username=taro@example.jp",
    SMTPD
    "disconnect from unknown[192.0.2.7] ehlo=2 starttls=1 auth=0/2 mail=1 rcpt=1/5 data=1 quit=1 "
    "commands=6/12",
    DOVECOT
    "imap-login: Login: user=<taro@example.jp>, method=PLAIN, rip=2001:db8::7, lip=192.0.2.1, "
    "mpid=77, TLS, session=<ab+/c>",
    DOVECOT
    "imap-login: Disconnected: Connection closed (auth failed, 3 attempts in 14 secs): "
    "user=<taro>, method=PLAIN, "
    "rip=192.0.2.7, lip=192.0.2.1, TLS, session=<abc>",
    DOVECOT
    "imap(taro@example.jp)<77><ab+/c>: Disconnected: Logged out in=86 out=892 deleted=4 expunged=3 "
    "trashed=0 hdr_count=5 "
    "hdr_bytes=600 body_count=7 body_bytes=8000",
    DOVECOT
    "pop3(taro@example.jp)<77><abc>: Disconnected: Logged out top=1/20, retr=3/9000, del=2/141, "
    "size=8023766",
    DOVECOT "lmtp(taro@example.jp)<77><abc>: sieve: msgid=<x@y>: stored mail into mailbox 'Junk'",
};

TEST(LogStamp, YearIsTheLastOneThatFits) {
  const auto at = [](const char* stamp, const char* reference, int offset = 0) {
    const LogContext context{*parse_instant(reference), offset};
    const std::string line = std::string(stamp) + " mx1 postfix/qmgr[1]: 4104E3D: removed";
    return format_instant(must(line, context).t);
  };
  EXPECT_EQ(at("Nov 22 03:04:05", "2026-11-22T12:00:00Z"), "2026-11-22T03:04:05Z");
  EXPECT_EQ(at("Nov  2 03:04:05", "2026-11-22T12:00:00Z"), "2026-11-02T03:04:05Z");
  EXPECT_EQ(at("Nov 2 03:04:05", "2026-11-22T12:00:00Z"), "2026-11-02T03:04:05Z");
  EXPECT_EQ(at("Dec 31 23:59:59", "2026-01-01T00:00:10Z"), "2025-12-31T23:59:59Z");
  EXPECT_EQ(at("Jan  1 00:00:01", "2025-12-31T23:59:50Z"), "2026-01-01T00:00:01Z");  // a fast clock
  EXPECT_EQ(at("Nov 24 03:04:05", "2026-11-22T12:00:00Z"), "2025-11-24T03:04:05Z");
  EXPECT_EQ(at("Feb 29 10:00:00", "2026-11-22T12:00:00Z"), "2024-02-29T10:00:00Z");
  EXPECT_EQ(at("Nov 22 12:04:05", "2026-11-22T12:00:00Z", 9 * 3600), "2026-11-22T03:04:05Z");
  EXPECT_EQ(at("Jan  1 08:00:00", "2025-12-31T23:30:00Z", 9 * 3600), "2025-12-31T23:00:00Z");
  EXPECT_EQ(at("2026-11-22T12:04:05+0900", "2030-01-01T00:00:00Z"), "2026-11-22T03:04:05Z");
  EXPECT_EQ(at("2026-11-22T12:04:05.5+09:00", "2030-01-01T00:00:00Z"),
            "2026-11-22T03:04:05.500000Z");
  EXPECT_EQ(at("<22>Nov 22 03:04:05", "2026-11-22T12:00:00Z"), "2026-11-22T03:04:05Z");
}

TEST(LogStamp, LinesWithoutOneAreRefused) {
  for (const char* line :
       {"", "\n", "hello", "Nov", "Nov 22 03:04", "Nob 22 03:04:05 mx1 a: b",
        "Nov 32 03:04:05 mx1 a: b", "Nov 22 24:04:05 mx1 a: b", "Feb 30 03:04:05 mx1 a: b",
        "2026-13-22T03:04:05Z mx1 a: b", "Nov 22 03:04:05 mx1 last message repeated 2 times",
        "Nov 22 03:04:05 mx1"}) {
    EXPECT_FALSE(parse_log_line(line, k_utc)) << line;
  }
  EXPECT_FALSE(parse_log_line("Nov 22 03:04:05 mx1 a: " + std::string(k_log_line_max, 'x'), k_utc));
}

TEST(LogLine, HeaderIsTakenApart) {
  const LogLine line = must(k_samples[0]);
  EXPECT_EQ(line.host, "mx1");
  EXPECT_EQ(line.program, "postfix/submission/smtpd");
  EXPECT_EQ(line.daemon, "smtpd");
  EXPECT_EQ(line.pid, 811U);
  EXPECT_TRUE(std::holds_alternative<LogUnknown>(
      must("Nov 22 03:04:05 mx1 sshd[1]: Failed password for root").record));
}

TEST(LogPostfix, Submission) {
  const auto client = record<PostfixClient>(k_samples[0]);
  EXPECT_EQ(client.queue_id, "4Xk1jd2Gz3z9sP");
  EXPECT_EQ(client.client.name, "unknown");
  EXPECT_EQ(client.client.ip().to_string(), "192.0.2.7");
  EXPECT_EQ(client.sasl_method, "PLAIN");
  EXPECT_EQ(client.sasl_username, "taro@example.jp");
  const auto filtered = record<PostfixClient>(
      SMTPD
      "1FEB7E00C4: client=localhost[127.0.0.1], orig_queue_id=4104E3D, "
      "orig_client=h.example[192.0.2.9], "
      "sasl_method=LOGIN, sasl_username=odd, name@d, sasl_sender=x, sasl_username=y");
  EXPECT_EQ(filtered.orig_client.ip().to_string(), "192.0.2.9");
  EXPECT_EQ(filtered.orig_queue_id, "4104E3D");
  EXPECT_EQ(filtered.sasl_username, "odd, name@d");
  EXPECT_EQ(filtered.sasl_sender, "x, sasl_username=y");
  const auto active = record<PostfixQueueActive>(k_samples[1]);
  EXPECT_EQ(active.from, "taro@example.jp");
  EXPECT_EQ(active.size, 5360U);
  EXPECT_EQ(active.nrcpt, 3U);
  const auto pickup = record<PostfixPickup>(
      "Nov 22 03:04:05 mx1 postfix/pickup[1]: D2FAE20586: uid=33 from=<www-data>");
  EXPECT_EQ(pickup.uid, 33U);
  EXPECT_EQ(pickup.from, "www-data");
}

TEST(LogPostfix, DeliveryIsReadFromTheLeft) {
  const auto d = record<PostfixDelivery>(k_samples[2]);
  EXPECT_EQ(d.to, "a@b.jp");
  EXPECT_EQ(d.orig_to, "c@d.jp");
  EXPECT_EQ(d.relay, "mx.b.jp[192.0.2.3]:25");
  EXPECT_EQ(d.delay_s, 1.5);
  EXPECT_EQ(d.delays, "0.1/0/1/0.4");
  EXPECT_EQ(d.dsn, "5.1.1");
  EXPECT_EQ(d.outcome, DeliveryStatus::bounced);
  EXPECT_EQ(d.reason, "host mx.b.jp[192.0.2.3] said: 550 5.1.1 no (in reply to RCPT TO command)");
  // A remote server writes what looks like the rest of a line of ours.
  const auto lie = record<PostfixDelivery>(
      "Nov 22 03:04:05 mx1 postfix/smtp[9]: 4104E3D: to=<a@b.jp>, relay=x[192.0.2.3]:25, delay=1, "
      "delays=0/0/0/1, dsn=5.7.1, "
      "status=bounced (host said: 550 to=<v@b.jp>, relay=none, dsn=2.0.0, status=sent (ok))");
  EXPECT_EQ(lie.outcome, DeliveryStatus::bounced);
  EXPECT_EQ(lie.dsn, "5.7.1");
  // A quoted local part does the same.
  const auto quoted = record<PostfixDelivery>(
      "Nov 22 03:04:05 mx1 postfix/smtp[9]: 4104E3D: to=<\"a>, relay=none, status=sent "
      "\\\"\"@b.jp>, relay=x[192.0.2.3]:25, "
      "delay=1, delays=0/0/0/1, dsn=4.7.1, status=deferred (later)");
  EXPECT_EQ(quoted.to, "\"a>, relay=none, status=sent \\\"\"@b.jp");
  EXPECT_EQ(quoted.outcome, DeliveryStatus::deferred);
  EXPECT_FALSE(
      record<PostfixDelivery>(
          "Nov 22 03:04:05 mx1 postfix/smtp[9]: 4104E3D: to=<a@b>, relay=none, delay=0, delays=0, "
          "dsn=2.1.5, status=deliverable (ok)")
          .outcome);
}

TEST(LogPostfix, QueueChanges) {
  const auto change = [](const char* program, const char* words) {
    const std::string line =
        std::string("Nov 22 03:04:05 mx1 postfix/") + program + "[1]: 4104E3D: " + words;
    return record<PostfixQueueChange>(line).change;
  };
  EXPECT_EQ(change("qmgr", "removed"), QueueChange::removed);
  EXPECT_EQ(change("postsuper", "removed"), QueueChange::deleted);
  EXPECT_EQ(change("postsuper", "placed on hold"), QueueChange::held);
  EXPECT_EQ(change("postsuper", "released from hold"), QueueChange::released);
  EXPECT_EQ(change("postsuper", "requeued"), QueueChange::requeued);
  const auto expired = record<PostfixExpired>(
      "Nov 22 03:04:05 mx1 postfix/qmgr[1]: 4104E3D: from=<a@b>, status=expired, returned to "
      "sender");
  EXPECT_EQ(expired.status, "expired");
}

TEST(LogPostfix, Verdicts) {
  const auto hold = record<PostfixVerdict>(k_samples[3]);
  EXPECT_EQ(hold.queue_id, "");
  EXPECT_EQ(hold.action, "hold");
  EXPECT_EQ(hold.stage, "RCPT");
  EXPECT_EQ(hold.client.ip().to_string(), "192.0.2.7");
  EXPECT_EQ(hold.code, 0);
  EXPECT_EQ(hold.from, "taro@example.jp");
  EXPECT_EQ(hold.helo, "[10.0.0.4]");
  const auto reject =
      record<PostfixVerdict>(SMTPD
                             "4104E3D: reject: DATA from h[192.0.2.7]: 525 5.7.13 <DATA>: Data "
                             "command rejected: incident 7; from=<> to=<a@b.jp> "
                             "proto=ESMTP helo=<x> to=<evil>> sasl_username=<taro@example.jp>");
  EXPECT_EQ(reject.code, 525);
  EXPECT_EQ(reject.dsn, "5.7.13");
  EXPECT_EQ(reject.from, "");
  EXPECT_EQ(reject.to, "a@b.jp");
  EXPECT_EQ(reject.sasl_username, "taro@example.jp");
  EXPECT_EQ(record<PostfixVerdict>("Nov 22 03:04:05 mx1 postfix/cleanup[1]: 4104E3D: "
                                   "milter-reject: END-OF-MESSAGE from h[192.0.2.7]: "
                                   "5.7.1 Blocked; from=<a@b> to=<c@d> proto=ESMTP helo=<h>")
                .stage,
            "END-OF-MESSAGE");
}

TEST(LogPostfix, WarningsThatEndAMessageAreVerdicts) {
  const auto line = [](const char* daemon, const char* text) {
    return "Nov 22 03:04:05 mx1 postfix/" + std::string(daemon) + "[1]: warning: " + text;
  };
  const std::pair<const char*, const char*> ended[] = {
      {"9BECF3F19D: sender_canonical_maps map lookup problem for a@b.jp -- message not accepted, try "
       "again later",
       "reject"},
      {"9BECF3F19D: header_checks map lookup problem -- message not accepted, try again later",
       "reject"},
      {"9BECF3F19D: message not accepted, try again later", "reject"},
      {"9BECF3F19D: message rejected: hopcount exceeded", "reject"},
      {"9BECF3F19D: queue file size limit exceeded", "reject"},
      {"9BECF3F19D: write queue file: No space left on device", "reject"},
      {"9BECF3F19D: record type 78 not allowed - discarding this message", "discard"}};
  for (const auto& [text, action] : ended) {
    const std::string one = line("cleanup", text);
    const auto verdict = record<PostfixVerdict>(one);
    EXPECT_EQ(verdict.queue_id, "9BECF3F19D") << one;
    EXPECT_EQ(verdict.action, action) << one;
    EXPECT_EQ(verdict.stage, "END-OF-MESSAGE") << one;
  }
  EXPECT_TRUE(std::holds_alternative<PostfixVerdict>(
      must(line("submission/smtpd", "9BECF3F19D: queue file size limit exceeded")).record));
  for (const std::string& other :
       {line("cleanup", "9BECF3F19D: ignoring malformed DSN notify record <message rejected: x>"),
        line("cleanup",
             "9BECF3F19D: Milter request to add multi-sender: "
             "\"x message not accepted, try again later\""),
        line("cleanup", "unknown: message rejected: hopcount exceeded"),
        line("qmgr", "9BECF3F19D: message rejected: hopcount exceeded")}) {
    EXPECT_TRUE(std::holds_alternative<LogUnknown>(must(other).record)) << other;
  }
  const auto mime = record<PostfixVerdict>(
      "Nov 22 03:04:05 mx1 postfix/cleanup[1]: 9BECF3F19D: reject: mime-error improper use of 8-bit "
      "data in message header: S from h[192.0.2.7]; from=<a@b.jp> to=<c@d.jp>");
  EXPECT_EQ(mime.action, "reject");
  EXPECT_EQ(mime.from, "a@b.jp");
}

TEST(LogPostfix, ConnectionsAndFailures) {
  const auto failure = record<PostfixAuthFailure>(k_samples[4]);
  EXPECT_EQ(failure.mechanism, "LOGIN");
  EXPECT_EQ(failure.reason, "UGFzc3dvcmQ6");
  EXPECT_EQ(failure.sasl_username, "taro@example.jp");
  const auto event = to_event(must(k_samples[4]));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->account, "taro@example.jp");
  EXPECT_EQ(std::get<Login>(event->body).result, LoginResult::bad_password);
  EXPECT_EQ(std::get<Login>(event->body).service, Service::smtp);
  const auto bye = record<PostfixDisconnect>(k_samples[5]).counted();
  EXPECT_EQ(bye.auth.ok, 0U);
  EXPECT_EQ(bye.auth.tried, 2U);
  EXPECT_EQ(bye.rcpt.ok, 1U);
  EXPECT_EQ(bye.rcpt.tried, 5U);
  EXPECT_EQ(bye.commands.tried, 12U);
  const auto lost = record<PostfixLostConnection>(
      SMTPD "lost connection after DATA (123 bytes) from h[192.0.2.7]");
  EXPECT_EQ(lost.stage, "DATA");
  EXPECT_EQ(record<PostfixLostConnection>(SMTPD "too many errors after AUTH from h[192.0.2.7]").how,
            "too many errors");
}

TEST(LogDovecot, LoginsAndSessions) {
  const auto login = record<DovecotLogin>(k_samples[6]);
  EXPECT_EQ(login.service, Service::imap);
  EXPECT_EQ(login.user, "taro@example.jp");
  EXPECT_EQ(login.method, "PLAIN");
  EXPECT_EQ(login.rip.to_string(), "2001:db8::7");
  EXPECT_EQ(login.lip.to_string(), "192.0.2.1");
  EXPECT_EQ(login.mpid, 77U);
  EXPECT_TRUE(login.tls);
  EXPECT_EQ(login.session, "ab+/c");
  EXPECT_EQ(must(k_samples[6]).t, *parse_instant("2026-11-21T18:04:05.123456Z"));
  const auto failed = record<DovecotLoginFailed>(k_samples[7]);
  EXPECT_EQ(failed.reason, "Disconnected: Connection closed");
  EXPECT_EQ(failed.attempts, 3U);
  EXPECT_EQ(failed.seconds, 14U);
  EXPECT_TRUE(failed.auth_failed);
  const auto logout = record<DovecotLogout>(k_samples[8]);
  EXPECT_EQ(logout.session, "ab+/c");
  EXPECT_EQ(logout.bytes_in, 86U);
  EXPECT_EQ(logout.bytes_out, 892U);
  EXPECT_EQ(logout.deleted, 4U);
  EXPECT_EQ(logout.expunged, 3U);
  EXPECT_EQ(logout.hdr_count, 5U);
  EXPECT_EQ(logout.body_count, 7U);
  EXPECT_EQ(logout.body_bytes, 8000U);
  const auto pop3 = record<DovecotLogout>(k_samples[9]);
  EXPECT_EQ(pop3.body_count, 3U);
  EXPECT_EQ(pop3.body_bytes, 9000U);
  EXPECT_EQ(pop3.deleted, 2U);
  const auto session = to_event(must(k_samples[9]));
  ASSERT_TRUE(session);
  EXPECT_EQ(std::get<Session>(session->body).fetched, 3U);
  const auto idle =
      record<DovecotLogout>(DOVECOT
                            "imap(taro)<7><s>: Disconnected: Connection closed (IDLE running for "
                            "0.001 + waiting input for 1 in=5 secs) in=1 out=2");
  EXPECT_EQ(idle.bytes_in, 1U);
}

TEST(LogDovecot, ItsOwnFileAndOtherVersions) {
  const LogLine own = must(
      "Nov 22 03:04:05 imap-login: Info: Login: user=<t@e.jp>, method=PLAIN, rip=192.0.2.7, "
      "lip=192.0.2.1, mpid=1, secured, session=<s>");
  EXPECT_EQ(own.program, "dovecot");
  EXPECT_EQ(own.host, "");
  ASSERT_TRUE(std::holds_alternative<DovecotLogin>(own.record));
  EXPECT_FALSE(std::get<DovecotLogin>(own.record).tls);
  EXPECT_EQ(record<DovecotLogout>("Nov 22 03:04:05 imap(t@e.jp)<7><s>: Info: Logged out in=3 out=4")
                .bytes_out,
            4U);
  EXPECT_EQ(
      record<DovecotLogout>(
          "Nov 22 03:04:05 mx1 dovecot: managesieve(t@e.jp): Disconnected: Logged out bytes=6/41")
          .bytes_out,
      41U);
  EXPECT_EQ(record<DovecotLogin>(DOVECOT "imap-login: Logged in: user=<t@e.jp>, method=PLAIN, "
                                         "rip=192.0.2.7, lip=192.0.2.1, mpid=1, TLS, session=<s>")
                .user,
            "t@e.jp");
  const auto v24 = record<DovecotLoginFailed>(
      DOVECOT
      "imap-login: Login aborted: Connection closed (auth failed, 1 attempts in 2 secs) "
      "(auth_failed): user=<t>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, session=<s>");
  EXPECT_EQ(v24.attempts, 1U);
  const auto auth24 = record<DovecotAuthFailure>(
      DOVECOT "auth(t@e.jp,192.0.2.7,sasl:plain)<9><s>: sql: Password mismatch");
  EXPECT_EQ(auth24.user, "t@e.jp");
  EXPECT_EQ(auth24.rip.to_string(), "192.0.2.7");
  EXPECT_EQ(auth24.driver, "sql");
}

TEST(LogDovecot, WhyNobodySignedIn) {
  const auto trouble = [](const std::string& text) {
    return record<DovecotLoginFailed>(DOVECOT + text).trouble;
  };
  const std::string whose = ": user=<>, rip=192.0.2.7, lip=192.0.2.1, ";
  const std::string none = "imap-login: Disconnected (no auth attempts in 0 secs)" + whose;
  EXPECT_EQ(trouble(none + "TLS handshaking: SSL_accept() failed: error:14094416:SSL routines:"
                           "ssl3_read_bytes:sslv3 alert certificate unknown: SSL alert number 46, "
                           "session=<s>"),
            HandshakeTrouble::certificate_refused);
  EXPECT_EQ(trouble("imap-login: Disconnected: Connection closed: SSL_read failed: error:0A000418:"
                    "SSL routines::tlsv1 alert unknown ca: SSL alert number 48 (no auth attempts "
                    "in 0 secs)" +
                    whose + "TLS, session=<s>"),
            HandshakeTrouble::certificate_refused);
  EXPECT_EQ(trouble(none + "TLS handshaking: SSL_accept() failed: error:1408F10B:SSL routines:"
                           "ssl3_get_record:wrong version number, session=<s>"),
            HandshakeTrouble::not_encrypted);
  EXPECT_EQ(trouble("pop3-login: Disconnected (tried to use disallowed plaintext auth)" + whose +
                    "session=<s>"),
            HandshakeTrouble::password_in_plain);
  // No word of a mail program's settings: a protocol version, a port scan, a wrong password.
  EXPECT_EQ(trouble(none + "TLS handshaking: SSL_accept() failed: error:0A000102:SSL routines::"
                           "unsupported protocol, session=<s>"),
            std::nullopt);
  EXPECT_EQ(trouble(none + "TLS handshaking: SSL_accept() failed: error:0A000438:SSL routines::"
                           "tlsv1 alert internal error: SSL alert number 80, session=<s>"),
            std::nullopt);
  EXPECT_EQ(trouble(none + "session=<s>"), std::nullopt);
  EXPECT_EQ(trouble("imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<http "
                    "request SSL alert number 46>, method=PLAIN, rip=192.0.2.7, lip=192.0.2.1, "
                    "TLS, session=<s>"),
            std::nullopt)
      << "what a client wrote";
}

TEST(LogDovecot, WhatClientsWriteChangesNothing) {
  const auto lie =
      record<DovecotLoginFailed>(DOVECOT
                                 "imap-login: Disconnected (auth failed, 2 attempts in 3 secs): "
                                 "user=<x>, method=PLAIN, rip=6.6.6.6, lip=6.6.6.6, session=<z>, "
                                 "method=LOGIN, rip=192.0.2.7, lip=192.0.2.1, TLS, session=<real>");
  EXPECT_EQ(lie.rip.to_string(), "192.0.2.7");
  EXPECT_EQ(lie.method, "LOGIN");
  EXPECT_EQ(lie.session, "real");
  const auto secret = record<DovecotAuthFailure>(
      DOVECOT
      "auth-worker(1): conn unix:auth-worker (pid=9,uid=1): auth-worker<1>: sql(t@e.jp,192.0.2.7): "
      "unknown user (given password: hunter2)");
  EXPECT_EQ(secret.reason, "unknown user");
  EXPECT_EQ(secret.user, "t@e.jp");
}

TEST(LogDovecot, Deliveries) {
  const auto stored = record<DovecotDelivery>(k_samples[10]);
  EXPECT_EQ(stored.user, "taro@example.jp");
  EXPECT_EQ(stored.message_id, "x@y");
  EXPECT_EQ(stored.target, "Junk");
  const auto saved = record<DovecotDelivery>(
      DOVECOT "lmtp(taro@example.jp)<1><s>: msgid=<a: saved mail to FAKE@x>: saved mail to INBOX");
  EXPECT_EQ(saved.target, "INBOX");
  const auto forwarded = record<DovecotDelivery>(
      DOVECOT "lmtp(t@e.jp)<1><s>: sieve: msgid=<x@y>: forwarded to <out@evil.example>");
  EXPECT_EQ(forwarded.act, DeliveryAct::forwarded);
  EXPECT_EQ(forwarded.target, "out@evil.example");
  const auto old = record<DovecotDelivery>(
      "Nov 22 03:04:05 mx1 dovecot: lmtp(81, t@e.jp): aB+c/D: sieve: msgid=<x@y>: stored mail into "
      "mailbox 'INBOX'");
  EXPECT_EQ(old.user, "t@e.jp");
  EXPECT_EQ(old.session, "aB+c/D");
}

TEST(LogQueueId, ShortAndLong) {
  for (const char* id : {"4104E3D", "ADD2F8052", "48rT2v1hQrz1J0N", "4Xk1jd2Gz3z9sP"})
    EXPECT_TRUE(is_queue_id(id)) << id;
  for (const char* word :
       {"", "NOQUEUE", "warning", "statistics", "fatal", "abc", "4104E3D ", "4104e3g", "connect"}) {
    EXPECT_FALSE(is_queue_id(word)) << word;
  }
}

// Every prefix of a line and a flood of damaged ones: no crash, and what becomes an event survives
// the journal.
TEST(LogLine, PrefixesAndDamage) {
  const auto check = [](const std::string& text) {
    const auto parsed = parse_log_line(text, k_utc);
    if (!parsed) return;
    if (const auto event = to_event(*parsed)) {
      std::string line;
      append_event(line, *event);
      const auto again = parse_event(line);
      ASSERT_TRUE(again && *again == *event) << text;
    }
  };
  std::mt19937 random(11);
  for (const std::string sample : k_samples) {
    for (std::size_t n = 0; n <= sample.size(); ++n) check(sample.substr(0, n));
    const std::string marks = "<>[]():,= \"\\/0\xff\n";
    for (int round = 0; round < 5'000; ++round) {
      std::string damaged = sample;
      for (unsigned i = 1 + random() % 3; i > 0; --i) {
        const std::size_t at = random() % damaged.size();
        if (random() % 2 == 0)
          damaged[at] = marks[random() % marks.size()];
        else
          damaged.erase(at, 1 + random() % 4);
        if (damaged.empty()) damaged.push_back('x');
      }
      check(damaged);
    }
  }
}

}  // namespace
}  // namespace sekimori::wire
