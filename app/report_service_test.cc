// What a report brings about: each mail once, to the right account, and nothing that whoever holds
// one of our mails could make up.
#include "app/report_service.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>

#include "serve/test_world.h"

namespace sekimori::app {
namespace {

const Instant k_now = *parse_instant("2026-11-22T03:00:00Z");
const HashKey k_key{7};
constexpr const char* k_taro = "taro@example.jp";

class Reports : public ::testing::Test {
 protected:
  Reports() : sent_({.path = "", .key = k_key}) {
    std::string name = (std::filesystem::temp_directory_path() / "reportsXXXXXX").string();
    folder_ = mkdtemp(name.data());
    auto opened = store::ReturnedStore::open({.url = "sqlite://" + folder_.string() + "/r.db"});
    EXPECT_TRUE(opened) << opened.error().text;
    store_ = std::move(*opened);
    ReportSettings settings;
    settings.mailbox = "reports@example.jp";
    settings.unstamped = {"hanako@example.jp"};
    settings.host_names = {"mx.example.jp"};
    settings.forged_notice = 2;
    settings.stamping_since = k_now - days(3);
    service_ = std::make_unique<ReportService>(
        ReportParts{
            .store = *store_,
            .sent = sent_,
            .engine = world_.engine,
            .now = [] { return k_now; },
            .directory =
                [] {
                  return std::make_shared<const decide::Directory>(serve::testing::directory());
                },
            .accounts = []() -> Result<std::vector<std::string>> {
              return std::vector<std::string>{"jiro@example.jp", k_taro};
            },
            .remember = [](const decide::Applied&) {},
            .tell = [this](std::string_view kind, const std::string& account, const Text&,
                           const std::string& occasion) -> Result<void> {
              told_.insert(fmt::format("{} {} {}", kind, account, occasion));
              return {};
            },
            .log = [](std::string_view) {},
        },
        std::move(settings), k_key, act::ReportMailboxSettings{});
  }
  ~Reports() override {
    service_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  static std::string bounce(const std::string& id, const std::string& recipient,
                            const std::string& head) {
    return fmt::format(
        "Return-Path: <>\nFrom: MAILER-DAEMON@far.example\nTo: {}\nMessage-ID: <{}>\n"
        "Subject: Undelivered Mail\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; far.example\n\n"
        "Final-Recipient: rfc822; {}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\n{}Date: Sun, 22 Nov 2026 11:00:00 +0900\n\n"
        "--b--\n",
        k_taro, id, recipient, head);
  }
  std::string stamp_of(const char* account) { return service_->stamp_for(account, k_now) + "\n"; }
  decide::ReturnedCounts counts(const std::string& account) {
    return *store_->counts(account, k_now - days(1), k_now + seconds(1));
  }
  std::vector<Event> deliveries() { return world_.journal.all<Delivery>(); }

  serve::testing::World world_;
  serve::SentIndex sent_;
  std::filesystem::path folder_;
  std::unique_ptr<store::ReturnedStore> store_;
  std::set<std::string> told_;
  std::unique_ptr<ReportService> service_;
};

constexpr const char* k_ours =
    "Received: from p by mx.example.jp (Postfix) with ESMTPSA id 4Q1; Sun, 22 Nov 2026\n";

TEST_F(Reports, ALateBounceOfADeliveredMailIsNewsAndNothingElseIs) {
  sent_.note("4Q1", "one@pc", k_taro, k_now - hours(1));
  sent_.note_delivery("4Q1", "reader@far.example", k_taro, k_now - hours(1));
  const std::string late = bounce("b1", "reader@far.example", k_ours);
  EXPECT_TRUE(service_->take(late));
  EXPECT_TRUE(service_->take(late)) << "read again";
  ASSERT_EQ(deliveries().size(), 1U);
  EXPECT_EQ(deliveries()[0].account, k_taro);
  const auto fate = std::get<Delivery>(deliveries()[0].body);
  EXPECT_EQ(fate.queue_id, "4Q1");
  EXPECT_EQ(fate.status, DeliveryStatus::bounced);
  EXPECT_EQ(fate.dsn, "5.1.1");
  // Fifty recipients whom nobody wrote to, by somebody who has the mail: counted, no evidence.
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(service_->take(bounce(fmt::format("c{}", i), fmt::format("x{}@far.example", i),
                                      stamp_of(k_taro) + k_ours)));
  }
  EXPECT_EQ(deliveries().size(), 1U);
  EXPECT_EQ(counts(k_taro).ours, 51U);
}

TEST_F(Reports, ForgedMailIsToldOnceAndNeverToWhomAComplaintIsOpen) {
  const std::string head = "Received: from z by evil.example id 9\nMessage-ID: <x@evil.example>\n";
  EXPECT_TRUE(service_->take(bounce("f1", "a@far.example", head)));
  EXPECT_TRUE(told_.empty());
  for (int i = 2; i < 6; ++i) {
    EXPECT_TRUE(service_->take(bounce(fmt::format("f{}", i), "a@far.example", head)));
  }
  EXPECT_EQ(told_, std::set<std::string>{"spoofed taro@example.jp 0"});
  EXPECT_EQ(counts(k_taro).forged, 5U);
  EXPECT_TRUE(deliveries().empty());
  EXPECT_EQ(store_->last(k_taro, k_now - days(1), 1)->front().first_hop, "evil.example");
}

TEST_F(Reports, AComplaintFollowsTheStampAndCountsOnce) {
  const auto complaint = [](const std::string& id, const std::string& head) {
    return fmt::format(
        "From: fbl@isp.example\nTo: reports@example.jp\nMessage-ID: <{}>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\nFrom: redacted@example.invalid\n{}\n--b--\n",
        id, head);
  };
  const std::string stamp = stamp_of("jiro@example.jp");
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(service_->take(complaint(fmt::format("m{}", i), stamp)));
  EXPECT_EQ(counts("jiro@example.jp").feedback, 1U);
  ASSERT_EQ(deliveries().size(), 1U);
  EXPECT_EQ(deliveries()[0].account, "jiro@example.jp");
  EXPECT_EQ(std::get<Delivery>(deliveries()[0].body).reply, "feedback report: abuse");
  EXPECT_FALSE(std::get<Delivery>(deliveries()[0].body).queue_id.empty());
  EXPECT_EQ(told_, std::set<std::string>{"complained jiro@example.jp 2026-11-22"});
  EXPECT_TRUE(service_->take(complaint("none", "")));
  EXPECT_EQ(service_->unassigned.get(), 1U);
}

TEST_F(Reports, WhoWantsNoStampGetsNoneAndTheMailboxNoCopyOfItself) {
  EXPECT_TRUE(service_->stamp_for(k_taro, k_now).starts_with("X-Sekimori-Account: "));
  EXPECT_EQ(service_->stamp_for("hanako@example.jp", k_now), "");
  EXPECT_EQ(service_->copy_of_bounce_to(k_taro), "reports@example.jp");
  EXPECT_EQ(service_->copy_of_bounce_to("reports@example.jp"), "");
  // Without headers there is no proof of anything.
  EXPECT_TRUE(service_->take(bounce("u1", "a@far.example", "")));
  EXPECT_EQ(counts(k_taro),
            (decide::ReturnedCounts{.ours = 0, .forged = 0, .unknown = 1, .feedback = 0}));
}

}  // namespace
}  // namespace sekimori::app
