// From every earlier version of each store's tables to this one, with rows that were there: on
// SQLite here, on PostgreSQL and MariaDB when SEKIMORI_TEST_DATABASE names one. Rules are in
// rule_store_test.cc.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/case_store.h"
#include "store/database_for_test.h"
#include "store/notice_store.h"
#include "store/own_migrations.h"
#include "store/recovery_store.h"
#include "store/state_schema.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"
#include "store/ways_store.h"

namespace sekimori::store {
namespace {

// What each version could say first.
const char* k_hold =
    "INSERT INTO hold (queue_id, account, held_us, release_us, recipients, bytes, kind, state, "
    "incident, log_r, reason_ja, reason_en, ended_by) VALUES ('4Vw3hP0Yzxz1Q2b', "
    "'taro@example.jp', 5, 9, 12, 4000, 'timed', 'held', 7, 5.5, '理由', 'reason', '')";
const char* k_audit =
    "INSERT INTO audit (id, t_us, who, action, kind, subject, incident, why, detail) VALUES "
    "(1, 5, 'op', 'restrict', 'account', 'taro@example.jp', 7, 'why', '{}')";

const char* k_incident =
    "INSERT INTO incident (id, kind, subject, state, opened_us, onset_us, closed_us, mode, "
    "standing, log_r, family, summary_ja, summary_en, opened_by) VALUES (7, 'account', "
    "'taro@example.jp', 'open', 5, 5, 0, 'enforce', 'restricted', 9.5, 'spam', '概要', 'summary', "
    "'machine')";
const char* k_notice =
    "INSERT INTO notice (id, notice_key, series, told, kind, subject, incident, channel, audience, "
    "recipient, summary_ja, summary_en, state, tries, created_us, changed_us, due_us, detail) "
    "VALUES (3, 'k', 's', 'suspended', 'account', 'taro@example.jp', 7, 'mail', 'owner', 'a@b.example', "
    "'理由', 'reason', 'waiting', 1, 5, 6, 7, 'busy')";
const char* k_recovery =
    "INSERT INTO recovery (id, account, incident, contained_us, begun_us, begun_by, earlier_hash, "
    "current_hash, earlier_pwhashes, pwhash, by_machine, times, ended_us, ended_by, epoch, "
    "was_active, told_us, ready_us, networks, kept) VALUES (4, 'taro@example.jp', 7, 5, 6, "
    "'owner:code', 'aa11', 'bb22', '025a 0fff', '', 1, 2, 0, '', 12, 1, 8, 9, '192.0.2.0/24', '')";
const char* k_gate =
    "INSERT INTO recovery_gate (recovery, gate, state, evidence_ja, evidence_en, proved_us) VALUES "
    "(4, 'works_smtp', 'proved', '送れました。', 'it works', 9)";
const char* k_contact =
    "INSERT INTO contact (account, kind, since_us, value) VALUES ('taro@example.jp', "
    "'email_other', 3, 'me@home.example')";
const char* k_way =
    "INSERT INTO way (account, kind, wkey, content) VALUES ('taro@example.jp', 'forward', "
    "'x@y.example', 'WEB5')";
const char* k_way_change =
    "INSERT INTO way_change (id, account, kind, wkey, has_before, content_before, has_after, "
    "content_after, looked_us, seen_us, external, told, state, changed_us, changed_by, reason, "
    "incident) VALUES (9, 'taro@example.jp', 'forward', 'x@y.example', 0, '', 1, 'WEB5', 5, 6, 1, "
    "0, 'open', 6, '', '', 0)";

// The tables as they were after `version` steps, with rows of the first.
void make_earlier(const std::string& url, const std::string& name, const Migrations& all,
                  std::size_t version, const std::vector<const char*>& rows) {
  {
    Database database({.url = url});
    const Migrations earlier(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(version));
    const auto made = migrate(database, name, earlier);
    ASSERT_TRUE(made) << made.error().text;
  }
  for (const char* row : rows) run_on_database(url, row);
}

TEST(Migrations, NoticesOfEveryEarlierVersionAreStillToBeSent) {
  for (std::size_t version = 1; version <= notice_migrations().size(); ++version) {
    SCOPED_TRACE(version);
    TemporaryDirectory directory;
    const std::string url = test_database(directory / "n.db");
    make_earlier(url, "notices", notice_migrations(), version, {k_notice});
    for (int opening = 0; opening < 2; ++opening) {
      auto store = NoticeStore::open({.url = url});
      ASSERT_TRUE(store) << store.error().text;
      const auto due = (*store)->due(Instant{8}, 10);
      ASSERT_TRUE(due) << due.error().text;
      ASSERT_EQ(due->size(), 1U);
      EXPECT_EQ(due->front().id, 3U);
      EXPECT_EQ(due->front().summary.ja, "理由");
      EXPECT_EQ(due->front().tries, 1U);
      EXPECT_EQ(due->front().detail, "busy");
    }
  }
}

// MySQL ends the transaction at each DROP: the power may fail before the version is noted.
TEST(Migrations, AStartAfterABrokenOneGoesOnBehindWhatIsDone) {
  TemporaryDirectory directory;
  const std::string url = test_database(directory / "n.db");
  if (!url.starts_with("mysql")) GTEST_SKIP() << "of MySQL and MariaDB only";
  make_earlier(url, "notices", notice_migrations(), 1, {k_notice, "DROP TABLE waiting_mail"});
  auto store = NoticeStore::open({.url = url});
  ASSERT_TRUE(store) << store.error().text;
  EXPECT_EQ((*store)->due(Instant{8}, 10).value().size(), 1U);
}

TEST(Migrations, RecoveriesOfEveryEarlierVersionGoOn) {
  for (std::size_t version = 1; version <= recovery_migrations().size(); ++version) {
    SCOPED_TRACE(version);
    TemporaryDirectory directory;
    const std::string url = test_database(directory / "r.db");
    make_earlier(url, "recovery", recovery_migrations(), version, {k_recovery, k_gate, k_contact});
    auto store = RecoveryStore::open({.url = url});
    ASSERT_TRUE(store) << store.error().text;
    const auto under_way = (*store)->under_way(10).value();
    ASSERT_EQ(under_way.size(), 1U);
    const auto& row = under_way[0];
    EXPECT_EQ(row.recovery.account, "taro@example.jp");
    EXPECT_EQ(row.recovery.gate(decide::GateKind::works_smtp).state, decide::GateState::proved);
    EXPECT_EQ(row.recovery.gate(decide::GateKind::works_smtp).evidence.ja, "送れました。");
    EXPECT_EQ(row.epoch, 12U);
    const auto contact =
        (*store)->contact_at("taro@example.jp", ContactKind::email_other, Instant{4});
    ASSERT_TRUE(contact) << contact.error().text;
    ASSERT_TRUE(*contact);
    EXPECT_EQ((*contact)->value, "me@home.example");
    // What is new can be written, and a second opening changes nothing.
    ASSERT_TRUE((*store)->set_own_totp("taro@example.jp", Secret("key"), Instant{9}));
    ASSERT_TRUE((*store)->put(row));
    store->reset();
    auto again = RecoveryStore::open({.url = url});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ((*again)->under_way(10).value(), under_way);
    EXPECT_TRUE((*again)->own_totp("taro@example.jp").value());
  }
}

TEST(Migrations, WaysOfEveryEarlierVersionAreStillKnown) {
  for (std::size_t version = 1; version <= ways_migrations().size(); ++version) {
    SCOPED_TRACE(version);
    TemporaryDirectory directory;
    const std::string url = test_database(directory / "w.db");
    make_earlier(url, "ways", ways_migrations(), version, {k_way, k_way_change});
    auto store = WaysStore::open({.url = url});
    ASSERT_TRUE(store) << store.error().text;
    const std::vector<decide::Way> known{{decide::WayKind::forward, "x@y.example", "X@y"}};
    EXPECT_EQ((*store)->known_of("taro@example.jp").value(), known);
    auto untold = (*store)->untold(10).value();
    ASSERT_EQ(untold.size(), 1U);
    EXPECT_EQ(untold[0].id, 9U);
    EXPECT_EQ(untold[0].editor, "");
    EXPECT_TRUE(untold[0].is_external);
    // What is new can be written, and a second opening changes nothing.
    WaysWrite write;
    write.changes = {untold[0]};
    write.changes[0].id = 0;
    write.changes[0].editor = "admin@example.jp";
    ASSERT_TRUE((*store)->write(write));
    store->reset();
    auto again = WaysStore::open({.url = url});
    ASSERT_TRUE(again) << again.error().text;
    const auto seen = (*again)->untold(10).value();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(std::ranges::count(seen, untold[0]), 1);
    EXPECT_EQ(std::ranges::count(seen, "admin@example.jp", &decide::WayChange::editor), 1);
  }
}

TEST(Migrations, EveryEarlierVersionIsBroughtUpToDateWithItsRows) {
  const Migrations& all = state_migrations();
  ASSERT_GE(all.size(), 4U);
  for (std::size_t version = 1; version <= all.size(); ++version) {
    SCOPED_TRACE(version);
    TemporaryDirectory directory;
    const std::string url = test_database(directory / "state.db");
    make_earlier(url, "state", all, version, {k_hold, k_audit, k_incident});
    auto store = SqlStateStore::open({.url = url});
    ASSERT_TRUE(store) << store.error().text;
    const auto holds = (*store)->holds({}).value();
    ASSERT_EQ(holds.size(), 1U);
    EXPECT_EQ(holds[0].queue_id, "4Vw3hP0Yzxz1Q2b");
    EXPECT_EQ(holds[0].reason.ja, "理由");
    EXPECT_EQ(holds[0].evidence, "");
    EXPECT_FALSE(holds[0].ended_at.is_set());
    EXPECT_EQ((*store)->audit(std::nullopt, 10).value().size(), 1U);
    // Rows of before the column `domain` have theirs.
    const bool is_earlier = version < 5;
    decide::StateStore::IncidentFilter of_domain;
    of_domain.within = "example.jp";
    const auto incidents = (*store)->incidents(of_domain).value();
    ASSERT_EQ(incidents.size(), is_earlier ? 1U : 0U);
    if (is_earlier) {
      EXPECT_EQ(incidents[0].subject.id, "taro@example.jp");
    }
    of_domain.within = "xample.jp";
    EXPECT_TRUE((*store)->incidents(of_domain).value().empty());
    auto cases = CaseStore::open({.url = url});
    ASSERT_TRUE(cases) << cases.error().text;
    EXPECT_EQ((*cases)->audit({.within = "example.jp"}).value().total, is_earlier ? 1U : 0U);
    EXPECT_EQ((*cases)->audit({.within = "xample.jp"}).value().total, 0U);
    // What is new can be written, and a second opening changes nothing.
    auto hold = holds[0];
    hold.evidence = "shape 3.10";
    hold.ended_at = Instant{11};
    ASSERT_TRUE((*store)->put_hold(hold));
    store->reset();
    auto again = SqlStateStore::open({.url = url});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ((*again)->holds({}).value(), std::vector{hold});
  }
}

}  // namespace
}  // namespace sekimori::store
