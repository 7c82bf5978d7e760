// What these prove: tries become messages as a person would count them (retries, bursts, big
// providers, lists' bounce addresses, null senders, two MXs), each is ticked off once by what
// arrives, the clock says when the first is given up, and nothing grows without bound.
#include "decide/waiting_mail.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sekimori::decide {
namespace {

const Instant k_t{1'790'000'000'000'000};
const std::string k_who = "taro@example.jp";

WaitingTry attempt(std::string sender, std::uint64_t size, Instant t,
                   std::string name = "mx1.friend.example", std::string ip = "192.0.2.7") {
  WaitingTry out;
  out.account = k_who;
  out.sender = std::move(sender);
  out.size = size;
  out.client_name = std::move(name);
  out.client_address = std::move(ip);
  out.t = t;
  return out;
}

MailboxDelivery arrival(std::string sender, std::uint64_t size, Instant t,
                        DeliveryStatus status = DeliveryStatus::sent, std::string queue_id = "Q") {
  return {k_who, std::move(queue_id), std::move(sender), size, status, t};
}

TEST(ClientDomain, IsWhatSomebodyRegistered) {
  EXPECT_EQ(client_domain("mail-wm1-f51.google.com", "209.85.128.51"), "google.com");
  EXPECT_EQ(client_domain("MX1.Example.co.jp.", "192.0.2.1"), "example.co.jp");
  EXPECT_EQ(client_domain("example.co.jp", "192.0.2.1"), "example.co.jp");
  EXPECT_EQ(client_domain("co.jp", "192.0.2.1"), "co.jp");
  EXPECT_EQ(client_domain("a.b.or.kr", "192.0.2.1"), "b.or.kr");
  EXPECT_EQ(client_domain("x.example.info", "192.0.2.1"), "example.info");
  EXPECT_EQ(client_domain("unknown", "192.0.2.99"), "192.0.2.0/24");
  EXPECT_EQ(client_domain("", "2001:db8::5"), "2001:db8::/64");
  EXPECT_EQ(client_domain("localhost", "127.0.0.1"), "127.0.0.0/24");
  EXPECT_EQ(client_domain(".", "nonsense"), "nonsense");
}

TEST(SenderSkeleton, LeavesOutWhatCountsMessages) {
  EXPECT_EQ(sender_skeleton("bounce-123-456@list.example"),
            sender_skeleton("Bounce-99-7a2f@LIST.example"));
  EXPECT_NE(sender_skeleton("bounce-1@list.example"), sender_skeleton("bounce-1@other.example"));
  EXPECT_NE(sender_skeleton("taro@x.example"), sender_skeleton("hanako@x.example"));
  EXPECT_EQ(sender_skeleton(""), "");
}

TEST(WaitingBook, RetriesAreOneMessage) {
  WaitingBook book({});
  for (int i = 0; i < 20; ++i) book.put_off(attempt("a@friend.example", 5000, k_t + hours(i)));
  const auto view = book.view(k_who);
  ASSERT_EQ(view.messages.size(), 1U);
  EXPECT_EQ(view.messages[0].tries, 20U);
  EXPECT_EQ(view.messages[0].first, k_t);
  EXPECT_EQ(view.messages[0].last, k_t + hours(19));
  EXPECT_FALSE(view.messages[0].estimated);
  EXPECT_EQ(view.messages[0].client, "friend.example");
  EXPECT_EQ(view.gives_up, k_t + days(4));
  EXPECT_EQ(view.summary.en, "1 waiting.");
}

TEST(WaitingBook, ABurstOfEqualOnesIsCountedWholeAndSoAreItsRetries) {
  WaitingBook book({});
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 30; ++i) {
      book.put_off(attempt("a@friend.example", 700, k_t + hours(round) + seconds(i)));
    }
  }
  const auto view = book.view(k_who);
  EXPECT_EQ(view.waiting, 30U);
  for (const auto& message : view.messages) EXPECT_EQ(message.tries, 5U);
}

TEST(WaitingBook, OneTransactionAskedTwiceIsOneTry) {
  WaitingBook book({});
  auto one = attempt("a@friend.example", 700, k_t);
  one.transaction = "1f.2e.0";
  book.put_off(one);
  book.put_off(one);
  EXPECT_EQ(book.view(k_who).messages.at(0).tries, 1U);
}

TEST(WaitingBook, TheNextMxIsAskedAtOnce) {
  WaitingBook book({});
  auto one = attempt("a@friend.example", 700, k_t);
  one.server_address = "192.0.2.25";
  book.put_off(one);
  one.server_address = "192.0.2.26";
  one.t = k_t + seconds(1);
  book.put_off(one);
  EXPECT_EQ(book.view(k_who).waiting, 1U);
}

TEST(WaitingBook, ABigProviderThatRotatesItsMachinesIsOneAndEstimated) {
  WaitingBook book({});
  for (int i = 0; i < 6; ++i) {
    book.put_off(attempt("a@gmail.example", 5000, k_t + hours(i),
                         "mail-" + std::to_string(i) + ".google.com",
                         "209.85." + std::to_string(i) + ".1"));
  }
  const auto view = book.view(k_who);
  ASSERT_EQ(view.messages.size(), 1U);
  EXPECT_TRUE(view.messages[0].estimated);
  EXPECT_EQ(view.messages[0].client, "google.com");
}

TEST(WaitingBook, ListsThatNumberTheirBounceAddresses) {
  WaitingBook book({});
  book.put_off(attempt("b-100-taro=example.jp@list.example", 9000, k_t));
  book.put_off(attempt("b-101-taro=example.jp@list.example", 12000, k_t + seconds(2)));
  book.put_off(attempt("b-200-taro=example.jp@list.example", 9000, k_t + hours(1)));
  const auto view = book.view(k_who);
  ASSERT_EQ(view.messages.size(), 2U);
  EXPECT_TRUE(view.messages[0].estimated);  // the one of 9000 bytes, under another number
  EXPECT_FALSE(view.messages[1].estimated);
}

TEST(WaitingBook, NullSendersAreMailToo) {
  WaitingBook book({});
  book.put_off(attempt("", 3000, k_t));
  book.put_off(attempt("", 8000, k_t + minutes(10)));
  EXPECT_EQ(book.view(k_who).waiting, 2U);
  book.delivery(arrival("", 8100, k_t + hours(1)));
  const auto view = book.view(k_who);
  EXPECT_EQ(view.arrived, 1U);
  EXPECT_EQ(view.messages[0].size, 3000U);
  EXPECT_EQ(view.summary.ja, "2 通中 1 通が届きました。");
}

TEST(WaitingBook, WhatArrivesIsTickedOffOnceByLikeness) {
  WaitingBook book({});
  book.put_off(attempt("a@friend.example", 1000, k_t));
  book.put_off(attempt("a@friend.example", 500'000, k_t + seconds(1)));
  book.delivery(arrival("b@friend.example", 1000, k_t + hours(1)));    // another sender
  book.delivery(arrival("a@friend.example", 90'000, k_t + hours(1)));  // like neither
  EXPECT_EQ(book.view(k_who).arrived, 0U);
  book.delivery(arrival("A@Friend.example", 495'000, k_t + hours(1)));
  auto view = book.view(k_who);
  EXPECT_EQ(view.arrived, 1U);
  EXPECT_EQ(view.messages.back().size, 500'000U);
  EXPECT_EQ(view.messages.back().ended, k_t + hours(1));
  book.delivery(arrival("a@friend.example", 1400, k_t + hours(2)));
  book.delivery(arrival("a@friend.example", 1400, k_t + hours(2)));
  view = book.view(k_who);
  EXPECT_EQ(view.arrived, 2U);
  EXPECT_EQ(view.summary.en, "2 of 2 arrived.");
  EXPECT_FALSE(view.gives_up.is_set());
}

TEST(WaitingBook, OurOwnQueueIsExact) {
  WaitingBook book({});
  for (int i = 0; i < 3; ++i) {
    for (const auto* id : {"4bQ1", "4bQ2"}) {
      book.delivery(
          arrival("hanako@example.jp", 900, k_t + minutes(i), DeliveryStatus::deferred, id));
    }
  }
  EXPECT_EQ(book.view(k_who).waiting, 2U);
  EXPECT_EQ(book.view(k_who).messages[0].tries, 3U);
  book.delivery(arrival("hanako@example.jp", 900, k_t + hours(1), DeliveryStatus::sent, "4bQ2"));
  book.delivery(arrival("hanako@example.jp", 900, k_t + days(5), DeliveryStatus::bounced, "4bQ1"));
  const auto view = book.view(k_who);
  EXPECT_EQ(view.arrived, 1U);
  EXPECT_EQ(view.given_up, 1U);
  EXPECT_NE(view.summary.en.find("1 of 2 arrived"), std::string::npos);
}

TEST(WaitingBook, RequeuedMailHasAnotherName) {
  WaitingBook book({});
  const auto here = [&](const char* id, Instant t, DeliveryStatus status) {
    return arrival("hanako@example.jp", 900, t, status, id);
  };
  book.delivery(here("4bQ1", k_t, DeliveryStatus::deferred));
  book.delivery(here("4bQ2", k_t, DeliveryStatus::deferred));
  // The whole queue was requeued while the mailbox was closed.
  book.delivery(here("4bR1", k_t + minutes(9), DeliveryStatus::deferred));
  book.queue_says(
      k_who,
      {here("4bR1", k_t, DeliveryStatus::deferred), here("4bR2", k_t, DeliveryStatus::deferred)},
      k_t + minutes(10));
  EXPECT_EQ(book.view(k_who).waiting, 2U);
  // Tried again after the restore, and once more too early.
  book.requeued("4bR1");
  book.requeued("4bR2");
  book.requeued("nobody's");
  book.delivery(here("4bS1", k_t + minutes(50), DeliveryStatus::deferred));
  EXPECT_EQ(book.view(k_who).waiting, 2U);
  book.delivery(here("4bS1", k_t + hours(1), DeliveryStatus::sent));
  book.delivery(here("4bS2", k_t + hours(1), DeliveryStatus::sent));
  EXPECT_EQ(book.view(k_who).summary.en, "2 of 2 arrived.");
}

TEST(WaitingBook, WhoComesNoMoreIsGivenUpAndALateOneStillCounts) {
  WaitingBook book({});
  book.put_off(attempt("a@friend.example", 1000, k_t));
  book.put_off(attempt("a@patient.example", 2000, k_t, "mx.patient.example"));
  for (int h = 4; h <= 24 * 5; h += 4) {
    book.put_off(attempt("a@patient.example", 2000, k_t + hours(h), "mx.patient.example"));
  }
  book.sweep(k_t + days(3));
  EXPECT_EQ(book.view(k_who).waiting, 2U);
  book.sweep(k_t + days(5));
  EXPECT_EQ(book.view(k_who).waiting, 1U);  // one still comes, past its time
  EXPECT_EQ(book.view(k_who).given_up, 1U);
  book.delivery(arrival("a@friend.example", 1000, k_t + days(5) + hours(1)));
  EXPECT_EQ(book.view(k_who).given_up, 0U);
  book.delivery(arrival("a@patient.example", 2000, k_t + days(5) + hours(2)));
  EXPECT_EQ(book.view(k_who).summary.en, "2 of 2 arrived.");
  book.sweep(k_t + days(30));
  EXPECT_TRUE(book.view(k_who).messages.empty());
  EXPECT_EQ(book.size(), 0U);
}

TEST(WaitingBook, ClosedAnewItBeginsAnew) {
  WaitingBook book({});
  book.put_off(attempt("a@friend.example", 1000, k_t));
  book.delivery(arrival("a@friend.example", 1000, k_t + hours(1)));
  book.put_off(attempt("b@friend.example", 1000, k_t + hours(5)));
  const auto view = book.view(k_who);
  ASSERT_EQ(view.messages.size(), 1U);
  EXPECT_EQ(view.messages[0].sender, "b@friend.example");
  EXPECT_EQ(view.arrived, 0U);
}

TEST(WaitingBook, TheSoonestToBeGivenUpStandsFirst) {
  WaitingBook book({});
  for (const auto& [who, t] :
       {std::pair("b@example.jp", k_t + hours(2)), std::pair("c@example.jp", k_t),
        std::pair("a@example.jp", k_t + hours(1))}) {
    auto one = attempt("x@friend.example", 1, t);
    one.account = who;
    book.put_off(one);
  }
  const auto all = book.all();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].account, "c@example.jp");
  EXPECT_EQ(all[2].account, "b@example.jp");
}

TEST(WaitingBook, GrowsNotWithoutBound) {
  WaitingRules rules;
  rules.account_max = 10;
  rules.all_max = 15;
  WaitingBook book(rules);
  for (int i = 0; i < 100; ++i) {
    book.put_off(attempt("s" + std::to_string(i) + "@friend.example", 1, k_t));
    auto other = attempt("s" + std::to_string(i) + "@friend.example", 1, k_t);
    other.account = "hanako@example.jp";
    book.put_off(other);
  }
  EXPECT_EQ(book.size(), 15U);
  EXPECT_LE(book.view(k_who).waiting, 10U);
  EXPECT_EQ(book.view(k_who).uncounted_tries + book.view("hanako@example.jp").uncounted_tries,
            185U);
}

// Whatever happens in whatever order: the counts add up, what is kept and loaded again is the same
// book, and an id is given once.
TEST(WaitingBook, KeptAndLoadedAgainItIsTheSame) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<int>(random() % n); };
    WaitingRules rules;
    rules.account_max = 12;
    WaitingBook book(rules);
    std::map<std::uint64_t, WaitingMessage> kept;
    const auto keep = [&] {
      auto changes = book.take_changes();
      if (pick(4) == 0) {  // the database was away
        book.put_back(std::move(changes));
        changes = book.take_changes();
      }
      for (auto& message : changes.written) kept.insert_or_assign(message.id, message);
      for (const auto id : changes.forgotten) kept.erase(id);
    };
    Instant now = k_t;
    for (int i = 0; i < 400; ++i) {
      now = now + minutes(pick(90));
      const std::string sender = "s" + std::to_string(pick(5)) + "@f.example";
      const auto size = static_cast<std::uint64_t>(1000 * (1 + pick(3)));
      switch (pick(6)) {
        case 0: book.delivery(arrival(sender, size + 300, now)); break;
        case 1:
          book.delivery(
              arrival(sender, size, now, DeliveryStatus::deferred, "Q" + std::to_string(pick(6))));
          break;
        case 2: book.sweep(now); break;
        default: book.put_off(attempt(sender, size, now)); break;
      }
      if (pick(10) == 0) keep();
      const auto view = book.view(k_who);
      ASSERT_EQ(view.waiting + view.arrived + view.given_up, view.messages.size());
      ASSERT_LE(view.messages.size(), rules.account_max);
    }
    keep();
    WaitingBook again(rules);
    for (const auto& [id, message] : kept) again.load(message);
    auto expected = book.view(k_who).messages;
    auto found = again.view(k_who).messages;
    std::ranges::sort(expected, {}, &WaitingMessage::id);
    std::ranges::sort(found, {}, &WaitingMessage::id);
    ASSERT_EQ(found, expected) << "seed " << seed;
    ASSERT_TRUE(again.take_changes().empty());
  }
}

}  // namespace
}  // namespace sekimori::decide
