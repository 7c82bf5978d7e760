// The panel's own users, PostfixAdmin's administrators, and lists that stay within a domain.
#include "store/operator_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/account_store.h"
#include "store/database.h"
#include "store/desk_store.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::Subject;
using decide::SubjectKind;

class OperatorStoreTest : public ::testing::Test {
 protected:
  OperatorStoreTest() : store(OperatorStore::open(settings()).value()) {}
  StateStoreSettings settings() { return {.url = test_database(directory / "state.db")}; }
  static OperatorRow row(const std::string& login, const std::string& password) {
    OperatorRow out;
    out.login = login;
    out.role = "support";
    out.hash = hash_operator_password(Secret(password)).value();
    out.created = out.changed = Instant{1'790'000'000'000'000};
    return out;
  }
  TemporaryDirectory directory;
  std::unique_ptr<OperatorStore> store;
};

TEST_F(OperatorStoreTest, KeepsThemByLogin) {
  ASSERT_TRUE(store->add(row("nao", "a long password")));
  ASSERT_TRUE(store->add(row("aki@example.jp", "another one")));
  EXPECT_EQ(store->add(row("nao", "x")).error().kind, ErrorKind::bad_input);
  const auto list = store->list();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->front().login, "aki@example.jp");
  const auto nao = store->find("nao");
  ASSERT_TRUE(nao && *nao);
  EXPECT_TRUE((*nao)->hash.starts_with("$argon2id$"));
  EXPECT_TRUE(operator_password_fits((*nao)->hash, Secret("a long password")));
  EXPECT_FALSE(operator_password_fits((*nao)->hash, Secret("a long passwor")));
  EXPECT_FALSE(operator_password_fits("", Secret("")));
  EXPECT_FALSE(store->find("nobody")->has_value());
  // Another start reads the same.
  EXPECT_EQ(OperatorStore::open(settings()).value()->list()->size(), 2U);
}

TEST_F(OperatorStoreTest, ChangesAndRemovesWhoIsThere) {
  ASSERT_TRUE(store->add(row("nao", "a long password")));
  const Instant later{1'790'000'000'000'001};
  ASSERT_TRUE(store->set_totp("nao", Secret("JBSWY3DPEHPK3PXP"), later));
  EXPECT_EQ((*store->find("nao"))->totp_key.reveal(), "JBSWY3DPEHPK3PXP");
  EXPECT_EQ((*store->find("nao"))->changed, later);
  ASSERT_TRUE(store->set_totp("nao", Secret(), later));
  EXPECT_FALSE((*store->find("nao"))->totp_key.is_set());
  ASSERT_TRUE(store->set_hash("nao", "other", later));
  EXPECT_EQ((*store->find("nao"))->hash, "other");
  EXPECT_EQ(store->set_hash("nobody", "x", later).error().kind, ErrorKind::not_found);
  ASSERT_TRUE(store->remove("nao"));
  EXPECT_EQ(store->remove("nao").error().kind, ErrorKind::not_found);
}

TEST_F(OperatorStoreTest, ACodeCountsOnce) {
  EXPECT_TRUE(*store->use_step("nao", 100));
  EXPECT_FALSE(*store->use_step("nao", 100));
  EXPECT_FALSE(*store->use_step("nao", 99));
  EXPECT_TRUE(*store->use_step("nao", 101));
  EXPECT_TRUE(*store->use_step("aki", 100));
}

TEST_F(OperatorStoreTest, KnowsPostfixadminsAdministrators) {
  const std::string path = directory / "accounts.db";
  auto accounts = PostfixadminStore::open({.url = "sqlite://" + path}).value();
  ASSERT_TRUE(accounts->prepare());
  EXPECT_FALSE(accounts->admin("kanri@example.jp")->has_value());
  {
    Database database({.url = "sqlite://" + path, .own = false});
    const auto filled = database.write("fill", [](soci::session& sql) -> Result<void> {
      sql << "INSERT INTO admin(username, password, active, superadmin) VALUES"
             "('Kanri@example.jp', 'h1', 1, 0), ('root@x.jp', 'h2', 1, 1), "
             "('gone@example.jp', 'h3', 0, 0)";
      sql << "INSERT INTO domain_admins(username, domain, active) VALUES"
             "('Kanri@example.jp', 'Example.jp', 1), ('Kanri@example.jp', 'old.jp', 0), "
             "('root@x.jp', 'ALL', 1), ('gone@example.jp', 'example.jp', 1)";
      return {};
    });
    ASSERT_TRUE(filled);
  }
  const auto kanri = accounts->admin("KANRI@example.jp");
  ASSERT_TRUE(kanri && *kanri);
  EXPECT_EQ((*kanri)->password_hash, "h1");
  EXPECT_FALSE((*kanri)->is_superadmin);
  EXPECT_EQ((*kanri)->domains, (std::vector<std::string>{"example.jp"}));
  EXPECT_FALSE((*kanri)->totp_secret.is_set());
  EXPECT_TRUE((*accounts->admin("root@x.jp"))->is_superadmin);
  EXPECT_TRUE((*accounts->admin("root@x.jp"))->domains.empty());
  EXPECT_FALSE(accounts->admin("gone@example.jp")->has_value());
}

// "a_b.jp" is no pattern: axb.jp is somebody else's.
TEST_F(OperatorStoreTest, ListsStayWithinADomain) {
  auto state = SqlStateStore::open(settings()).value();
  auto desk = DeskStore::open(settings()).value();
  std::uint64_t id = 0;
  for (const auto& subject :
       {Subject{SubjectKind::account, "taro@a_b.jp"}, Subject{SubjectKind::account, "taro@axb.jp"},
        Subject{SubjectKind::account, "taro@sub.a_b.jp"}, Subject{SubjectKind::domain, "a_b.jp"},
        Subject{SubjectKind::domain, "axb.jp"}, Subject{SubjectKind::server, ""}}) {
    decide::Incident incident;
    incident.id = ++id;
    incident.subject = subject;
    incident.opened = Instant{1'790'000'000'000'000};
    ASSERT_TRUE(state->put_incident(incident));
    if (subject.kind != SubjectKind::account) continue;
    decide::HeldMessage held;
    held.queue_id = "4Xq" + std::to_string(id);
    held.account = subject.id;
    held.held_at = incident.opened;
    ASSERT_TRUE(state->put_hold(held));
  }
  decide::StateStore::IncidentFilter incidents;
  incidents.within = "a_b.jp";
  const auto found = state->incidents(incidents);
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].subject.id, "a_b.jp");
  EXPECT_EQ((*found)[1].subject.id, "taro@a_b.jp");
  EXPECT_EQ(desk->count_incidents(incidents).value(), 2U);
  decide::StateStore::HoldFilter holds;
  holds.within = "a_b.jp";
  ASSERT_EQ(state->holds(holds)->size(), 1U);
  EXPECT_EQ(state->holds(holds)->front().account, "taro@a_b.jp");
  EXPECT_EQ(desk->count_holds(holds).value(), 1U);
  incidents.within = holds.within = "nowhere.jp";
  EXPECT_TRUE(state->incidents(incidents)->empty());
  EXPECT_TRUE(state->holds(holds)->empty());
}

}  // namespace
}  // namespace sekimori::store
