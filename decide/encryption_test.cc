// What these prove: a day is the server's, not UTC's; refusals fit their protocol and name the
// setting to change; a letter says where, with what and how, and leaves out what is not known.
#include "decide/encryption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sekimori::decide {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Encryption, DaysAreTheServers) {
  const Instant late{1'795'390'200'000'000};  // 2026-11-22T23:30:00Z
  EXPECT_EQ(day_text(day_of(late, Duration())), "2026-11-22");
  EXPECT_EQ(day_text(day_of(late, hours(9))), "2026-11-23");
  EXPECT_EQ(day_text(day_of(Instant{-1}, Duration())).substr(0, 4), "1969");
  EXPECT_EQ(day_of(Instant{-1}, Duration()), -1);
}

TEST(Encryption, RefusalsFitTheirProtocol) {
  const EncryptedWays ways{"imap.example.jp, SSL/TLS 993", "", "smtp.example.jp, STARTTLS 587",
                           "https://mail.example.jp/portal"};
  const Text smtp = plain_refusal(Service::smtp, ways);
  EXPECT_THAT(smtp.en, StartsWith("523 5.7.10 "));
  EXPECT_TRUE(std::ranges::all_of(smtp.en, [](char c) { return c >= 0x20 && c < 0x7f; }));
  EXPECT_THAT(smtp.en, HasSubstr("smtp.example.jp"));
  const Text imap = plain_refusal(Service::imap, ways);
  EXPECT_THAT(imap.ja, HasSubstr("imap.example.jp"));
  EXPECT_THAT(imap.en, HasSubstr("SSL/TLS 993"));
  EXPECT_LT(imap.ja.size() + imap.en.size(), 390U);  // both on one line of 400 bytes
  EXPECT_THAT(plain_refusal(Service::pop3, {}).en, Not(HasSubstr("()")));
}

TEST(Encryption, ALetterSaysWhereAndHow) {
  PlainDay seen;
  seen.account = "taro@example.jp";
  seen.service = Service::pop3;
  seen.last = Instant{1'795'373'391'000'000};
  seen.ip = "203.0.113.9";
  seen.client = "Old Mail 3";
  const EncryptedWays ways{"imap.example.jp, SSL/TLS 993", "pop.example.jp, SSL/TLS 995", "", ""};
  const ZoneRule tokyo = ZoneRule::parse("JST-9").value();
  for (const Language language : {Language::ja, Language::en}) {
    const bool ja = language == Language::ja;
    const Letter letter =
        plain_letter(seen, "JP", ways, Instant{1'806'537'600'000'000}, "Example", language, tokyo);
    for (const char* part : {"taro@example.jp", "POP3", "203.0.113.9", "JP", "Old Mail 3",
                             "pop.example.jp", "Example"}) {
      EXPECT_THAT(letter.body, HasSubstr(part));
    }
    // 18:49 UTC, by the clock of whoever reads it.
    EXPECT_THAT(letter.body, HasSubstr(ja ? "2026年11月23日 3:49" : "2026-11-23 03:49"));
    EXPECT_THAT(letter.body, HasSubstr(ja ? "2027年4月1日" : "2027-04-01"));
    EXPECT_THAT(letter.body, Not(HasSubstr("UTC")));
    EXPECT_THAT(letter.body, Not(HasSubstr("(SMTP)")));
    EXPECT_EQ(letter.subject.find('\n'), std::string::npos);
  }
  seen.service = Service::smtp;
  seen.client = "";
  EXPECT_THAT(plain_letter(seen, "", {}, {}, "", Language::en, tokyo).body,
              HasSubstr("sending (SMTP)"));
}

}  // namespace
}  // namespace sekimori::decide
