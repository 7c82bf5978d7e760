// What these prove: the report's counts are those of the events; the owner's own mail is told apart
// where it can be and said not to be where it cannot; each recipient's fate is the one that matters
// to them; neighbours' delays are measured against their own day before; nothing grows without
// bound; and whatever the order of fates, the sums hold.
#include "decide/damage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "decide/service_senders.h"

namespace sekimori::decide {
namespace {

const Instant k_onset{1'790'000'000'000'000};
const std::string k_who = "taro@example.jp";
const std::string k_home = "192.0.2.10";
const std::string k_thief = "203.0.113.77";

Event event(Instant t, EventBody body, const std::string& account = k_who) {
  Event out;
  out.t = t;
  out.account = account;
  out.body = std::move(body);
  return out;
}
Login login(const std::string& ip, LoginResult result = LoginResult::ok) {
  Login out;
  out.ip = IpAddress::parse(ip).value();
  out.result = result;
  out.service = Service::smtp;
  out.place.country[0] = 'B';
  out.place.country[1] = 'R';
  return out;
}
Submission mail(const std::string& ip, const std::string& id, std::vector<std::string> to,
                std::optional<Fate> fate = Fate::accepted) {
  Submission out;
  out.ip = IpAddress::parse(ip).value();
  out.from = k_who;
  out.to = std::move(to);
  out.size = 1000;
  out.queue_id = id;
  out.fate = fate;
  return out;
}
Delivery delivery(const std::string& id, const std::string& to,
                  DeliveryStatus status = DeliveryStatus::sent) {
  Delivery out;
  out.queue_id = id;
  out.to = to;
  out.status = status;
  return out;
}
DamageQuestion question() {
  DamageQuestion q;
  q.incident.id = 7;
  q.account = k_who;
  q.onset = k_onset;
  q.until = k_onset + days(3);
  return q;
}
std::uint64_t n(const DamageReport& r, RecipientFate fate) {
  return r.fates[static_cast<std::size_t>(fate)];
}
std::uint64_t sum(const FateCounts& fates) {
  return std::accumulate(fates.begin(), fates.end(), std::uint64_t{0});
}

TEST(Damage, CountsWhatTheStrangerSentAndLeavesTheOwnersOut) {
  DamageFold fold(question());
  fold.add(event(k_onset - days(2), login(k_home)));
  fold.add(event(k_onset - days(1), mail(k_home, "Q0", {"friend@far.example"})));
  fold.add(event(k_onset, login(k_thief, LoginResult::bad_password)));
  fold.add(event(k_onset + seconds(1), login(k_thief)));
  fold.add(event(k_onset + minutes(1),
                 mail(k_thief, "Q1", {"A@far.example", "b@far.example", "a@far.example"})));
  fold.add(event(k_onset + minutes(2), mail(k_home, "Q2", {"friend@far.example"})));
  fold.add(event(k_onset + minutes(2), delivery("Q1", "a@far.example")));
  fold.add(event(k_onset + minutes(3), delivery("Q1", "b@far.example", DeliveryStatus::deferred)));
  fold.add(event(k_onset + minutes(4),
                 mail(k_thief, "Q3", {"b@far.example", "c@far.example"}, Fate::held)));
  fold.add(event(k_onset + minutes(5), mail(k_thief, "Q4", {"d@far.example"}, Fate::refused)));
  fold.add(event(k_onset + minutes(5), StandingSet{Standing::restricted, "machine", "", 1}));
  fold.add(event(k_onset + minutes(9), delivery("Q1", "b@far.example", DeliveryStatus::bounced)));
  fold.add(event(k_onset + hours(9), HoldEnded{"Q3", 2, "person", false}));
  const DamageReport r = fold.finish();
  EXPECT_TRUE(r.told_apart);
  EXPECT_EQ(r.messages, 3U);
  EXPECT_EQ(r.recipients, 5U);  // one of them was named twice in one message
  EXPECT_EQ(n(r, RecipientFate::delivered), 1U);
  EXPECT_EQ(n(r, RecipientFate::bounced), 1U);
  EXPECT_EQ(n(r, RecipientFate::deleted), 2U);
  EXPECT_EQ(n(r, RecipientFate::refused), 1U);
  EXPECT_EQ(sum(r.fates), r.recipients);
  EXPECT_EQ(r.own_messages, 1U);
  EXPECT_EQ(r.own_recipients, 1U);
  EXPECT_EQ(r.contained, k_onset + minutes(5));
  EXPECT_EQ(r.until_contained, 2U);
  ASSERT_EQ(r.people.size(), 4U);
  EXPECT_EQ(r.people[0].address, "a@far.example");
  EXPECT_EQ(r.people[0].fate, RecipientFate::delivered);
  EXPECT_EQ(r.people[1].fate, RecipientFate::bounced);  // of two messages, the one that went out
  EXPECT_EQ(r.people[1].messages, 2U);
  ASSERT_EQ(r.places.size(), 1U);
  EXPECT_EQ(r.places[0].sign_ins, 1U);
  EXPECT_EQ(r.places[0].bad_passwords, 1U);
  EXPECT_EQ(r.places[0].messages, 3U);
  EXPECT_EQ(r.places[0].place.country_text(), "BR");
  EXPECT_NE(r.summary.ja.find("3 通"), std::string::npos) << r.summary.ja;
  EXPECT_NE(r.summary.en.find("1 were delivered, 3 stopped, 1 bounced"), std::string::npos)
      << r.summary.en;
  EXPECT_TRUE(std::ranges::is_sorted(r.timeline, {}, &DamageMoment::t));
}

TEST(Damage, TellsWhatWasWipedAndWhoComplained) {
  DamageFold fold(question());
  fold.add(event(k_onset - days(2), login(k_home)));
  Session session;
  session.service = Service::imap;
  session.ip = IpAddress::parse(k_thief).value();
  session.fetched = 900;
  session.deleted = 43;
  session.expunges = {{"INBOX", 1}, {"Sent", 42}};
  fold.add(event(k_onset + minutes(1), session));
  session.expunges = {{"送信済みトレイ", 0}, {"Sent", 8}};
  fold.add(event(k_onset + minutes(2), session));
  session.ip = IpAddress::parse(k_home).value();  // the owner tidies up
  fold.add(event(k_onset + minutes(3), session));
  fold.add(event(k_onset + minutes(4), mail(k_thief, "Q1", {"a@far.example"})));
  Delivery complaint = delivery("Q1", "a@far.example", DeliveryStatus::bounced);
  complaint.reply = "feedback report: abuse";
  fold.add(event(k_onset + minutes(9), complaint));
  complaint.queue_id = "returned-1";
  fold.add(event(k_onset + minutes(10), complaint));
  const DamageReport r = fold.finish();
  EXPECT_EQ(r.reading.sessions, 2U);
  EXPECT_EQ(r.reading.sent_expunged, 50U);
  EXPECT_TRUE(r.reading.sent_deleted);
  ASSERT_EQ(r.reading.expunges.size(), 3U);
  EXPECT_EQ(r.reading.expunges[0], (MailboxExpunge{"Sent", 50}));
  ASSERT_EQ(r.complaints.size(), 2U);
  EXPECT_TRUE(r.complaints[0].suspicious);
  EXPECT_FALSE(r.complaints[1].suspicious);
  EXPECT_EQ(r.complaints[0].type, "abuse");
  // A complaint is no bounce: what became of the mail is what the log says.
  EXPECT_EQ(n(r, RecipientFate::bounced), 0U);
  const auto moments = [&](std::string_view kind) {
    return std::ranges::count(r.timeline, kind, &DamageMoment::kind);
  };
  EXPECT_EQ(moments("session"), 2);
  EXPECT_EQ(moments("complaint"), 2);
  EXPECT_NE(r.summary.en.find("50 sent messages were wiped. 2 recipients complained."),
            std::string::npos)
      << r.summary.en;
}

TEST(Damage, KnowsTheMailboxOfSentMailByItsName) {
  for (const char* name : {"Sent", "INBOX.Sent", "INBOX/sent items", "送信済みアイテム"}) {
    EXPECT_TRUE(is_sent_mailbox(name)) << name;
  }
  for (const char* name : {"INBOX", "Sentiments", "Sent.2019", "", "."}) {
    EXPECT_FALSE(is_sent_mailbox(name)) << name;
  }
}

TEST(Damage, SaysWhereItCannotTellTheOwnersMailApart) {
  // From a known network only, and nothing was held: a program on the owner's own machine.
  DamageFold known(question());
  known.add(event(k_onset - days(2), login(k_home)));
  known.add(event(k_onset + minutes(1), mail(k_home, "Q1", {"a@far.example"})));
  known.add(event(k_onset + minutes(2), StandingSet{Standing::suspended, "op", "", 1}));
  known.add(event(k_onset + days(1), mail(k_home, "Q2", {"b@far.example"})));
  const DamageReport r = known.finish();
  EXPECT_FALSE(r.told_apart);
  EXPECT_EQ(r.messages, 1U);
  EXPECT_EQ(r.own_messages, 1U);  // after the containment somebody had let it send again
  EXPECT_NE(r.summary.en.find("cannot tell"), std::string::npos);
  // Nothing from before.
  DamageFold fresh(question());
  fresh.add(event(k_onset + minutes(1), mail(k_home, "Q1", {"a@far.example"})));
  const DamageReport f = fresh.finish();
  EXPECT_FALSE(f.told_apart);
  EXPECT_FALSE(f.has_history);
  EXPECT_EQ(f.messages, 1U);
  // Nothing at all.
  const DamageReport none = DamageFold(question()).finish();
  EXPECT_TRUE(none.told_apart);
  EXPECT_EQ(none.messages, 0U);
}

TEST(Damage, HeldMailNamedByTheIncidentIsEvidence) {
  auto q = question();
  q.held["Q1"] = HoldState::held;
  DamageFold fold(q);
  fold.add(event(k_onset - days(2), login(k_home)));
  fold.add(event(k_onset + minutes(1), mail(k_home, "Q1", {"a@far.example"})));
  fold.add(event(k_onset + minutes(1), mail(k_home, "Q2", {"b@far.example"})));
  fold.add(event(k_onset + minutes(2), Withdrawn{"Q2"}));
  const DamageReport r = fold.finish();
  EXPECT_EQ(r.messages, 1U);
  EXPECT_EQ(r.own_messages, 0U);
  EXPECT_TRUE(r.mails[0].evidence);
  EXPECT_EQ(n(r, RecipientFate::held), 1U);
  // Held out of the queue: what had arrived by then had arrived.
  q.held["Q1"] = HoldState::deleted;
  DamageFold part(q);
  part.add(event(k_onset + minutes(1), mail(k_thief, "Q1", {"a@x.example", "b@x.example"})));
  part.add(event(k_onset + minutes(1), delivery("Q1", "a@x.example")));
  part.add(event(k_onset + minutes(2), delivery("Q1", "b@x.example", DeliveryStatus::deferred)));
  const DamageReport p = part.finish();
  EXPECT_EQ(n(p, RecipientFate::delivered), 1U);
  EXPECT_EQ(n(p, RecipientFate::deleted), 1U);
}

TEST(Damage, ALogsStampsAreCutToTheSecond) {
  auto q = question();
  q.onset = k_onset + Duration{774'471};
  DamageFold fold(q);
  fold.add(event(k_onset - days(2), login(k_home)));
  fold.add(event(q.onset, mail(k_thief, "Q1", {"a@far.example"})));
  fold.add(event(k_onset, delivery("Q1", "a@far.example")));
  EXPECT_EQ(n(fold.finish(), RecipientFate::delivered), 1U);
}

TEST(Damage, WhatWasReadAndChangedAndWhoElseWrote) {
  DamageFold fold(question());
  fold.add(event(k_onset - days(2), login(k_home)));
  Session session;
  session.service = Service::imap;
  session.ip = IpAddress::parse(k_thief).value();
  session.fetched = 400;
  session.deleted = 12;
  session.bytes_out = 1 << 20;
  session.seconds = 60;
  fold.add(event(k_onset + minutes(1), session));
  session.ip = IpAddress::parse(k_home).value();
  fold.add(event(k_onset + minutes(1), session));
  fold.add(event(k_onset + minutes(2), SettingsChange{SettingKind::forward, "x@thief.example"}));
  fold.add(event(k_onset + minutes(3), Received{"no-reply@accounts.google.com"}));
  fold.add(event(k_onset + minutes(4), Received{"no-reply@accounts.google.com"}));
  fold.add(event(k_onset + minutes(5), Received{"security-noreply@shop.unknown.example"}));
  fold.add(event(k_onset + minutes(6), Received{"mother@family.example"}));
  fold.add(event(k_onset - minutes(6), Received{"auto-confirm@amazon.co.jp"}));
  const DamageReport r = fold.finish();
  EXPECT_EQ(r.reading.sessions, 1U);
  EXPECT_EQ(r.reading.fetched, 400U);
  EXPECT_EQ(r.reading.deleted, 12U);
  ASSERT_EQ(r.settings.size(), 1U);
  EXPECT_EQ(r.settings[0].detail, "x@thief.example");
  ASSERT_EQ(r.services.size(), 2U);
  EXPECT_EQ(r.services[0].name_en, "Google");
  EXPECT_EQ(r.services[0].mails, 2U);
  EXPECT_FALSE(r.services[1].known);
  EXPECT_EQ(r.services[1].sender_domain, "unknown.example");
}

TEST(Damage, NeighboursAreMeasuredAgainstTheirOwnDayBefore) {
  DamageFold fold(question());
  int id = 0;
  const auto sends = [&](const std::string& who, Instant t, Duration took) {
    const std::string queue_id = "N" + std::to_string(++id);
    fold.add(event(t, mail(k_home, queue_id, {"x@far.example"}), who));
    if (took.us > 0) fold.add(event(t + took, delivery(queue_id, "x@far.example"), who));
  };
  for (int i = 0; i < 10; ++i) {
    sends("quick@example.jp", k_onset - hours(20 - i), seconds(2));
    sends("slow@example.jp", k_onset - hours(20 - i), minutes(20));
  }
  fold.add(event(k_onset + seconds(1), mail(k_thief, "Q1", {"a@far.example", "b@far.example"})));
  sends("quick@example.jp", k_onset + minutes(1), minutes(12));
  sends("slow@example.jp", k_onset + minutes(1), minutes(25));
  sends("new@example.jp", k_onset + minutes(2), seconds(3));
  fold.add(event(k_onset + minutes(3), delivery("Q1", "a@far.example")));
  fold.add(event(k_onset + minutes(30), StandingSet{Standing::restricted, "machine", "", 1}));
  const DamageReport r = fold.finish();
  EXPECT_EQ(r.neighbours, 3U);
  EXPECT_EQ(r.others.messages, 3U);
  EXPECT_EQ(r.stranger.recipients, 2U);
  EXPECT_NEAR(r.stranger.queue_seconds, 179.0, 0.01);
  ASSERT_EQ(r.delayed.size(), 1U);
  EXPECT_EQ(r.delayed[0].account, "quick@example.jp");
  EXPECT_EQ(r.delayed[0].delayed, 1U);
  EXPECT_NEAR(r.delayed[0].longest_s, 720, 0.01);
  EXPECT_TRUE(r.delayed[0].usual_is_own);
  EXPECT_LE(r.delayed[0].usual_s, 4);
}

TEST(Damage, GrowsNotWithoutBound) {
  DamageBounds bounds;
  bounds.messages_max = 10;
  bounds.recipients_max = 15;
  bounds.neighbours_max = 3;
  bounds.pending_max = 3;
  DamageFold fold(question(), bounds);
  fold.add(event(k_onset - days(2), login(k_home)));
  for (int i = 0; i < 50; ++i) {
    const std::string number = std::to_string(i);
    fold.add(event(
        k_onset + seconds(i),
        mail(k_thief, "Q" + number, {"a" + number + "@x.example", "b" + number + "@x.example"})));
    fold.add(event(k_onset + seconds(i), mail(k_home, "N" + number, {"a@x.example"}),
                   "n" + number + "@example.jp"));
  }
  const DamageReport r = fold.finish();
  EXPECT_EQ(r.messages, 50U);
  EXPECT_EQ(r.recipients, 100U);
  EXPECT_EQ(sum(r.fates), 100U);
  EXPECT_EQ(r.mails.size(), 10U);
  EXPECT_EQ(r.mails_more, 40U);
  EXPECT_EQ(r.people.size(), 15U);
  EXPECT_EQ(r.people_more, 85U);
}

TEST(Damage, WhateverTheOrderTheSumsHold) {
  for (unsigned seed = 1; seed <= 80; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned most) { return random() % most; };
    std::vector<Event> events;
    events.push_back(event(k_onset - days(2), login(k_home)));
    Instant t = k_onset;
    for (int i = 0; i < 300; ++i) {
      t = t + seconds(static_cast<std::int64_t>(pick(100)));
      const std::string id = "Q" + std::to_string(pick(30));
      const std::string to = "r" + std::to_string(pick(8)) + "@x.example";
      switch (pick(6)) {
        case 0: {
          std::vector<std::string> all;
          for (unsigned k = 0; k <= pick(5); ++k) {
            all.push_back("r" + std::to_string(pick(8)) + "@x.example");
          }
          events.push_back(
              event(t, mail(pick(2) == 0 ? k_thief : k_home, id, all, static_cast<Fate>(pick(3)))));
          break;
        }
        case 1: events.push_back(event(t, HoldEnded{id, 1, "time", pick(2) == 0})); break;
        case 2: events.push_back(event(t, Withdrawn{id})); break;
        default: events.push_back(event(t, delivery(id, to, static_cast<DeliveryStatus>(pick(3)))));
      }
    }
    DamageFold fold(question());
    for (const Event& one : events) fold.add(one);
    const DamageReport r = fold.finish();
    ASSERT_EQ(sum(r.fates), r.recipients) << "seed " << seed;
    std::uint64_t recipients = 0;
    std::set<std::string> distinct;
    for (const auto& m : r.mails) {
      ASSERT_EQ(sum(m.fates), m.recipients);
      recipients += m.recipients;
    }
    ASSERT_EQ(recipients, r.recipients);
    for (const auto& person : r.people) ASSERT_TRUE(distinct.insert(person.address).second);
    std::uint64_t received = 0;
    for (const auto& person : r.people) received += person.messages;
    ASSERT_EQ(received, r.recipients);
  }
}

TEST(ServiceSenders, TheTableIsInOrderAndItsDomainsAreRead) {
  EXPECT_TRUE(std::ranges::is_sorted(service_senders(), {}, &ServiceSender::domain));
  const std::set<std::string_view> categories = {"bank",   "card", "payment", "shop",
                                                 "social", "mail", "cloud",   "telecom",
                                                 "travel", "game", "public",  "work"};
  for (const auto& sender : service_senders()) {
    EXPECT_TRUE(categories.contains(sender.category)) << sender.domain;
    EXPECT_FALSE(sender.ja.empty() || sender.en.empty());
    const auto found = service_of("no-reply@mail." + std::string(sender.domain));
    ASSERT_TRUE(found) << sender.domain;
    EXPECT_TRUE(found->known);
  }
}

TEST(ServiceSenders, PeopleAreNoServices) {
  for (const auto* person : {"taro@docomo.ne.jp", "hanako@gmail.com", "accountant@firm.example",
                             "serviceman@x.example", "", "@x.example", "x@", "nobody"}) {
    EXPECT_FALSE(service_of(person)) << person;
  }
  EXPECT_EQ(service_of("No-Reply@Account.Docomo.ne.jp")->en, "NTT DOCOMO");
  EXPECT_EQ(service_of("anything@amazon.co.jp")->category, "shop");
  EXPECT_EQ(service_of("password-reset@login.forum.example")->domain, "forum.example");
}

}  // namespace
}  // namespace sekimori::decide
