// The ways of PostfixAdmin's tables, as PostfixAdmin and a thief write them.
#include <gtest/gtest.h>

#include <algorithm>

#include "store/account_store.h"
#include "store/sqlite_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::Way;
using decide::WayKind;

class AccountWays : public testing::Test {
 protected:
  AccountWays() {
    store = open();
    EXPECT_TRUE(store->add_domain("d.example", ""));
    for (const char* name : {"a@d.example", "b@d.example", "c@d.example"}) {
      decide::AccountRow row;
      row.address = name;
      EXPECT_TRUE(store->add(row, "x"));
    }
    sql("CREATE TABLE mailbox_app_password (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "username VARCHAR(255), description VARCHAR(255), password_hash VARCHAR(255))");
    store = open();  // tables are looked for once
  }
  std::unique_ptr<PostfixadminStore> open() {
    AccountStoreSettings settings;
    settings.url = "sqlite://" + (directory / "accounts.db");
    return std::move(*PostfixadminStore::open(std::move(settings)));
  }
  std::string sql(const std::string& text) { return run_sql(directory / "accounts.db", text); }
  std::vector<Way> of(const std::string& name) { return store->ways_of(name).value()->ways; }
  Way find(const std::string& name, WayKind kind) {
    const auto ways = of(name);
    const auto found = std::ranges::find(ways, kind, &Way::kind);
    EXPECT_NE(found, ways.end()) << to_string(kind);
    return found == ways.end() ? Way{} : *found;
  }
  TemporaryDirectory directory;
  std::unique_ptr<PostfixadminStore> store;
};

TEST_F(AccountWays, APageNamesAllAndTheUsualOnesHaveNone) {
  sql("UPDATE alias SET goto = 'b@d.example,X@evil.example' WHERE address = 'b@d.example'");
  sql("UPDATE mailbox SET email_other = 'b@home.example', phone = '1' "
      "WHERE username = 'c@d.example'");
  const auto page = store->ways("", 2).value();
  ASSERT_EQ(page.size(), 2U);
  EXPECT_TRUE(page[0].ways.empty());
  EXPECT_TRUE(page[0].created.is_set());
  ASSERT_EQ(page[1].ways.size(), 2U);
  EXPECT_EQ(page[1].ways[0], (Way{WayKind::forward, "x@evil.example", "X@evil.example"}));
  const auto rest = store->ways("b@d.example", 2).value();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].ways.size(), 2U);
  EXPECT_EQ(store->ways_of("nobody@d.example").value(), std::nullopt);
}

// Each kind of row: taken away, changed, and put back so that the table is what it was.
TEST_F(AccountWays, RowsComeBackToTheLetter) {
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('a@d.example', 'phone''s', '$2y$x|y'), ('a@d.example', NULL, 'z'), ('b@d.example', '', '')");
  sql("INSERT INTO vacation (email, subject, body, domain) VALUES "
      "('a@d.example', 'away', 'line' || char(10) || 'two', 'd.example')");
  sql("INSERT INTO fetchmail (domain, mailbox, src_server, src_user, src_password, src_folder, "
      "protocol, mda) VALUES ('d.example', 'a@d.example', 'pop.x', 'u', 'secret', '', 'POP3', '')");
  const std::string dump =
      "SELECT * FROM mailbox_app_password ORDER BY id; SELECT email, subject, body, activefrom, "
      "activeuntil, domain, interval_time, active, typeof(active) FROM vacation; SELECT id, "
      "domain, mailbox, src_server, src_auth, src_user, src_password, poll_time, keep, protocol, "
      "active, src_port, typeof(src_port), typeof(src_auth) FROM fetchmail";
  const std::string before = sql(dump);
  const auto ways = of("a@d.example");
  ASSERT_EQ(ways.size(), 4U);
  for (const Way& way : ways) {
    ASSERT_TRUE(store->put_way("a@d.example", way.kind, way.key, std::nullopt));
  }
  EXPECT_TRUE(of("a@d.example").empty());
  EXPECT_NE(sql(dump), before);
  for (const Way& way : ways) {
    ASSERT_TRUE(store->put_way("a@d.example", way.kind, way.key, way.content));
  }
  EXPECT_EQ(sql(dump), before);
  sql("UPDATE mailbox_app_password SET password_hash = 'mine', description = 'mine' WHERE id = 1");
  sql("UPDATE vacation SET body = 'buy', active = 0; UPDATE fetchmail SET src_server = 'evil'");
  EXPECT_NE(of("a@d.example"), ways);
  for (const Way& way : ways) {
    ASSERT_TRUE(store->put_way("a@d.example", way.kind, way.key, way.content));
    ASSERT_TRUE(store->put_way("a@d.example", way.kind, way.key, way.content)) << "twice as once";
  }
  EXPECT_EQ(sql(dump), before);
  // Somebody else's row of the same number is not theirs to change.
  ASSERT_TRUE(store->put_way("a@d.example", WayKind::app_password, "3", std::nullopt));
  EXPECT_EQ(sql(dump), before);
}

TEST_F(AccountWays, WhatChangesByItselfIsNoChange) {
  sql("INSERT INTO fetchmail (domain, mailbox, src_server, src_user, src_password, src_folder, "
      "protocol, mda) VALUES ('d.example', 'a@d.example', 'pop.x', 'u', 'secret', '', 'POP3', '')");
  sql("UPDATE alias SET goto = 'x@y.example' WHERE address = 'a@d.example'");
  const auto ways = of("a@d.example");
  sql("UPDATE fetchmail SET date = '2026-01-01', returned_text = 'ok', modified = '2026-01-01'");
  sql("UPDATE alias SET modified = '2026-01-01'; UPDATE mailbox SET modified = '2026-01-01'");
  EXPECT_EQ(of("a@d.example"), ways);
}

TEST_F(AccountWays, SuspendedAppPasswordsAreTheSameWays) {
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('a@d.example', 'old', 'h1'), ('a@d.example', 'new', 'h2')");
  const auto ways = of("a@d.example");
  EXPECT_EQ(store->suspend_app_passwords("a@d.example", {"2"}, true).value(), 1U);
  EXPECT_EQ(store->suspend_app_passwords("a@d.example", {"2"}, true).value(), 0U);
  EXPECT_EQ(store->app_passwords("a@d.example").value(), 1U);
  EXPECT_EQ(store->suspended_app_passwords("a@d.example").value(), 1U);
  EXPECT_EQ(of("a@d.example"), ways);
  EXPECT_EQ(store->ways_of("a@d.example").value()->suspended, std::vector<std::string>{"2"});
  EXPECT_EQ(store->suspend_app_passwords("b@d.example", {"2"}, false).value(), 0U);
  EXPECT_EQ(store->suspend_app_passwords("a@d.example", {"1", "2"}, false).value(), 1U);
  EXPECT_EQ(sql("SELECT password_hash FROM mailbox_app_password"), "h1|h2|");
}

TEST_F(AccountWays, ContactsAndAliasesAreWrittenWhereTheyStand) {
  ASSERT_TRUE(store->put_way("a@d.example", WayKind::contact, "email_other", "me@home.example"));
  EXPECT_EQ(find("a@d.example", WayKind::contact).content, "me@home.example");
  ASSERT_TRUE(store->put_way("a@d.example", WayKind::contact, "email_other", std::nullopt));
  EXPECT_TRUE(of("a@d.example").empty());
  EXPECT_FALSE(store->put_way("a@d.example", WayKind::contact, "password", "x"));
  EXPECT_FALSE(store->put_way("nobody@d.example", WayKind::contact, "phone", "1"));
  EXPECT_FALSE(store->put_way("a@d.example", WayKind::totp, "", "KEY")) << "no such column";
  ASSERT_TRUE(store->set_alias("a@d.example", " a@d.example, b@d.example"));
  EXPECT_EQ(store->alias_of("A@d.example").value(), " a@d.example, b@d.example");
  EXPECT_EQ(find("a@d.example", WayKind::forward).key, "b@d.example");
  EXPECT_FALSE(store->set_alias("nobody@d.example", "x"));
}

}  // namespace
}  // namespace sekimori::store
