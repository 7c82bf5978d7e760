#include "store/account_store.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "store/password_hash.h"
#include "store/sqlite_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::AccountRow;

class AccountStoreTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory / "accounts.db"; }
  std::unique_ptr<PostfixadminStore> open(AccountStoreSettings settings = {}) {
    settings.url = "sqlite://" + path();
    settings.busy_ms = 100;
    auto store = PostfixadminStore::open(std::move(settings));
    EXPECT_TRUE(store);
    return std::move(*store);
  }
  // Runs SQL on the side, as PostfixAdmin or an operator would; returns the first value.
  std::string sql(const std::string& text) {
    std::string value = run_sql(path(), text);
    if (!value.empty()) value.pop_back();  // the '|' behind it
    return value;
  }
  static AccountRow row(const std::string& address, const std::string& name = "") {
    AccountRow r;
    r.address = address;
    r.name = name;
    r.quota_bytes = 1'000'000'000'000ULL;
    r.phone = "+81 3 1234";
    r.email_other = "me@example.net";
    return r;
  }
  TemporaryDirectory directory;
};

TEST_F(AccountStoreTest, KnowsWhoLooksAfterADomain) {
  const auto store = open();
  ASSERT_TRUE(store->prepare());
  ASSERT_TRUE(store->add_domain("example.jp", "顧客番号 A-1024"));
  sql("INSERT INTO admin(username, password, active, superadmin) VALUES"
      "('Kanri@example.jp', 'x', 1, 0), ('gone@example.jp', 'x', 0, 0), ('other@b.jp', 'x', 1, 0), "
      "('former@example.jp', 'x', 1, 0), ('root@provider.jp', 'x', 1, 1)");
  sql("INSERT INTO domain_admins(username, domain, active) VALUES"
      "('Kanri@example.jp', 'example.jp', 1), ('gone@example.jp', 'example.jp', 1), "
      "('other@b.jp', 'b.jp', 1), ('former@example.jp', 'example.jp', 0), "
      "('root@provider.jp', 'ALL', 1)");
  EXPECT_EQ(store->admins_of("Example.JP", false).value(),
            (std::vector<std::string>{"kanri@example.jp"}));
  EXPECT_EQ(store->admins_of("example.jp", true).value(),
            (std::vector<std::string>{"kanri@example.jp", "root@provider.jp"}));
  EXPECT_TRUE(store->admins_of("c.jp", false)->empty());
  EXPECT_EQ(store->domain_description("example.jp").value(), "顧客番号 A-1024");
  EXPECT_EQ(store->domain_description("c.jp").value(), "");
}

TEST_F(AccountStoreTest, MakesPostfixadminsTablesWhereThereAreNone) {
  const auto store = open();
  ASSERT_TRUE(store->prepare());
  EXPECT_EQ(sql("SELECT value FROM config WHERE name='version'"), "1847");
  EXPECT_EQ(
      sql("SELECT COUNT(*) FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'"),
      "13");
  EXPECT_TRUE(store->directory()->domains.empty());  // ALL is no domain
  EXPECT_TRUE(open()->prepare());                    // the second time they are there
}

TEST_F(AccountStoreTest, AnAccountIsAddedAsPostfixadminDoesIt) {
  const auto store = open();
  ASSERT_TRUE(store->add_domain("Example.JP", "例"));
  const auto added = store->add(row("Taro@Example.jp", "山田 太郎"), "{PLAIN}x");
  ASSERT_TRUE(added) << added.error().text;
  const auto found = store->account("TARO@example.jp").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, "taro@example.jp");
  EXPECT_EQ(found->name, "山田 太郎");
  EXPECT_EQ(found->domain, "example.jp");
  EXPECT_TRUE(found->active);
  EXPECT_EQ(found->phone, "+81 3 1234");
  EXPECT_EQ(found->email_other, "me@example.net");
  EXPECT_EQ(found->quota_bytes, 1'000'000'000'000ULL);
  EXPECT_TRUE(found->created.is_set());
  EXPECT_TRUE(found->modified.is_set());
  EXPECT_EQ(sql("SELECT maildir FROM mailbox"), "example.jp/taro/");
  EXPECT_EQ(sql("SELECT local_part FROM mailbox"), "taro");
  EXPECT_EQ(sql("SELECT goto FROM alias WHERE address='taro@example.jp' AND active='1'"),
            "taro@example.jp");
  EXPECT_NE(sql("SELECT created FROM alias"), "2000-01-01");
  EXPECT_EQ(sql("SELECT username||'|'||domain||'|'||data FROM log WHERE action='create_mailbox'"),
            "sekimori (localhost)|example.jp|taro@example.jp");
  EXPECT_EQ(sql("SELECT typeof(active)||typeof(quota) FROM mailbox"), "integerinteger");
}

TEST_F(AccountStoreTest, RefusesWhatPostfixadminWouldRefuse) {
  const auto store = open();
  const auto kind = [&](const std::string& address) {
    const auto result = store->add(row(address), "{PLAIN}x");
    return result ? std::optional<ErrorKind>() : result.error().kind;
  };
  EXPECT_EQ(kind("a@example.jp"), ErrorKind::bad_input);  // no such domain
  EXPECT_EQ(kind("a@all"), ErrorKind::bad_input);
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  EXPECT_FALSE(store->add_domain("example.jp", ""));
  EXPECT_FALSE(store->add_domain("a/b", ""));
  EXPECT_FALSE(store->add_domain("ALL", ""));
  EXPECT_EQ(kind("a@example.jp"), std::nullopt);
  EXPECT_EQ(kind("A@example.jp"), ErrorKind::bad_input);  // taken
  sql("INSERT INTO alias (address, goto, domain) VALUES ('list@example.jp','a@example.jp','example.jp')");
  EXPECT_EQ(kind("list@example.jp"), ErrorKind::bad_input);  // an alias already
  EXPECT_EQ(kind("../x@example.jp"), ErrorKind::bad_input);
  EXPECT_EQ(kind("no address"), ErrorKind::bad_input);
  sql("UPDATE domain SET mailboxes=1 WHERE domain='example.jp'");
  EXPECT_EQ(kind("b@example.jp"), ErrorKind::bad_input);  // full
  sql("UPDATE domain SET mailboxes=-1 WHERE domain='example.jp'");
  EXPECT_EQ(kind("b@example.jp"), ErrorKind::bad_input);  // takes none
  EXPECT_EQ(sql("SELECT COUNT(*) FROM mailbox"), "1");
}

TEST_F(AccountStoreTest, PasswordsAreSetAndReadAndExpireAsTheDomainAsks) {
  const auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  ASSERT_TRUE(store->add(row("a@example.jp"), "{PLAIN}old"));
  EXPECT_EQ(store->password_hash("a@example.jp").value(), "{PLAIN}old");
  EXPECT_EQ(sql("SELECT password_expiry FROM mailbox"), "2000-01-01");
  sql("UPDATE domain SET password_expiry=30");
  const std::string hash = hash_password(Secret("新しい")).value();
  ASSERT_TRUE(store->set_password("A@example.jp", hash));
  EXPECT_EQ(store->password_hash("a@example.jp").value(), hash);
  EXPECT_EQ(sql("SELECT COUNT(*) FROM log WHERE action='edit_password' AND data='a@example.jp'"),
            "1");
  EXPECT_EQ(sql("SELECT CAST(ROUND(julianday(password_expiry)-julianday('now')) AS INTEGER) "
                "FROM mailbox"),
            "30");
  EXPECT_EQ(store->password_hash("b@example.jp").error().kind, ErrorKind::not_found);
  EXPECT_EQ(store->set_password("b@example.jp", "x").error().kind, ErrorKind::not_found);
}

TEST_F(AccountStoreTest, ListsAreSearchedAndPaged) {
  const auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  ASSERT_TRUE(store->add_domain("example.org", ""));
  for (const char* local : {"taro", "hanako", "t_ro", "50%"}) {
    ASSERT_TRUE(
        store->add(row(local + std::string("@example.jp"), "名前 " + std::string(local)), "x"));
  }
  ASSERT_TRUE(store->add(row("taro@example.org", "Taro ORG"), "x"));
  const auto addresses = [&](decide::AccountStore::AccountFilter filter) {
    std::string all;
    const auto found = store->accounts(filter).value();
    for (const AccountRow& r : found) all += r.address + " ";
    filter.offset = 0;
    EXPECT_GE(store->count(filter).value(), store->accounts(filter)->size());
    return all;
  };
  EXPECT_EQ(addresses({}),
            "50%@example.jp hanako@example.jp t_ro@example.jp taro@example.jp "
            "taro@example.org ");
  EXPECT_EQ(addresses({"TARO", "", 0, 100}), "taro@example.jp taro@example.org ");
  EXPECT_EQ(addresses({"t_ro", "", 0, 100}), "t_ro@example.jp ");
  EXPECT_EQ(addresses({"%", "", 0, 100}), "50%@example.jp ");
  EXPECT_EQ(addresses({"名前 han", "", 0, 100}), "hanako@example.jp ");
  EXPECT_EQ(addresses({"' OR 1=1 --", "", 0, 100}), "");
  EXPECT_EQ(addresses({"", "Example.org", 0, 100}), "taro@example.org ");
  EXPECT_EQ(addresses({"", "", 1, 2}), "hanako@example.jp t_ro@example.jp ");
  EXPECT_EQ(store->count({"taro", "example.jp", 0, 100}).value(), 1U);
}

TEST_F(AccountStoreTest, TheDirectoryKnowsAccountsDomainsAndAliasDomains) {
  const auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  ASSERT_TRUE(store->add_domain("backup.jp", ""));
  ASSERT_TRUE(store->add_domain("gone.jp", ""));
  sql("UPDATE domain SET backupmx=1 WHERE domain='backup.jp'");
  sql("UPDATE domain SET active=0 WHERE domain='gone.jp'");
  sql("INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('EXAMPLE.ne.jp','example.jp')");
  sql("INSERT INTO alias_domain (alias_domain, target_domain, active) VALUES ('off.jp','example.jp',0)");
  // Far more than one batch, some spelled in capitals by hand.
  sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < 24999) "
      "INSERT INTO mailbox (username,password,name,maildir,local_part,domain,active) "
      "SELECT CASE WHEN i%1000=0 THEN 'U' ELSE 'u' END||i||'@example.jp','x','','','','example.jp',i%2 "
      "FROM n");
  const auto read = store->directory().value();
  EXPECT_EQ(read.accounts.size(), 25'000U);
  EXPECT_TRUE(std::ranges::is_sorted(read.accounts));
  EXPECT_TRUE(std::ranges::binary_search(read.accounts, std::string("u24000@example.jp")));
  EXPECT_EQ(read.domains, (std::vector<std::string>{"example.jp"}));
  EXPECT_EQ(read.alias_domains,
            (std::map<std::string, std::string>{{"example.ne.jp", "example.jp"}}));
  // Whose bounces those to an address are: only where it delivers to one account alone.
  sql("INSERT INTO alias (address,goto,domain,active) VALUES "
      "('Info@example.jp','U1000@example.jp','example.jp',1),"
      "('all@example.jp','u1@example.jp,u2@example.jp','example.jp',1),"
      "('out@example.jp','x@far.example','example.jp',1),"
      "('u3@example.jp','u4@example.jp','example.jp',1),"
      "('old@example.jp','u5@example.jp','example.jp',0),"
      "('@example.jp','u6@example.jp','example.jp',1)");
  EXPECT_EQ(store->directory().value().aliases,
            (std::map<std::string, std::string>{{"info@example.jp", "u1000@example.jp"}}));
}

TEST_F(AccountStoreTest, OlderNewerAndRenamedTablesAreReadAsTheyAre) {
  sql("CREATE TABLE pfa_domain (domain TEXT PRIMARY KEY, active INT)");
  sql("CREATE TABLE pfa_alias (address TEXT PRIMARY KEY, goto TEXT, domain TEXT, created TEXT, "
      "modified TEXT, active INT)");
  sql("CREATE TABLE people (username TEXT PRIMARY KEY, password TEXT, maildir TEXT, domain TEXT, "
      "created TEXT, modified TEXT, active INT, smtp_active INT NOT NULL DEFAULT 0)");
  sql("CREATE TABLE pfa_mailbox_app_password (id INTEGER PRIMARY KEY, username TEXT)");
  sql("INSERT INTO pfa_domain VALUES ('example.jp', 1)");
  sql("INSERT INTO pfa_mailbox_app_password (username) VALUES ('a@example.jp'), ('a@example.jp')");
  const auto store =
      open({.table_prefix = "pfa_", .renamed_tables = {{"mailbox", "people"}}, .create = false});
  const auto added = store->add(row("a@example.jp", "name without a column"), "x");
  ASSERT_TRUE(added) << added.error().text;
  EXPECT_EQ(store->account("a@example.jp").value()->phone, "");
  EXPECT_EQ(sql("SELECT smtp_active FROM people"), "1");
  EXPECT_EQ(store->accounts({"a@", "", 0, 100})->size(), 1U);
  EXPECT_EQ(store->remove_app_passwords("a@example.jp").value(), 2U);
  EXPECT_EQ(store->remove_app_passwords("a@example.jp").value(), 0U);
}

TEST_F(AccountStoreTest, SaysWhatIsMissing) {
  const auto none = open({.create = false});
  EXPECT_EQ(none->directory().error().kind, ErrorKind::operating);
  sql("CREATE TABLE mailbox (username TEXT)");
  sql("CREATE TABLE alias (address TEXT)");
  const auto half = open();
  EXPECT_NE(half->directory().error().text.find("domain"), std::string::npos);
  sql("CREATE TABLE domain (domain TEXT)");
  EXPECT_NE(half->directory().error().text.find("password"), std::string::npos);
  EXPECT_FALSE(PostfixadminStore::open({.url = "sqlite:///x", .table_prefix = "a;b"}));
}

// A failure must not carry the password hash that was being written.
TEST_F(AccountStoreTest, AnErrorHoldsNoHash) {
  const auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  ASSERT_TRUE(store->add(row("a@example.jp"), "{PLAIN}old"));
  sql("CREATE TRIGGER no BEFORE UPDATE ON mailbox BEGIN SELECT RAISE(ABORT, 'refused'); END");
  const auto refused = store->set_password("a@example.jp", "{PLAIN}topsecret");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::operating);
  EXPECT_NE(refused.error().text.find("refused"), std::string::npos) << refused.error().text;
  EXPECT_EQ(refused.error().text.find("topsecret"), std::string::npos) << refused.error().text;
  EXPECT_EQ(store->password_hash("a@example.jp").value(), "{PLAIN}old");
}

// Reading needs no right to write. As root a child gives up its rights first.
TEST_F(AccountStoreTest, AReadOnlyDatabaseIsRead) {
  {
    const auto store = open();
    ASSERT_TRUE(store->add_domain("example.jp", ""));
    ASSERT_TRUE(store->add(row("a@example.jp"), "x"));
  }
  sql("PRAGMA journal_mode=DELETE");
  ASSERT_EQ(::chmod(path().c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 &&
        (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) {
      ::_exit(10);
    }
    const auto store = open();
    const auto snapshot = store->directory();
    if (!snapshot || snapshot->accounts.size() != 1) ::_exit(11);
    const auto refused = store->set_password("a@example.jp", "y");
    ::_exit(!refused && refused.error().kind == ErrorKind::operating ? 0 : 12);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
}

// The lab's tables, as PostfixAdmin itself made them.
TEST_F(AccountStoreTest, WorksOnPostfixadminsOwnTables) {
  const std::string schema = SEKIMORI_SOURCE_DIR "/lab/postfixadmin-sqlite.sql";
  if (!std::filesystem::exists(schema)) GTEST_SKIP() << "no " << schema;
  ASSERT_EQ(std::system(("sqlite3 '" + path() + "' < '" + schema + "'").c_str()), 0);
  const auto store = open({.create = false});
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  const auto added = store->add(row("a@example.jp", "A"), "x");
  ASSERT_TRUE(added) << added.error().text;
  ASSERT_TRUE(store->set_password("a@example.jp", "y"));
  EXPECT_EQ(store->directory()->accounts, std::vector<std::string>{"a@example.jp"});
}

TEST_F(AccountStoreTest, AppPasswordsAreSuspendedNotLost) {
  auto store = open();
  ASSERT_TRUE(store->prepare());
  EXPECT_EQ(store->suspend_app_passwords("a@example.jp").value(), 0U) << "no such table";
  sql("CREATE TABLE mailbox_app_password (id INTEGER PRIMARY KEY, username VARCHAR(255), "
      "description VARCHAR(255), password_hash VARCHAR(255))");
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('a@example.jp', 'phone', '{PLAIN}one'), ('a@example.jp', 'tablet', '$6$x$y'), "
      "('b@example.jp', 'phone', '{PLAIN}two')");
  store = open();
  EXPECT_EQ(store->app_passwords("a@example.jp").value(), 2U);
  EXPECT_EQ(store->suspend_app_passwords("A@example.jp").value(), 2U);
  EXPECT_EQ(store->suspend_app_passwords("a@example.jp").value(), 0U);
  EXPECT_EQ(store->app_passwords("a@example.jp").value(), 0U);
  EXPECT_EQ(store->app_passwords("b@example.jp").value(), 1U);
  EXPECT_EQ(sql("SELECT COUNT(*) FROM mailbox_app_password"), "3");
  const std::string kept = sql("SELECT password_hash FROM mailbox_app_password WHERE id = 1");
  for (const char* guess : {"one", "!suspended!{PLAIN}one", "{PLAIN}one", "!", ""}) {
    EXPECT_FALSE(verify_password(kept, Secret(guess)).value_or(false)) << guess;
  }
}

TEST_F(AccountStoreTest, OneForwardIsTakenOutAndNothingElse) {
  auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  ASSERT_TRUE(store->add(row("taro@example.jp"), "hash"));
  const auto goto_is = [&] {
    return sql("SELECT goto FROM alias WHERE address = 'taro@example.jp'");
  };
  EXPECT_TRUE(store->forwards("taro@example.jp").value().empty());
  sql("UPDATE alias SET goto = 'taro@example.jp, Thief@evil.test,friend@home.test,"
      "taro#example.jp@vacation.example.jp' WHERE address = 'taro@example.jp'");
  EXPECT_EQ(store->forwards("taro@example.jp").value(),
            (std::vector<std::string>{"Thief@evil.test", "friend@home.test"}));
  EXPECT_EQ(store->remove_forwards("taro@example.jp", {"thief@EVIL.test", "x@y.test"}).value(), 1U);
  EXPECT_EQ(goto_is(), "taro@example.jp,friend@home.test,taro#example.jp@vacation.example.jp");
  EXPECT_EQ(store->remove_forwards("taro@example.jp", {"thief@evil.test"}).value(), 0U);
  EXPECT_EQ(store->remove_forwards("taro@example.jp", {"taro@example.jp"}).value(), 0U)
      << "the mailbox itself is no forward";
  EXPECT_EQ(sql("SELECT COUNT(*) FROM log WHERE action = 'edit_alias'"), "1");
  // No local copy: when the last forward goes, the mail comes home.
  sql("UPDATE alias SET goto = 'thief@evil.test' WHERE address = 'taro@example.jp'");
  EXPECT_EQ(store->remove_forwards("taro@example.jp", {"thief@evil.test"}).value(), 1U);
  EXPECT_EQ(goto_is(), "taro@example.jp");
  EXPECT_EQ(store->remove_forwards("nobody@example.jp", {"x@y.test"}).error().kind,
            ErrorKind::not_found);
}

TEST_F(AccountStoreTest, LooksAtManyAccountsAtOnce) {
  auto store = open();
  ASSERT_TRUE(store->add_domain("example.jp", ""));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store->add(row(std::to_string(i) + "@example.jp"), "hash" + std::to_string(i)));
  }
  sql("UPDATE mailbox SET active = 0 WHERE username = '3@example.jp'");
  const auto found = store->stored({"1@example.jp", "3@example.jp", "9@example.jp"}).value();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].password_hash, "hash1");
  EXPECT_TRUE(found[0].active);
  EXPECT_FALSE(found[1].active);
  EXPECT_TRUE(store->stored({}).value().empty());
  EXPECT_FALSE(store->stored(std::vector<std::string>(501, "x")));
  EXPECT_EQ(store->inactive().value(), std::vector<std::string>{"3@example.jp"});

  const auto first = store->contacts("", 2).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[1].address, "1@example.jp");
  EXPECT_EQ(first[1].email_other, "me@example.net");
  EXPECT_EQ(first[1].phone, "+81 3 1234");
  EXPECT_FALSE(first[1].totp_secret.is_set());
  EXPECT_EQ(store->contacts("1@example.jp", 10).value().size(), 3U);
  EXPECT_TRUE(store->contacts("4@example.jp", 10).value().empty());

  EXPECT_FALSE(store->totp_secret("1@example.jp").value().is_set()) << "no such column";
  sql("ALTER TABLE mailbox ADD COLUMN totp_secret VARCHAR(255) NULL");
  sql("UPDATE mailbox SET totp_secret = 'JBSWY3DPEHPK3PXP' WHERE username = '1@example.jp'");
  store = open();
  EXPECT_EQ(store->totp_secret("1@example.jp").value().reveal(), "JBSWY3DPEHPK3PXP");
  EXPECT_FALSE(store->totp_secret("2@example.jp").value().is_set());
  EXPECT_EQ(store->contacts("", 2).value()[1].totp_secret.reveal(), "JBSWY3DPEHPK3PXP");
}

}  // namespace
}  // namespace sekimori::store
