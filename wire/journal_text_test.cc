#include "wire/journal_text.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/log_class.h"
#include "wire/log_line.h"

namespace sekimori::wire {
namespace {

std::string lines_of(JournalText::Form form, std::string_view bytes, std::size_t step) {
  JournalText reader(form);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += step) reader.feed(bytes.substr(i, step), out);
  reader.finish(out);
  return out;
}

std::string binary(std::string_view name, std::string_view value) {
  std::string out(name);
  out += '\n';
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value.size() >> (8 * i) & 0xff);
  out += value;
  out += '\n';
  return out;
}

const std::string k_export =
    "__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1763780645123456\n_HOSTNAME=mx\n"
    "SYSLOG_IDENTIFIER=postfix/smtpd\n_PID=9\nSYSLOG_PID=7\nMESSAGE=connect from a[192.0.2.1]\n\n"
    "__CURSOR=s=1;i=3\n__REALTIME_TIMESTAMP=1763780646000000\n_HOSTNAME=mx\n"
    "SYSLOG_IDENTIFIER=dovecot\n" +
    binary("MESSAGE", "imap: two\nlines \x80") + binary("OTHER", std::string(70'000, '\n')) +
    "\n__REALTIME_TIMESTAMP=1763780647000000\n_HOSTNAME=mx\nSYSLOG_IDENTIFIER=x y\nMESSAGE=z";
const std::string k_lines =
    "2025-11-22T03:04:05.123456Z mx postfix/smtpd[7]: connect from a[192.0.2.1]\n"
    "2025-11-22T03:04:06Z mx dovecot: imap: two lines \x80\n"
    "2025-11-22T03:04:07Z mx x_y: z\n";

TEST(JournalText, ReadsAnExportInPiecesOfAnySize) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64},
                                 std::size_t{4096}, k_export.size()}) {
    EXPECT_EQ(lines_of(JournalText::Form::entries, k_export, step), k_lines) << step;
  }
}

TEST(JournalText, EveryPrefixGivesWholeLinesOnly) {
  const std::string head = k_export.substr(0, 400);
  for (std::size_t size = 0; size <= head.size(); ++size) {
    const std::string out = lines_of(JournalText::Form::entries, head.substr(0, size), 13);
    EXPECT_TRUE(out.empty() || out.ends_with('\n')) << size;
  }
}

TEST(JournalText, ReadsJson) {
  const std::string text =
      R"({"__REALTIME_TIMESTAMP":"1763780645123456","_HOSTNAME":"mx","SYSLOG_IDENTIFIER":"postfix/smtpd","SYSLOG_PID":"7","MESSAGE":"connect from a[192.0.2.1]"})"
      "\n"
      R"({"__REALTIME_TIMESTAMP":"1763780646000000","_HOSTNAME":"mx","SYSLOG_IDENTIFIER":"dovecot","MESSAGE":[105,255]})"
      "\nbroken {\n"
      R"({"__REALTIME_TIMESTAMP":"1763780646000000","MESSAGE":null})"
      "\n";
  JournalText reader(JournalText::form_of(text));
  std::string out;
  reader.feed(text, out);
  reader.finish(out);
  EXPECT_EQ(out,
            "2025-11-22T03:04:05.123456Z mx postfix/smtpd[7]: connect from a[192.0.2.1]\n"
            "2025-11-22T03:04:06Z mx dovecot: i\xff\n");
  EXPECT_EQ(reader.incomplete(), 2u);
}

TEST(JournalText, TellsItsFormsFromALog) {
  EXPECT_EQ(JournalText::form_of("__CURSOR=s=00000"), JournalText::Form::entries);
  EXPECT_EQ(JournalText::form_of("{\"MESSAGE\":\"x\"}"), JournalText::Form::json);
  EXPECT_EQ(JournalText::form_of("Nov 22 03:04:05 "), JournalText::Form::none);
  EXPECT_EQ(JournalText::form_of(""), JournalText::Form::none);
}

TEST(JournalText, AHugeLengthTakesNoMemoryAndEndsWithTheStream) {
  std::string bytes = "__CURSOR=1\nMESSAGE\n";
  bytes += std::string(8, '\xff');
  bytes += std::string(200'000, 'x');
  EXPECT_EQ(lines_of(JournalText::Form::entries, bytes, 4096), "");
}

// A reader that remembers days says what the one that does not says, in any order of lines.
TEST(LogStamps, ReadsAsLogStampDoes) {
  const char* const lines[] = {"Nov 22 03:04:05 mx x: y",
                               "Nov 22 23:59:59 mx x: y",
                               "Nov  2 03:04:05 mx x: y",
                               "Nov 2 03:04:05 mx x: y",
                               "Nov 23 11:59:59 mx x: y",
                               "Nov 23 12:00:01 mx x: y",
                               "Feb 29 01:02:03 mx x: y",
                               "Feb 30 01:02:03 mx x: y",
                               "Nov 22 24:00:00 mx x: y",
                               "Nov 22 03:04:60 mx x: y",
                               "<22>Nov 22 03:04:05 mx x: y",
                               "2026-11-22T03:04:05+09:00 mx x: y",
                               "2026-11-22T03:04:06.5+09:00 mx x: y",
                               "2026-11-22T03:04:06.123456789Z mx x: y",
                               "2026-11-22T03:04:07.000001-00:30 mx x: y",
                               "2026-11-22T03:04:07+0900 mx x: y",
                               "2026-11-22T23:04:07Z mx x: y",
                               "2026-11-22T24:04:07Z mx x: y",
                               "2026-11-22T03:04:07. mx x: y",
                               "2026-11-22 03:04:07 mx x: y",
                               "2026-13-22T03:04:05Z mx x: y",
                               "nothing",
                               ""};
  for (const char* reference : {"2026-11-22T12:00:00Z", "2027-02-01T00:00:00Z"}) {
    const LogContext context{*parse_instant(reference), 9 * 3600};
    LogStamps stamps;
    for (int round = 0; round < 3; ++round) {
      for (const char* line : lines) {
        const auto read = stamps.read(line, context);
        const auto expected = log_stamp(line, context);
        ASSERT_EQ(read.has_value(), expected.has_value()) << line;
        if (read) {
          EXPECT_EQ(read->t, *expected) << line;
          EXPECT_EQ(line[read->length], ' ') << line;
        }
      }
    }
  }
}

TEST(LogClass, TellsUnknownFromWhatIsKnownAndOfNoWeight) {
  const LogContext context{*parse_instant("2026-11-22T12:00:00Z"), 0};
  const auto of = [&](std::string_view text) {
    const std::string line = "Nov 22 03:04:05 mx " + std::string(text);
    const auto parsed = parse_log_line(line, context);
    EXPECT_TRUE(parsed) << line;
    return parsed ? classify(*parsed) : LogClass::unknown;
  };
  EXPECT_EQ(of("postfix/smtpd[1]: connect from a[192.0.2.1]"), LogClass::modelled);
  EXPECT_EQ(of("postfix/anvil[1]: statistics: max cache size 1 at Oct 26 18:13:50"),
            LogClass::routine);
  EXPECT_EQ(of("postfix-out/smtpd[1]: warning: hostname a does not resolve to address b"),
            LogClass::warning);
  EXPECT_EQ(of("postfix/smtpd[1]: something new"), LogClass::unknown);
  EXPECT_EQ(of("dovecot: imap(a)<1><s>: Debug: something"), LogClass::routine);
  EXPECT_EQ(of("dovecot: imap(a)<1><s>: Error: something"), LogClass::warning);
  EXPECT_EQ(of("dovecot: imap(a)<1><s>: something new"), LogClass::unknown);
  EXPECT_EQ(of("CRON[1]: session opened"), LogClass::foreign);
  EXPECT_EQ(log_shape("4ABCDEF12: warning: <a@b.example> at 12 from c[192.0.2.1]"),
            "ID: warning: <..> at N from c[..]");
  EXPECT_EQ(log_shape("\x1b[31m\xff"), "?[N?");
}

}  // namespace
}  // namespace sekimori::wire
