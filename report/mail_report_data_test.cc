// Real bounces against what is expected of them ($SEKIMORI_DATA, else ../shared/data beside the
// checkout; skipped, and said so, where the folder is not there).
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "report/mail_report.h"

namespace sekimori::report {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

fs::path folder() {
  const char* given = std::getenv("SEKIMORI_DATA");
  return (given != nullptr ? fs::path(given) : fs::path(SEKIMORI_SOURCE_DIR) / "../shared/data") /
         "bounces";
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Score {
  std::size_t right = 0;
  std::size_t of = 0;
  std::string wrong;
  void add(std::string_view got, std::string_view want, std::string_view where) {
    ++of;
    if (got == want) {
      ++right;
      return;
    }
    wrong +=
        std::string(where) + ": " + std::string(got) + ", expected " + std::string(want) + "\n";
  }
};

TEST(MailReportData, RealBouncesSayWhatIsExpected) {
  if (!fs::exists(folder() / "expected.jsonl")) {
    GTEST_SKIP() << "skipped: " << folder().string() << " is not there (set SEKIMORI_DATA)";
  }
  std::map<std::string, Score> scores;
  std::ifstream lines(folder() / "expected.jsonl");
  std::size_t files = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto row = json::parse(line).as_object();
    const std::string file(row.at("file").as_string());
    const auto report = read_report(content(folder() / file));
    ASSERT_TRUE(report) << file;
    ++files;
    const auto name = fs::path(file).stem().string();
    const auto& expected = row.at("expected").as_array();
    const bool with_recipients = report->kind == ReportKind::bounce ||
                                 report->kind == ReportKind::delay ||
                                 report->kind == ReportKind::delivered;
    const std::size_t found =
        report->kind == ReportKind::not_a_report ? 0
        : with_recipients                        ? report->recipients.size()
                          : std::max<std::size_t>(1, report->feedback.original_rcpt_to.size());
    scores["count"].add(std::to_string(found), std::to_string(expected.size()), name);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto& want = expected[i].as_object();
      const auto text = [&](const char* key) { return std::string(want.at(key).as_string()); };
      RecipientReport r;
      const bool here = with_recipients && i < report->recipients.size();
      if (here) r = report->recipients[i];
      const std::string reason = report->kind == ReportKind::feedback     ? "feedback"
                                 : report->kind == ReportKind::auto_reply ? "vacation"
                                 : here ? std::string(to_string(r.reason))
                                        : "none";
      const std::string where = name + " '" + r.diagnostic.substr(0, 160) + "'";
      scores["status"].add(here ? status_or_stand_in(r) : "", text("dsn"), where);
      scores["reply_code"].add(r.reply_code, text("replycode"), where);
      scores["reason"].add(reason, text("reason"), where);
      scores["hard"].add(r.hard ? "hard" : "soft",
                         want.at("hardbounce").as_bool() ? "hard" : "soft", where);
      scores["feedback"].add(report->feedback.type, text("feedbacktype"), where);
    }
  }
  EXPECT_GE(files, 291U);
  // What was reached: a change that reads fewer of them is a step back. The rest are notifications
  // in JSON, reasons that one MTA's name alone explains, and stand-ins chosen by habit.
  const std::map<std::string, std::size_t> reached = {{"count", 285},  {"feedback", 306},
                                                      {"hard", 292},   {"reason", 277},
                                                      {"status", 282}, {"reply_code", 298}};
  for (const auto& [field, least] : reached) {
    EXPECT_GE(scores[field].right, least) << field << "\n" << scores[field].wrong;
  }
  for (const auto& [field, score] : scores) {
    std::cout << field << ": " << score.right << " of " << score.of << "\n";
    if (std::getenv("SEKIMORI_SHOW_WRONG") != nullptr) std::cout << score.wrong << "\n";
  }
}

}  // namespace
}  // namespace sekimori::report
