// Figures: what each event adds, that batches do not matter, and that nothing grows without bound.
#include "decide/figures.h"

#include <gtest/gtest.h>

namespace sekimori::decide {
namespace {

const Instant k_t{1'790'000'000'000'000};
constexpr HashKey k_key{};

Event event(Instant t, EventBody body, const std::string& account = "taro@example.jp") {
  Event e;
  e.t = t;
  e.account = account;
  e.body = std::move(body);
  return e;
}

Submission mail(std::vector<std::string> to, const std::string& queue_id = "") {
  Submission s;
  s.to = std::move(to);
  s.size = 1000;
  s.queue_id = queue_id;
  s.fate = Fate::accepted;
  return s;
}

Login login(const std::string& ip, LoginResult result = LoginResult::ok) {
  Login l;
  l.ip = IpAddress::parse(ip).value();
  l.result = result;
  l.service = Service::imap;
  l.client = "Thunderbird";
  l.tls = true;
  return l;
}

TEST(Figures, EachEventAddsWhatItIs) {
  FigureFold fold(k_key);
  fold.add(event(k_t, mail({"a@x.example", "b@x.example"})));
  auto refused = mail({"c@x.example"});
  refused.fate = Fate::refused;
  fold.add(event(k_t, refused));
  Delivery bounced;
  bounced.status = DeliveryStatus::bounced;
  fold.add(event(k_t, bounced));
  fold.add(event(k_t, Delivery{}));  // arrived
  Session session;
  session.seconds = 2.5;
  session.bytes_in = 10;
  session.bytes_out = 20;
  fold.add(event(k_t, session));
  fold.add(event(k_t, login("192.0.2.1")));
  fold.add(event(k_t, login("192.0.2.1", LoginResult::bad_password)));
  fold.add(event(k_t, EpochMark{1}, ""));
  const auto batch = fold.take();
  ASSERT_EQ(batch.hours.size(), 1U);
  Figures expected;
  expected.messages = 1;
  expected.recipients = 2;
  expected.refused = expected.bounces = 1;
  expected.bytes_sent = 1000;
  expected.bytes_in = 10;
  expected.bytes_out = 20;
  expected.sign_ins = expected.sign_ins_bad = expected.sessions = 1;
  expected.session_ms = expected.longest_ms = 2500;
  EXPECT_EQ(batch.hours.begin()->second, expected);
  EXPECT_EQ(batch.recipients.at("taro@example.jp").size(), 2U);
  EXPECT_TRUE(fold.take().hours.empty());
}

TEST(Figures, BatchesAddUpToTheSame) {
  std::vector<Event> events;
  for (int i = 0; i < 40; ++i) {
    events.push_back(event(k_t + minutes(i * 7), mail({"a@x.example"})));
    events.push_back(event(k_t + minutes(i * 7), login("192.0.2." + std::to_string(i % 5))));
  }
  const auto folded = [&](std::size_t each) {
    FigureFold fold(k_key);
    std::map<FigureBatch::Hour, Figures> hours;
    std::map<SignInKey, std::uint64_t> counts;
    for (std::size_t i = 0; i < events.size(); ++i) {
      fold.add(events[i]);
      if ((i + 1) % each != 0 && i + 1 != events.size()) continue;
      const auto batch = fold.take();
      for (const auto& [at, figures] : batch.hours) hours[at] += figures;
      for (const auto& [key, row] : batch.sign_ins) counts[key] += row.count;
    }
    return std::pair(hours, counts);
  };
  EXPECT_EQ(folded(1), folded(1000));
  EXPECT_EQ(folded(7), folded(1000));
}

TEST(Figures, MailThatNeverWasIsGivenBack) {
  FigureFold fold(k_key);
  fold.add(event(k_t, mail({"a@x.example"}, "4bX1")));
  fold.add(event(k_t, mail({"b@x.example"}, "4bX2")));
  fold.add(event(k_t, Withdrawn{"4bX1"}));
  fold.add(event(k_t, Withdrawn{"4bX9"}));
  fold.add(event(k_t, Withdrawn{"4bX2"}, "other@example.jp"));
  EXPECT_EQ(fold.take().hours.begin()->second.recipients, 1U);
}

TEST(Figures, AGuesserFillsNothing) {
  FigureFold fold(k_key);
  for (int i = 0; i < 2000; ++i) {
    const std::string ip = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    fold.add(event(k_t, login(ip, LoginResult::bad_password)));
  }
  const auto batch = fold.take();
  EXPECT_EQ(batch.sign_ins.size(), k_sign_in_rows_max + 1);
  std::uint64_t all = 0;
  for (const auto& [key, row] : batch.sign_ins) all += row.count;
  EXPECT_EQ(all, 2000U);
  EXPECT_EQ(batch.hours.begin()->second.sign_ins_bad, 2000U);
}

TEST(Figures, SeenRecipientsAreRememberedAndStaySmall) {
  SeenRecipients seen;
  EXPECT_TRUE(seen.add(7));
  EXPECT_FALSE(seen.add(7));
  auto again = SeenRecipients::parse(seen.text());
  EXPECT_FALSE(again.add(7));
  EXPECT_TRUE(again.add(0xFFFFFFFF));
  EXPECT_EQ(again.text(), "00000007ffffffff");
  for (std::uint32_t i = 0; i < 2 * k_seen_max; ++i) seen.add(i);
  EXPECT_EQ(seen.size(), k_seen_max);
  EXPECT_EQ(SeenRecipients::parse("0000000").size(), 0U);
  EXPECT_EQ(SeenRecipients::parse("0000000x").size(), 0U);
}

TEST(Figures, HoursBeginAtTheFullHour) {
  EXPECT_EQ(hour_of(begin_of_hour(497'000)), 497'000);
  EXPECT_EQ(hour_of(begin_of_hour(497'001) - Duration{1}), 497'000);
  EXPECT_EQ(hour_of(Instant{-1}), -1);
}

}  // namespace
}  // namespace sekimori::decide
