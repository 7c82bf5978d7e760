// What `sekimori analyze` counts and says, each figure on a small log made by hand, and the whole
// on a real one beside independent counting.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "app/analyze_html.h"
#include "app/analyze_json.h"
#include "app/analyze_report.h"
#include "app/analyze_view.h"
#include "app/engine_settings.h"
#include "config/settings.h"

namespace sekimori::app {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

const Instant k_now = *parse_instant("2026-11-22T12:00:00Z");

class AnalyzeTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("sekimori-analyze-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    const std::int64_t s = k_now.us / 1'000'000;
    const utimbuf times{s, s};
    EXPECT_EQ(::utime(path.c_str(), &times), 0);
    return path;
  }
  static AnalyzeOptions options(unsigned threads) {
    AnalyzeOptions out;
    out.set = {k_now, 0};
    config::Settings settings;
    settings.server.mode = config::Mode::enforce;
    out.engine = engine_settings(settings, HashKey{});
    out.threads = threads;
    return out;
  }
  static std::unique_ptr<Analysis> of(const std::vector<std::string>& names, unsigned threads = 1) {
    std::vector<serve::LogArchive> archives;
    for (const auto& name : names) {
      auto opened = serve::LogArchive::open(name);
      EXPECT_TRUE(opened) << opened.error().text;
      if (opened) archives.push_back(std::move(*opened));
    }
    const AnalyzeOptions given = options(threads);
    serve::LogSet set(std::move(archives), given.set);
    auto out = std::make_unique<Analysis>(given);
    analyze(set, given, *out);
    return out;
  }
  std::unique_ptr<Analysis> of_text(const std::string& text) {
    return of({file("mail.log", text)});
  }
  // All that is said but the files and the time it took.
  static std::string figures(const Analysis& analysis) {
    auto o = analysis_json(analysis, Language::en);
    o.erase("seconds");
    o.erase("files");
    return json::serialize(o);
  }
  static const AccountTraffic& account(const Analysis& analysis, std::string_view address) {
    for (const auto& a : analysis.survey.accounts()) {
      if (a.address == address) return a;
    }
    ADD_FAILURE() << address << " is not among the accounts";
    static const AccountTraffic k_none;
    return k_none;
  }
  fs::path folder_;
};

// One message by login, as Postfix 3.7 logs it.
std::string message(std::string_view stamp, std::string_view id, std::string_view login,
                    std::string_view ip, const std::vector<std::string>& to,
                    std::string_view outcome = "dsn=2.0.0, status=sent (250 Ok)") {
  std::string out;
  const auto line = [&](std::string_view program, const std::string& text) {
    out += fmt::format("{} mx {}[7]: {}: {}\n", stamp, program, id, text);
  };
  line("postfix/submission/smtpd",
       fmt::format("client=unknown[{}], sasl_method=PLAIN, sasl_username={}", ip, login));
  line("postfix/cleanup", fmt::format("message-id=<{}@x>", id));
  line("postfix/qmgr",
       fmt::format("from=<{}>, size=1200, nrcpt={} (queue active)", login, to.size()));
  for (const auto& one : to) {
    line("postfix/smtp",
         fmt::format("to=<{}>, relay=mx.r.example[192.0.2.7]:25, delay=1, delays=0/0/1/0, {}", one,
                     outcome));
  }
  line("postfix/qmgr", "removed");
  return out;
}

std::string small_log() {
  return "Nov 20 01:00:00 mx postfix/smtpd[1]: connect from unknown[198.51.100.9]\n"
         "Nov 20 01:00:01 mx postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[198.51.100.9]: "
         "554 5.7.1 Service unavailable; Client host [198.51.100.9] blocked using "
         "zen.spamhaus.org; from=<a@b.example> to=<taro@example.jp> proto=ESMTP helo=<x>\n"
         "Nov 20 01:00:02 mx postfix/postscreen[1]: CONNECT from [198.51.100.8]:5 to [192.0.2.1]:25\n"
         "Nov 20 01:00:02 mx postfix/anvil[1]: statistics: max cache size 1 at Nov 20 00:59:00\n"
         "Nov 20 01:00:02 mx CRON[1]: session opened\n"
         "Nov 20 01:00:02 mx postfix/smtpd[1]: a form that nobody has ever seen\n"
         "no stamp at all\n" +
         message("Nov 20 01:01:00", "4ABCDEF12", "Taro@Example.jp", "203.0.113.5",
                 {"a@r.example", "b@r.example"}) +
         message("Nov 20 01:02:00", "4ABCDEF13", "taro@example.jp", "203.0.113.6", {"c@r.example"},
                 "dsn=5.1.1, status=bounced (host mx said: 550 5.1.1 User unknown)") +
         message("Nov 20 01:03:00", "4ABCDEF14", "hanako@example.jp", "203.0.113.7",
                 {"d@r.example"},
                 "dsn=4.7.1, status=deferred (host mx said: 450 4.7.1 blocked using "
                 "bl.spamcop.net; try later)") +
         "Nov 20 01:04:00 mx postfix/pickup[1]: 4ABCDEF15: uid=33 from=<www-data>\n"
         "Nov 20 01:04:00 mx postfix/qmgr[1]: 4ABCDEF15: from=<www-data@mx>, size=10, nrcpt=9 "
         "(queue active)\n"
         "Nov 20 01:04:01 mx postfix/qmgr[1]: 4ABCDEF15: from=<www-data@mx>, size=10, nrcpt=9 "
         "(queue active)\n"
         "Nov 20 01:05:00 mx dovecot: imap-login: Login: user=<hanako@example.jp>, method=PLAIN, "
         "rip=203.0.113.77, lip=192.0.2.1, mpid=5, session=<s1>\n"
         "Nov 20 01:05:01 mx dovecot: imap-login: Login: user=<hanako@example.jp>, method=PLAIN, "
         "rip=203.0.113.7, lip=192.0.2.1, mpid=5, TLS, session=<s2>\n";
}

TEST_F(AnalyzeTest, CountsEachFigureOfASmallLog) {
  const auto a = of_text(small_log());
  const auto& n = a->survey.totals();
  EXPECT_EQ(n.lines, 28u);
  EXPECT_EQ(n.unknown_lines, 2u);
  EXPECT_EQ(n.routine_lines, 1u);
  EXPECT_EQ(n.foreign_lines, 1u);
  EXPECT_EQ(n.connects, 1u);
  EXPECT_EQ(n.postscreen_connects, 1u);
  EXPECT_EQ(n.messages, 4u);
  EXPECT_EQ(n.sent, 2u);
  EXPECT_EQ(n.bounced, 1u);
  EXPECT_EQ(n.deferred, 1u);
  EXPECT_EQ(n.rejected, 1u);
  EXPECT_EQ(n.submissions, 3u);
  EXPECT_EQ(n.recipients, 4u);
  EXPECT_EQ(n.logins, 2u);
  EXPECT_EQ(n.plaintext_logins, 1u);
  const auto& taro = account(*a, "taro@example.jp");
  EXPECT_EQ(taro.submissions, 2u);
  EXPECT_EQ(taro.recipients, 3u);
  EXPECT_EQ(taro.addresses, 2u);
  EXPECT_EQ(taro.bounced, 1u);
  const auto& hanako = account(*a, "hanako@example.jp");
  EXPECT_EQ(hanako.addresses, 2u);
  EXPECT_EQ(hanako.plaintext_logins, 1u);
  EXPECT_EQ(hanako.listed, 1u);
  ASSERT_EQ(a->survey.users().count(33), 1u);
  EXPECT_EQ(a->survey.users().at(33).messages, 1u);
  EXPECT_EQ(a->survey.users().at(33).recipients, 9u);
  ASSERT_EQ(a->survey.lists_met().rows().size(), 1u);
  EXPECT_EQ(a->survey.lists_met().rows()[0].name, "bl.spamcop.net");
  ASSERT_EQ(a->survey.lists_used().rows().size(), 1u);
  EXPECT_EQ(a->survey.lists_used().rows()[0].name, "zen.spamhaus.org");
  EXPECT_EQ(causes_in_order(a->survey.bounces())[0].cause, Cause::unknown_user);
  EXPECT_EQ(causes_in_order(a->survey.refusals())[0].cause, Cause::listed);
}

TEST_F(AnalyzeTest, CountsOneWrongTryOnceHoweverManyLinesTellIt) {
  // With auth_verbose: the database's line, then the process's own.
  std::string text;
  const auto line = [&](int second, const std::string& words) {
    text += fmt::format("Nov 20 01:00:{:02} mx {}\n", second, words);
  };
  line(1, "dovecot: auth: passwd-file(info,198.51.100.9): unknown user");
  line(3,
       "postfix/smtpd[1]: warning: unknown[198.51.100.9]: SASL LOGIN authentication failed: x, "
       "sasl_username=info");
  line(5, "dovecot: auth: passwd-file(taro,198.51.100.9,<s>): Password mismatch");
  line(8, "dovecot: auth: passwd-file(taro,198.51.100.9,<s>): Password mismatch");
  line(11,
       "dovecot: imap-login: Disconnected: Connection closed (auth failed, 2 attempts in 6 "
       "secs): user=<taro>, method=PLAIN, rip=198.51.100.9, lip=192.0.2.1, TLS, session=<s>");
  EXPECT_EQ(of_text(text)->survey.tries().failures(), 3u);
  // Two databases asked about one try, twice.
  text.clear();
  for (int i = 0; i < 2; ++i) {
    line(10 + i, "dovecot: auth: sql(taro,198.51.100.9,<s>): unknown user");
    line(10 + i, "dovecot: auth: pam(taro,198.51.100.9,<s>): unknown user");
  }
  EXPECT_EQ(of_text(text)->survey.tries().failures(), 2u);
  // Without auth_verbose each line stands for itself.
  text.clear();
  for (int i = 0; i < 5; ++i) {
    line(i,
         "postfix/smtpd[1]: warning: unknown[198.51.100.9]: SASL LOGIN authentication failed: x");
  }
  line(9,
       "dovecot: pop3-login: Disconnected (auth failed, 3 attempts in 9 secs): user=<a>, "
       "method=PLAIN, rip=198.51.100.9, lip=192.0.2.1, session=<s>");
  EXPECT_EQ(of_text(text)->survey.tries().failures(), 8u);
}

TEST_F(AnalyzeTest, CountsADeferredMessageOnceAlsoWhereTheLogBeganBehindIt) {
  const auto tried = [](int minute, std::string_view status) {
    return fmt::format(
        "Nov 20 01:{:02}:00 mx postfix/qmgr[1]: 4ABCDEF12: from=<a@b.example>, size=9, nrcpt=1 "
        "(queue active)\n"
        "Nov 20 01:{:02}:01 mx postfix/smtp[1]: 4ABCDEF12: to=<c@d.example>, relay=none, delay=1, "
        "delays=0/0/1/0, {}\n",
        minute, minute, status);
  };
  const std::string later = "dsn=4.4.1, status=deferred (connect to d: Connection timed out)";
  std::string text = tried(1, later) + tried(2, later) + tried(3, "dsn=2.0.0, status=sent (ok)");
  text.erase(0, text.find('\n') + 1);  // its first line is in an older log
  const auto a = of_text(text);
  EXPECT_EQ(a->survey.totals().deferred, 2u);
  EXPECT_EQ(a->survey.totals().deferred_messages, 1u);
  EXPECT_EQ(a->survey.totals().sent, 1u);
  EXPECT_EQ(a->survey.totals().messages, 0u);
  EXPECT_EQ(causes_in_order(a->survey.deferrals())[0].cause, Cause::unreachable);
}

TEST_F(AnalyzeTest, TellsGuessersApartAndSuccessAfterFailures) {
  std::string text;
  const auto tried = [&](int minute, std::string_view ip, std::string_view name) {
    text += fmt::format(
        "Nov 20 {:02}:{:02}:00 mx postfix/smtpd[1]: warning: unknown[{}]: SASL PLAIN "
        "authentication failed: x, sasl_username={}\n",
        minute / 60, minute % 60, ip, name);
  };
  for (int i = 0; i < 12; ++i) tried(i, "198.51.100.1", "taro@example.jp");
  for (int i = 0; i < 12; ++i) tried(60 + i * 30, "198.51.100.2", "taro@example.jp");
  for (int i = 0; i < 6; ++i) tried(500, "198.51.100.3", fmt::format("name{}", i));
  tried(501, "198.51.100.4", "hanako@example.jp");
  for (int i = 0; i < 10; ++i) tried(510 + i, fmt::format("203.0.113.{}", i), "kenji@example.jp");
  text +=
      "Nov 20 09:00:00 mx dovecot: imap-login: Login: user=<taro@example.jp>, method=PLAIN, "
      "rip=198.51.100.1, lip=192.0.2.1, mpid=5, TLS, session=<s1>\n"
      "Nov 20 09:00:00 mx dovecot: imap-login: Login: user=<hanako@example.jp>, method=PLAIN, "
      "rip=198.51.100.4, lip=192.0.2.1, mpid=5, TLS, session=<s2>\n"
      "Nov 20 09:00:00 mx dovecot: imap-login: Login: user=<kenji@example.jp>, method=PLAIN, "
      "rip=203.0.113.3, lip=192.0.2.1, mpid=5, TLS, session=<s3>\n";
  const auto a = of_text(text);
  const auto guessers = a->survey.tries().guessers();
  const auto kind = [&](std::string_view ip) {
    for (const auto& g : guessers) {
      if (g.ip.to_string() == ip) return to_string(g.kind);
    }
    return std::string_view("none");
  };
  EXPECT_EQ(kind("198.51.100.1"), "brute_force");
  EXPECT_EQ(kind("198.51.100.2"), "slow");
  EXPECT_EQ(kind("198.51.100.3"), "enumeration");
  EXPECT_EQ(kind("198.51.100.4"), "few");
  const auto targets = a->survey.tries().targets();
  ASSERT_FALSE(targets.empty());
  EXPECT_EQ(targets[0].name, "taro@example.jp");
  EXPECT_EQ(targets[0].failures, 24u);
  EXPECT_EQ(targets[0].addresses, 2u);
  // taro's password was found; hanako mistyped hers once; one of ten addresses got in as kenji.
  const auto& in = a->survey.tries().successes();
  ASSERT_EQ(in.size(), 2u);
  EXPECT_EQ(in[0].account, "taro@example.jp");
  EXPECT_EQ(in[0].failures, 12u);
  EXPECT_EQ(in[1].account, "kenji@example.jp");
}

std::string hijack_log() {
  std::string out;
  for (int day = 10; day < 20; ++day) {
    for (const char* who : {"taro@example.jp", "hanako@example.jp"}) {
      for (int i = 0; i < 3; ++i) {
        out += message(fmt::format("Nov {} {:02}:10:00", day, 9 + i),
                       fmt::format("4AA{}{}{}", day, i, who[0] == 't' ? 'B' : 'C'), who,
                       who[0] == 't' ? "203.0.113.5" : "203.0.113.6",
                       {fmt::format("friend{}@r.example", i)});
      }
    }
  }
  for (int i = 0; i < 60; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < 20; ++k) to.push_back(fmt::format("v{}x{}@s{}.example", i, k, k));
    out += message(fmt::format("Nov 20 03:{:02}:00", i), fmt::format("4BB{:04X}D", i),
                   "taro@example.jp", fmt::format("198.51.{}.9", 100 + i % 5), to);
  }
  return out;
}

TEST_F(AnalyzeTest, NamesTheHijackedAccountAndNotItsNeighbour) {
  const auto a = of_text(hijack_log());
  const auto& taro = a->judge.of("taro@example.jp");
  EXPECT_EQ(taro.verdict, Verdict::hijacked);
  EXPECT_EQ(taro.sureness, Sureness::high);
  EXPECT_FALSE(taro.reasons.empty());
  EXPECT_GE(taro.onset, *parse_instant("2026-11-20T02:59:00Z"));
  EXPECT_GE(taro.stopped, taro.onset);
  EXPECT_LT(taro.stopped, *parse_instant("2026-11-20T03:30:00Z"));
  EXPECT_GT(taro.prevented, 600u);
  EXPECT_LE(taro.prevented + taro.got_out, 1200u);
  EXPECT_EQ(a->judge.of("hanako@example.jp").verdict, Verdict::normal);
  EXPECT_EQ(a->judge.of("nobody@example.jp").verdict, Verdict::normal);
  EXPECT_EQ(accounts_in_order(*a)[0].traffic->address, "taro@example.jp");
}

// A day's log knows nobody: whoever mails many is looked at, nobody is called hijacked for it, and
// of a thief it says how little it knows.
TEST_F(AnalyzeTest, NewslettersInAShortLogAreNoHijack) {
  std::string log;
  for (int i = 0; i < 400; ++i) {  // one by one
    log += message(fmt::format("Nov 20 10:{:02}:{:02}", i / 30, i % 30 * 2),
                   fmt::format("4AA{:04X}B", i), "news@example.jp", "203.0.113.5",
                   {fmt::format("a{}@s{}.example", i, i % 90)});
  }
  for (int i = 0; i < 10; ++i) {  // fifty at once
    std::vector<std::string> to;
    for (int k = 0; k < 50; ++k) to.push_back(fmt::format("b{}x{}@t{}.example", i, k, k));
    log += message(fmt::format("Nov 20 11:00:{:02}", i * 5), fmt::format("4BB{:04X}B", i),
                   "mailmag@example.jp", "203.0.113.6", to);
  }
  for (int i = 0; i < 240; ++i) {  // from the office, from home, from a telephone
    log += message(fmt::format("Nov 20 {:02}:{:02}:00", 12 + i / 60, i % 60),
                   fmt::format("4CC{:04X}B", i), "sales@example.jp",
                   fmt::format("203.0.113.{}", 7 + i / 80),
                   {fmt::format("c{}@u{}.example", i, i % 90)});
  }
  for (int i = 0; i < 60; ++i) {
    std::vector<std::string> to;
    for (int k = 0; k < 10; ++k) to.push_back(fmt::format("v{}x{}@s{}.example", i, k, k));
    const bool unknown = i % 6 == 0;
    log += message(fmt::format("Nov 20 17:{:02}:00", i), fmt::format("4DD{:04X}B", i),
                   "victim@example.jp", fmt::format("198.51.{}.9", 100 + i % 5), to,
                   unknown ? "dsn=5.1.1, status=bounced (550 5.1.1 User unknown)"
                           : "dsn=2.0.0, status=sent (250 Ok)");
  }
  const auto a = of_text(log);
  for (const char* who : {"news@example.jp", "mailmag@example.jp", "sales@example.jp"}) {
    EXPECT_NE(a->judge.of(who).verdict, Verdict::hijacked) << who;
  }
  const auto& victim = a->judge.of("victim@example.jp");
  EXPECT_EQ(victim.verdict, Verdict::hijacked);
  EXPECT_EQ(victim.sureness, Sureness::low);
  Invocation given;
  given.language = Language::en;
  const std::string text = analysis_text(given, *a, false);
  EXPECT_NE(text.find("perhaps hijacked  victim@example.jp"), std::string::npos) << text;
  EXPECT_NE(text.find("sureness low"), std::string::npos);
  EXPECT_NE(analysis_html(*a, Language::ja).find("乗っ取りかもしれません"), std::string::npos);
}

TEST_F(AnalyzeTest, SaysTheSameHoweverTheLogIsCutOrderedOrReadInThreads) {
  const std::string whole = hijack_log() + small_log();
  const std::string expected = figures(*of({file("whole.log", whole)}));
  EXPECT_EQ(figures(*of({file("whole.log", whole)}, 2)), expected);
  EXPECT_EQ(figures(*of({file("whole.log", whole)}, 5)), expected);
  // Cut at days: files one after the other, whatever their order on the command line.
  const auto cut_at = [&](std::string_view day) { return whole.find(fmt::format("Nov {} ", day)); };
  const auto first = cut_at("14");
  const auto second = cut_at("18");
  const std::vector<std::string> parts{file("mail.log.2", whole.substr(0, first)),
                                       file("mail.log.1", whole.substr(first, second - first)),
                                       file("mail.log", whole.substr(second))};
  EXPECT_EQ(figures(*of(parts)), expected);
  EXPECT_EQ(figures(*of({parts[2], parts[0], parts[1]}, 3)), expected);
  for (const char* pack : {"gzip", "xz", "zstd -q --rm"}) {
    const std::string name = file("packed.log", whole);
    ASSERT_EQ(std::system(fmt::format("{} '{}'", pack, name).c_str()), 0) << pack;
    const std::string_view tool(pack);
    const std::string packed = name + (tool == "gzip" ? ".gz" : tool == "xz" ? ".xz" : ".zst");
    EXPECT_EQ(figures(*of({packed})), expected) << pack;
    fs::remove(packed);
  }
}

// The lines of a log as a journal holds them.
std::string as_journal(const std::string& log, bool as_json) {
  std::istringstream in(log);
  std::string out;
  int n = 0;
  for (std::string line; std::getline(in, line);) {
    static const std::regex k_line(R"((\w+ \d+ [\d:]+) (\S+) ([^:\[]+)(?:\[(\d+)\])?: (.*))");
    std::smatch part;
    if (!std::regex_match(line, part, k_line)) continue;
    const auto t = wire::log_stamp(line, {k_now, 0});
    const std::string us = std::to_string(t->us);
    if (as_json) {
      json::object o{{"__REALTIME_TIMESTAMP", us},
                     {"_HOSTNAME", part[2].str()},
                     {"SYSLOG_IDENTIFIER", part[3].str()}};
      json::array bytes;
      for (const unsigned char c : part[5].str()) bytes.push_back(c);
      o["MESSAGE"] = n % 2 == 0 ? json::value(part[5].str()) : json::value(bytes);
      if (part[4].matched) o["SYSLOG_PID"] = part[4].str();
      out += json::serialize(o) + "\n";
    } else {
      out += "__CURSOR=s=1\n__REALTIME_TIMESTAMP=" + us + "\n_HOSTNAME=" + part[2].str() +
             "\nSYSLOG_IDENTIFIER=" + part[3].str() + "\n";
      if (part[4].matched) out += "_PID=" + part[4].str() + "\n";
      const std::string text = part[5].str();
      if (n % 2 == 0) {
        out += "MESSAGE=" + text + "\n";
      } else {
        out += "MESSAGE\n";
        for (int i = 0; i < 8; ++i) out += static_cast<char>(text.size() >> (8 * i) & 0xff);
        out += text + "\n";
      }
      out += "\n";
    }
    ++n;
  }
  return out;
}

TEST_F(AnalyzeTest, ReadsAJournalAsTheLogItCameFrom) {
  std::string log = small_log();
  log.erase(log.find("no stamp at all\n"), 16);
  const std::string expected = figures(*of({file("mail.log", log)}));
  EXPECT_EQ(figures(*of({file("export", as_journal(log, false))})), expected);
  EXPECT_EQ(figures(*of({file("json", as_journal(log, true))})), expected);
}

TEST_F(AnalyzeTest, WhatIsNoLogIsSaidToBeNone) {
  for (const char* text : {"root:x:0:0:root:/root:/bin/bash\n",
                           "{\"case\": \"a\", \"data\": \"b\"}\n{\"case\": \"c\"}\n"}) {
    const auto a = of({file("cases.txt", text)});
    ASSERT_EQ(a->files.size(), 1U);
    EXPECT_TRUE(a->files[0].unusable) << text;
    EXPECT_NE(a->files[0].trouble.find("is it a mail log?"), std::string::npos);
  }
  // A rotated log of a quiet day.
  EXPECT_FALSE(of({file("empty.log", "")})->files[0].unusable);
}

TEST_F(AnalyzeTest, HostileLinesStayTextInHtmlAndOnATerminal) {
  const std::string evil = "<script>alert(1)</script>&\"'\x1b[2J@example.jp";
  std::string text = message("Nov 20 01:01:00", "4ABCDEF12", evil, "203.0.113.5", {"a@r.example"});
  text += "Nov 20 01:02:00 mx postfix/smtpd[1]: \x1b[31m<img src=x onerror=alert(1)>\n";
  text += std::string("Nov 20 01:02:00 mx postfix/smtpd[1]: \xff\xfe\0broken\n", 47);
  const auto a = of_text(text);
  for (const Language language : {Language::ja, Language::en}) {
    const std::string page = analysis_html(*a, language);
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find("<img"), std::string::npos);
    EXPECT_EQ(page.find('\x1b'), std::string::npos);
    EXPECT_NE(page.find("&lt;script&gt;"), std::string::npos);
    Invocation given;
    given.language = language;
    EXPECT_EQ(analysis_text(given, *a, false).find('\x1b'), std::string::npos);
  }
}

TEST_F(AnalyzeTest, AgreesWithPlainCountingOnARealLog) {
  const char* folder = std::getenv("SEKIMORI_DATA");
  const fs::path data =
      (folder != nullptr ? fs::path(folder) : fs::path(SEKIMORI_SOURCE_DIR) / "../shared/data") /
      "mail-logs/modoboa-log/mail.log";
  if (!fs::exists(data)) GTEST_SKIP() << "skipped: " << data.string() << " is not there";
  std::ifstream in(data);
  std::string text;
  std::map<std::string, std::uint64_t> expected;
  std::map<std::string, std::uint64_t> logins;
  std::size_t lines = 0;
  for (std::string line; std::getline(in, line);) {
    ++lines;
    line.replace(0, 7, "Nov 20");
    text += line + "\n";
    const auto counts = [&](const char* key, const char* pattern) {
      expected[key] += std::regex_search(line, std::regex(pattern));
    };
    counts("sent", R"( postfix/\w+\[\d+\]: \w+: to=.* status=sent )");
    counts("deferred", R"( status=deferred )");
    counts("bounced", R"( status=bounced )");
    counts("rejected", R"(postfix/\S+: NOQUEUE: reject: )");
    counts("connects", R"(postfix/smtpd\[\d+\]: connect from )");
    counts("postscreen_connects", R"(postscreen\[\d+\]: CONNECT from )");
    counts("logins", R"(-login: Login: user=<)");
    std::smatch who;
    if (std::regex_search(line, who, std::regex("-login: Login: user=<([^>]+)>"))) ++logins[who[1]];
  }
  const auto a = of_text(text);
  const auto o = analysis_json(*a, Language::en);
  const auto& totals = o.at("totals").as_object();
  EXPECT_EQ(totals.at("lines").to_number<std::size_t>(), lines);
  for (const auto& [key, n] : expected) {
    EXPECT_EQ(totals.at(key).to_number<std::uint64_t>(), n) << key;
  }
  EXPECT_GT(expected["sent"], 0u);
  EXPECT_EQ(totals.at("unknown_lines").to_number<std::uint64_t>(), 0u)
      << json::serialize(o.at("unknown"));
  for (const auto& [who, n] : logins) EXPECT_EQ(account(*a, who).logins, n) << who;
  EXPECT_EQ(a->survey.accounts().size(), logins.size());
}

}  // namespace
}  // namespace sekimori::app
