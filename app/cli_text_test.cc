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

TEST(CliText, LongTextIsBrokenAtBlanksOrBetweenLetters) {
  EXPECT_EQ(wrapped("one two three", 9, "  "), "  one two\n  three\n");
  EXPECT_EQ(wrapped("新しいパスワード", 10, "  "), "  新しいパ\n  スワード\n");
  EXPECT_EQ(wrapped("a\n\nb", 9, "> "), "> a\n> \n> b\n");
  EXPECT_EQ(wrapped("", 9, "> "), "");
  EXPECT_EQ(wrapped("停", 1, ""), "停\n") << "a letter wider than the line";
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

TEST(CliPrint, WhatStandsInTheWayOfARestoreIsSaid) {
  Invocation given;
  given.language = Language::ja;
  const std::string body =
      R"({"error":{"code":"conflict","message_ja":"できません。","message_en":"No.","open_gates":[
      {"kind":"works_smtp","title":{"ja":"送信の確認","en":"Sending"},"state":"open",
       "evidence":{"ja":"未確認です。","en":"Not yet."},"when":null}]}})";
  const auto ja = printed_error(given, 409, body);
  EXPECT_NE(ja.find("送信の確認"), std::string::npos) << ja;
  EXPECT_NE(ja.find("未完了"), std::string::npos) << ja;
  EXPECT_NE(ja.find("--reason"), std::string::npos) << ja;
  given.language = Language::en;
  const std::string refused =
      R"({"error":{"code":"password_refused","message_ja":"x","message_en":"No.","problems":[
      {"code":"no_digit","message_ja":"数字","message_en":"Add a digit."}]}})";
  EXPECT_EQ(printed_error(given, 422, refused), "No.\n  - Add a digit.");
}

TEST(CliPrint, TheWayBackIsATableWithANextStep) {
  Invocation given;
  given.command = "account recovery";
  given.language = Language::en;
  const auto text = printed_answer(given, R"({"account":"a@b","standing":"recovering",
      "contained":"2026-11-22T00:00:00Z","begun":null,"ended":null,"times":2,"by_machine":true,
      "begun_by":"","ended_by":"","complete":false,"forwards":[{"source":"a@b","target":"c@d"}],
      "gates":[{"kind":"works_smtp","title":{"ja":"x","en":"Sending"},"state":"proved",
                "evidence":{"ja":"x","en":"Tried."},"when":null}],
      "next_step":{"ja":"x","en":"Say whether the forward is yours."}})");
  for (const auto* part :
       {"recovering", "Sending  verified  Tried.", "a@b         c@d", "next:\n  Say whether"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(CliPrint, ACallSheetWarnsOfANewNumber) {
  Invocation given;
  given.command = "account call-sheet";
  given.language = Language::ja;
  const std::string body = R"({"account":"a@b","customer_number":"","name":"関 太郎",
      "phone":"03-0000-0000","phone_is_old":false,"incident":3,"standing":"suspended",
      "since":"2026-11-22T00:00:00Z","what_happened":{"ja":"起きました。","en":"x"},
      "what_to_say":{"ja":"もしもし。\nお名前を。","en":"x"}})";
  const auto text = printed_answer(given, body);
  for (const auto* part :
       {"(登録なし)", "最近変更", "03-0000-0000", "  もしもし。\n  お名前を。"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(CliPrint, StepsAndTheMachinesNotesAreInTheReadersLanguage) {
  const std::string body = R"({"id":7,"steps":[
      {"kind":"hold_queued","state":"done","changed":"2026-11-22T00:00:00Z","detail":"",
       "done":{"ja":"3 通(6 宛先)を保留しました","en":"3 messages to 6 recipients are held"}},
      {"kind":"kick_sessions","state":"done","changed":"2026-11-22T00:00:00Z",
       "detail":"2 sessions were ended","done":null},
      {"kind":"notify","state":"retrying","changed":"2026-11-22T00:00:00Z",
       "detail":"connection refused","done":null}],"notes":[
      {"t":"2026-11-22T00:00:00Z","who":"machine","why":"",
       "words":{"ja":"苦情が届きました。","en":"A complaint came."}},
      {"t":"2026-11-22T00:00:00Z","who":"ops","why":"called","words":null}]})";
  Invocation given;
  given.command = "incident show";
  given.language = Language::ja;
  const auto ja = printed_answer(given, body);
  for (const auto* part : {"3 通(6 宛先)を保留しました", "2 sessions were ended",
                           "connection refused", "苦情が届きました。", "called"}) {
    EXPECT_NE(ja.find(part), std::string::npos) << part << " in\n" << ja;
  }
  EXPECT_EQ(ja.find("messages to"), std::string::npos) << ja;
  given.language = Language::en;
  const auto en = printed_answer(given, body);
  EXPECT_NE(en.find("3 messages to 6 recipients are held"), std::string::npos) << en;
  EXPECT_NE(en.find("A complaint came."), std::string::npos) << en;
}

TEST(CliPrint, AnAnswerOfAnotherFormDoesNotBreakIt) {
  for (const char* command :
       {"account list", "account show", "incident show", "hold list", "account recovery",
        "account call-sheet", "notice list", "notice acknowledge", "ip list", "health",
        "release-all", "bypass", "account restrict"}) {
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
