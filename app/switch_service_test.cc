// What these prove: each switch is in force at once, over a crash at any point and a start anew;
// what the hands could not do is done later, and by time it ends; the other switch is never
// touched.
#include "app/switch_service.h"

#include <gtest/gtest.h>

#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::app {
namespace {

using decide::AccountSwitch;

constexpr const char* k_taro = "taro@example.jp";

// Dovecot, reached or not.
class FewHands : public decide::Hands {
 public:
  Result<void> flush_auth_cache(std::string_view) override {
    if (away) return operating_failure("doveadm is away");
    done += "flush ";
    return {};
  }
  Result<std::uint32_t> kick(std::string_view) override {
    if (away) return operating_failure("doveadm is away");
    done += "kick ";
    return 1;
  }
  Result<void> hold(std::span<const std::string>) override { return {}; }
  Result<void> release(std::span<const std::string>) override { return {}; }
  Result<std::uint64_t> remove(std::span<const decide::QueueTarget>) override { return 0; }
  Result<void> requeue(std::span<const std::string>) override { return {}; }
  Result<void> list_queue(const std::function<bool(const decide::QueueEntry&)>&) override {
    return {};
  }
  Result<std::string> sasl_login_of(std::string_view) override { return ""; }
  Result<std::string> subject_of(std::string_view) override { return ""; }
  Result<void> stop_server_sending(bool) override { return {}; }

  bool away = false;
  std::string done;
};

class SwitchServiceTest : public testing::Test {
 protected:
  void SetUp() override { start(); }
  // As after a crash: nothing is told to the one that was.
  void start() {
    switches_.reset();
    writer_.reset();
    const store::StateStoreSettings database{.url = "sqlite://" + (directory_ / "s.db")};
    state_ = std::move(*store::SqlStateStore::open(database));
    rows_ = std::move(*store::SwitchStore::open(database));
    guard_ = std::move(*store::SqliteGuardStore::open({.path = directory_ / "guard.db"}));
    writer_ = std::make_unique<StateWriter>(*state_, *guard_, StateWriterOptions{});
    switches_ = std::make_unique<SwitchService>(SwitchParts{
        .store = *rows_,
        .guard = *guard_,
        .hands = hands_,
        .writer = *writer_,
        .portal_url = "https://p.example.jp/",
        .now = [this] { return now_; },
        .tell = [this](const store::SwitchRow& row) -> Result<bool> {
          if (post_away) return operating_failure("the outbox is away");
          letters_ += std::string(to_string(row.off.what)) + (row.is_off ? " off by " : " on by ") +
                      row.off.by + "; ";
          return standing_allows;
        },
    });
    ASSERT_TRUE(switches_->begin());
    ASSERT_TRUE(guard_->rebuild({}));
  }
  Result<void> turn(AccountSwitch what, bool on, Instant until = {}, bool tell = true) {
    return switches_->set(
        {.account = k_taro, .what = what, .on = on, .reason = "理由", .until = until, .tell = tell},
        "nao");
  }
  // What is written when so much time has passed.
  std::string letters_after(Duration time) {
    letters_.clear();
    now_ = now_ + time;
    switches_->look();
    switches_->look();
    return letters_;
  }
  // no_send, no_login, no_receive.
  std::string flags() {
    const auto rows = guard_->rows().value();
    if (rows.empty()) return "000";
    return std::to_string(rows[0].no_send) + std::to_string(rows[0].no_login) +
           std::to_string(rows[0].no_receive);
  }
  store::TemporaryDirectory directory_;
  Instant now_{1'790'000'000'000'000};
  FewHands hands_;
  bool post_away = false;
  bool standing_allows = true;
  std::string letters_;
  std::unique_ptr<store::SqlStateStore> state_;
  std::unique_ptr<store::SwitchStore> rows_;
  std::unique_ptr<store::SqliteGuardStore> guard_;
  std::unique_ptr<StateWriter> writer_;
  std::unique_ptr<SwitchService> switches_;
};

TEST_F(SwitchServiceTest, EachIsSwitchedAloneAndAStartMakesItAnew) {
  ASSERT_TRUE(turn(AccountSwitch::receive, false));
  EXPECT_EQ(flags(), "001");
  EXPECT_TRUE(switches_->receives_nothing(k_taro));
  EXPECT_EQ(switches_->refusal(k_taro), Text());
  EXPECT_EQ(hands_.done, "") << "nobody is thrown out for it";
  ASSERT_TRUE(turn(AccountSwitch::login, false));
  EXPECT_EQ(flags(), "111");
  EXPECT_EQ(hands_.done, "flush kick ") << "who is kicked first signs in again at once";
  EXPECT_NE(switches_->refusal(k_taro).en, "");
  start();
  EXPECT_EQ(flags(), "111");
  EXPECT_EQ(switches_->of(k_taro).login->reason, "理由");
  EXPECT_EQ(switches_->of(k_taro).login->by, "nao");
  ASSERT_TRUE(turn(AccountSwitch::receive, true));
  EXPECT_EQ(flags(), "110");
  EXPECT_EQ(guard_->waited().value(), std::vector<std::string>{k_taro});
  ASSERT_TRUE(turn(AccountSwitch::login, true));
  EXPECT_EQ(flags(), "000");
  EXPECT_TRUE(rows_->rows().value().empty()) << "nothing stays behind";
  EXPECT_FALSE(switches_->receives_nothing("hanako@example.jp"));
}

TEST_F(SwitchServiceTest, WhatTheHandsCouldNotDoIsDoneAfterACrash) {
  hands_.away = true;
  ASSERT_TRUE(turn(AccountSwitch::login, false));
  EXPECT_EQ(flags(), "110") << "nobody new comes in, whatever Dovecot's sessions do";
  EXPECT_FALSE(switches_->is_done(k_taro, AccountSwitch::login));
  start();
  EXPECT_FALSE(switches_->is_done(k_taro, AccountSwitch::login));
  switches_->look();
  EXPECT_FALSE(switches_->is_done(k_taro, AccountSwitch::login));
  hands_.away = false;
  switches_->look();
  EXPECT_TRUE(switches_->is_done(k_taro, AccountSwitch::login));
  EXPECT_EQ(hands_.done, "flush kick ");
  start();
  switches_->look();
  EXPECT_EQ(hands_.done, "flush kick ") << "once done, it stays done";
}

TEST_F(SwitchServiceTest, ItEndsByTimeAlsoWhileNobodyWasThere) {
  ASSERT_TRUE(turn(AccountSwitch::login, false, now_ + hours(1)));
  ASSERT_TRUE(turn(AccountSwitch::receive, false));
  const Instant since = now_;
  now_ = now_ + minutes(30);
  // Another word on it: since when stays, until when is the new one.
  ASSERT_TRUE(turn(AccountSwitch::login, false, now_ + hours(1)));
  EXPECT_EQ(switches_->of(k_taro).login->since, since);
  now_ = now_ + minutes(59);
  switches_->look();
  EXPECT_EQ(flags(), "111");
  now_ = now_ + minutes(1);
  start();
  switches_->look();
  EXPECT_EQ(flags(), "001");
  ASSERT_TRUE(writer_->wait(writer_->last_ticket(), 5000));
  const auto audit = state_->audit(decide::Subject{decide::SubjectKind::account, k_taro}, 10);
  ASSERT_TRUE(audit);
  EXPECT_EQ(audit->front().action, "login_on");
  EXPECT_EQ(audit->front().who, "machine");
}

TEST_F(SwitchServiceTest, TheOwnerIsWrittenToOnceForEach) {
  using enum decide::SwitchLetter;
  ASSERT_TRUE(turn(AccountSwitch::receive, false));
  EXPECT_EQ(switches_->letter_of(k_taro, AccountSwitch::receive), due);
  EXPECT_EQ(letters_after(seconds(59)), "");
  EXPECT_TRUE(switches_->is_done(k_taro, AccountSwitch::receive)) << "only the letter waits";
  start();
  EXPECT_EQ(letters_after(seconds(1)), "receive off by nao; ");
  EXPECT_EQ(switches_->letter_of(k_taro, AccountSwitch::receive), sent);
  start();
  EXPECT_EQ(letters_after(hours(1)), "");
  // Until another time: that is news.
  ASSERT_TRUE(turn(AccountSwitch::receive, false, now_ + days(1)));
  EXPECT_EQ(letters_after(minutes(1)), "receive off by nao; ");
  // The outbox is away for a while, and the program ends.
  ASSERT_TRUE(turn(AccountSwitch::receive, true));
  post_away = true;
  EXPECT_EQ(letters_after(minutes(5)), "");
  start();
  post_away = false;
  EXPECT_EQ(letters_after(seconds(1)), "receive on by nao; ");
  EXPECT_TRUE(rows_->rows().value().empty());
  EXPECT_EQ(letters_after(hours(1)), "");
}

TEST_F(SwitchServiceTest, WhatIsTakenBackWithinAMinuteIsToldToNobody) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(turn(AccountSwitch::login, false));
    EXPECT_EQ(letters_after(seconds(10)), "");
    ASSERT_TRUE(turn(AccountSwitch::login, true));
    EXPECT_EQ(letters_after(seconds(10)), "");
  }
  EXPECT_EQ(letters_after(hours(1)), "");
  EXPECT_TRUE(rows_->rows().value().empty());
  // What is known already: on and off again says how it is in the end.
  ASSERT_TRUE(turn(AccountSwitch::login, false));
  EXPECT_EQ(letters_after(minutes(1)), "login off by nao; ");
  ASSERT_TRUE(turn(AccountSwitch::login, true));
  EXPECT_EQ(letters_after(seconds(10)), "");
  ASSERT_TRUE(turn(AccountSwitch::login, false));
  EXPECT_EQ(letters_after(minutes(1)), "login off by nao; ");
  EXPECT_EQ(letters_after(hours(1)), "");
}

TEST_F(SwitchServiceTest, NobodyIsWrittenToWhereAPersonSaysSo) {
  ASSERT_TRUE(turn(AccountSwitch::login, false, now_ + hours(1), false));
  ASSERT_TRUE(turn(AccountSwitch::receive, false, now_ + hours(1)));
  EXPECT_EQ(letters_after(minutes(1)), "receive off by nao; ");
  EXPECT_EQ(switches_->letter_of(k_taro, AccountSwitch::login), decide::SwitchLetter::none);
  // It ends by time: who read of the one reads of its end.
  EXPECT_EQ(letters_after(hours(1)), "");
  EXPECT_EQ(letters_after(minutes(1)), "receive on by machine; ");
  EXPECT_TRUE(rows_->rows().value().empty());
  // The standing closes the same, and speaks for itself.
  standing_allows = false;
  ASSERT_TRUE(turn(AccountSwitch::receive, false));
  EXPECT_NE(letters_after(minutes(1)), "");
  EXPECT_EQ(switches_->letter_of(k_taro, AccountSwitch::receive), decide::SwitchLetter::none);
}

}  // namespace
}  // namespace sekimori::app
