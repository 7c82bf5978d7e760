// What the account store must do on PostfixAdmin 3.3's own tables, whatever database they are in:
// SQLite here, PostgreSQL and MariaDB when SEKIMORI_TEST_DATABASE names one (database_for_test.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "store/account_store.h"
#include "store/database_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::AccountRow;
using decide::Way;
using decide::WayKind;
using testing::ElementsAre;

Instant wall_clock() {
  return Instant{std::chrono::duration_cast<std::chrono::microseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count()};
}

class AccountConformanceTest : public testing::Test {
 protected:
  AccountConformanceTest() {
    const std::string path = directory / "accounts.db";
    url = test_database(path);
    const auto address = parse_database_url(url).value();
    const std::string schema = SEKIMORI_SOURCE_DIR "/lab/postfixadmin-";
    switch (address.dialect) {
      case Dialect::sqlite: load(fmt::format("sqlite3 '{}' < '{}sqlite.sql'", path, schema)); break;
      case Dialect::postgresql:
        load(
            fmt::format("PGOPTIONS='-c search_path={}' psql -qX -v ON_ERROR_STOP=1 -h '{}' "
                        "-U '{}' -d '{}' -f '{}postgresql.sql' >/dev/null",
                        address.schema, address.socket, address.user, address.name, schema));
        break;
      case Dialect::mysql:
        load(fmt::format("mariadb --no-defaults --socket='{}' -u '{}' '{}' < '{}mysql.sql'",
                         address.socket, address.user, address.name, schema));
        break;
    }
    store = open();
  }
  static void load(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0); }
  std::unique_ptr<PostfixadminStore> open() {
    AccountStoreSettings settings;
    settings.url = url;
    settings.create = false;
    return std::move(PostfixadminStore::open(std::move(settings))).value();
  }
  std::string sql(const std::string& text) { return run_on_database(url, text); }
  void domain(const std::string& name) {
    const auto added = store->add_domain(name, "顧客番号 A-1024");
    ASSERT_TRUE(added) << added.error().text;
  }
  void person(const std::string& address, const std::string& name = "山田 太郎") {
    AccountRow row;
    row.address = address;
    row.name = name;
    row.quota_bytes = 1'000'000'000'000ULL;
    row.phone = "+81 3 1234";
    row.email_other = "me@example.net";
    const auto added = store->add(row, "{PLAIN}old");
    ASSERT_TRUE(added) << added.error().text;
  }
  // As PostfixAdmin 4 makes it.
  void app_password_table() {
    const Dialect dialect = parse_database_url(url)->dialect;
    const std::string id = dialect == Dialect::sqlite       ? "INTEGER PRIMARY KEY AUTOINCREMENT"
                           : dialect == Dialect::postgresql ? "SERIAL PRIMARY KEY"
                                                            : "INT AUTO_INCREMENT PRIMARY KEY";
    sql("CREATE TABLE mailbox_app_password (id " + id +
        ", username VARCHAR(255) NOT NULL, description VARCHAR(255), password_hash VARCHAR(255))");
    for (const char* device : {"phone", "tablet"}) {
      sql(
          fmt::format("INSERT INTO mailbox_app_password (username, description, password_hash) "
                      "VALUES ('taro@example.jp', '{0}', '$6${0}')",
                      device));
    }
    store = open();
  }

  TemporaryDirectory directory;
  std::string url;
  std::unique_ptr<PostfixadminStore> store;
};

TEST_F(AccountConformanceTest, AnAccountIsAddedAsPostfixadminDoesIt) {
  domain("Example.JP");
  person("Taro@Example.jp");
  const auto found = store->account("TARO@example.jp").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, "taro@example.jp");
  EXPECT_EQ(found->name, "山田 太郎");
  EXPECT_EQ(found->domain, "example.jp");
  EXPECT_TRUE(found->active);
  EXPECT_EQ(found->quota_bytes, 1'000'000'000'000ULL);
  EXPECT_EQ(found->phone, "+81 3 1234");
  EXPECT_EQ(found->email_other, "me@example.net");
  EXPECT_EQ(store->domain_description("example.jp").value(), "顧客番号 A-1024");
  EXPECT_EQ(sql("SELECT maildir FROM mailbox"), "example.jp/taro/");
  EXPECT_EQ(sql("SELECT goto FROM alias WHERE address='taro@example.jp' AND active='1'"),
            "taro@example.jp");
  EXPECT_EQ(sql("SELECT data FROM log WHERE action='create_mailbox'"), "taro@example.jp");
  EXPECT_FALSE(store->account("太郎@example.jp").value());
  EXPECT_EQ(store->add(*found, "x").error().kind, ErrorKind::bad_input) << "taken";
}

// Whatever zone the server lives in.
TEST_F(AccountConformanceTest, TimesAreWhatTheClockSays) {
  domain("example.jp");
  const Instant before = wall_clock() - seconds(2);
  person("taro@example.jp");
  const auto row = store->account("taro@example.jp").value();
  ASSERT_TRUE(row);
  for (const Instant t : {row->created, row->modified,
                          store->ways_of("taro@example.jp")
                              .value()
                              .value_or(PostfixadminStore::AccountWays{})
                              .created}) {
    EXPECT_GE(t, before) << format_instant(t);
    EXPECT_LE(t, wall_clock() + seconds(2)) << format_instant(t);
  }
  const auto editor = [&] {
    return store
        ->editor_of("taro@example.jp", WayKind::forward, wall_clock() - minutes(5),
                    wall_clock() + minutes(5))
        .value();
  };
  EXPECT_EQ(editor(), "");
  const std::string row_of_now =
      "INSERT INTO log (timestamp, username, domain, action, data) VALUES (CURRENT_TIMESTAMP, "
      "'boss@example.jp (192.0.2.1)', 'example.jp', 'edit_alias', 'taro@example.jp')";
  sql(row_of_now);
  EXPECT_EQ(editor(), "boss@example.jp");
  EXPECT_EQ(store
                ->editor_of("taro@example.jp", WayKind::forward, wall_clock() - hours(10),
                            wall_clock() - hours(8))
                .value(),
            "");
  sql("UPDATE mailbox SET created = '2000-01-01 00:00:00'");
  EXPECT_FALSE(store->account("taro@example.jp").value()->created.is_set()) << "never";
}

TEST_F(AccountConformanceTest, PasswordsAreSetReadAndExpire) {
  domain("example.jp");
  person("taro@example.jp");
  EXPECT_EQ(store->password_hash("taro@example.jp").value(), "{PLAIN}old");
  sql("UPDATE domain SET password_expiry=30");
  ASSERT_TRUE(store->set_password("Taro@example.jp", "{PLAIN}n'\\ew:x\"ü"));
  EXPECT_EQ(store->password_hash("taro@example.jp").value(), "{PLAIN}n'\\ew:x\"ü");
  EXPECT_EQ(sql("SELECT COUNT(*) FROM log WHERE action='edit_password'"), "1");
  EXPECT_EQ(sql("SELECT COUNT(*) FROM mailbox WHERE password_expiry > '2026-01-01'"), "1");
  EXPECT_EQ(store->set_password("b@example.jp", "x").error().kind, ErrorKind::not_found);
  const auto stored = store->stored({"taro@example.jp", "b@example.jp"}).value();
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_TRUE(stored.front().active);
}

// A failure must not carry the password hash that was being written.
TEST_F(AccountConformanceTest, AnErrorHoldsNoHash) {
  if (on_sqlite()) GTEST_SKIP() << "takes any length; AccountStoreTest has its own way";
  domain("example.jp");
  person("taro@example.jp");
  const auto refused = store->set_password("taro@example.jp", "topsecret" + std::string(300, 'x'));
  ASSERT_FALSE(refused) << "longer than the column";
  EXPECT_EQ(refused.error().kind, ErrorKind::operating);
  EXPECT_EQ(refused.error().text.find("topsecret"), std::string::npos) << refused.error().text;
  EXPECT_EQ(store->password_hash("taro@example.jp").value(), "{PLAIN}old");
}

TEST_F(AccountConformanceTest, ListsAreSearchedAndPaged) {
  domain("example.jp");
  for (const char* local : {"taro", "hanako", "t_ro", "50%"}) {
    person(local + std::string("@example.jp"), "名前 " + std::string(local));
  }
  const auto count = [&](const std::string& search) {
    return store->count({search, "", 0, 100}).value();
  };
  EXPECT_EQ(count(""), 4U);
  EXPECT_EQ(count("TARO"), 1U);
  EXPECT_EQ(count("t_ro"), 1U);
  EXPECT_EQ(count("%"), 1U);
  EXPECT_EQ(count("名前 han"), 1U);
  EXPECT_EQ(count("' OR 1=1 --"), 0U);
  EXPECT_EQ(count("\\"), 0U);
  std::vector<std::string> paged;
  for (std::size_t offset = 0; offset < 4; offset += 3) {
    const auto page = store->accounts({"", "Example.jp", offset, 3}).value();
    for (const AccountRow& row : page) paged.push_back(row.address);
  }
  std::ranges::sort(paged);
  EXPECT_THAT(paged, ElementsAre("50%@example.jp", "hanako@example.jp", "t_ro@example.jp",
                                 "taro@example.jp"));
}

TEST_F(AccountConformanceTest, TheDirectoryKnowsAccountsDomainsAndAliasDomains) {
  for (const char* name : {"example.jp", "backup.jp", "gone.jp"}) domain(name);
  sql("UPDATE domain SET backupmx='1' WHERE domain='backup.jp'");
  sql("UPDATE domain SET active='0' WHERE domain='gone.jp'");
  sql("INSERT INTO alias_domain (alias_domain, target_domain, active) "
      "VALUES ('gone.jp', 'example.jp', '0')");
  sql("INSERT INTO alias_domain (alias_domain, target_domain, active) "
      "VALUES ('backup.jp', 'example.jp', '1')");
  person("taro@example.jp");
  person("hanako@example.jp");
  const auto read = store->directory().value();
  EXPECT_THAT(read.accounts, ElementsAre("hanako@example.jp", "taro@example.jp"));
  EXPECT_THAT(read.domains, ElementsAre("example.jp"));
  EXPECT_EQ(read.alias_domains, (std::map<std::string, std::string>{{"backup.jp", "example.jp"}}));
}

TEST_F(AccountConformanceTest, AdministratorsAreKnown) {
  domain("example.jp");
  for (const auto& [name, superadmin] :
       {std::pair{"kanri@example.jp", "0"}, std::pair{"root@provider.jp", "1"}}) {
    sql(
        fmt::format("INSERT INTO admin (username, password, active, superadmin) "
                    "VALUES ('{}', 'hash', '1', '{}')",
                    name, superadmin));
  }
  sql("INSERT INTO domain_admins (username, domain, active) "
      "VALUES ('kanri@example.jp', 'example.jp', '1')");
  if (on_sqlite()) sql("DELETE FROM domain WHERE domain = 'ALL'");
  sql("INSERT INTO domain (domain, description, transport) VALUES ('ALL', '', '')");
  sql("INSERT INTO domain_admins (username, domain, active) VALUES ('root@provider.jp', 'ALL', '1')");
  EXPECT_THAT(store->admins_of("Example.jp", true).value(),
              ElementsAre("kanri@example.jp", "root@provider.jp"));
  EXPECT_THAT(store->admins_of("example.jp", false).value(), ElementsAre("kanri@example.jp"));
  const auto admin = store->admin("Kanri@example.jp").value();
  ASSERT_TRUE(admin);
  EXPECT_FALSE(admin->is_superadmin);
  EXPECT_THAT(admin->domains, ElementsAre("example.jp"));
  EXPECT_TRUE(store->admin("root@provider.jp").value()->is_superadmin);
}

// Pages are put beside what the daemon remembers, which is in the order of bytes: no database's own
// order of '_', '-', '.' and digits may change what a page holds.
TEST_F(AccountConformanceTest, PagesComeInTheOrderOfBytes) {
  domain("example.jp");
  std::vector<std::string> names;
  for (const char* local : {"a", "a-b", "a_b", "a.b", "ab", "a0", "b", "é", "z"}) {
    names.push_back(local + std::string("@example.jp"));
    if (local[0] < 0) {
      names.pop_back();  // no address of this store
      continue;
    }
    person(names.back());
  }
  std::ranges::sort(names);
  std::vector<std::string> contacts;
  std::vector<std::string> ways;
  for (std::string after;;) {
    const auto page = store->contacts(after, 2).value();
    for (const auto& row : page) contacts.push_back(row.address);
    if (page.size() < 2) break;
    after = page.back().address;
  }
  for (std::string after;;) {
    const auto page = store->ways(after, 2).value();
    for (const auto& row : page) ways.push_back(row.account);
    if (page.size() < 2) break;
    after = page.back().account;
  }
  EXPECT_EQ(contacts, names);
  EXPECT_EQ(ways, names);
}

TEST_F(AccountConformanceTest, ForwardsAreReadAndTakenOut) {
  domain("example.jp");
  person("taro@example.jp");
  ASSERT_TRUE(
      store->set_alias("taro@example.jp", "taro@example.jp, thief@evil.example,b@c.example"));
  EXPECT_THAT(store->forwards("taro@example.jp").value(),
              ElementsAre("thief@evil.example", "b@c.example"));
  EXPECT_EQ(store->remove_forwards("taro@example.jp", {"thief@evil.example"}).value(), 1U);
  EXPECT_EQ(store->alias_of("taro@example.jp").value(), "taro@example.jp,b@c.example");
}

// Every way that stands in a table: as it was, gone, and exactly as it was again; twice.
TEST_F(AccountConformanceTest, WaysAreReadAndPutBackExactly) {
  domain("example.jp");
  person("taro@example.jp");
  app_password_table();
  ASSERT_TRUE(store->set_alias("taro@example.jp", "taro@example.jp,thief@evil.example"));
  // PostgreSQL's has no such column, MySQL's has no default for it.
  const bool has_cache = parse_database_url(url)->dialect != Dialect::postgresql;
  sql(
      fmt::format("INSERT INTO vacation (email, subject, body, domain, active{}) VALUES "
                  "('taro@example.jp', '不在です', 'a''b\n\"c\"', 'example.jp', '1'{})",
                  has_cache ? ", cache" : "", has_cache ? ", 'old'" : ""));
  sql("INSERT INTO fetchmail (mailbox, src_server, src_auth, src_user, src_password, src_folder, "
      "mda, protocol, active) VALUES ('taro@example.jp', 'pop.example.net', 'password', 'taro', "
      "'secret', '', '', 'POP3', '1')");
  const auto before = store->ways_of("taro@example.jp").value();
  ASSERT_TRUE(before);
  const auto kinds = [](const PostfixadminStore::AccountWays& ways) {
    std::map<WayKind, int> count;
    for (const Way& way : ways.ways) ++count[way.kind];
    return count;
  };
  EXPECT_EQ(kinds(*before).at(WayKind::vacation), 1);
  EXPECT_EQ(kinds(*before).at(WayKind::fetchmail), 1);
  EXPECT_EQ(kinds(*before).at(WayKind::app_password), 2);
  EXPECT_EQ(kinds(*before).at(WayKind::contact), 2);
  const auto in_tables = [](const Way& way) {
    return way.kind == WayKind::vacation || way.kind == WayKind::fetchmail ||
           way.kind == WayKind::app_password;
  };
  for (const Way& way : before->ways) {
    if (!in_tables(way)) continue;
    for (int twice = 0; twice < 2; ++twice) {
      const auto gone = store->put_way("taro@example.jp", way.kind, way.key, std::nullopt);
      ASSERT_TRUE(gone) << gone.error().text;
    }
  }
  EXPECT_EQ(kinds(*store->ways_of("taro@example.jp").value()).count(WayKind::fetchmail), 0U);
  for (const Way& way : before->ways) {
    if (!in_tables(way)) continue;
    for (int twice = 0; twice < 2; ++twice) {
      const auto back = store->put_way("taro@example.jp", way.kind, way.key, way.content);
      ASSERT_TRUE(back) << back.error().text;
    }
  }
  for (int twice = 0; twice < 2; ++twice) {
    ASSERT_TRUE(store->put_way("taro@example.jp", WayKind::contact, "phone", "+81 3 1234"));
  }
  EXPECT_EQ(store->put_way("b@example.jp", WayKind::contact, "phone", "1").error().kind,
            ErrorKind::not_found);
  const auto after = store->ways_of("taro@example.jp").value();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->ways, before->ways);
}

TEST_F(AccountConformanceTest, AppPasswordsAreSuspendedAndComeBack) {
  domain("example.jp");
  person("taro@example.jp");
  app_password_table();
  EXPECT_EQ(store->app_passwords("taro@example.jp").value(), 2U);
  EXPECT_EQ(store->suspend_app_passwords("taro@example.jp", {"2"}, true).value(), 1U);
  EXPECT_EQ(store->suspend_app_passwords("taro@example.jp", {"2"}, true).value(), 0U);
  EXPECT_EQ(store->suspended_app_passwords("taro@example.jp").value(), 1U);
  EXPECT_EQ(store->suspend_app_passwords("taro@example.jp", {"2"}, false).value(), 1U);
  EXPECT_EQ(sql("SELECT password_hash FROM mailbox_app_password WHERE id = 2"), "$6$tablet");
  EXPECT_EQ(store->suspend_app_passwords("taro@example.jp").value(), 2U);
  EXPECT_EQ(store->remove_app_passwords("taro@example.jp").value(), 2U);
}

TEST_F(AccountConformanceTest, InactiveMailboxesAreListed) {
  domain("example.jp");
  person("taro@example.jp");
  person("hanako@example.jp");
  sql("UPDATE mailbox SET active = '0' WHERE username = 'taro@example.jp'");
  EXPECT_THAT(store->inactive().value(), ElementsAre("taro@example.jp"));
  EXPECT_FALSE(store->account("taro@example.jp").value()->active);
}

// A user of the database who may only read: accounts are known, changes are refused in words, and
// it heals when the right is there.
TEST_F(AccountConformanceTest, AReaderReads) {
  if (on_sqlite()) GTEST_SKIP() << "AccountStoreTest.AReadOnlyDatabaseIsRead";
  domain("example.jp");
  person("taro@example.jp");
  const auto address = parse_database_url(url).value();
  const std::string reader = "r" + std::to_string(std::hash<std::string>{}(url) % 1'000'000'007);
  std::string reading;
  if (address.dialect == Dialect::postgresql) {
    sql("CREATE ROLE " + reader + " LOGIN");
    sql("GRANT USAGE ON SCHEMA " + address.schema + " TO " + reader);
    sql("GRANT SELECT ON ALL TABLES IN SCHEMA " + address.schema + " TO " + reader);
    reading = fmt::format("postgresql://{}@localhost/{}?socket={}&schema={}", reader, address.name,
                          address.socket, address.schema);
  } else {
    sql("CREATE USER " + reader + "@localhost");
    sql("GRANT SELECT ON " + address.name + ".* TO " + reader + "@localhost");
    reading =
        fmt::format("mysql://{}@localhost/{}?socket={}", reader, address.name, address.socket);
  }
  AccountStoreSettings settings;
  settings.url = reading;
  const auto limited = std::move(PostfixadminStore::open(std::move(settings))).value();
  ASSERT_TRUE(limited->directory()) << limited->directory().error().text;
  EXPECT_EQ(limited->directory()->accounts.size(), 1U);
  const auto refused = limited->set_password("taro@example.jp", "topsecret");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::operating);
  EXPECT_EQ(refused.error().text.find("topsecret"), std::string::npos);
  if (address.dialect == Dialect::postgresql) {
    sql("GRANT ALL ON ALL TABLES IN SCHEMA " + address.schema + " TO " + reader);
    sql("GRANT ALL ON ALL SEQUENCES IN SCHEMA " + address.schema + " TO " + reader);
  } else {
    sql("GRANT ALL ON " + address.name + ".* TO " + reader + "@localhost");
    sql("FLUSH PRIVILEGES");
  }
  EXPECT_TRUE(limited->set_password("taro@example.jp", "new"));
}

TEST(DatabaseUrlTest, SaysWhereADatabaseIs) {
  const auto pg = parse_database_url("postgresql://me@db.example:5433/mail?schema=pfa").value();
  EXPECT_EQ(pg.dialect, Dialect::postgresql);
  EXPECT_EQ(pg.host, "db.example");
  EXPECT_EQ(pg.port, 5433);
  EXPECT_EQ(pg.user, "me");
  EXPECT_EQ(pg.name, "mail");
  EXPECT_EQ(pg.schema, "pfa");
  const auto text = connection_text(pg, "it's \\", 100);
  EXPECT_NE(text.find("password='it\\'s \\\\'"), std::string::npos) << text;
  const auto my = parse_database_url("mysql://m%40x@[2001:db8::1]/mail").value();
  EXPECT_EQ(my.user, "m@x");
  EXPECT_EQ(my.host, "2001:db8::1");
  EXPECT_EQ(my.port, 0);
}

TEST(DatabaseUrlTest, RefusesWhatItIsNotAndQuotesNothing) {
  for (const char* text :
       {"", "oracle://x", "sqlite://", "postgresql://me@host", "postgresql://host/db",
        "mysql://me:hunter2@host/db", "mysql://me@host/db/more", "mysql://me@host/db?x=1",
        "mysql://me@host/db?schema=x", "postgresql://me@h/d?schema=a;b", "mysql://me@h/d?socket=x",
        "postgresql://me@host:99999/db"}) {
    const auto refused = parse_database_url(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().kind, ErrorKind::bad_input);
    EXPECT_EQ(refused.error().text.find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace sekimori::store
