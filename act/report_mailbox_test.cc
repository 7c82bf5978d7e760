// What IMAP answers to a search, whole or broken.
#include "act/report_mailbox.h"

#include <gtest/gtest.h>

namespace sekimori::act {
namespace {

using Numbers = std::vector<std::uint32_t>;

TEST(ReportMailbox, NumbersOfASearch) {
  EXPECT_EQ(search_numbers("* SEARCH 4 8 4294967295\r\n", 10), (Numbers{4, 8, 4294967295U}));
  EXPECT_EQ(search_numbers("* 3 EXISTS\r\n* SEARCH 1 2 3\r\nA1 OK 9\r\n", 2), (Numbers{1, 2}));
  EXPECT_EQ(search_numbers("* SEARCH\r\n", 10), Numbers{});
  EXPECT_EQ(search_numbers("* SEARCH 0 1\r\n", 10), Numbers{});
  EXPECT_EQ(search_numbers("* SEARCH 5 99999999999 6\r\n", 10), Numbers{5});
  EXPECT_EQ(search_numbers("", 10), Numbers{});
}

TEST(ReportMailbox, AServerThatIsNotThereIsAnError) {
  ReportMailboxSettings settings;
  settings.url = "imap://127.0.0.1:1";
  settings.login = "reports@example.jp";
  settings.password = Secret("very secret");
  settings.timeout = seconds(5);
  ReportMailbox mailbox(std::move(settings));
  const auto read = mailbox.read(10, [](const std::string&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::operating);
  EXPECT_EQ(read.error().text.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace sekimori::act
