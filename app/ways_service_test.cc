// The watch over the ways mail leaves, on real databases; Sieve is played by the end-to-end tests.
#include "app/ways_service.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "app/ways_reading.h"
#include "store/sqlite_for_test.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::app {
namespace {

using decide::StepKind;
using decide::WayKind;
using decide::WayState;

constexpr const char* k_me = "taro@d.example";

class Ways : public testing::Test {
 protected:
  Ways() {
    accounts = open_accounts();
    EXPECT_TRUE(accounts->add_domain("d.example", ""));
    for (const char* name : {k_me, "hanako@d.example"}) {
      decide::AccountRow row;
      row.address = name;
      EXPECT_TRUE(accounts->add(row, "x"));
    }
    sql("CREATE TABLE mailbox_app_password (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "username VARCHAR(255), description VARCHAR(255), password_hash VARCHAR(255)); "
        "UPDATE mailbox SET created = '2020-01-01'");
    accounts = open_accounts();
    memory = std::move(*store::WaysStore::open(state_settings()));
    state = std::move(*store::SqlStateStore::open(state_settings()));
    decide::DirectorySnapshot people{{"hanako@d.example", k_me}, {}, {"d.example"}};
    directory = std::make_shared<const decide::Directory>(people, "+", "");
    start();
  }
  // As after a crash: only what is stored is known.
  void start() {
    service = std::make_unique<WaysService>(
        WaysParts{.store = *memory,
                  .accounts = *accounts,
                  .hands = hands,
                  .incidents = *state,
                  .host = "mx",
                  .now = [this] { return now = now + seconds(1); },
                  .directory = [this] { return directory; },
                  .standing = [this](const std::string&) { return standing; },
                  .is_inactive = [](std::string_view) { return false; },
                  .tell_judge = [this](const Event& event) { told.push_back(event); },
                  .log = {}},
        WaysSettings{});
  }
  store::StateStoreSettings state_settings() {
    return {.url = "sqlite://" + (folder / "state.db"), .busy_ms = 100};
  }
  std::unique_ptr<store::PostfixadminStore> open_accounts() {
    store::AccountStoreSettings settings;
    settings.url = "sqlite://" + (folder / "accounts.db");
    return std::move(*store::PostfixadminStore::open(std::move(settings)));
  }
  std::string sql(const std::string& text) { return store::run_sql(folder / "accounts.db", text); }
  std::string alias() { return sql("SELECT goto FROM alias WHERE address = 'taro@d.example'"); }
  void set_alias(const std::string& list) {
    sql("UPDATE alias SET goto = '" + list + "' WHERE address = 'taro@d.example'");
  }
  // An incident that begins now.
  std::uint64_t incident() {
    decide::Incident made;
    made.id = ++last_incident;
    made.subject = {decide::SubjectKind::account, k_me};
    made.opened = made.onset = now = now + seconds(1);
    EXPECT_TRUE(state->put_incident(made));
    return made.id;
  }
  std::string step(StepKind kind, std::uint64_t of, Standing in_force) {
    decide::Step one;
    one.kind = kind;
    one.incident = of;
    one.subject = {decide::SubjectKind::account, k_me};
    auto done = service->carry_out(one, in_force);
    EXPECT_TRUE(done) << (done ? "" : done.error().text);
    EXPECT_FALSE(done.value_or(Text{}).ja.empty());
    return done.value_or(Text{}).en;
  }
  decide::WayView way(std::uint64_t of, WayKind kind, const std::string& key) {
    const auto views = service->of_incident(of).value();
    for (const auto& view : views) {
      if (view.change.kind == kind && view.change.key == key) return view;
    }
    ADD_FAILURE() << to_string(kind) << " " << key;
    return {};
  }
  void answer(std::uint64_t of, const decide::WayView& view, bool keep) {
    auto done = service->answer(of, view.change.id, keep, "said so", "panel");
    ASSERT_TRUE(done) << done.error().text;
    EXPECT_EQ(done->change.state, keep ? WayState::kept : WayState::reverted);
  }

  store::TemporaryDirectory folder;
  std::unique_ptr<store::PostfixadminStore> accounts;
  std::unique_ptr<store::WaysStore> memory;
  std::unique_ptr<store::SqlStateStore> state;
  act::MailHands hands{act::MailHandsSettings{}};
  std::shared_ptr<const decide::Directory> directory;
  Standing standing = Standing::normal;
  Instant now = *parse_instant("2026-11-22T03:00:00Z");
  std::vector<Event> told;
  std::uint64_t last_incident = 0;
  std::unique_ptr<WaysService> service;
};

TEST_F(Ways, WhatStoodBeforeTheFirstLookIsNoChange) {
  set_alias("taro@d.example,old@home.example");
  service->look();
  service->look();
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(service->of_incident(incident()).value().empty());
  EXPECT_EQ(service->in_force(k_me)->ways.front().targets,
            std::vector<std::string>{"old@home.example"});
}

TEST_F(Ways, TheJudgeHearsOfAPlantedForwardOnceAndOfNoAddress) {
  service->look();
  set_alias("taro@d.example,thief@evil.example,hanako@d.example");
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('taro@d.example', 'x', 'secret')");
  service->look();
  start();  // a crash
  service->look();
  ASSERT_EQ(told.size(), 3U);
  std::vector<std::string> details;
  for (const Event& event : told) {
    EXPECT_EQ(event.account, k_me);
    details.push_back(std::get<SettingsChange>(event.body).detail);
  }
  EXPECT_EQ(std::get<SettingsChange>(told[0].body).what, SettingKind::forward);
  EXPECT_EQ(details, (std::vector<std::string>{"internal d.example", "external evil.example", ""}));
  // A change that the daemon noted and did not live to tell.
  set_alias("taro@d.example,thief@evil.example,hanako@d.example,two@evil.example");
  service->look();
  auto untold = memory->changes(k_me, {}).value();
  for (auto& change : untold) change.is_told = false;
  ASSERT_TRUE(memory->put(untold));
  const std::size_t before = told.size();
  service->look();
  ASSERT_GT(told.size(), before);
  EXPECT_EQ(told[before].id, told.front().id) << "the same event: counted once";
}

TEST_F(Ways, OwnChangesAndThoseOfARecoveryTellNothing) {
  service->look();
  ASSERT_TRUE(service->quietly(k_me, "owner:code", [&]() -> Result<void> {
    set_alias("taro@d.example,mine@home.example");
    return {};
  }));
  standing = Standing::recovering;
  set_alias("taro@d.example,mine@home.example,other@home.example");
  service->look();
  EXPECT_TRUE(told.empty());
  // What another did before is not taken for the owner's.
  standing = Standing::normal;
  set_alias("taro@d.example,mine@home.example,thief@evil.example");
  ASSERT_TRUE(service->quietly(k_me, "owner:code", [] { return Result<void>(); }));
  service->look();
  EXPECT_EQ(told.size(), 1U);
}

// The administrator's panel and the owner's write the same row; only PostfixAdmin's log knows who.
TEST_F(Ways, AnAdministratorsEditIsToldApartFromTheOwners) {
  service->look();
  const auto logged = [&](const std::string& who) {
    sql("INSERT INTO log (timestamp, username, domain, action, data) VALUES ('" +
        format_instant(now).substr(0, 10) + " " + format_instant(now).substr(11, 8) + "', '" + who +
        " (192.0.2.5)', 'd.example', 'edit_alias', 'taro@d.example')");
  };
  const auto edited = [&](const std::string& list, const std::string& who) {
    set_alias(list);
    logged(who);
    service->look();
  };
  const auto id = incident();
  edited("taro@d.example,a@far.example", "Admin@d.example");
  EXPECT_EQ(way(id, WayKind::forward, "a@far.example").change.editor, "admin@d.example");
  EXPECT_TRUE(told.empty()) << "it says nothing about the owner";
  now = now + minutes(1);
  service->look();
  edited("taro@d.example,a@far.example,b@far.example", "taro@d.example");
  EXPECT_EQ(way(id, WayKind::forward, "b@far.example").change.editor, "");
  EXPECT_EQ(told.size(), 1U);
  now = now + minutes(1);
  service->look();
  // Both within one look: nobody knows which of them it was.
  logged("taro@d.example");
  edited("taro@d.example,a@far.example,b@far.example,c@far.example", "admin@d.example");
  EXPECT_EQ(way(id, WayKind::forward, "c@far.example").change.editor, "");
  // A containment pauses them all the same.
  (void)step(StepKind::pause_forwards, id, Standing::restricted);
  EXPECT_EQ(way(id, WayKind::forward, "a@far.example").change.state, WayState::paused);
}

TEST_F(Ways, AContainedDomainLosesWhatIsNewOfAllItsAccounts) {
  sql("UPDATE alias SET goto = 'hanako@d.example,old@home.example' "
      "WHERE address = 'hanako@d.example'");
  service->look();
  decide::Incident made;
  made.id = ++last_incident;
  made.subject = {decide::SubjectKind::domain, "d.example"};
  made.opened = made.onset = now = now + seconds(1);
  ASSERT_TRUE(state->put_incident(made));
  const auto carry_out = [&](StepKind kind) {
    decide::Step one;
    one.kind = kind;
    one.incident = made.id;
    one.subject = made.subject;
    auto done = service->carry_out(one, Standing::suspended);
    EXPECT_TRUE(done) << (done ? "" : done.error().text);
    return done.value_or(Text{}).en;
  };
  set_alias("taro@d.example,thief@evil.example");
  sql("UPDATE alias SET goto = 'hanako@d.example,old@home.example,thief@evil.example' "
      "WHERE address = 'hanako@d.example'");
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('hanako@d.example', 'x', 'secret')");
  // Nobody has looked since: the step does.
  EXPECT_EQ(carry_out(StepKind::suspend_app_passwords),
            "2 accounts with changes were looked after");
  EXPECT_EQ(carry_out(StepKind::pause_forwards), "2 accounts with changes were looked after");
  EXPECT_EQ(alias(), "taro@d.example|");
  EXPECT_EQ(sql("SELECT goto FROM alias WHERE address = 'hanako@d.example'"),
            "hanako@d.example,old@home.example|");
  EXPECT_EQ(sql("SELECT password_hash FROM mailbox_app_password"), "{CRYPT}!suspended!secret|");
  const auto views = service->of_incident(made.id).value();
  EXPECT_EQ(views.size(), 3U);
  for (const auto& view : views) EXPECT_EQ(view.change.state, WayState::paused);
  // Twice, and after a crash, it changes nothing.
  start();
  (void)carry_out(StepKind::pause_forwards);
  EXPECT_EQ(service->of_incident(made.id).value().size(), 3U);
  EXPECT_EQ(alias(), "taro@d.example|");
  // Each is answered by its number, and by itself.
  answer(made.id, way(made.id, WayKind::forward, "thief@evil.example"), true);
  const auto kept =
      std::ranges::count_if(service->of_incident(made.id).value(),
                            [](const auto& view) { return view.change.state == WayState::kept; });
  EXPECT_EQ(kept, 1);
  EXPECT_NE(sql("SELECT goto FROM alias WHERE goto LIKE '%thief%'"), "");
}

TEST_F(Ways, APauseTakesWhatIsNewAndNothingElse) {
  set_alias("taro@d.example, Old@home.example");
  service->look();
  const std::string before = alias();
  const auto id = incident();
  set_alias("taro@d.example, Old@home.example,Thief@evil.example,hanako@d.example");
  const std::string planted = alias();
  EXPECT_EQ(step(StepKind::pause_forwards, id, Standing::restricted), "paused: Thief@evil.example");
  EXPECT_EQ(alias(), "taro@d.example,Old@home.example,hanako@d.example|");
  const auto thief = way(id, WayKind::forward, "thief@evil.example");
  EXPECT_EQ(thief.change.state, WayState::paused);
  EXPECT_EQ(way(id, WayKind::forward, "hanako@d.example").change.state, WayState::open);
  EXPECT_EQ(service->asked(k_me, now - hours(1)).value().size(), 1U);
  // Twice, and after a crash, it changes nothing.
  start();
  (void)step(StepKind::pause_forwards, id, Standing::restricted);
  service->look();
  EXPECT_EQ(alias(), "taro@d.example,Old@home.example,hanako@d.example|");
  EXPECT_EQ(service->of_incident(id)->size(), 2U);
  answer(id, thief, true);
  EXPECT_EQ(alias(), planted);
  EXPECT_TRUE(service->asked(k_me, now - hours(1)).value().empty());
  answer(id, thief, false);
  answer(id, way(id, WayKind::forward, "hanako@d.example"), false);
  EXPECT_EQ(alias(), before);
  service->look();
  EXPECT_EQ(service->of_incident(id)->size(), 2U) << "our own writing is no change";
  // A forward made after somebody answered is a question of its own.
  set_alias("taro@d.example,Thief@evil.example");
  service->look();
  EXPECT_EQ(way(id, WayKind::forward, "thief@evil.example").change.state, WayState::open);
}

TEST_F(Ways, KilledBetweenMarkAndWriteThePauseIsDone) {
  service->look();
  const auto id = incident();
  set_alias("thief@evil.example");  // nothing stays in the mailbox
  service->look();
  auto changes = memory->changes(k_me, {}).value();
  for (auto& change : changes) change.state = WayState::paused;
  ASSERT_TRUE(memory->put(changes));
  start();
  (void)step(StepKind::pause_forwards, id, Standing::suspended);
  EXPECT_EQ(alias(), "taro@d.example|");
  // Killed between the write and the look after it.
  set_alias("thief@evil.example");
  service->look();
  set_alias("taro@d.example");
  start();
  service->look();
  EXPECT_EQ(way(id, WayKind::forward, "thief@evil.example").change.state, WayState::paused);
  answer(id, way(id, WayKind::forward, "thief@evil.example"), true);
  answer(id, way(id, WayKind::local_copy, ""), true);
  EXPECT_EQ(alias(), "thief@evil.example|");
}

TEST_F(Ways, AppPasswordsAreSuspendedByTheStandingAndComeBackToTheLetter) {
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('taro@d.example', 'old', 'h1')");
  service->look();
  const auto id = incident();
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('taro@d.example', 'new', 'h2')");
  const std::string all = "SELECT * FROM mailbox_app_password ORDER BY id";
  const std::string before = sql(all);
  standing = Standing::restricted;
  EXPECT_EQ(step(StepKind::suspend_app_passwords, id, standing), "1 app passwords suspended");
  EXPECT_EQ(accounts->app_passwords(k_me).value(), 1U);
  const auto fresh = way(id, WayKind::app_password, "2");
  EXPECT_EQ(fresh.change.state, WayState::paused);
  EXPECT_EQ(fresh.after.en, "new");
  EXPECT_FALSE(service->answer(id, fresh.change.id, true, "", "panel")) << "it is contained";
  standing = Standing::suspended;
  (void)step(StepKind::suspend_app_passwords, id, standing);
  (void)step(StepKind::suspend_app_passwords, id, standing);
  EXPECT_EQ(accounts->app_passwords(k_me).value(), 0U);
  EXPECT_EQ(service->of_incident(id)->size(), 2U);
  // A person lets it go: what stood before the incident stands again, what came with it does not.
  standing = Standing::normal;
  EXPECT_EQ(step(StepKind::resume_app_passwords, id, standing), "1 app passwords put back");
  EXPECT_EQ(sql("SELECT password_hash FROM mailbox_app_password WHERE id = 1"), "h1|");
  answer(id, fresh, true);
  EXPECT_EQ(sql(all), before);
  answer(id, fresh, false);
  EXPECT_EQ(sql("SELECT COUNT(*) FROM mailbox_app_password"), "1|");
}

TEST_F(Ways, ANewPasswordEndsWhatWasSuspended) {
  sql("INSERT INTO mailbox_app_password (username, description, password_hash) VALUES "
      "('taro@d.example', 'old', 'h1')");
  service->look();
  const auto id = incident();
  (void)step(StepKind::suspend_app_passwords, id, Standing::suspended);
  service->password_is_new(k_me, "owner:code");
  EXPECT_EQ(step(StepKind::resume_app_passwords, id, Standing::normal),
            "no app passwords to put back");
  EXPECT_EQ(accounts->app_passwords(k_me).value(), 0U);
  const auto old = way(id, WayKind::app_password, "1");
  EXPECT_FALSE(service->answer(id, old.change.id, false, "", "panel")) << "it is older";
  answer(id, old, true);
  EXPECT_EQ(accounts->app_passwords(k_me).value(), 1U);
}

TEST_F(Ways, EverythingElseIsPutRightToTheLetter) {
  sql("UPDATE mailbox SET email_other = 'me@home.example', phone = '1' "
      "WHERE username = 'taro@d.example'; INSERT INTO vacation (email, subject, body, domain) "
      "VALUES ('taro@d.example', 'away', 'text', 'd.example')");
  service->look();
  const std::string all =
      "SELECT email_other, phone FROM mailbox ORDER BY username; SELECT email, subject, body, "
      "active FROM vacation; SELECT id, src_server FROM fetchmail";
  const std::string before = sql(all);
  const auto id = incident();
  sql("UPDATE mailbox SET email_other = 'thief@evil.example', phone = '' "
      "WHERE username = 'taro@d.example'; DELETE FROM vacation; INSERT INTO fetchmail (domain, "
      "mailbox, src_server, src_user, src_password, src_folder, mda) VALUES ('d.example', "
      "'taro@d.example', 'evil', 'u', 'p', '', '')");
  const auto views = service->of_incident(id).value();
  ASSERT_EQ(views.size(), 4U);
  for (const auto& view : views) answer(id, view, false);
  EXPECT_EQ(sql(all), before);
  for (const auto& what : {SettingKind::recovery, SettingKind::vacation}) {
    service->look();
    EXPECT_TRUE(std::ranges::any_of(told, [&](const Event& event) {
      return std::get<SettingsChange>(event.body).what == what;
    }));
  }
  EXPECT_FALSE(service->answer(id, 999, true, "", "panel"));
  EXPECT_FALSE(service->of_incident(999));
}

TEST_F(Ways, NewAccountsArriveWithWhatTheyHave) {
  service->look();
  service->look();
  decide::AccountRow row;
  row.address = "new@d.example";
  ASSERT_TRUE(accounts->add(row, "x"));
  sql("UPDATE mailbox SET created = '2027-01-01' WHERE username = 'new@d.example'; UPDATE alias "
      "SET goto = 'new@d.example,x@far.example' WHERE address = 'new@d.example'");
  service->look();
  EXPECT_TRUE(told.empty());
  sql("DELETE FROM mailbox WHERE username = 'new@d.example'");
  service->look();
  EXPECT_EQ(memory->counts()->ways, 0U);
}

TEST(WaysReading, WhereScriptsSendMail) {
  const decide::DirectorySnapshot people{{k_me}, {}, {"d.example"}};
  const decide::Directory directory(people, "+", "");
  using decide::Way;
  const Way house{WayKind::sieve_script, "house", "redirect \"hanako@d.example\";"};
  const Way main{WayKind::sieve_script, "main",
                 "require \"include\"; include :personal \"more\"; keep;"};
  const Way more{WayKind::sieve_script, "more", "redirect :copy \"Thief@evil.example\";"};
  std::vector<Way> ways{house, main, more, {WayKind::sieve_active, "", "house"}};
  EXPECT_TRUE(targets_of_active(ways, k_me, directory).empty());
  const std::vector<Way> before = ways;
  ways.back().content = "main";
  EXPECT_EQ(targets_of_active(ways, k_me, directory),
            std::vector<std::string>{"thief@evil.example"});
  decide::WayChange change;
  change.account = k_me;
  change.kind = WayKind::sieve_active;
  change.before = "house";
  change.after = "main";
  EXPECT_TRUE(is_external(change, before, ways, directory));
  std::swap(change.before, change.after);
  EXPECT_FALSE(is_external(change, ways, before, directory));
  // One that lies there and is not in force leads nowhere.
  change.kind = WayKind::sieve_script;
  change.key = "more";
  change.before.reset();
  change.after = more.content;
  EXPECT_FALSE(is_external(change, {}, before, directory));
  EXPECT_TRUE(is_external(change, {}, ways, directory));
  EXPECT_EQ(targets_of_script("redirect", k_me, directory), std::vector<std::string>{"?"});
  for (const char* far : {"x@far.example", "|/bin/x", "/tmp/x", ":include:/x", "${x}"}) {
    EXPECT_TRUE(is_elsewhere(far, k_me, directory)) << far;
  }
  for (const char* near :
       {"hanako@d.example", "taro+x@d.example", "root", "taro#d.example@autoreply.example"}) {
    EXPECT_FALSE(is_elsewhere(near, k_me, directory)) << near;
  }
}

}  // namespace
}  // namespace sekimori::app
