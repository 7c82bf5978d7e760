// Telling people over the real outbox, a real SMTP server and a real HTTP server (small ones of our
// own), with kills between sending and noting.
#include <gtest/gtest.h>
#include <sodium.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "act/notices.h"
#include "app/loopback_servers_for_test.h"
#include "base/mail_address.h"
#include "store/notice_store.h"

namespace sekimori::app {
namespace {

using namespace decide;
using act::Notices;
using app::testing::HttpServer;
using app::testing::SmtpServer;

class Telling : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "sekimori-tell-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    outbox_ = open();
    settings_.sender.from = "guard@example.jp";
    settings_.sender.provider_name = "提供者";
    settings_.operators = {"op@example.net"};
    settings_.mail = {.smtp = smtp_.place(), .timeout = seconds(5)};
    settings_.webhook_timeout = seconds(5);
    contacts_["taro@example.jp"] = {"太郎", "taro@elsewhere.example"};
    admins_ = {"kanri@example.jp"};
    accounts_ = {"taro@example.jp", "kanri@example.jp", "jiro@example.jp"};
    restart();
  }
  void TearDown() override {
    notices_.reset();
    outbox_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::unique_ptr<store::NoticeStore> open() {
    auto opened =
        store::NoticeStore::open({.url = "sqlite://" + folder_ + "/s.db", .busy_ms = 2000});
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  // As a new process would: nothing is left but the database.
  void restart() {
    notices_.reset();
    outbox_ = open();
    act::NoticeSettings settings;
    settings.sender = settings_.sender;
    settings.operators = settings_.operators;
    settings.owners = settings_.owners;
    settings.domain_admins = settings_.domain_admins;
    settings.mail = settings_.mail;
    settings.webhook_urls = settings_.webhook_urls;
    settings.webhook_secret = Secret("wax and ring");
    settings.webhook_timeout = settings_.webhook_timeout;
    settings.digest_after = settings_.digest_after;
    act::NoticeSources sources;
    sources.now = [this] { return now_; };
    sources.contact = [this](const std::string& account,
                             std::uint64_t) -> Result<act::OwnerContact> {
      const auto found = contacts_.find(account);
      if (found == contacts_.end()) return not_found("no such account");
      return found->second;
    };
    sources.admins = [this](const std::string& domain) -> Result<std::vector<std::string>> {
      EXPECT_EQ(domain, "example.jp");
      return admins_;
    };
    sources.standing = [this](const Subject& subject) -> Result<StandingRecord> {
      const auto found = standings_.find(subject);
      if (found != standings_.end()) return found->second;
      StandingRecord record;
      record.subject = subject;
      return record;
    };
    sources.standings = [this]() -> Result<std::vector<StandingRecord>> {
      std::vector<StandingRecord> all;
      for (const auto& [subject, record] : standings_) all.push_back(record);
      return all;
    };
    sources.local_account = [this](std::string_view address) {
      return accounts_.contains(std::string(address)) ? std::string(address) : std::string();
    };
    sources.is_local_domain = [](std::string_view domain) { return domain == "example.jp"; };
    sources.switches = [this] { return std::make_shared<const SwitchTable>(switches_); };
    sources.waiting = [this] { return waiting_; };
    notices_ = std::make_unique<Notices>(*outbox_, std::move(settings), std::move(sources));
  }
  void contain(Standing standing, std::uint64_t incident = 7,
               const std::string& account = "taro@example.jp") {
    const Subject subject{SubjectKind::account, account};
    StandingRecord& record = standings_[subject];
    record.subject = subject;
    if (record.standing != standing) record.since = now_;
    record.standing = standing;
    record.incident = incident;
    record.reason = {"理由", "reason"};
    Notice notice;
    notice.kind = standing == Standing::normal ? "restored" : std::string(to_string(standing));
    notice.subject = subject;
    notice.incident = incident;
    notice.summary = record.reason;
    const auto told = notices_->tell(notice);
    EXPECT_TRUE(told) << told.error().text;
  }
  Notices::Report run() { return notices_->run_once(now_); }
  std::vector<NoticeRow> rows(const NoticeFilter& filter = {}) {
    return outbox_->rows(filter).value();
  }

  std::string folder_;
  Instant now_{1'790'000'000'000'000};
  SmtpServer smtp_;
  HttpServer http_;
  act::NoticeSettings settings_;
  std::map<std::string, act::OwnerContact> contacts_;
  std::vector<std::string> admins_;
  std::set<std::string> accounts_;
  std::map<Subject, StandingRecord> standings_;
  SwitchTable switches_;
  std::vector<WaitingMail> waiting_;
  std::unique_ptr<store::NoticeStore> outbox_;
  std::unique_ptr<Notices> notices_;
};

TEST_F(Telling, ARestrictionReachesEverybodyOnce) {
  contain(Standing::restricted);
  contain(Standing::restricted);
  EXPECT_EQ(run().sent, 4U);
  contain(Standing::restricted);
  restart();
  contain(Standing::restricted);
  EXPECT_EQ(run().sent, 0U);
  for (const char* to :
       {"taro@elsewhere.example", "taro@example.jp", "kanri@example.jp", "op@example.net"}) {
    EXPECT_EQ(smtp_.count(to), 1U) << to;
  }
}

TEST_F(Telling, ASuspendedOwnerIsToldOutsideOnly) {
  contain(Standing::suspended);
  run();
  EXPECT_EQ(smtp_.count("taro@elsewhere.example"), 1U);
  EXPECT_EQ(smtp_.count("taro@example.jp"), 0U);
  EXPECT_EQ(outbox_->counts()->calls, 0U);
}

TEST_F(Telling, WithoutAnotherAddressSomebodyTelephones) {
  // None; the mailbox itself; an alias into who knows where; a mailbox that is closed, too.
  contain(Standing::suspended, 3, "jiro@example.jp");
  for (const char* email : {"", "Taro@example.jp", "alias@example.jp", "jiro@example.jp"}) {
    contacts_["taro@example.jp"].email = email;
    const std::uint64_t incident = 100 + std::string(email).size();
    contain(Standing::suspended, incident);
    const auto all = rows({.state = {},
                           .subject = Subject{SubjectKind::account, "taro@example.jp"},
                           .channel = NoticeChannel::call});
    EXPECT_TRUE(std::ranges::any_of(all, [&](const NoticeRow& row) {
      return row.incident == incident;
    })) << email;
  }
  run();
  EXPECT_EQ(smtp_.count("taro@example.jp"), 0U);
  EXPECT_EQ(smtp_.count("alias@example.jp"), 0U);
  // The operators read whom to call.
  EXPECT_GT(outbox_->counts()->calls, 0U);
  contain(Standing::normal, 100);
  for (const NoticeRow& row : rows({.state = NoticeState::sent,
                                    .subject = Subject{SubjectKind::account, "taro@example.jp"},
                                    .channel = NoticeChannel::call})) {
    ADD_FAILURE() << "still to be called: " << row.key;
  }
}

TEST_F(Telling, AMailboxThatClosedMeanwhileIsNotWrittenTo) {
  contain(Standing::restricted);
  standings_[{SubjectKind::account, "taro@example.jp"}].standing = Standing::suspended;
  run();
  EXPECT_EQ(smtp_.count("taro@example.jp"), 0U);
  EXPECT_EQ(smtp_.count("taro@elsewhere.example"), 1U);
  // Nothing went wrong that the operators would have to hear of.
  EXPECT_TRUE(std::ranges::none_of(
      rows(), [](const NoticeRow& row) { return row.kind == "notice_failed"; }));
}

TEST_F(Telling, AClosedAdminIsNoWitness) {
  contain(Standing::restricted, 5, "kanri@example.jp");
  run();
  const auto before = smtp_.count("kanri@example.jp");
  contain(Standing::restricted);
  run();
  EXPECT_EQ(smtp_.count("kanri@example.jp"), before);
}

TEST_F(Telling, ContainedAgainSaysSoAndTheContactStaysThatOfTheIncident) {
  contain(Standing::restricted);
  contacts_["taro@example.jp"].email = "thief@elsewhere.example";
  contain(Standing::normal);
  run();
  EXPECT_EQ(smtp_.count("thief@elsewhere.example"), 0U);
  EXPECT_EQ(smtp_.count("taro@elsewhere.example"), 2U);
  now_ = now_ + hours(2);
  contain(Standing::restricted);
  EXPECT_EQ(rows().front().kind, "again");
  // Long after, it is another story.
  now_ = now_ + days(40);
  contain(Standing::restricted, 8);
  EXPECT_EQ(rows().front().kind, "restricted");
}

TEST_F(Telling, WhatPostfixDoesNotTakeComesLater) {
  const std::string place = smtp_.place();
  smtp_.stop();
  contain(Standing::restricted);
  EXPECT_EQ(run().sent, 0U);
  EXPECT_NE(notices_->trouble().what, "");
  EXPECT_EQ(notices_->trouble().since, now_);
  // Another server on another port stands in for Postfix coming back.
  SmtpServer back;
  settings_.mail.smtp = back.place();
  restart();
  now_ = now_ + minutes(5);
  EXPECT_EQ(run().sent, 4U);
  EXPECT_EQ(back.count("taro@elsewhere.example"), 1U);
  EXPECT_EQ(notices_->trouble().what, "");
}

TEST_F(Telling, ARefusedAddressIsSaidToTheOperatorsAndTelephoned) {
  smtp_.answer_rcpt("taro@elsewhere.example", "550 5.1.1 no such user");
  contain(Standing::suspended);
  run();
  run();
  EXPECT_EQ(outbox_->counts()->failed, 1U);
  EXPECT_EQ(outbox_->counts()->calls, 1U);
  EXPECT_EQ(smtp_.count("op@example.net"), 2U);  // suspended, and that it could not be told
}

TEST_F(Telling, ATemporaryRefusalBacksOffAndIsGivenUpAfterDays) {
  smtp_.answer_rcpt("taro@elsewhere.example", "450 4.2.0 later");
  contain(Standing::restricted);
  std::size_t failures = 0;
  const Instant begun = now_;
  while (outbox_->counts()->waiting > 0 && now_ < begun + days(10)) {
    const auto report = run();
    failures += report.failed;
    now_ = report.next && *report.next > now_ ? *report.next : now_ + seconds(1);
  }
  EXPECT_EQ(outbox_->counts()->failed, 1U);
  EXPECT_GE(now_ - begun, hours(72));
  EXPECT_LT(now_ - begun, hours(75));
  EXPECT_LT(failures, 100U);  // 12 doublings, then one an hour
}

TEST_F(Telling, ManyNoticesBecomeADigest) {
  settings_.digest_after = 3;
  settings_.domain_admins = false;
  settings_.owners = false;
  restart();
  for (std::uint64_t i = 1; i <= 20; ++i) contain(Standing::restricted, i);
  const auto report = run();
  EXPECT_EQ(report.sent, 3U);
  ASSERT_TRUE(report.next);
  EXPECT_EQ(*report.next, now_ + minutes(15));
  now_ = now_ + minutes(14);
  EXPECT_EQ(run().sent, 0U);
  now_ = now_ + minutes(1);
  EXPECT_EQ(run().sent, 17U);
  EXPECT_EQ(smtp_.count("op@example.net"), 4U);
  EXPECT_EQ(outbox_->counts()->waiting, 0U);
  EXPECT_EQ(run().sent, 0U);
}

TEST_F(Telling, TimeBringsReminders) {
  contain(Standing::suspended);
  waiting_ = {{"taro@example.jp", 1, now_, now_ + days(3), now_ + days(4)}};
  run();
  const auto told = [&](std::string_view kind) {
    const auto all = rows();
    return std::ranges::count_if(all, [&](const NoticeRow& row) {
      return row.kind == kind && row.audience == NoticeAudience::owner;
    });
  };
  for (int hour = 1; hour <= 23; ++hour) {
    now_ = now_ + hours(1);
    ASSERT_TRUE(notices_->tick(now_));
  }
  EXPECT_EQ(told("still_contained"), 0);
  for (int hour = 24; hour <= 24 * 5; ++hour) {
    now_ = now_ + hours(1);
    ASSERT_TRUE(notices_->tick(now_));
    if (hour % 7 == 0) restart();
  }
  EXPECT_EQ(told("still_contained"), 2);  // after one day, after four
  EXPECT_EQ(told("mail_waiting"), 2);     // first and last
  contain(Standing::normal);
  now_ = now_ + days(2);
  ASSERT_TRUE(notices_->tick(now_));
  EXPECT_EQ(told("still_contained"), 2);
}

TEST_F(Telling, MailThatWaitsForASwitchIsToldOutsideOfTheMailbox) {
  switches_["taro@example.jp"].receive = {.account = "taro@example.jp",
                                          .what = AccountSwitch::receive,
                                          .since = now_,
                                          .until = {},
                                          .by = "nao",
                                          .reason = "引っ越し"};
  waiting_ = {{"taro@example.jp", 1, now_, now_ + days(3), now_ + days(4)}};
  for (int hour = 0; hour <= 24 * 5; ++hour) {
    ASSERT_TRUE(notices_->tick(now_ + hours(hour)));
    if (hour % 7 == 0) restart();
  }
  std::map<std::string, int> told;
  for (const NoticeRow& row : rows()) {
    EXPECT_EQ(row.kind, "mail_waiting_off");
    ++told[row.to];
  }
  // A first and a last time; a letter into the mailbox itself would only wait there, too.
  EXPECT_EQ(told,
            (std::map<std::string, int>{
                {"taro@elsewhere.example", 2}, {"kanri@example.jp", 2}, {"op@example.net", 2}}));
  now_ = now_ + days(5);
  run();
  EXPECT_EQ(smtp_.mails().size(), 6U);
}

TEST_F(Telling, AWebhookIsSignedAndTriedUntilTaken) {
  settings_.webhook_urls = {"http://" + http_.place() + "/hook?token=hush"};
  settings_.owners = settings_.domain_admins = false;
  settings_.operators.clear();
  restart();
  http_.answer_next({500, 429, 204});
  contain(Standing::restricted);
  for (int i = 0; i < 3; ++i) {
    run();
    now_ = now_ + seconds(10);
  }
  EXPECT_EQ(run().sent, 0U);
  const auto requests = http_.requests();
  ASSERT_EQ(requests.size(), 3U);
  for (const auto& request : requests) {
    EXPECT_EQ(request.headers.at("x-sekimori-delivery"),
              requests.front().headers.at("x-sekimori-delivery"));
    // As a receiver verifies it: HMAC-SHA256 over "t.body".
    const std::string& signature = request.headers.at("x-sekimori-signature");
    const auto comma = signature.find(',');
    const std::string signed_text = signature.substr(2, comma - 2) + "." + request.body;
    const std::string key = "wax and ring";
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, reinterpret_cast<const unsigned char*>(key.data()),
                                key.size());
    crypto_auth_hmacsha256_update(
        &state, reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size());
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_final(&state, mac);
    char hex[2 * sizeof mac + 1];
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    EXPECT_EQ(signature.substr(comma + 1), std::string("v1=") + hex);
  }
  const auto body = boost::json::parse(requests.front().body).as_object();
  EXPECT_EQ(body.at("kind"), "restricted");
  EXPECT_EQ(body.at("subject").at("id"), "taro@example.jp");
  EXPECT_EQ(body.at("incident"), 7);
  EXPECT_EQ(body.at("summary").at("ja"), "理由");
  for (const NoticeRow& row : rows()) {
    EXPECT_EQ((row.to + row.detail).find("hush"), std::string::npos);
  }
}

TEST_F(Telling, AWebhookThatSaysNoIsNotAskedAgain) {
  settings_.webhook_urls = {"http://" + http_.place() + "/"};
  settings_.operators.clear();
  restart();
  http_.answer_next({410});
  contain(Standing::restricted);
  run();
  now_ = now_ + hours(2);
  run();
  EXPECT_EQ(http_.requests().size(), 1U);
  EXPECT_EQ(outbox_->counts()->failed, 1U);
}

// The outbox that dies with the process: what is noted after the channel took it gets lost.
class Dying : public NoticeOutbox {
 public:
  explicit Dying(NoticeOutbox& real) : real_(real) {}
  Result<std::size_t> put(std::span<const NoticeRow> r, Repeat p) override {
    return real_.put(r, p);
  }
  Result<std::vector<NoticeRow>> due(Instant t, std::size_t n) override { return real_.due(t, n); }
  Result<std::vector<NoticeRow>> waiting_for(NoticeChannel c, const std::string& to,
                                             std::size_t n) override {
    return real_.waiting_for(c, to, n);
  }
  Result<std::optional<Instant>> next_due() override { return real_.next_due(); }
  Result<void> update(std::span<const NoticeRow>) override { return operating_failure("killed"); }
  Result<void> sent(std::span<const NoticeRow>, const std::string&, Instant) override {
    return operating_failure("killed");
  }
  Result<Sendings> sendings(const std::string& to, Instant t) override {
    return real_.sendings(to, t);
  }
  Result<std::vector<NoticeRow>> rows(const NoticeFilter& f) override { return real_.rows(f); }
  Result<NoticeCounts> counts() override { return real_.counts(); }

 private:
  NoticeOutbox& real_;
};

TEST_F(Telling, KilledBetweenSendingAndNotingItComesTwiceAsTheSame) {
  settings_.webhook_urls = {"http://" + http_.place() + "/"};
  settings_.owners = settings_.domain_admins = false;
  restart();
  contain(Standing::restricted);
  {
    Dying dying(*outbox_);
    act::NoticeSettings settings;
    settings.sender = settings_.sender;
    settings.mail = settings_.mail;
    settings.webhook_urls = settings_.webhook_urls;
    act::NoticeSources sources;
    sources.now = [this] { return now_; };
    sources.standing = [](const Subject&) -> Result<StandingRecord> { return StandingRecord{}; };
    sources.contact = [](const std::string&, std::uint64_t) -> Result<act::OwnerContact> {
      return act::OwnerContact{};
    };
    Notices killed(dying, std::move(settings), std::move(sources));
    (void)killed.run_once(now_);
  }
  restart();
  now_ = now_ + seconds(5);
  EXPECT_EQ(run().sent, 2U);
  EXPECT_EQ(run().sent, 0U);
  const auto hooks = http_.requests();
  ASSERT_EQ(hooks.size(), 2U);
  EXPECT_EQ(hooks[0].headers.at("x-sekimori-delivery"), hooks[1].headers.at("x-sekimori-delivery"));
  EXPECT_EQ(hooks[0].body, hooks[1].body);
  const auto mails = smtp_.mails();
  ASSERT_EQ(mails.size(), 2U);
  const auto id_of = [](const std::string& text) {
    const auto at = text.find("Message-I");
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_NE(id_of(mails[0].text).find("@example.jp"), std::string::npos);
  EXPECT_EQ(id_of(mails[0].text), id_of(mails[1].text));
}

TEST_F(Telling, SendsACodeWithoutKeepingIt) {
  ASSERT_TRUE(notices_->send_now("taro@elsewhere.example", {"code", "ABCD-EFGH-JKMN"}));
  EXPECT_EQ(smtp_.count("taro@elsewhere.example"), 1U);
  EXPECT_TRUE(rows().empty());
  EXPECT_FALSE(notices_->send_now("a@b.example>\r\nRCPT TO:<x@y.example", {"code", "x"}));
  smtp_.answer_rcpt("gone@elsewhere.example", "550 no");
  EXPECT_EQ(notices_->send_now("gone@elsewhere.example", {"code", "x"}).error().kind,
            ErrorKind::bad_input);
}

TEST_F(Telling, ItsOwnThreadDelivers) {
  notices_->start();
  contain(Standing::restricted);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (smtp_.mails().size() < 4 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // why: the poll, up to the deadline
  }
  EXPECT_EQ(smtp_.mails().size(), 4U);
  notices_->stop();
}

TEST_F(Telling, WithoutASenderOnlyTheCallListIsWritten) {
  settings_.sender.from = "";
  restart();
  contain(Standing::suspended);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_EQ(rows().front().channel, NoticeChannel::call);
  run();
  EXPECT_TRUE(smtp_.mails().empty());
}

}  // namespace
}  // namespace sekimori::app
