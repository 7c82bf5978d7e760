// What these prove: one message counts once, whatever asks how often; a refused one does not count;
// parallel sessions share one limit; a standing closes every way in; no bytes bring the desk down.
#include "serve/policy_desk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "serve/test_world.h"

namespace sekimori::serve {
namespace {

using namespace testing;
using decide::RequestKind;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* k_taro = "taro@example.jp";

// A limit and nothing else: what the judge asks a person about waits, over a limit too (engine_test
// has that), so here it never asks.
decide::EngineSettings limited(std::uint32_t per_hour) {
  auto s = World::enforcing();
  s.limits.recipients_per_hour = per_hour;
  s.detect.hold_new_recipients = 1'000'000;
  s.detect.hold_log_r = s.detect.ask_log_r = 1e6;
  return s;
}

TEST(PolicyDesk, CountsAMessageOnceHoweverOftenItIsAskedAbout) {
  World w;
  for (int list = 0; list < 3; ++list) {  // delayed client, helo and sender lists
    EXPECT_EQ(w.rcpt(k_taro, "a@example.com", "i1"), k_dunno);
    EXPECT_EQ(w.rcpt(k_taro, "b@example.com", "i1"), k_dunno);
  }
  EXPECT_EQ(w.counted(k_taro), 0U);  // a question is no event
  for (int stanza = 0; stanza < 2; ++stanza) EXPECT_EQ(w.data(k_taro, 2, "i1"), k_dunno);
  EXPECT_EQ(w.reservations.reserved(k_taro), 2U);
  for (int stanza = 0; stanza < 3; ++stanza) EXPECT_EQ(w.end(k_taro, 2, "i1"), k_dunno);
  EXPECT_EQ(w.reservations.reserved(k_taro), 0U);
  EXPECT_EQ(w.counted(k_taro), 2U);
  const auto sent = w.journal.all<Submission>();
  ASSERT_EQ(sent.size(), 1U);
  const auto& body = std::get<Submission>(sent[0].body);
  EXPECT_EQ(body.to, (std::vector<std::string>{"a@example.com", "b@example.com"}));
  EXPECT_EQ(body.size, 5000U);
  EXPECT_EQ(body.queue_id, "Qi1");
  EXPECT_EQ(sent[0].host, "mx1");
  EXPECT_EQ(w.queue.account_of("Qi1"), k_taro);
}

TEST(PolicyDesk, AMailIsStampedOnceAndItsRoomStaysReserved) {
  PolicyDeskOptions options;
  options.stamp = [](std::string_view account, Instant) {
    return account == k_taro ? std::string("X-Mark: abc") : std::string();
  };
  World w(World::enforcing(), std::move(options));
  w.rcpt(k_taro, "a@example.com", "i1");
  EXPECT_EQ(w.data(k_taro, 1, "i1"), "action=PREPEND X-Mark: abc\n\n");
  EXPECT_EQ(w.data(k_taro, 1, "i1"), k_dunno) << "a second stanza would stamp it twice";
  EXPECT_EQ(w.reservations.reserved(k_taro), 1U);
  EXPECT_EQ(w.end(k_taro, 1, "i1"), k_dunno);
  EXPECT_EQ(w.counted(k_taro), 1U);
  EXPECT_EQ(w.data("hanako@example.jp", 1, "i2"), k_dunno) << "who does not want it";
  w.stand(k_taro, RequestKind::restrict);
  EXPECT_THAT(w.data(k_taro, 1, "i3"), StartsWith("action=525 5.7.13 "));
}

TEST(PolicyDesk, OnlyABounceToAnAccountIsCopied) {
  PolicyDeskOptions options;
  options.copy_bounces_to = [](std::string_view account) {
    return account == "hanako@example.jp" ? std::string() : std::string("reports@example.jp");
  };
  World w(World::enforcing(), std::move(options));
  w.names = directory();
  const auto end = [&](const char* sender, const char* recipient) {
    Question q;
    q.state = "END-OF-MESSAGE", q.login = "", q.sender = sender, q.recipient = recipient;
    q.count = 1;
    return w.ask(q);
  };
  EXPECT_EQ(end("", k_taro), "action=BCC reports@example.jp\n\n");
  EXPECT_EQ(end("", "taro+x@old.example.jp"), "action=BCC reports@example.jp\n\n");
  EXPECT_EQ(end("", "Info@old.example.jp"), "action=BCC reports@example.jp\n\n") << "an alias";
  EXPECT_EQ(end("", "nobody@example.jp"), k_dunno);
  EXPECT_EQ(end("", "hanako@example.jp"), k_dunno) << "the report mailbox itself";
  EXPECT_EQ(end("", ""), k_dunno);
  EXPECT_EQ(end("a@example.com", k_taro), k_dunno);
  EXPECT_TRUE(w.journal.all<Submission>().empty());
}

TEST(PolicyDesk, TheSameInstanceOnTwoHostsIsTwoMessages) {
  World w;
  for (const char* host : {"mx1", "mx2"}) {
    Question q;
    q.state = "END-OF-MESSAGE", q.login = k_taro, q.sender = k_taro, q.count = 1;
    q.recipient = "a@example.com", q.context = host;
    q.queue_id = host;
    w.ask(q);
  }
  EXPECT_EQ(w.journal.all<Submission>().size(), 2U);
}

TEST(PolicyDesk, AccountIsTheSameInEverySpelling) {
  World w;
  for (const char* login :
       {"TARO@Example.JP", "taro+phone@example.jp", "taro@old.example.jp", "taro"}) {
    w.end(login, 1, login, "a@example.com");
  }
  for (const Event& e : w.journal.all<Submission>()) EXPECT_EQ(e.account, k_taro);
  EXPECT_EQ(w.counted(k_taro), 4U);
}

TEST(PolicyDesk, CountOfRecordIsPostfixs) {
  World w;
  w.names = directory();
  // One of ours that is no mailbox was refused by Postfix after our word.
  w.rcpt(k_taro, "nobody@example.jp", "i1");
  w.rcpt(k_taro, "a@example.com", "i1");
  w.end(k_taro, 1, "i1");
  // Bare postmaster is never asked about at RCPT.
  w.rcpt(k_taro, "a@example.com", "i2");
  w.end(k_taro, 2, "i2");
  const auto sent = w.journal.all<Submission>();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(std::get<Submission>(sent[0].body).to, std::vector<std::string>{"a@example.com"});
  EXPECT_EQ(std::get<Submission>(sent[1].body).to,
            (std::vector<std::string>{"a@example.com", "postmaster@example.jp"}));
}

TEST(PolicyDesk, AHugeCountIsBounded) {
  World w;
  w.end(k_taro, 4'000'000'000U, "i1");
  ASSERT_EQ(w.journal.all<Submission>().size(), 1U);
  EXPECT_LE(std::get<Submission>(w.journal.all<Submission>()[0].body).to.size(), 100'000U);
}

TEST(PolicyDesk, RestrictedMayNotSendBarePostmasterIncluded) {
  World w;
  w.stand(k_taro, RequestKind::restrict);
  EXPECT_THAT(w.rcpt(k_taro, "a@example.com", "i1"), StartsWith("action=525 5.7.13 "));
  EXPECT_THAT(w.rcpt("TARO@example.jp", "a@example.com", "i2"), StartsWith("action=525 5.7.13 "));
  EXPECT_THAT(w.data(k_taro, 1, "postmaster"), StartsWith("action=525 5.7.13 "));
  EXPECT_THAT(w.end(k_taro, 1, "postmaster2", "postmaster"), StartsWith("action=525 5.7.13 "));
  EXPECT_EQ(w.counted(k_taro), 0U);
}

TEST(PolicyDesk, OnceARecipientIsRefusedTheMessageIs) {
  World w;
  EXPECT_EQ(w.rcpt(k_taro, "a@example.com", "i1"), k_dunno);
  w.stand(k_taro, RequestKind::restrict);
  EXPECT_THAT(w.rcpt(k_taro, "b@example.com", "i1"), StartsWith("action=525"));
  w.stand(k_taro, RequestKind::restore);
  // Restored meanwhile: the first recipient must still not get half of what was sent.
  EXPECT_THAT(w.data(k_taro, 1, "i1"), StartsWith("action=525"));
  EXPECT_THAT(w.end(k_taro, 1, "i1"), StartsWith("action=525"));
  EXPECT_EQ(w.counted(k_taro), 0U);
  EXPECT_EQ(w.rcpt(k_taro, "a@example.com", "i2"), k_dunno);
}

TEST(PolicyDesk, SuspendedMailboxesMailWaitsAtTheSender) {
  World w;
  w.stand("hanako@example.jp", RequestKind::suspend);
  Question q;
  q.state = "RCPT", q.sender = "x@example.com";
  for (const char* to : {"hanako@example.jp", "Hanako+news@OLD.example.jp"}) {
    q.recipient = to;
    EXPECT_THAT(w.ask(q), StartsWith("action=450 4.2.1 ")) << to;
  }
  q.recipient = "jiro@example.jp";
  EXPECT_EQ(w.ask(q), k_dunno);
}

TEST(PolicyDesk, WhoTakesNoMailForNowHasItWait) {
  PolicyDeskOptions options;
  options.receives_nothing = [](std::string_view account) { return account == k_taro; };
  int waits = 0;
  options.waits = [&](std::string_view account, const wire::PolicyRequest&, Instant) {
    EXPECT_EQ(account, k_taro);
    ++waits;
  };
  World w(World::enforcing(), std::move(options));
  Question q;
  q.state = "RCPT", q.sender = "x@example.com";
  for (const char* to : {k_taro, "Taro+news@OLD.example.jp"}) {
    q.recipient = to;
    EXPECT_THAT(w.ask(q), StartsWith("action=450 4.2.1 ")) << to;
  }
  EXPECT_EQ(waits, 2);
  q.recipient = "jiro@example.jp";
  EXPECT_EQ(w.ask(q), k_dunno);
  EXPECT_EQ(w.rcpt(k_taro, "a@example.com", "i1"), k_dunno) << "it sends as before";
  w.engine.set_bypass(true);
  q.recipient = k_taro;
  EXPECT_EQ(w.ask(q), k_dunno);
}

TEST(PolicyDesk, ParallelSessionsShareOneLimit) {
  World w(limited(10));
  w.end(k_taro, 1, "first", "a@example.com");  // an account that the model knows
  // Nine are left. Two sessions of six each: the second is refused at DATA, while the first
  // uploads.
  EXPECT_EQ(w.data(k_taro, 6, "i1"), k_dunno);
  EXPECT_THAT(w.data(k_taro, 6, "i2"), StartsWith("action=450 4.7.1 "));
  EXPECT_EQ(w.data(k_taro, 3, "i3"), k_dunno);
  w.end(k_taro, 6, "i1");
  w.end(k_taro, 3, "i3");
  EXPECT_EQ(w.counted(k_taro), 10U);
  EXPECT_EQ(w.reservations.reserved(k_taro), 0U);
}

TEST(PolicyDesk, AFatMessageIsRefusedAsAWholeAndDoesNotCount) {
  World w(limited(10));
  w.end(k_taro, 1, "first", "a@example.com");
  for (int i = 0; i < 5; ++i) {  // a client's outbox tries again and again
    const std::string id = fmt::format("r{}", i);
    EXPECT_THAT(w.data(k_taro, 50, id), StartsWith("action=450 4.7.1 "));
    EXPECT_THAT(w.end(k_taro, 50, id + "e"), StartsWith("action=450 4.7.1 "));
  }
  EXPECT_EQ(w.counted(k_taro), 1U);
  EXPECT_EQ(w.end(k_taro, 1, "small", "b@example.com"), k_dunno);
}

TEST(PolicyDesk, ThousandThreadsOfOneAccountNeverPassTheLimit) {
  World w(limited(40));
  w.end(k_taro, 1, "first", "a@example.com");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&w, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string id = fmt::format("{}.{}", t, i);
        Question q;
        q.login = k_taro, q.sender = k_taro, q.instance = id, q.queue_id = "Q" + id, q.count = 3;
        for (const char* state : {"DATA", "END-OF-MESSAGE"}) {
          q.state = state;
          std::string out;
          w.desk->answer(q.request(), k_now, w.names, out);
          if (out != k_dunno) break;
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_LE(w.counted(k_taro), 40U);
  EXPECT_EQ(w.reservations.reserved(k_taro), 0U);
}

TEST(PolicyDesk, WhatNeverBecameMailIsGivenBack) {
  World w(World::enforcing(), World::with_log());
  w.end(k_taro, 1, "i1", "a@example.com");
  w.end(k_taro, 1, "i2", "b@example.com");
  w.end(k_taro, 1, "i3", "c@example.com");
  EXPECT_EQ(w.desk->waiting_commits(), 3U);
  w.desk->confirmed("Qi1");
  w.desk->withdrawn("Qi2", w.now + seconds(1));
  EXPECT_EQ(w.counted(k_taro), 2U);
  // The log stands still: no verdict. It goes on without the message: given back.
  w.desk->sweep(w.now + minutes(11), w.now + minutes(1));
  EXPECT_EQ(w.desk->waiting_commits(), 1U);
  w.desk->sweep(w.now + minutes(11), w.now + minutes(11));
  w.now = w.now + minutes(11);
  EXPECT_EQ(w.desk->waiting_commits(), 0U);
  EXPECT_EQ(w.journal.all<Withdrawn>().size(), 2U);
  EXPECT_EQ(w.counted(k_taro), 1U);
  w.desk->withdrawn("Qi1", w.now);  // confirmed already
  EXPECT_EQ(w.journal.all<Withdrawn>().size(), 2U);
}

TEST(PolicyDesk, AskedAgainAfterARestartItCountsOnce) {
  World w;
  w.end(k_taro, 1, "i1", "a@example.com");
  PolicyDesk second(w.engine, w.reservations, w.queue, w.metrics, {});  // an empty table
  Question q;
  q.state = "END-OF-MESSAGE", q.login = k_taro, q.sender = k_taro, q.count = 1, q.instance = "i1";
  q.recipient = "a@example.com", q.queue_id = "Qi1", q.size = 5000;
  std::string out;
  second.answer(q.request(), w.now + seconds(3), w.names, out);
  EXPECT_EQ(out, k_dunno);
  EXPECT_EQ(w.counted(k_taro), 1U);
}

TEST(PolicyDesk, AVanishedClientsReservationEnds) {
  World w(limited(10));
  w.end(k_taro, 1, "first", "a@example.com");
  w.data(k_taro, 9, "i1");
  EXPECT_THAT(w.data(k_taro, 1, "i2"), StartsWith("action=450"));
  w.desk->sweep(w.now + minutes(16), std::nullopt);
  EXPECT_EQ(w.reservations.reserved(k_taro), 0U);
  EXPECT_EQ(w.data(k_taro, 1, "i3"), k_dunno);
  w.desk->sweep(w.now + hours(2), std::nullopt);
  EXPECT_EQ(w.desk->transactions(), 0U);
}

TEST(PolicyDesk, TransactionsAreBounded) {
  PolicyDeskOptions options;
  options.transactions.entries = 2560;
  World w(limited(1000), options);
  for (int i = 0; i < 20'000; ++i) w.data(k_taro, 1, fmt::format("i{}", i));
  EXPECT_LE(w.desk->transactions(), 2560U + 256U);
  EXPECT_LE(w.reservations.reserved(k_taro), 2560U + 256U);
  EXPECT_GT(w.metrics.transactions_evicted.get(), 0U);
}

TEST(PolicyDesk, NamesOfOneTransactionAreBounded) {
  World w;
  for (int i = 0; i < 11'000; ++i) w.rcpt(k_taro, fmt::format("r{}@example.com", i), "i1");
  w.end(k_taro, 11'000, "i1");
  const auto sent = w.journal.all<Submission>();
  ASSERT_EQ(sent.size(), 1U);
  const auto& to = std::get<Submission>(sent[0].body).to;
  EXPECT_EQ(to.size(), 11'000U);
  EXPECT_EQ(to[9'999], "r9999@example.com");
  EXPECT_EQ(to[10'000], "postmaster@example.jp");
  EXPECT_EQ(to[10'999], "unseen-11000@example.jp");
}

TEST(PolicyDesk, OtherStagesAndRequestsPass) {
  World w;
  w.stand(k_taro, RequestKind::suspend);
  Question q;
  q.login = k_taro, q.recipient = "a@example.com";
  for (const char* state : {"MAIL", "CONNECT", "", "nonsense"}) {
    q.state = state;
    EXPECT_EQ(w.ask(q), k_dunno) << state;
  }
  q.login = "", q.state = "DATA";
  EXPECT_EQ(w.ask(q), k_dunno);
  q.state = "END-OF-MESSAGE";
  EXPECT_EQ(w.ask(q), k_dunno);
}

TEST(PolicyDesk, GarbageGetsOneAnswerEach) {
  World w;
  std::mt19937 random(7);
  const auto text = [&](int max) {
    std::string s(random() % static_cast<unsigned>(max), ' ');
    for (char& c : s) c = static_cast<char>(random() % 256);
    std::erase(s, '\n');
    return s;
  };
  for (int i = 0; i < 20'000; ++i) {
    Question q;
    const char* states[] = {"RCPT", "DATA", "END-OF-MESSAGE"};
    q.state = states[random() % 3];
    q.login = text(40), q.sender = text(1000), q.recipient = text(3000), q.client = text(40);
    q.instance = random() % 2 == 0 ? fmt::format("{}", random() % 50) : text(10);
    q.queue_id = text(200), q.context = text(300), q.count = random() % 20;
    const std::string out = w.ask(q);
    ASSERT_THAT(out, StartsWith("action="));
    ASSERT_EQ(out.find("\n\n"), out.size() - 2);
    w.now = w.now + Duration{1000};
  }
}

}  // namespace
}  // namespace sekimori::serve
