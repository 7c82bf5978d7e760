// What these prove: a log alone gives the messages that a living guard hears of from policy
// questions, each once and whole, in the order of their time, in bounded memory; rotated and packed
// files in any order are the same log; a broken end loses only the end.
#include "serve/history_join.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "serve/log_set.h"
#include "serve/test_world.h"
#include "wire/event_json.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

const Instant k_late = *parse_instant("2026-11-22T00:00:00Z");

struct Join {
  explicit Join(HistoryJoinOptions options = {})
      : join(names, std::move(options), [this](Event&& e) { events.push_back(std::move(e)); }) {}
  void line(const std::string& stamp, const std::string& text) {
    join.line(fmt::format("2026-09-01T{}+09:00 mx1 {}", stamp, text), k_late);
  }
  template <class Body>
  std::vector<Event> all() const {
    std::vector<Event> out;
    for (const auto& e : events) {
      if (std::holds_alternative<Body>(e.body)) out.push_back(e);
    }
    return out;
  }
  decide::Directory names = directory();
  std::vector<Event> events;
  HistoryJoin join;
};

void hand_in(Join& log, const std::string& at, const std::string& id, int recipients) {
  log.line(at, fmt::format("postfix/submission/smtpd[1]: {}: client=pc[192.0.2.1], "
                           "sasl_method=PLAIN, sasl_username=Hanako@old.example.jp",
                           id));
  log.line(at, fmt::format("postfix/cleanup[2]: {}: message-id=<{}@pc>", id, id));
  log.line(at, fmt::format("postfix/qmgr[3]: {}: from=<hanako@example.jp>, size=4711, nrcpt={} "
                           "(queue active)",
                           id, recipients));
}

std::string sent(const std::string& id, const std::string& to, const std::string& more = "") {
  return fmt::format(
      "postfix/smtp[4]: {}: to=<{}>, {}relay=mx.x.example[203.0.113.5]:25, delay=1, "
      "delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 ok)",
      id, to, more);
}

TEST(HistoryJoin, AMessageIsOneSubmissionWithAllItsRecipients) {
  Join log;
  hand_in(log, "10:00:00", "4Xk1jd2Gz3z9sP", 3);
  log.line("10:00:01", sent("4Xk1jd2Gz3z9sP", "a@x.example"));
  log.line("10:00:01", sent("4Xk1jd2Gz3z9sP", "c1@y.example", "orig_to=<list@y.example>, "));
  EXPECT_TRUE(log.all<Submission>().empty());
  log.line("10:00:02", sent("4Xk1jd2Gz3z9sP", "c2@y.example", "orig_to=<list@y.example>, "));
  ASSERT_EQ(log.all<Submission>().size(), 1U);
  const Event event = log.all<Submission>()[0];
  EXPECT_EQ(event.account, "hanako@example.jp");
  EXPECT_EQ(event.t, *parse_instant("2026-09-01T10:00:00+09:00"));
  const auto& mail = std::get<Submission>(event.body);
  EXPECT_THAT(mail.to, ElementsAre("a@x.example", "list@y.example"));
  EXPECT_EQ(mail.size, 4711U);
  EXPECT_EQ(mail.from, "hanako@example.jp");
  EXPECT_EQ(mail.message_id, "4Xk1jd2Gz3z9sP@pc");
  EXPECT_EQ(mail.ip.to_string(), "192.0.2.1");
  EXPECT_EQ(mail.queue_id, "4Xk1jd2Gz3z9sP");
  log.line("10:00:03", "postfix/qmgr[3]: 4Xk1jd2Gz3z9sP: removed");
  log.join.finish();
  EXPECT_EQ(log.all<Submission>().size(), 1U);
  EXPECT_EQ(log.all<Delivery>().size(), 3U);
}

TEST(HistoryJoin, EventsComeInTheOrderOfTheirTime) {
  Join log;
  hand_in(log, "10:00:00", "4Xk1jd2Gz3z9sP", 2);
  log.line("10:00:01", sent("4Xk1jd2Gz3z9sP", "a@x.example"));
  hand_in(log, "10:02:00", "4Xk1jd2Gz3z9sR", 1);
  log.line("10:02:01", sent("4Xk1jd2Gz3z9sR", "b@x.example"));
  log.line("10:05:00", sent("4Xk1jd2Gz3z9sP", "slow@x.example"));
  log.join.finish();
  EXPECT_TRUE(std::ranges::is_sorted(log.events, {}, &Event::t));
  ASSERT_EQ(log.all<Submission>().size(), 2U);
  EXPECT_EQ(std::get<Submission>(log.all<Submission>()[0].body).to.size(), 2U);
}

TEST(HistoryJoin, WhatNeverBecameMailIsNoMessage) {
  Join log;
  hand_in(log, "10:00:00", "4Xk1jd2Gz3z9sP", 1);
  log.line("10:00:01",
           "postfix/cleanup[2]: 4Xk1jd2Gz3z9sP: milter-reject: END-OF-MESSAGE from pc[192.0.2.1]: "
           "5.7.1 spam; from=<hanako@example.jp> to=<a@x.example> proto=ESMTP helo=<pc>");
  hand_in(log, "10:01:00", "4Xk1jd2Gz3z9sR", 1);  // nobody ever tried its recipient
  log.join.finish();
  EXPECT_TRUE(log.events.empty());
}

TEST(HistoryJoin, ARecipientThatNeverCameHoldsNothingUpForLong) {
  Join log;
  hand_in(log, "10:00:00", "4Xk1jd2Gz3z9sP", 2);
  log.line("10:00:01", sent("4Xk1jd2Gz3z9sP", "a@x.example"));
  log.line("11:30:00", "postfix/qmgr[3]: 4Xk1jd2Gz3z9sX: removed");
  ASSERT_EQ(log.all<Submission>().size(), 1U);
  EXPECT_EQ(log.join.counts().incomplete, 1U);
}

TEST(HistoryJoin, MemoryIsBoundedByOpenMessages) {
  HistoryJoinOptions small;
  small.messages_max = 10;
  small.events_max = 20;
  Join log(small);
  for (int i = 0; i < 500; ++i) {
    const auto id = fmt::format("4Xk1jd2Gz{:04}zP", i);
    hand_in(log, "10:00:00", id, 2);
    log.line("10:00:00", sent(id, "a@x.example"));
  }
  EXPECT_GE(log.all<Submission>().size(), 490U);
  log.join.finish();
  EXPECT_EQ(log.all<Submission>().size(), 500U);
}

TEST(HistoryJoin, LoginsAndReceiptsComeFromTheSameLog) {
  Join log;
  log.line("10:00:00",
           "dovecot: imap-login: Login: user=<taro@example.jp>, method=PLAIN, rip=203.0.113.9, "
           "lip=192.0.2.25, mpid=7, TLS, session=<abc>");
  log.line("10:00:00",
           "dovecot: imap-login: Login: user=<gone@elsewhere.example>, method=PLAIN, "
           "rip=203.0.113.9, lip=192.0.2.25, mpid=7, TLS, session=<abd>");
  log.line("10:00:05", "postfix/smtpd[1]: 4Xk1jd2Gz3z9sP: client=mx.example.com[203.0.113.5]");
  log.line("10:00:05",
           "postfix/qmgr[2]: 4Xk1jd2Gz3z9sP: from=<x@example.com>, size=500, nrcpt=1 "
           "(queue active)");
  log.line("10:00:06",
           "postfix/lmtp[3]: 4Xk1jd2Gz3z9sP: to=<taro@example.jp>, relay=mx[private/dovecot-lmtp], "
           "delay=1, delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 Saved)");
  log.join.finish();
  ASSERT_EQ(log.events.size(), 2U);
  EXPECT_EQ(std::get<Login>(log.events[0].body).ip.to_string(), "203.0.113.9");
  EXPECT_EQ(std::get<Received>(log.events[1].body).from, "x@example.com");
  EXPECT_EQ(log.join.counts().foreign, 1U);
}

TEST(HistoryJoin, QueueIdsAreAHostsOwn) {
  Join log;
  const auto at = [&](const std::string& host, const std::string& text) {
    log.join.line(fmt::format("2026-09-01T10:00:00+09:00 {} {}", host, text), k_late);
  };
  for (const std::string who : {"hanako", "taro"}) {
    const std::string host = "mx-" + who;
    at(host, fmt::format("postfix/smtpd[1]: 4104E3D: client=pc[192.0.2.1], sasl_method=PLAIN, "
                         "sasl_username={}@example.jp",
                         who));
    at(host, "postfix/qmgr[3]: 4104E3D: from=<x@example.jp>, size=1, nrcpt=1 (queue active)");
  }
  at("mx-taro", sent("4104E3D", "t@x.example"));
  at("mx-hanako", sent("4104E3D", "h@x.example"));
  log.join.finish();
  ASSERT_EQ(log.all<Submission>().size(), 2U);
  for (const auto& e : log.all<Submission>()) {
    EXPECT_EQ(std::get<Submission>(e.body).to[0][0], e.account[0]);
  }
}

// ---------------------------------------------------------------- files

class LogFiles : public ::testing::Test {
 protected:
  LogFiles() {
    std::string made = (fs::temp_directory_path() / "sekimori-log-XXXXXX").string();
    folder = ::mkdtemp(made.data());
  }
  ~LogFiles() override { fs::remove_all(folder); }

  // Written with this filter ("" = plain), last changed at `modified`.
  std::string file(const std::string& name, const std::string& text, const std::string& filter,
                   const char* modified) {
    const std::string path = folder + "/" + name;
    if (filter.empty()) {
      std::ofstream(path) << text;
    } else {
      ::archive* a = ::archive_write_new();
      EXPECT_EQ(::archive_write_add_filter_by_name(a, filter.c_str()), ARCHIVE_OK) << filter;
      EXPECT_EQ(::archive_write_set_format_raw(a), ARCHIVE_OK);
      EXPECT_EQ(::archive_write_open_filename(a, path.c_str()), ARCHIVE_OK);
      ::archive_entry* entry = ::archive_entry_new();
      ::archive_entry_set_filetype(entry, AE_IFREG);
      ::archive_write_header(a, entry);
      EXPECT_EQ(::archive_write_data(a, text.data(), text.size()),
                static_cast<la_ssize_t>(text.size()));
      ::archive_entry_free(entry);
      ::archive_write_free(a);
    }
    const auto s = parse_instant(modified)->us / 1'000'000;
    const timespec times[2] = {{s, 0}, {s, 0}};
    ::utimensat(AT_FDCWD, path.c_str(), times, 0);
    return path;
  }

  struct Read {
    std::vector<std::string> lines;
    std::vector<Instant> times;
    std::vector<LogSet::File> files;
  };
  static Read read(const std::vector<std::string>& paths) {
    std::vector<LogArchive> archives;
    for (const auto& path : paths) {
      auto opened = LogArchive::open(path);
      EXPECT_TRUE(opened) << path;
      archives.push_back(std::move(*opened));
    }
    LogSet set(std::move(archives), {k_late, 9 * 3600});
    Read out;
    while (const auto line = set.next()) {
      out.lines.emplace_back(line->text);
      out.times.push_back(line->t);
    }
    out.files = set.files();
    return out;
  }
  std::string folder;
};

std::string day(const char* date, int from, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += fmt::format("{} {:02}:00:{:02} mx1 postfix/qmgr[3]: {:06X}AB: removed\n", date,
                       from + i / 60, i % 60, from * 1000 + i);
  }
  return out;
}

TEST_F(LogFiles, ARotatedSetInAnyOrderAndPackingIsOneLog) {
  const std::vector<std::string> days = {day("Dec 30", 1, 100), day("Dec 31", 2, 100),
                                         day("Jan  1", 3, 100), day("Jan  2", 4, 100)};
  std::string whole;
  for (const auto& d : days) whole += d;
  const auto plain = read({file("all", whole, "", "2026-01-02T14:00:00+09:00")});
  ASSERT_EQ(plain.lines.size(), 400U);
  EXPECT_EQ(plain.times.front(), *parse_instant("2025-12-30T01:00:00+09:00"));
  EXPECT_EQ(plain.times.back(), *parse_instant("2026-01-02T05:00:39+09:00"));
  EXPECT_TRUE(std::ranges::is_sorted(plain.times));

  std::vector<std::string> set = {
      file("mail.log", days[3], "", "2026-01-02T14:00:00+09:00"),
      file("mail.log.1", days[2], "zstd", "2026-01-01T14:00:00+09:00"),
      file("mail.log.2.gz", days[1], "gzip", "2025-12-31T14:00:00+09:00"),
      file("odd-name", days[0], "xz", "2025-12-30T14:00:00+09:00"),
  };
  std::minstd_rand random(7);
  for (int round = 0; round < 10; ++round) {
    std::ranges::shuffle(set, random);
    const auto shuffled = read(set);
    EXPECT_EQ(shuffled.lines, plain.lines);
    EXPECT_EQ(shuffled.times, plain.times);
  }
  const auto files = read(set).files;
  EXPECT_EQ(files[0].packed, "xz");
  EXPECT_EQ(files[1].packed, "gzip");
  EXPECT_EQ(files[2].packed, "zstd");
  EXPECT_EQ(files[3].packed, "none");
  const auto bzip2 = read({file("b", whole, "bzip2", "2026-01-02T14:00:00+09:00")});
  EXPECT_EQ(bzip2.lines, plain.lines);
}

TEST_F(LogFiles, HostsThatWroteAtTheSameTimeInterleave) {
  std::string a;
  std::string b;
  for (int i = 0; i < 50; ++i) {
    a += fmt::format("2026-09-01T10:00:{:02}+09:00 mx1 postfix/qmgr[1]: 4104E3D: removed\n", i);
    b += fmt::format("2026-09-01T10:00:{:02}+09:00 mx2 postfix/qmgr[1]: 4104E3D: removed\n", i);
  }
  const auto both = read(
      {file("a", a, "", "2026-09-02T00:00:00Z"), file("b", b, "gzip", "2026-09-02T00:00:00Z")});
  ASSERT_EQ(both.lines.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(both.times));
}

TEST_F(LogFiles, ABrokenTailLosesOnlyTheTail) {
  std::string text;
  std::minstd_rand random(3);
  for (int i = 0; i < 40'000; ++i) {
    text +=
        fmt::format("2026-09-01T{:02}:{:02}:{:02}+09:00 mx1 postfix/qmgr[{}]: {:08X}: removed\n",
                    i / 3600, i / 60 % 60, i % 60, random() % 9999, random());
  }
  const auto path = file("mail.log.2.gz", text, "gzip", "2026-09-02T00:00:00Z");
  fs::resize_file(path, fs::file_size(path) / 2);
  const auto half = read({path});
  EXPECT_GT(half.lines.size(), 15'000U);
  EXPECT_LT(half.lines.size(), 25'000U);
  EXPECT_THAT(half.files[0].trouble, HasSubstr("truncated"));
  EXPECT_FALSE(half.files[0].unusable);
  for (const auto& line : half.lines) ASSERT_TRUE(line.ends_with("removed"));
}

TEST_F(LogFiles, WhatIsNoLogIsSaidToBeNone) {
  const auto text = file("notes.txt", "hello\nworld\n", "", "2026-09-02T00:00:00Z");
  const auto good = file("mail.log", day("Sep  1", 1, 5), "", "2026-09-02T00:00:00Z");
  const auto empty = file("mail.log.1", "", "", "2026-09-02T00:00:00Z");
  const auto both = read({text, good, empty});
  EXPECT_EQ(both.lines.size(), 5U);
  for (const auto& f : both.files) EXPECT_EQ(f.unusable, f.name == text) << f.name << f.trouble;
  EXPECT_EQ(LogArchive::open(folder).error().kind, ErrorKind::bad_input);
  const auto missing = LogArchive::open(folder + "/none.log");
  EXPECT_EQ(missing.error().kind, ErrorKind::not_found);
  EXPECT_THAT(missing.error().text, HasSubstr("none.log"));
}

TEST_F(LogFiles, ALineWithoutEndIsLeftOut) {
  const std::string line = "2026-09-01T10:00:00+09:00 mx1 postfix/qmgr[1]: 4104E3D: removed\n";
  const auto read_back = read({file("a", line + std::string(5'000'000, 'x') + "\n" + line, "gzip",
                                    "2026-09-02T00:00:00Z")});
  EXPECT_EQ(read_back.lines.size(), 2U);
  EXPECT_EQ(read_back.files[0].lines_too_long, 1U);
}

// The log of a real server, where it is: nothing breaks, and order holds.
TEST_F(LogFiles, ARealLogIsRead) {
  const char* set = std::getenv("SEKIMORI_DATA");
  const fs::path data =
      set != nullptr ? fs::path(set) : fs::path(SEKIMORI_SOURCE_DIR) / "../shared/data";
  const fs::path from = data / "mail-logs/modoboa-log/mail.log";
  if (!fs::exists(from)) GTEST_SKIP() << from << " is not there";
  std::ifstream in(from);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  // It was kept as a template: its day is a blank to be filled in.
  static constexpr std::string_view k_blank = "%(day)s";
  for (auto at = text.find(k_blank); at != std::string::npos; at = text.find(k_blank, at)) {
    text.replace(at, k_blank.size(), "Nov  5");
  }
  std::vector<LogArchive> archives;
  archives.push_back(*LogArchive::open(file("mail.log", text, "xz", "2026-11-05T23:00:00Z")));
  const auto names = directory();
  HistoryJoinOptions options;
  options.only_accounts = false;
  Instant last;
  std::uint64_t backwards = 0;
  HistoryJoin join(names, options, [&](Event&& e) {
    backwards += e.t < last;
    last = e.t;
    std::string json;
    wire::append_event(json, e);
    EXPECT_TRUE(wire::parse_event(json)) << json;
  });
  LogSet lines(std::move(archives), {k_late, 0});
  while (const auto line = lines.next()) join.line(line->text, line->reference);
  join.finish();
  fmt::print("{} lines, {} unknown, {} events, {} messages to {} recipients\n", join.counts().lines,
             join.counts().unknown, join.counts().events, join.counts().submissions,
             join.counts().recipients);
  EXPECT_GT(join.counts().lines, 100U);
  EXPECT_GT(join.counts().events, 10U);
  EXPECT_EQ(backwards, 0U);
}

}  // namespace
}  // namespace sekimori::serve
