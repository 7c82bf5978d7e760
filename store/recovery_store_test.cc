#include "store/recovery_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::GateKind;
using decide::GateState;

const Instant k_t{1'790'000'000'000'000};

class RecoveryStoreTest : public testing::Test {
 protected:
  RecoveryStoreTest() { open(); }
  void open() {
    auto made = RecoveryStore::open({.url = test_database(directory / "state.db")});
    ASSERT_TRUE(made) << made.error().text;
    store = std::move(*made);
  }
  static RecoveryRow row(const std::string& account, Instant contained = k_t) {
    RecoveryRow row;
    row.recovery = decide::open_recovery({.account = account,
                                          .incident = 7,
                                          .now = contained,
                                          .stored_hash = "aa11",
                                          .pwhash = "025a",
                                          .times = 2,
                                          .by_machine = true});
    return row;
  }
  TemporaryDirectory directory;
  std::unique_ptr<RecoveryStore> store;
};

TEST_F(RecoveryStoreTest, KeepsARecoveryAsItIs) {
  auto made = store->begin(row("taro@a.test"));
  ASSERT_TRUE(made);
  made->recovery.begun = k_t + minutes(3);
  made->recovery.begun_by = "owner:code";
  made->recovery.earlier_pwhashes = {"025a", "0fff"};
  made->recovery.pwhash = "0123";
  decide::prove(made->recovery, GateKind::works_smtp, {"送れました。'; --", "it works"}, k_t);
  decide::not_needed(made->recovery, GateKind::app_passwords, {"ありません。", "none"}, k_t);
  made->networks = {"192.0.2.0/24", "2001:db8::/64"};
  made->kept = {"\"a b\"@x.test", "me@home.test"};
  made->epoch = 12;
  made->was_active = false;
  made->told = k_t + minutes(9);
  made->ready = k_t + minutes(1);
  ASSERT_TRUE(store->put(*made));
  ASSERT_TRUE(store->put(*made));
  open();
  EXPECT_EQ(store->latest("taro@a.test").value().value(), *made);
  EXPECT_EQ(store->under_way(10).value(), std::vector{*made});
  EXPECT_EQ(store->count_under_way(), 1U);
  EXPECT_FALSE(store->latest("hanako@a.test").value());
  RecoveryRow never = *made;
  never.id = 99;
  EXPECT_EQ(store->put(never).error().kind, ErrorKind::not_found);
}

TEST_F(RecoveryStoreTest, OneUnderWayForAnAccountAndHistoryBesideIt) {
  auto first = store->begin(row("taro@a.test")).value();
  EXPECT_EQ(store->begin(row("taro@a.test", k_t + hours(1))).value(), first);
  first.recovery.ended = k_t + hours(2);
  first.recovery.ended_by = "verified";
  ASSERT_TRUE(store->put(first));
  EXPECT_EQ(store->latest("taro@a.test").value()->id, first.id);
  const auto second = store->begin(row("taro@a.test", k_t + days(3))).value();
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(store->latest("taro@a.test").value()->id, second.id);
  EXPECT_EQ(store->under_way(10).value().size(), 1U);
  EXPECT_EQ(store->by_machine_since("taro@a.test", k_t), 2U);
  EXPECT_EQ(store->by_machine_since("taro@a.test", k_t + days(1)), 1U);
  EXPECT_EQ(store->by_machine_since("other@a.test", k_t), 0U);
  // Retention takes what ended, never what is under way.
  ASSERT_TRUE(store->prune(k_t + days(400), k_t + days(300)));
  EXPECT_EQ(store->by_machine_since("taro@a.test", k_t), 1U);
  EXPECT_EQ(store->latest("taro@a.test").value()->id, second.id);
}

TEST_F(RecoveryStoreTest, ContactsAsTheyWereAtAnyTime) {
  const auto at = [&](Instant t) {
    return store->contact_at("taro@a.test", ContactKind::email_other, t).value();
  };
  const auto observe = [&](const std::string& mail, Instant now) {
    const std::vector<ContactsRow> page{{"taro@a.test", mail, "090", ""}};
    ASSERT_TRUE(store->observe_contacts("", page, true, now));
  };
  observe("home@x.test", k_t);
  observe("home@x.test", k_t + hours(1));
  EXPECT_FALSE(at(k_t - seconds(1)));
  EXPECT_EQ(at(k_t + days(1))->value, "home@x.test");
  EXPECT_EQ(at(k_t + days(1))->since, k_t);
  EXPECT_TRUE(at(k_t + days(1))->unchanged);
  observe("thief@evil.test", k_t + days(2));
  EXPECT_EQ(at(k_t + days(1))->value, "home@x.test");
  EXPECT_FALSE(at(k_t + days(1))->unchanged);
  EXPECT_EQ(at(k_t + days(2))->value, "thief@evil.test");
  EXPECT_TRUE(
      store->contact_at("taro@a.test", ContactKind::phone, k_t + days(3))->value().unchanged);
  EXPECT_FALSE(store->contact_at("taro@a.test", ContactKind::totp, k_t + days(3)).value());
  // However often it is changed, what was before stays known.
  for (int i = 0; i < 50; ++i) {
    observe(std::to_string(i) + "@evil.test", k_t + days(3) + minutes(i));
  }
  EXPECT_EQ(at(k_t + days(1))->value, "home@x.test");
  EXPECT_EQ(at(k_t + days(9))->value, "49@evil.test");
  // Removed: no contact any more, but known from before.
  observe("", k_t + days(10));
  EXPECT_FALSE(at(k_t + days(10)));
  EXPECT_EQ(at(k_t + days(1))->value, "home@x.test");
}

TEST_F(RecoveryStoreTest, ContactsPageByPageForgetWhoIsGone) {
  const std::vector<ContactsRow> first{{"a@a.test", "1@x", "", ""}, {"b@a.test", "2@x", "", ""}};
  const std::vector<ContactsRow> second{{"c@a.test", "3@x", "", "f00d"}};
  const auto know = [&](const char* account) {
    return store->contact_at(account, ContactKind::email_other, k_t).value().has_value();
  };
  ASSERT_TRUE(store->observe_contacts("", first, false, k_t));
  ASSERT_TRUE(store->observe_contacts("b@a.test", second, true, k_t));
  EXPECT_TRUE(know("a@a.test") && know("b@a.test") && know("c@a.test"));
  const std::vector<ContactsRow> without{{"b@a.test", "2@x", "", ""}};
  ASSERT_TRUE(store->observe_contacts("", without, false, k_t + hours(1)));
  EXPECT_FALSE(know("a@a.test"));
  EXPECT_TRUE(know("c@a.test"));  // behind this page
  ASSERT_TRUE(store->observe_contacts("b@a.test", {}, true, k_t + hours(1)));
  EXPECT_FALSE(know("c@a.test"));
  EXPECT_TRUE(know("b@a.test"));
}

TEST_F(RecoveryStoreTest, AContactCodeIsGoodOnceAndForAWhile) {
  const auto fresh = [&](Instant now) {
    return store->new_contact_code("taro@a.test", now, now + minutes(30)).value();
  };
  const auto take = [&](std::string text, Instant now) {
    return store->take_contact_code("taro@a.test", Secret(std::move(text)), now).value();
  };
  const auto code = fresh(k_t);
  ASSERT_TRUE(code);
  const std::string text(code->reveal());
  EXPECT_EQ(text.size(), 8U);
  EXPECT_FALSE(take(text, k_t + minutes(31)));
  EXPECT_FALSE(store->take_contact_code("jiro@a.test", Secret(text), k_t).value());
  EXPECT_TRUE(take(text.substr(0, 4) + " " + text.substr(4), k_t));
  EXPECT_FALSE(take(text, k_t));
  EXPECT_FALSE(take("", k_t));

  const std::string second(fresh(k_t)->reveal());
  for (int i = 0; i < k_contact_tries_max; ++i) EXPECT_FALSE(take("wrong", k_t));
  EXPECT_FALSE(take(second, k_t)) << "void after too many tries";
  EXPECT_TRUE(fresh(k_t));
  EXPECT_FALSE(fresh(k_t + minutes(59))) << "three an hour";
  EXPECT_TRUE(fresh(k_t + minutes(61)));
}

TEST_F(RecoveryStoreTest, AnAuthenticatorsStepCountsOnce) {
  EXPECT_EQ(store->totp_step("taro@a.test", k_t).value(), std::nullopt);
  EXPECT_TRUE(store->use_totp_step("taro@a.test", 100).value());
  EXPECT_FALSE(store->use_totp_step("taro@a.test", 100).value());
  EXPECT_FALSE(store->use_totp_step("taro@a.test", 99).value());
  EXPECT_TRUE(store->use_totp_step("taro@a.test", 101).value());
  EXPECT_EQ(store->totp_step("taro@a.test", k_t).value(), 101);
  for (int i = 0; i < k_totp_tries_max; ++i) {
    EXPECT_TRUE(store->totp_step("taro@a.test", k_t));
    ASSERT_TRUE(store->count_wrong_totp("taro@a.test", k_t));
  }
  EXPECT_FALSE(store->totp_step("taro@a.test", k_t + minutes(1)));
  EXPECT_EQ(store->totp_step("taro@a.test", k_t + minutes(16)).value(), 101);
}

TEST_F(RecoveryStoreTest, OwnersSessions) {
  const auto token = store->open_session({"taro@a.test", "code"}, k_t + hours(1)).value();
  const auto session = store->session(token, k_t).value();
  ASSERT_TRUE(session);
  EXPECT_EQ(session->account, "taro@a.test");
  EXPECT_EQ(session->proof, "code");
  EXPECT_FALSE(store->session(token, k_t + hours(1)).value());
  EXPECT_FALSE(store->session(Secret("00"), k_t).value());
  for (std::size_t i = 0; i < k_owner_sessions_max; ++i) {
    ASSERT_TRUE(store->open_session({"taro@a.test", "totp"}, k_t + hours(2)));
  }
  EXPECT_FALSE(store->session(token, k_t).value()) << "the oldest of too many ends";
}

TEST_F(RecoveryStoreTest, ASessionThatItsOwnerEndsIsOver) {
  const auto token = store->open_session({"taro@a.test", "password"}, k_t + hours(1)).value();
  ASSERT_TRUE(store->close_session(Secret("00")));
  EXPECT_TRUE(store->session(token, k_t).value());
  ASSERT_TRUE(store->close_session(token));
  ASSERT_TRUE(store->close_session(token));
  EXPECT_FALSE(store->session(token, k_t).value());
}

TEST_F(RecoveryStoreTest, AnOwnersAuthenticatorAndSinceWhen) {
  EXPECT_FALSE(store->own_totp("taro@a.test").value());
  ASSERT_TRUE(store->set_own_totp("taro@a.test", Secret("JBSWY3DPEHPK3PXP"), k_t));
  open();
  const auto kept = store->own_totp("taro@a.test").value();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->key.reveal(), "JBSWY3DPEHPK3PXP");
  EXPECT_EQ(kept->since, k_t);
  EXPECT_FALSE(store->own_totp("hanako@a.test").value());
  ASSERT_TRUE(store->set_own_totp("taro@a.test", Secret(), k_t));
  EXPECT_FALSE(store->own_totp("taro@a.test").value());
}

TEST_F(RecoveryStoreTest, AnOwnersWordOnNetworksIsTheLastOne) {
  ASSERT_TRUE(store->put_network_answer("taro@a.test", {"192.0.2.0", true, k_t}));
  ASSERT_TRUE(store->put_network_answer("taro@a.test", {"192.0.2.0", false, k_t + minutes(1)}));
  ASSERT_TRUE(store->put_network_answer("hanako@a.test", {"192.0.2.0", true, k_t}));
  const auto answers = store->network_answers("taro@a.test").value();
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_FALSE(answers[0].mine);
  for (std::size_t i = 0; i < k_network_answers_max; ++i) {
    ASSERT_TRUE(store->put_network_answer(
        "taro@a.test", {"10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0",
                        true, k_t + minutes(2) + seconds(static_cast<std::int64_t>(i))}));
  }
  const auto many = store->network_answers("taro@a.test").value();
  EXPECT_EQ(many.size(), k_network_answers_max);
  EXPECT_EQ(many.front().network, "10.0.0.0") << "the oldest went";
  EXPECT_EQ(store->network_answers("hanako@a.test").value().size(), 1U);
}

}  // namespace
}  // namespace sekimori::store
