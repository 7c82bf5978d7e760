// Whose mail came back: proofs for and against, and what proves nothing.
#include "report/origin.h"

#include <gtest/gtest.h>

#include "report/stamp.h"

namespace sekimori::report {
namespace {

const Instant k_now = *parse_instant("2026-11-22T03:00:00Z");
const std::vector<std::string> k_hosts = {"mx.example.jp"};

MailReport returned(std::string by = "evil.example", std::string id = "X1") {
  MailReport report;
  report.kind = ReportKind::bounce;
  report.original.found = true;
  report.original.message_id = "a@b";
  report.original.date = "Sun, 22 Nov 2026 11:00:00 +0900";
  report.original.received = {{"last.example", "far.example", "Z"},
                              {"[192.0.2.1]", std::move(by), std::move(id)}};
  return report;
}

SentEvidence remembering() {
  SentEvidence evidence;
  evidence.remembered_since = k_now - days(7);
  return evidence;
}

TEST(Origin, OneProofIsEnough) {
  for (bool SentEvidence::* proof :
       {&SentEvidence::stamped, &SentEvidence::queue_id_known, &SentEvidence::message_id_known}) {
    SentEvidence evidence;
    evidence.*proof = true;
    EXPECT_EQ(judge_origin(returned(), evidence, k_hosts, k_now).origin, Origin::ours);
  }
}

TEST(Origin, WithoutAProofWithinOurMemoryItIsForged) {
  const auto verdict = judge_origin(returned(), remembering(), k_hosts, k_now);
  EXPECT_EQ(verdict.origin, Origin::forged);
  EXPECT_EQ(verdict.first_hop, "evil.example");
  // Our name in a forged line proves nothing.
  EXPECT_EQ(judge_origin(returned("mx.example.jp", "4Fake"), remembering(), k_hosts, k_now).origin,
            Origin::forged);
  SentEvidence stamping;
  stamping.stamped_since = k_now - days(2);
  EXPECT_EQ(judge_origin(returned(), stamping, k_hosts, k_now).origin, Origin::forged);
}

TEST(Origin, WhatIsNotKnownIsSaidSo) {
  SentEvidence passed = remembering();
  passed.passed = true;
  EXPECT_EQ(judge_origin(returned(), passed, k_hosts, k_now).origin, Origin::unknown);
  EXPECT_EQ(judge_origin(returned(), {}, k_hosts, k_now).origin, Origin::unknown);
  MailReport few = returned();
  few.original.received.clear();
  few.original.message_id.clear();
  SentEvidence stamping;
  stamping.stamped_since = k_now - days(2);
  EXPECT_EQ(judge_origin(few, stamping, k_hosts, k_now).origin, Origin::unknown)
      << "a gateway that returns few fields may have left out the stamp";
  MailReport bare = returned();
  bare.original = {};
  EXPECT_EQ(judge_origin(bare, remembering(), k_hosts, k_now).origin, Origin::unknown);
  MailReport old = returned();
  old.original.date = "Sun, 1 Nov 2026 11:00:00 +0900";
  EXPECT_EQ(judge_origin(old, remembering(), k_hosts, k_now).origin, Origin::unknown);
  MailReport undated = returned();
  undated.original.date = "yesterday";
  EXPECT_EQ(judge_origin(undated, remembering(), k_hosts, k_now).origin, Origin::unknown);
  MailReport future = returned();
  future.original.date = "Sun, 22 Nov 2037 11:00:00 +0900";
  EXPECT_EQ(judge_origin(future, remembering(), k_hosts, k_now).origin, Origin::unknown);
}

TEST(Origin, OurQueueIdsAreThoseOfOurLines) {
  MailReport report = returned("mx.example.jp", "4Own");
  EXPECT_EQ(own_queue_ids(report, k_hosts), std::vector<std::string>{"4Own"});
}

TEST(Stamp, OnlyItsMakerReadsIt) {
  const Stamper stamper(HashKey{1, 2, 3});
  const std::string mark = stamper.stamp("hanako@example.jp", k_now);
  EXPECT_EQ(mark.size(), k_stamp_length);
  EXPECT_NE(mark, stamper.stamp("hanako@example.jp", k_now)) << "two mails must not be linked";
  EXPECT_EQ(stamper.stamp("a@b.c", k_now).size(), k_stamp_length);
  const auto read = stamper.open(mark, k_now + days(30));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->account, stamper.name_of("hanako@example.jp"));
  EXPECT_EQ(read->day, *parse_instant("2026-11-22T00:00:00Z"));
  EXPECT_FALSE(Stamper(HashKey{9}).open(mark, k_now));
  EXPECT_FALSE(stamper.open(mark, k_now + days(k_stamp_days + 1)));
  EXPECT_FALSE(stamper.open(mark, k_now - days(40)));
  for (std::size_t i = 0; i < mark.size(); ++i) {
    std::string other = mark;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    // The last character's spare bits are not all of the message.
    EXPECT_FALSE(stamper.open(other, k_now)) << i;
    EXPECT_FALSE(stamper.open(mark.substr(0, i), k_now));
  }
}

}  // namespace
}  // namespace sekimori::report
