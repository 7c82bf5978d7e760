#include "app/cli_text.h"

#include <gtest/gtest.h>

#include "app/cli_print.h"
#include "app/smtp_dialogue.h"

namespace sekimori::app {
namespace {

TEST(CliText, WideLettersTakeTwoColumns) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("停止"), 4U);
  EXPECT_EQ(display_width("aé停"), 4U);
  EXPECT_EQ(display_width("\xE5"), 1U) << "a cut letter";
}

TEST(CliText, TextIsCutBetweenLetters) {
  EXPECT_EQ(fitting("停止中", 5), "停止");
  EXPECT_EQ(fitting("停止中", 6), "停止中");
  EXPECT_EQ(fitting("abc", 2), "ab");
  EXPECT_EQ(fitting("", 2), "");
}

TEST(CliText, ColumnsStandUnderEachOther) {
  EXPECT_EQ(table({{"状態", "x"}, {"ok", "y"}}), "状態  x\nok    y\n");
}

TEST(CliText, ControlCharactersDoNotReachTheTerminal) {
  EXPECT_EQ(harmless("a\x1b[31m\x07\xC2\x9B"), "a?[31m???");
  EXPECT_EQ(harmless("送信"), "送信");
}

TEST(CliPrint, AnErrorIsSaidInTheLanguageWithItsDetail) {
  Invocation given;
  given.language = Language::ja;
  const std::string body =
      R"({"error":{"code":"not_found","message_ja":"見つかりません。","message_en":"Not found.","detail":"a@b"}})";
  EXPECT_EQ(printed_error(given, 404, body), "見つかりません。(a@b)");
  given.language = Language::en;
  EXPECT_EQ(printed_error(given, 404, body), "Not found. (a@b)");
  EXPECT_EQ(printed_error(given, 502, "<html>"), "HTTP 502");
}

TEST(CliPrint, AnAnswerOfAnotherFormDoesNotBreakIt) {
  for (const char* command : {"account list", "account show", "incident show", "hold list",
                              "ip list", "health", "release-all", "bypass", "account restrict"}) {
    Invocation given;
    given.command = command;
    for (const char* body :
         {"{}", "[]", "null", "3", "{\"items\":3}", "{\"items\":[1,null,{}]}",
          "{\"holds\":{},\"limits\":[[]],\"incident\":{\"evidence\":[0]}}", "no JSON"}) {
      EXPECT_FALSE(printed_answer(given, body).empty()) << command << ' ' << body;
    }
  }
}

TEST(SmtpData, LinesEndInCrlfAndDotsAreDoubled) {
  EXPECT_EQ(smtp_data("a\n.b\r\n..\n"), "a\r\n..b\r\n...\r\n.\r\n");
  EXPECT_EQ(smtp_data("a"), "a\r\n.\r\n");
  EXPECT_EQ(smtp_data(""), ".\r\n");
}

TEST(MailEndpoint, HostAndPort) {
  const auto plain = MailEndpoint::parse("mx.example:587");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "mx.example");
  EXPECT_EQ(plain->port, 587);
  EXPECT_EQ(MailEndpoint::parse("[2001:db8::1]:25")->host, "2001:db8::1");
  for (const char* wrong : {"", "mx", "mx:", ":25", "mx:0", "mx:65536", "mx:25x"}) {
    EXPECT_FALSE(MailEndpoint::parse(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace sekimori::app
