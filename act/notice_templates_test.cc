// Every notice to everybody in both languages: complete, and a message that other mail programs
// read.
#include "act/notice_templates.h"

#include <gmime/gmime.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "act/call_sheet.h"
#include "act/notice_mail.h"
#include "act/notice_timing.h"

namespace sekimori::act {
namespace {

using decide::NoticeAudience;
using decide::NoticeRow;
using decide::SubjectKind;

constexpr std::array k_audiences{NoticeAudience::owner, NoticeAudience::mailbox,
                                 NoticeAudience::domain_admin, NoticeAudience::operators};
const Instant k_t = *parse_instant("2026-11-22T03:04:05Z");

NoticeRow row_of(std::string_view kind, NoticeAudience audience) {
  NoticeRow row;
  row.id = 5;
  row.kind = kind;
  row.subject = {SubjectKind::account, "taro@example.jp"};
  row.incident = 42;
  row.audience = audience;
  row.to = "taro@elsewhere.example";
  row.summary = {"海外から初めてのログインがありました。", "A first sign-in from abroad."};
  row.created = k_t;
  return row;
}

NoticeSender sender() {
  NoticeSender s;
  s.from = "support@example.jp";
  s.provider_name = "さくら野インターネット株式会社 メールサポート";
  s.server_name = "mx1.example.jp";
  s.portal_url = "https://mail.example.jp/portal";
  s.panel_url = "https://mail.example.jp/";
  s.help_url = "https://help.example.jp/";
  s.help_phone = "0120-000-000";
  s.help_hours = "平日 9:00〜17:00";
  return s;
}

NoticeFacts facts() {
  NoticeFacts f;
  f.name = "山田 太郎";
  f.standing = Standing::restricted;
  f.since = k_t;
  f.waiting_senders = 7;
  f.waiting_since = k_t - days(2);
  f.lost_at = k_t + days(3);
  f.has_call = true;
  return f;
}

bool has_placeholder(std::string_view text) {
  for (const std::string_view name : notice_placeholders()) {
    if (text.find("{" + std::string(name) + "}") != std::string_view::npos) return true;
  }
  return text.find('{') != std::string_view::npos;
}

// What a mail program makes of it: subject and text, decoded.
Letter read_back(std::string message, std::string* from = nullptr) {
  std::erase(message, '\r');  // as it lies in a mailbox; GMime ends a header at "\r\n "
  GMimeStream* stream = g_mime_stream_mem_new_with_buffer(message.data(), message.size());
  GMimeParser* parser = g_mime_parser_new_with_stream(stream);
  GMimeMessage* parsed = g_mime_parser_construct_message(parser, nullptr);
  Letter letter;
  EXPECT_NE(parsed, nullptr);
  if (parsed != nullptr) {
    letter.subject = g_mime_message_get_subject(parsed);
    char* text = g_mime_text_part_get_text(GMIME_TEXT_PART(g_mime_message_get_body(parsed)));
    letter.body = text;
    g_free(text);
    std::erase(letter.body, '\r');
    if (from != nullptr) {
      InternetAddress* first =
          internet_address_list_get_address(g_mime_message_get_from(parsed), 0);
      *from = internet_address_get_name(first);
    }
    g_object_unref(parsed);
  }
  g_object_unref(parser);
  g_object_unref(stream);
  return letter;
}

MailHeaders headers() {
  MailHeaders h;
  h.from = "support@example.jp";
  h.from_name = sender().provider_name;
  h.to = {"taro@elsewhere.example"};
  h.message_id = "sekimori.5.0123@example.jp";
  h.date = k_t;
  return h;
}

TEST(NoticeTemplates, EveryTextParses) {
  for (const Language language : {Language::ja, Language::en}) {
    for (const NoticeWords& words : notice_words(language)) {
      const auto parsed = parse_notice_template(words.text);
      EXPECT_TRUE(parsed) << words.kind << " " << parsed.error().text;
    }
    EXPECT_FALSE(notice_block("steps", language).empty());
    EXPECT_FALSE(notice_block("contact", language).empty());
  }
  EXPECT_EQ(notice_words(Language::ja).size(), notice_words(Language::en).size());
}

TEST(NoticeTemplates, EveryKindTellsEverybodyInBothLanguages) {
  const NoticeTemplates templates;
  for (const std::string_view kind : notice_kinds()) {
    for (const NoticeAudience audience : k_audiences) {
      for (const Language first : {Language::ja, Language::en}) {
        NoticeSender from = sender();
        from.language = first;
        const std::string where = std::string(kind) + "/" + std::string(to_string(audience));
        const NoticeRow row = row_of(kind, audience);
        const Letter letter = kind == "digest" ? write_digest({row, row}, from, templates)
                                               : write_notice(row, facts(), from, templates);
        EXPECT_FALSE(has_placeholder(letter.subject + letter.body)) << where << letter.body;
        EXPECT_GT(letter.body.size(), 60U) << where;
        const std::string message = make_mail(headers(), letter);
        std::size_t begin = 0;
        for (std::size_t end; (end = message.find("\r\n", begin)) != std::string::npos;
             begin = end + 2) {
          EXPECT_LE(end - begin, 78U) << where << message.substr(begin, end - begin);
        }
        EXPECT_EQ(begin, message.size()) << where;  // no bare line feed at the end, either
        EXPECT_TRUE(std::ranges::all_of(message, [](char c) {
          return static_cast<unsigned char>(c) < 0x80;
        })) << where;
        std::string name;
        const Letter read = read_back(message, &name);
        EXPECT_EQ(read.subject, letter.subject) << where;
        EXPECT_EQ(read.body, letter.body) << where;
        EXPECT_EQ(name, sender().provider_name);
      }
    }
  }
}

TEST(NoticeTemplates, AnOwnerReadsWhatHappenedAndWhatToDo) {
  const NoticeTemplates templates;
  const Letter letter =
      write_notice(row_of("restricted", NoticeAudience::owner), facts(), sender(), templates);
  for (const char* said :
       {"山田 太郎 様", "taro@example.jp", "海外から初めてのログイン", "ウイルスチェック",
        "https://mail.example.jp/portal", "新しいパスワード", "転送", "0120-000-000", "平日 9:00",
        "https://help.example.jp/", "受付番号 42", "受信と閲覧は、これまでどおり", "Dear 山田 太郎",
        "Check your computers", "A first sign-in from abroad."}) {
    EXPECT_NE((letter.subject + "\n" + letter.body).find(said), std::string::npos) << said << "\n"
                                                                                   << letter.body;
  }
  EXPECT_LT(letter.body.find("ウイルスチェック"), letter.body.find("viruses"));
  NoticeSender english = sender();
  english.language = Language::en;
  const Letter other =
      write_notice(row_of("restricted", NoticeAudience::owner), facts(), english, templates);
  EXPECT_GT(other.body.find("ウイルスチェック"), other.body.find("viruses"));
  // The restored one asks to try, and warns.
  const Letter restored =
      write_notice(row_of("restored", NoticeAudience::owner), facts(), sender(), templates);
  EXPECT_NE(restored.body.find("1 通送って"), std::string::npos);
  EXPECT_NE(restored.body.find("再びふだんと異なる"), std::string::npos);
  // The last days of waiting mail.
  const Letter waiting =
      write_notice(row_of("mail_waiting", NoticeAudience::owner), facts(), sender(), templates);
  EXPECT_NE(waiting.body.find("少なくとも 7 人"), std::string::npos);
  EXPECT_NE(waiting.body.find(notice_time(k_t + days(3))), std::string::npos);
}

TEST(NoticeTemplates, SaysWhyMailWaitsWhereReceivingIsSwitchedOff) {
  const NoticeTemplates templates;
  NoticeFacts given = facts();
  given.standing = Standing::normal;
  given.switches.receive = {.account = "taro@example.jp",
                            .what = decide::AccountSwitch::receive,
                            .since = k_t - days(1),
                            .until = {},
                            .by = "nao",
                            .reason = "引っ越し"};
  const auto letter = [&](NoticeAudience audience) {
    NoticeRow row = row_of("mail_waiting_off", audience);
    row.incident = 0;
    return write_notice(row, given, sender(), templates).body;
  };
  for (const auto audience : {NoticeAudience::owner, NoticeAudience::domain_admin}) {
    const std::string body = letter(audience);
    for (const std::string& said :
         {notice_time(k_t - days(1)), notice_time(k_t + days(3)), std::string("少なくとも 7 人"),
          std::string("管理者が受信を止めています"), std::string("by the administrator")}) {
      EXPECT_NE(body.find(said), std::string::npos) << said << body;
    }
    // Nobody broke in, and nobody is named.
    EXPECT_EQ(body.find("ウイルス"), std::string::npos) << body;
    EXPECT_EQ(body.find("nao"), std::string::npos) << body;
  }
  const std::string body = letter(NoticeAudience::operators);
  EXPECT_NE(body.find("受信を止めた人: nao"), std::string::npos) << body;
  EXPECT_NE(body.find("account switch taro@example.jp receive on"), std::string::npos) << body;
  EXPECT_EQ(body.find("自動で再開"), std::string::npos) << body;
}

TEST(NoticeTemplates, TellsOfASwitchWithoutBlame) {
  const NoticeTemplates templates;
  const auto letter = [&](std::string_view kind, Standing standing, bool receive, bool login) {
    NoticeFacts given = facts();
    given.standing = standing;
    const decide::SwitchedOff off{.account = "taro@example.jp",
                                  .what = decide::AccountSwitch::receive,
                                  .since = k_t - hours(1),
                                  .until = k_t + days(7),
                                  .by = "nao",
                                  .reason = ""};
    if (receive) given.switches.receive = off;
    if (login) given.switches.login = off;
    std::string all;
    for (const auto audience : {NoticeAudience::owner, NoticeAudience::domain_admin}) {
      NoticeRow row = row_of(kind, audience);
      row.incident = 0;
      row.summary = {"お引っ越しのため", "Moving house"};
      const Letter made = write_notice(row, given, sender(), templates);
      all += made.subject + "\n" + made.body;
      EXPECT_NE(made.body.find("お引っ越しのため"), std::string::npos) << made.body;
      EXPECT_NE(made.body.find("0120-000-000"), std::string::npos) << made.body;
    }
    for (const char* never : {"nao", "ウイルス", "乗っ取", "受付番号", "{"}) {
      EXPECT_EQ(all.find(never), std::string::npos) << never << all;
    }
    return all;
  };
  const auto says = [](const std::string& text, const std::string& what) {
    EXPECT_NE(text.find(what), std::string::npos) << what << "\n" << text;
  };
  const std::string receive = letter("receive_off", Standing::normal, true, false);
  says(receive, notice_time(k_t - hours(1)) + " から、管理者がメールの受信を止めています");
  says(receive, notice_time(k_t + days(7)) + " に自動で再開します");
  says(receive, "届くメールは失われません。送信元のサーバーで待っていて");
  says(receive, "サインイン、送信、届いているメールの閲覧は、これまでどおりできます");
  const std::string login = letter("login_off", Standing::normal, false, true);
  says(login, "サインインと、メールソフトでの閲覧・送信ができません");
  says(login, "これまでどおりメールボックスに入ります");
  says(letter("login_off", Standing::normal, true, true), "受信もサインインも止まっています");
  says(letter("receive_off", Standing::restricted, true, false), "送信はできません");
  const std::string on = letter("receive_on", Standing::normal, false, false);
  says(on, notice_time(k_t) + " に、メールアドレス taro@example.jp の受信を再開しました");
  says(on, "送信も受信も、お使いいただけます");
  says(letter("login_on", Standing::normal, false, false), "パスワードは変わっていません");
}

TEST(NoticeTemplates, LeavesOutWhatIsNotKnown) {
  const NoticeTemplates templates;
  NoticeSender bare;
  bare.from = "support@example.jp";
  NoticeFacts nobody;
  nobody.standing = Standing::suspended;
  const Letter letter =
      write_notice(row_of("suspended", NoticeAudience::owner), nobody, bare, templates);
  EXPECT_EQ(letter.body.find("電話:"), std::string::npos) << letter.body;
  EXPECT_EQ(letter.body.find("手続きのページ"), std::string::npos);
  EXPECT_NE(letter.body.find("ご契約の際にお知らせした連絡先"), std::string::npos);
  EXPECT_NE(letter.body.find("メールアドレスをお使いの方へ"), std::string::npos);
  EXPECT_EQ(letter.body.find("\n\n\n"), std::string::npos);
}

TEST(NoticeTemplates, WhatOthersWroteNeverBecomesAHeaderOrAPlaceholder) {
  const NoticeTemplates templates;
  NoticeRow row = row_of("restricted", NoticeAudience::owner);
  row.subject.id = "taro@a.test\r\nX-Evil: 1";
  row.summary.ja = "x\r\nBcc: victim@x.test\r\n\r\nevil {portal_url} {steps}";
  NoticeFacts f = facts();
  f.name = "{help_phone}\r\nBcc: victim@x.test";
  const std::string message = make_mail(headers(), write_notice(row, f, sender(), templates));
  const std::string head = message.substr(0, message.find("\r\n\r\n"));
  EXPECT_EQ(head.find("\r\nX-Evil"), std::string::npos);
  EXPECT_EQ(head.find("\r\nBcc"), std::string::npos);
  const Letter read = read_back(message);
  EXPECT_EQ(read.body.find("\nBcc"), std::string::npos);
  EXPECT_NE(read.body.find("{portal_url} {steps}"), std::string::npos);
  EXPECT_NE(read.body.find("{help_phone}"), std::string::npos);
}

TEST(NoticeTemplates, TheHeadersSurviveDkimAndAskForNoReply) {
  const std::string message = make_mail(headers(), {"件名", "本文\n"});
  for (const char* header :
       {"Date: Sun, 22 Nov 2026 03:04:05 +0000\r\n", "Message-Id: <sekimori.5.0123@example.jp>\r\n",
        "Auto-Submitted: auto-generated\r\n", "X-Auto-Response-Suppress: All\r\n",
        "Precedence: bulk\r\n", "MIME-Version: 1.0\r\n", "To: taro@elsewhere.example\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n", "Content-Transfer-Encoding: base64\r\n"}) {
    std::string lower = message;
    std::string wanted = header;
    for (std::string* text : {&lower, &wanted}) {
      for (char& c : *text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    EXPECT_NE(lower.find(wanted), std::string::npos) << header << message;
  }
  EXPECT_EQ(make_mail(headers(), {"件名", "本文\n"}), message);  // the same again, byte for byte
}

TEST(NoticeTemplates, ADigestNamesEachAndIsBounded) {
  const NoticeTemplates templates;
  std::vector<NoticeRow> rows(350, row_of("restricted", NoticeAudience::operators));
  rows[1].subject.id = "hanako@example.jp";
  const Letter letter = write_digest(rows, sender(), templates);
  EXPECT_NE(letter.subject.find("350"), std::string::npos);
  EXPECT_NE(letter.body.find("hanako@example.jp"), std::string::npos);
  EXPECT_NE(letter.body.find("ほか 150 件"), std::string::npos);
  EXPECT_LT(letter.body.size(), 100'000U);
}

class OwnTexts : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "sekimori-texts-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string folder_;
};

TEST_F(OwnTexts, ReplaceOurs) {
  write("restricted.owner.ja.txt", "Subject: 独自 {address}\r\n\r\n{greeting}\r\n{reason}\r\n");
  write("notes.md", "not a template");
  NoticeTemplates templates;
  EXPECT_TRUE(templates.load(folder_).empty());
  const Letter letter =
      write_notice(row_of("restricted", NoticeAudience::mailbox), facts(), sender(), templates);
  EXPECT_TRUE(letter.subject.starts_with("独自 taro@example.jp / Important"));
  EXPECT_NE(letter.body.find("山田 太郎 様\n海外から"), std::string::npos);
}

TEST_F(OwnTexts, AreCheckedAndUnsoundOnesLeftOut) {
  write("restricted.owner.ja.txt", "Subject: x\n\nline\n{adress} and {also_wrong}\n");
  write("restricted.boss.ja.txt", "Subject: x\n\ntext\n");
  write("restrictet.owner.ja.txt", "Subject: x\n\ntext\n");
  write("restricted.txt", "Subject: x\n\ntext\n");
  write("suspended.owner.ja.txt", "no subject\n");
  write("suspended.owner.en.txt", "Subject: only\n");
  NoticeTemplates templates;
  const auto findings = templates.load(folder_);
  ASSERT_EQ(findings.size(), 7U);
  const auto find = [&](std::string_view unknown) {
    return std::ranges::find(findings, unknown, &TemplateFinding::unknown);
  };
  ASSERT_NE(find("adress"), findings.end());
  EXPECT_EQ(find("adress")->line, 4);
  EXPECT_EQ(find("adress")->file, "restricted.owner.ja.txt");
  EXPECT_NE(find("also_wrong"), findings.end());
  EXPECT_NE(find("restrictet"), findings.end());
  EXPECT_NE(templates.find("restricted", NoticeAudience::owner, Language::ja).subject, "x");
  EXPECT_EQ(templates.load(folder_ + "/nowhere").size(), 1U);
  EXPECT_TRUE(templates.load("").empty());
}

TEST(NoticeTiming, RemindsAfterADayAndThenEveryThree) {
  decide::StandingRecord record;
  record.subject = {SubjectKind::account, "taro@example.jp"};
  record.standing = Standing::restricted;
  record.since = k_t;
  const auto round = [&](Duration age) {
    const auto timed = timed_notices({record}, {}, {}, k_t + age);
    return timed.empty() ? std::string() : timed.front().kind + timed.front().round;
  };
  EXPECT_EQ(round(hours(23)), "");
  EXPECT_EQ(round(hours(24)), "still_contained1");
  EXPECT_EQ(round(hours(95)), "still_contained1");
  EXPECT_EQ(round(hours(96)), "still_contained2");
  EXPECT_EQ(round(days(30)), "still_contained10");
  EXPECT_EQ(round(Duration{-1}), "");  // a clock set back
  record.standing = Standing::recovering;
  EXPECT_EQ(round(days(2)), "");
}

TEST(NoticeTiming, WarnsOfMailThatIsSoonLost) {
  decide::StandingRecord record;
  record.subject = {SubjectKind::account, "taro@example.jp"};
  record.standing = Standing::suspended;
  record.since = k_t;
  const auto rounds = [&](Duration waits, Standing standing = Standing::suspended) {
    record.standing = standing;
    // The mail came after the suspension.
    std::string out;
    for (const auto& timed : timed_notices(
             {record}, {},
             {{"taro@example.jp", 3, k_t + hours(1), k_t + hours(1) + days(3), k_t + days(4)},
              {"other@example.jp", 1, k_t, k_t, k_t}},
             k_t + hours(1) + waits)) {
      if (timed.kind == "mail_waiting") out += timed.round;
    }
    return out;
  };
  EXPECT_EQ(rounds(hours(47)), "");
  EXPECT_EQ(rounds(hours(48)), "first");
  EXPECT_EQ(rounds(hours(71)), "first");
  EXPECT_EQ(rounds(hours(72)), "last");
  EXPECT_EQ(rounds(hours(96), Standing::restricted), "");  // it arrives
}

TEST(NoticeTiming, WarnsWhereAPersonSwitchedReceivingOff) {
  const std::vector<decide::WaitingMail> waiting{
      {"taro@example.jp", 3, k_t, k_t + days(3), k_t + days(4)},
      {"other@example.jp", 1, k_t, k_t, k_t}};
  decide::SwitchTable table;
  table["taro@example.jp"].receive = {.account = "taro@example.jp",
                                      .what = decide::AccountSwitch::receive,
                                      .since = k_t - days(1),
                                      .until = {},
                                      .by = "nao",
                                      .reason = "引っ越し"};
  table["other@example.jp"].login = {.account = "other@example.jp",
                                     .what = decide::AccountSwitch::login,
                                     .since = k_t,
                                     .until = {},
                                     .by = "nao",
                                     .reason = ""};
  EXPECT_TRUE(timed_notices({}, table, waiting, k_t + hours(47)).empty());
  const auto first = timed_notices({}, table, waiting, k_t + hours(48));
  ASSERT_EQ(first.size(), 1U) << "signing in off keeps no mail away";
  EXPECT_EQ(first[0].kind + first[0].round, "mail_waiting_offfirst");
  EXPECT_EQ(first[0].subject.id, "taro@example.jp");
  EXPECT_EQ(first[0].reason.ja, "引っ越し");
  EXPECT_EQ(first[0].since, k_t - days(1));
  EXPECT_EQ(timed_notices({}, table, waiting, k_t + days(3)).at(0).round, "last");
  // On again by itself while its senders still come; and a little too late.
  table["taro@example.jp"].receive->until = k_t + days(4) - hours(6);
  EXPECT_TRUE(timed_notices({}, table, waiting, k_t + days(3)).empty());
  table["taro@example.jp"].receive->until = k_t + days(4) - hours(5);
  EXPECT_EQ(timed_notices({}, table, waiting, k_t + days(3)).size(), 1U);
  // Where the standing closes it too, that speaks: once.
  decide::StandingRecord record;
  record.subject = {SubjectKind::account, "taro@example.jp"};
  record.standing = Standing::suspended;
  record.since = k_t + days(3);
  const auto both = timed_notices({record}, table, waiting, k_t + days(3));
  ASSERT_EQ(both.size(), 1U);
  EXPECT_EQ(both[0].kind, "mail_waiting");
}

TEST(CallSheet, SaysAllThatIsToBeSaid) {
  CallFacts given;
  given.known.account = "jiro@example.jp";
  given.known.name = "鈴木 次郎";
  given.known.phone = "090-0000-0003";
  given.known.standing = Standing::suspended;
  given.known.incident = 9;
  given.reason = {"大量の送信がありました。", "Much mail was sent."};
  given.provider_name = "さくら野";
  given.portal_url = "https://mail.example.jp/portal";
  const decide::CallSheet sheet = write_call_sheet(given);
  for (const char* said : {"鈴木 次郎様", "さくら野", "jiro@example.jp", "ウイルスチェック",
                           "https://mail.example.jp/portal", "確認コード", "account recovery-code",
                           "パスワードはお聞きしません", "お客様のせいではありません"}) {
    EXPECT_NE(sheet.what_to_say.ja.find(said), std::string::npos) << said;
  }
  EXPECT_NE(sheet.what_to_say.en.find("not your fault"), std::string::npos);
  EXPECT_NE(sheet.what_happened.ja.find("大量の送信"), std::string::npos);
  EXPECT_EQ(sheet.what_to_say.ja.find("ご注意"), std::string::npos);
  given.known.phone_is_old = false;
  EXPECT_TRUE(write_call_sheet(given).what_to_say.ja.starts_with("ご注意"));
  EXPECT_EQ(write_call_sheet(given).account, "jiro@example.jp");
}

}  // namespace
}  // namespace sekimori::act
