// The sentences: every channel's in both languages, with numbers that agree, and the head line of
// the stories a night shift meets.
#include "detect/channel_words.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "detect/detector_impl.h"
#include "detect/detector_test_support.h"
#include "detect/near_duplicates.h"

namespace sekimori::detect::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr Instant k_now{k_start.us + 7200 * 1'000'000LL};

// An account that writes to four a day from Japan, and a verdict to be filled in.
struct Story {
  Story() {
    model.learnt = 160;
    model.seen = 170;
    model.recipients_per_day = 4.2F;
    model.logins = 33;
    remember("192.0.2.1", "JP", PlaceRecord::k_learnt | PlaceRecord::k_counted);
    verdict.recipients = 1;
    verdict.log_r = 9;
  }
  void remember(std::string_view address, std::string_view country, unsigned state) {
    PlaceRecord& p = model.places[places++];
    p.network = static_cast<std::uint32_t>(ip(address).place_key() >> 7) | 1U;
    p.operator_ = static_cast<std::uint32_t>(country[0] & 31) << 5 |
                  static_cast<std::uint32_t>(country[1] & 31);
    p.last_hour = hour16(k_now);
    p.state = static_cast<std::uint16_t>(state);
  }
  // Seen for the first time so many hours ago.
  void newly_at(std::string_view address, std::string_view country, int hours_ago = 0) {
    remember(address, country, static_cast<unsigned>(hour16(k_now) - hours_ago) & 0x1fffU);
    nats(Channel::login_place, 3);
  }
  void sent(std::uint32_t recipients, std::uint32_t strangers, Duration since) {
    verdict.onset = k_now - since;
    verdict.recipients = std::min(recipients, 10U);
    verdict.new_recipients = std::min(strangers, 10U);
    verdict.counts.messages_hour = 5;
    verdict.counts.recipients_hour = recipients;
    verdict.counts.recipients_day = recipients;
    verdict.counts.new_hour = strangers;
    verdict.counts.new_day = strangers;
  }
  void nats(Channel c, float n) { verdict.nats_since_onset[static_cast<std::size_t>(c)] = n; }
  [[nodiscard]] Text head() const { return headline(facts_of(model, k_now, verdict, mail)); }
  [[nodiscard]] Text words(Channel c) const {
    return channel_words(c, facts_of(model, k_now, verdict, mail));
  }

  AccountModel model;
  Verdict verdict;
  const Submission* mail = nullptr;
  std::size_t places = 0;
};

TEST(HeadLine, SaysTheWholeStoryWithTheAccountsOwnNumbers) {
  Story story;
  story.sent(47, 45, minutes(3));
  story.newly_at("198.51.100.70", "BR");
  story.newly_at("198.51.100.130", "VN");
  EXPECT_EQ(story.head().en,
            "47 recipients in 3 minutes; this account usually writes to about 4 a day; 45 never "
            "written to before; signed in from two new networks within an hour (Brazil and "
            "Vietnam; usually Japan).");
  EXPECT_EQ(story.head().ja,
            "3分間に47件の宛先へ送信しました(ふだんは1日4件ほど)。うち45件は初めての相手です。"
            "1時間以内に2か所の新しいネットワーク(ブラジル、ベトナム。ふだんは日本)から"
            "ログインがありました。");
}

TEST(HeadLine, TellsOfWrongPasswordsBeforeTheRightOne) {
  Story story;
  story.sent(47, 45, minutes(3));
  story.nats(Channel::login_place, 3);
  story.model.guessed = 4;
  EXPECT_THAT(story.head().en, HasSubstr("; signed in to behind wrong passwords."));
  EXPECT_THAT(story.head().ja, HasSubstr("誤ったパスワードが続いたあとの"));
  EXPECT_THAT(story.words(Channel::login_place).en, StartsWith("After 8 wrong passwords or more"));
  EXPECT_THAT(story.words(Channel::login_place).ja, HasSubstr("8回以上の誤ったパスワード"));
}

TEST(HeadLine, OneMessageToOneStranger) {
  Story story;
  story.verdict.new_recipients = 1;
  EXPECT_EQ(story.head().en,
            "One message to 1 recipient; this account usually writes to about 4 a day; never "
            "written to before.");
  EXPECT_EQ(story.head().ja,
            "1通のメールを1件の宛先へ送信しました(ふだんは1日4件ほど)。初めての相手です。");
}

TEST(HeadLine, WithoutEvidenceWhatWasCountedTookTheHour) {
  Story story;
  story.sent(246, 246, seconds(2));  // each message begins the run anew
  story.verdict.log_r = 0;
  EXPECT_THAT(story.head().en, StartsWith("246 recipients in 1 hour; "));
  EXPECT_THAT(story.head().ja, StartsWith("1時間に246件の宛先へ送信しました"));
}

TEST(HeadLine, AYoungAccountHasNoHabitToNameYet) {
  Story story;
  story.model.learnt = 4;
  story.sent(1'200, 1'200, hours(20));
  EXPECT_EQ(story.head().en,
            "1,200 recipients in 20 hours; this account has little history; none written to "
            "before.");
  EXPECT_THAT(story.head().ja, HasSubstr("すべて初めての相手です。"));
}

TEST(HeadLine, NamesANewNetworkAtHomeWithoutSpeakingOfAbroad) {
  Story story;
  story.newly_at("198.51.100.1", "JP");
  EXPECT_THAT(story.head().en, HasSubstr("signed in from a new network (Japan)."));
  EXPECT_THAT(story.head().ja, HasSubstr("新しいネットワーク(日本)からログイン"));
}

TEST(HeadLine, TellsOfNetworksOnlyWhereTheySpokeInThisRun) {
  Story story;
  story.newly_at("198.51.100.70", "BR");
  story.nats(Channel::login_place, 0);
  EXPECT_THAT(story.head().en, Not(HasSubstr("network")));
  Story old;
  old.verdict.onset = k_now - hours(2);
  old.newly_at("198.51.100.70", "BR", 50);
  EXPECT_THAT(old.head().en, Not(HasSubstr("Brazil")));
}

TEST(HeadLine, TellsOfChangedSettingsAndOfBounces) {
  Story story;
  story.nats(Channel::settings, 2);
  story.model.settings_seen = 1;
  story.model.settings_hour = static_cast<std::uint16_t>(hour16(k_now) - 2);
  story.nats(Channel::bounce, 1.7F);
  story.model.bounce_hour = hour16(k_now);
  story.model.bounces_in_hour = 12;
  EXPECT_THAT(story.head().en,
              EndsWith("; a forward or another setting was changed two hours earlier; 12 came back "
                       "as unknown."));
  EXPECT_THAT(story.head().ja, EndsWith("2時間前に転送などの設定が変更されました。"
                                        "12件が宛先不明で戻ってきました。"));
}

TEST(ChannelWords, AreThereForEveryChannelInBothLanguages) {
  Submission mail;
  mail.ip = ip("198.51.100.70");
  mail.size = 5000;
  for (const bool with_mail : {false, true}) {
    for (const std::uint32_t n : {0U, 1U, 2U, 5'000U}) {
      Story story;
      story.sent(n, n, minutes(5));
      story.model.bounce_hour = hour16(k_now);
      story.model.bounces_in_hour = static_cast<std::uint8_t>(std::min(n, 255U));
      story.model.complaints = static_cast<std::uint8_t>(std::min(n, 15U)) & 15U;
      story.model.logins = static_cast<std::uint8_t>(std::min(n, 255U));
      story.model.read_hour = hour16(k_now);
      story.model.read_units = static_cast<std::uint16_t>(n);
      story.model.switch_marks = static_cast<std::uint8_t>(std::min(n, 15U));
      if (n > 0) story.newly_at("198.51.100.70", "BR");
      if (n > 1) story.newly_at("198.51.100.130", "VN");
      if (with_mail) story.mail = &mail;
      for (std::size_t c = 0; c < k_channels; ++c) {
        const auto channel = static_cast<Channel>(c);
        SCOPED_TRACE(to_string(channel));
        const Text text = story.words(channel);
        EXPECT_THAT(text.en, EndsWith("."));
        EXPECT_THAT(text.ja, EndsWith("。"));
        EXPECT_TRUE(std::ranges::all_of(text.en, [](char x) { return x > 0; })) << text.en;
        for (const char* wrong : {" 1 recipients", " 1 messages", "one new networks", "1 have",
                                  "1 sign-ins", "1 times ", "  ", "()", "{"}) {
          EXPECT_THAT(" " + text.en, Not(HasSubstr(wrong)));
        }
      }
    }
  }
}

TEST(ChannelWords, HaveTheirNumbers) {
  Story story;
  story.sent(48, 45, minutes(5));
  EXPECT_EQ(story.words(Channel::shape).en,
            "None of this message's 10 recipients has been written to before.");
  story.verdict.new_recipients = 9;
  EXPECT_EQ(story.words(Channel::shape).en,
            "9 of this message's 10 recipients have never been written to before.");
  EXPECT_EQ(story.words(Channel::inter_arrival).en,
            "Messages follow each other faster than usual (5 within the hour).");
  EXPECT_EQ(story.words(Channel::velocity).en, "48 recipients within the hour, 45 of them new.");
  EXPECT_EQ(story.words(Channel::velocity).ja,
            "直近1時間の宛先が48件になりました(うち初めての相手が45件)。");
  story.verdict.new_recipients = 0;
  EXPECT_EQ(story.words(Channel::shape).en,
            "Writing to 10 recipients at once is unusual for this account.");
  story.model.bounce_hour = hour16(k_now);
  story.model.bounces_in_hour = 1;
  EXPECT_EQ(story.words(Channel::bounce).en,
            "1 message came back within the hour: no such recipient.");
  story.model.complaints = 2;
  EXPECT_EQ(story.words(Channel::bounce).en,
            "1 message came back within the hour: no such recipient. 2 recipients reported "
            "messages as spam.");
  story.model.bounces_in_hour = 0;
  EXPECT_EQ(story.words(Channel::bounce).ja,
            "受け取った人から、迷惑メールだという報告が2件届いています。");
  EXPECT_EQ(story.words(Channel::first_smtp).ja,
            "33回のログインで受信だけに使われてきたアカウントからの、初めての送信です。");
}

TEST(ChannelWords, SameSizesAreCounted) {
  Story story;
  Submission mail;
  mail.size = 5000;
  story.mail = &mail;
  EXPECT_THAT(story.words(Channel::size_pattern).en, HasSubstr("size of the message is unusual"));
  story.model.pattern_day = day16(k_now);
  story.model.pattern[2] = likeness_of(mail, 1);
  story.model.pattern_count[2] = 17;
  EXPECT_EQ(story.words(Channel::size_pattern).en,
            "17 messages of nearly the same size and number of recipients were sent today.");
  EXPECT_EQ(story.words(Channel::size_pattern).ja,
            "大きさと宛先の数がほぼ同じメールが、今日17通送られています。");
}

TEST(ChannelWords, ReadingAndTurnsAreCounted) {
  Story story;
  story.model.read_hour = hour16(k_now);
  story.model.read_units = 4'096;
  story.model.read_habit = 16 * 8;  // 256 a busy hour
  EXPECT_EQ(story.words(Channel::reading).en,
            "About 4,096 messages or 64 MB were fetched within an hour, 16 times as much as in a "
            "busy hour of this account.");
  EXPECT_EQ(
      story.words(Channel::reading).ja,
      "1時間に約4,096通または64MBのメールが読み出されています。ふだんの忙しい時間の約16倍です。");
  story.model.switch_marks = 4;
  EXPECT_EQ(story.words(Channel::concurrent).en,
            "It is used from distant places by turns, within minutes (4 times within a day).");
  story.model.switch_marks = 15;
  EXPECT_THAT(story.words(Channel::concurrent).ja, HasSubstr("15回以上"));
  story.nats(Channel::reading, 1);
  EXPECT_THAT(story.head().en, EndsWith("; far more mail than usual was read."));
}

TEST(ChannelWords, PlacesAreNamed) {
  Story story;
  story.verdict.onset = k_now - hours(6);
  story.newly_at("198.51.100.70", "BR", 5);
  story.newly_at("198.51.100.130", "VN");
  Submission mail;
  mail.ip = ip("198.51.100.130");
  mail.place = {{'V', 'N'}, 64500, true};
  story.mail = &mail;
  EXPECT_EQ(story.words(Channel::login_place).en,
            "It was signed in to from two new networks within six hours (Vietnam and Brazil; "
            "usually Japan). This message came from 198.51.100.130 (Vietnam, AS64500, a data "
            "centre or VPN).");
  EXPECT_EQ(story.words(Channel::places_24h).en,
            "Within a day it was used from Vietnam and Brazil.");
  EXPECT_EQ(story.words(Channel::places_24h).ja,
            "1日のうちにベトナム、ブラジルから使われています。");
}

}  // namespace
}  // namespace sekimori::detect::test
