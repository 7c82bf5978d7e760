// What these prove: what a person switched off becomes exactly the flags that close it, in words
// that say what works, since when, why, until when and what to do; a diagnosis no longer says that
// nothing is wrong; and each of the two stands alone.
#include "decide/switches.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

const Instant k_since = *parse_instant("2026-11-23T06:04:00Z");
const ZoneRule k_tokyo = *ZoneRule::parse("JST-9");

SwitchedOff off(AccountSwitch what, std::string reason = "引っ越しのため") {
  return {"taro@example.jp", what, k_since, {}, "nao", std::move(reason)};
}
Switches only(const SwitchedOff& one) {
  Switches out;
  out.at(one.what) = one;
  return out;
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Switches, EachClosesItsOwnDoors) {
  const auto receive =
      guard_row("taro@example.jp", only(off(AccountSwitch::receive)), "https://p.example.jp/");
  EXPECT_TRUE(receive.no_receive);
  EXPECT_FALSE(receive.no_login || receive.no_send);
  EXPECT_TRUE(receive.reply.empty() && receive.reason.empty());

  const auto login = guard_row("taro@example.jp", only(off(AccountSwitch::login)),
                               "https://p.example.jp/受付\r\n");
  EXPECT_FALSE(login.no_receive);
  // A line that was signed in on before hands in nothing more.
  EXPECT_TRUE(login.no_login && login.no_send);
  EXPECT_TRUE(login.reply.starts_with("525 5.7.13 "));
  for (const char c : login.reply) EXPECT_TRUE(c >= ' ' && c <= '~');
  EXPECT_TRUE(has(login.reason, "Your mail is kept. https://p.example.jp/"));
  EXPECT_TRUE(has(login.reason, "管理者が止めています"));

  const auto none = guard_row("taro@example.jp", {}, "");
  EXPECT_FALSE(none.no_receive || none.no_login || none.no_send);
}

TEST(Switches, TheOwnerReadsWhatWorksSinceWhenWhyAndWhatToDo) {
  const auto receive = owner_words(only(off(AccountSwitch::receive)), k_tokyo);
  EXPECT_TRUE(has(receive.what.ja, "2026年11月23日 15:04 から、管理者が受信を止めています"));
  EXPECT_TRUE(has(receive.what.ja, "サインインと送信"));
  EXPECT_TRUE(has(receive.what.en, "since 2026-11-23 15:04"));
  EXPECT_EQ(receive.why.ja, "引っ越しのため");
  EXPECT_TRUE(has(receive.next.ja, "窓口"));

  auto ending = off(AccountSwitch::login, "退職");
  ending.until = k_since + hours(24);
  const auto login = owner_words(only(ending), k_tokyo);
  EXPECT_TRUE(has(login.what.ja, "サインインを止めています"));
  EXPECT_TRUE(has(login.what.ja, "(2026年11月24日 15:04 まで)"));
  EXPECT_TRUE(has(login.what.en, "goes on arriving"));
  EXPECT_TRUE(has(login.next.ja, "2026年11月24日 15:04 に自動で再開します"));
  EXPECT_TRUE(has(login.next.en, "by itself at 2026-11-24 15:04"));

  Switches both = only(off(AccountSwitch::receive));
  both.login = ending;
  const auto words = owner_words(both, k_tokyo);
  EXPECT_TRUE(has(words.why.ja, "受信: 引っ越しのため / サインイン: 退職"));
  EXPECT_TRUE(has(words.next.en, "Receiving: Please ask"));
  EXPECT_FALSE(has(words.what.ja, "サインインと送信"));
}

TEST(Switches, ADiagnosisNamesThemAndNothingElseIsFine) {
  std::vector<Finding> findings{{"never_reads", FindingWeight::hint, {}, {}},
                                {"nothing_here", FindingWeight::fine, {}, {}}};
  auto unchanged = findings;
  add_switches(unchanged, {}, k_tokyo);
  EXPECT_EQ(unchanged, findings);

  auto receive = findings;
  add_switches(receive, only(off(AccountSwitch::receive)), k_tokyo);
  ASSERT_EQ(receive.size(), 2U);
  EXPECT_EQ(receive[0].code, "receive_off");
  EXPECT_TRUE(has(receive[0].what.ja, "理由: 引っ越しのため"));
  EXPECT_EQ(receive[1].code, "never_reads");

  add_switches(findings, only(off(AccountSwitch::login)), k_tokyo);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].code, "login_off");
  EXPECT_EQ(findings[0].weight, FindingWeight::broken);
}

TEST(Switches, TheirNamesAreReadBack) {
  for (const auto what : {AccountSwitch::receive, AccountSwitch::login}) {
    EXPECT_EQ(parse_account_switch(to_string(what)), what);
  }
  EXPECT_FALSE(parse_account_switch("send"));
}

TEST(Switches, SayHowTheyCameToBeOnAgain) {
  EXPECT_NE(words_of_end(k_by_time, "").ja.find("自動で再開"), std::string::npos);
  const Text said = words_of_end("nao", "済んだため");
  EXPECT_EQ(said.ja, "管理者が再開しました。理由: 済んだため");
  EXPECT_EQ(words_of_end("nao", "").en, "The administrator switched it on again.");
  for (const auto letter : {SwitchLetter::none, SwitchLetter::due, SwitchLetter::sent}) {
    EXPECT_EQ(parse_switch_letter(to_string(letter)), letter);
  }
}

}  // namespace
}  // namespace sekimori::decide
