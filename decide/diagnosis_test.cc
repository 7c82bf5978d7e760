#include "decide/diagnosis.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sekimori::decide {
namespace {

const Instant k_now = *parse_instant("2026-11-22T12:00:00Z");
const IpAddress k_home = *IpAddress::parse("192.0.2.7");
const IpAddress k_far = *IpAddress::parse("203.0.113.9");

DiagnosisFacts healthy() {
  DiagnosisFacts facts;
  facts.now = k_now;
  facts.ip = k_home;
  facts.reading[Service::imap] = {.signed_in = 30, .signed_in_hour = 3, .last = k_now - hours(1)};
  return facts;
}
std::vector<std::string> codes(const DiagnosisFacts& facts) {
  std::vector<std::string> out;
  for (const Finding& finding : diagnose(facts)) out.push_back(finding.code);
  return out;
}
using Codes = std::vector<std::string>;

Event login(Instant t, LoginResult result, const IpAddress& ip, std::string pwhash,
            Service service = Service::imap, bool tls = true) {
  Event event;
  event.t = t;
  event.account = "taro@example.jp";
  Login body;
  body.result = result;
  body.service = service;
  body.ip = ip;
  body.tls = tls;
  body.pwhash = std::move(pwhash);
  event.body = std::move(body);
  return event;
}

Session pop3(double seconds, std::uint64_t bytes_out) {
  Session session;
  session.service = Service::pop3;
  session.ip = k_home;
  session.seconds = seconds;
  session.bytes_out = bytes_out;
  return session;
}

TEST(Diagnosis, NothingWrongIsAFindingWithTheLastSignIn) {
  const auto found = diagnose(healthy());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].code, "nothing_here");
  EXPECT_EQ(found[0].weight, FindingWeight::fine);
  EXPECT_NE(found[0].what.en.find("The last sign-in was about "), std::string::npos);
  // As long ago as it is, in words.
  auto facts = healthy();
  const std::vector<std::pair<Duration, std::string>> said{
      {seconds(30), "最後のサインインはたった今です。"},
      {minutes(45), "最後のサインインは約 45 分前です。"},
      {hours(3), "最後のサインインは約 3 時間前です。"},
      {days(3), "最後のサインインは約 3 日前です。"}};
  for (const auto& [passed, words] : said) {
    for (auto& [service, reading] : facts.reading) reading.last = facts.now - passed;
    EXPECT_NE(diagnose(facts)[0].what.ja.find(words), std::string::npos) << words;
  }
}

TEST(Diagnosis, SaysWhatTheServerKnows) {
  auto facts = healthy();
  facts.used_bytes = 1'050'000'000;
  facts.quota_bytes = 1'000'000'000;
  EXPECT_EQ(codes(facts), Codes{"mailbox_full"});
  EXPECT_NE(diagnose(facts)[0].what.ja.find("1050 MB / 1000 MB"), std::string::npos);
  facts.used_bytes = 950'000'000;
  EXPECT_EQ(codes(facts), Codes{"mailbox_nearly_full"});
  facts.used_bytes = 100;

  facts.standing = Standing::suspended;
  facts.reason = {"理由です。", "The reason."};
  EXPECT_EQ(codes(facts), Codes{"suspended"});
  EXPECT_NE(diagnose(facts)[0].what.en.find("The reason."), std::string::npos);
  facts.standing = Standing::restricted;
  EXPECT_EQ(codes(facts), Codes{"restricted"});
  facts.standing = Standing::normal;

  facts.active = false;
  EXPECT_EQ(codes(facts), Codes{"inactive"});
  facts.active = true;
  facts.ip_denied = true;
  EXPECT_EQ(codes(facts), Codes{"address_banned"});
  facts.ip_denied = false;
  facts.down = {"IMAP", "POP3"};
  EXPECT_EQ(codes(facts), Codes{"outage"});
  facts.down.clear();
  facts.reading.clear();
  EXPECT_EQ(codes(facts), Codes{"never_reads"});
}

TEST(Diagnosis, ASingleOldPasswordIsADeviceAndManyAreTyping) {
  DiagnosisFold fold(k_now);
  for (int i = 0; i < 40; ++i) {
    fold.add(login(k_now - minutes(i), LoginResult::bad_password, k_home, "025a"));
  }
  fold.add(login(k_now - hours(2), LoginResult::ok, k_home, "0111"));
  for (int i = 0; i < 12; ++i) {
    fold.add(login(k_now - minutes(i), LoginResult::bad_password, k_far, std::to_string(i)));
  }
  DiagnosisFacts facts;
  facts.now = k_now;
  facts.ip = k_home;
  fold.put_into(facts);
  EXPECT_EQ(codes(facts), (Codes{"old_password_stored", "guessed_at"}));
  EXPECT_NE(diagnose(facts)[0].what.en.find("40 sign-ins"), std::string::npos);
  EXPECT_NE(diagnose(facts)[1].what.en.find("1 other places there were 12"), std::string::npos);
  // Another wrong one: somebody is typing.
  fold.add(login(k_now, LoginResult::bad_password, k_home, "0777"));
  fold.put_into(facts);
  EXPECT_EQ(codes(facts).front(), "wrong_password");
  // Asked for by somebody else, from nowhere: no line is "yours".
  facts.ip = {};
  EXPECT_EQ(codes(facts).front(), "guessed_at");
}

TEST(Diagnosis, ReadsHowAProgramReads) {
  DiagnosisFold fold(k_now);
  for (int i = 0; i < 200; ++i) {
    fold.add(login(k_now - seconds(i * 15), LoginResult::ok, k_home, "", Service::pop3, false));
  }
  Event session;
  session.t = k_now - hours(3);
  session.body =
      Session{.service = Service::pop3, .ip = k_home, .seconds = 1800, .bytes_out = 900'000'000};
  fold.add(session);
  session.t = k_now - days(3);
  session.body =
      Session{.service = Service::pop3, .ip = k_home, .seconds = 5, .bytes_out = 6'000'000};
  fold.add(session);
  DiagnosisFacts facts;
  facts.now = k_now;
  facts.ip = k_home;
  fold.put_into(facts);
  EXPECT_EQ(codes(facts), (Codes{"polling_too_often", "long_sessions", "plain"}));
  EXPECT_NE(diagnose(facts)[1].what.en.find("900 MB"), std::string::npos);
  EXPECT_NE(diagnose(facts)[1].what.en.find("usually 1 MB"), std::string::npos);
  EXPECT_NE(diagnose(facts)[1].what.en.find("30 minutes"), std::string::npos);
}

TEST(Diagnosis, AnswersAboutTheComputerAddWhatTheyPointAt) {
  auto facts = healthy();
  facts.computer.set(static_cast<std::size_t>(ComputerQuestion::many_programs));
  EXPECT_EQ(codes(facts), (Codes{"computer_itself", "nothing_here"}));
  facts.computer.set(static_cast<std::size_t>(ComputerQuestion::on_all_night));
  EXPECT_EQ(codes(facts), (Codes{"computer_from_within", "computer_itself"}));
  std::set<std::string> words;
  for (std::size_t i = 0; i < k_computer_questions; ++i) {
    const auto question = static_cast<ComputerQuestion>(i);
    EXPECT_EQ(parse_computer_question(to_string(question)), question);
    words.insert(words_of(question).ja);
    EXPECT_FALSE(words_of(question).en.empty());
  }
  EXPECT_EQ(words.size(), k_computer_questions);
  EXPECT_FALSE(parse_computer_question("x"));
}

// Whatever the facts: something is said, the gravest first, each with words and a next step in both
// languages; and the order of events does not matter.
TEST(Diagnosis, AlwaysSaysSomethingWhole) {
  std::mt19937 random(7);
  const auto flip = [&] { return random() % 2 == 0; };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Event> events;
    for (unsigned i = 0; i < random() % 300; ++i) {
      const Instant t = k_now - seconds(static_cast<std::int64_t>(random() % 700'000));
      if (flip()) {
        events.push_back(
            login(t, static_cast<LoginResult>(random() % 3),
                  flip() ? k_home : *IpAddress::parse(fmt::format("198.51.{}.1", random() % 200)),
                  flip() ? "" : std::to_string(random() % 40), static_cast<Service>(random() % 6),
                  flip()));
      } else {
        Event session;
        session.t = t;
        session.body = pop3(static_cast<double>(random() % 5000), random());
        std::get<Session>(session.body).service = static_cast<Service>(random() % 6);
        events.push_back(session);
      }
    }
    DiagnosisFacts facts;
    facts.now = k_now;
    if (flip()) facts.ip = k_home;
    facts.standing = static_cast<Standing>(random() % 5);
    facts.active = flip();
    facts.ip_denied = flip();
    if (flip()) facts.used_bytes = random();
    facts.quota_bytes = random() % 3 * 1'000'000'000;
    if (random() % 8 == 0) facts.down = {"IMAP"};
    facts.computer = ComputerAnswers(random() % 1024);
    const auto diagnosed = [&] {
      DiagnosisFold fold(k_now);
      for (const Event& event : events) fold.add(event);
      auto whole = facts;
      fold.put_into(whole);
      return diagnose(whole);
    };
    const auto found = diagnosed();
    ASSERT_FALSE(found.empty());
    FindingWeight before = FindingWeight::broken;
    for (const Finding& finding : found) {
      EXPECT_GE(finding.weight, before);
      before = finding.weight;
      EXPECT_FALSE(finding.what.ja.empty() || finding.what.en.empty() || finding.next.ja.empty() ||
                   finding.next.en.empty())
          << finding.code;
    }
    if (events.size() < 60) {  // beyond 64 networks the rest is one, in the order of their coming
      std::shuffle(events.begin(), events.end(), random);
      EXPECT_EQ(diagnosed(), found);
    }
  }
}

}  // namespace
}  // namespace sekimori::decide
