// Nothing is held or stopped without a sentence: whatever the engine does to mail or to an account,
// in whatever history, is said in both languages.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "decide/engine.h"

namespace sekimori::decide {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Instant k_start{1'700'000'000'000'000};

void expect_sentence(const Text& text) {
  EXPECT_GE(text.ja.size(), 30U) << text.ja;
  EXPECT_GE(text.en.size(), 20U) << text.en;
  EXPECT_THAT(text.ja, EndsWith("。"));
  EXPECT_THAT(text.en, EndsWith("."));
  EXPECT_TRUE(std::ranges::all_of(text.en, [](char c) { return c > 0; })) << text.en;
  for (const char* wrong : {" 1 recipients", " 0 recipients", " 1 minutes", "..", ". .", "  "}) {
    EXPECT_THAT(" " + text.en, Not(HasSubstr(wrong)));
  }
}

// One account's random life: mail to friends, mail to strangers, travel, bounces, changed settings.
class Life {
 public:
  Life(EngineSettings settings, unsigned seed)
      : engine_(std::move(settings), nullptr, nullptr), random_(seed) {}

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      t_ = t_ + seconds(number(1, number(0, 3) == 0 ? 40'000 : 300));
      step();
    }
  }
  std::set<std::string> seen;  // kinds of what happened

 private:
  int number(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  IpAddress address() { return *IpAddress::parse(fmt::format("198.51.{}.7", number(0, 30))); }
  Place place() {
    static constexpr const char* countries[] = {"JP", "BR", "VN", "QQ"};
    Place p;
    if (number(0, 4) > 0) {
      const char* country = countries[number(0, 3)];
      p = {{country[0], country[1]}, static_cast<std::uint32_t>(number(0, 9)), number(0, 9) == 0};
    }
    return p;
  }
  void step() {
    Event event;
    event.t = t_;
    event.account = fmt::format("user{}@example.jp", number(0, 2));
    switch (number(0, 11)) {
      case 0: {
        Login login;
        login.ip = address();
        login.place = place();
        event.body = login;
        break;
      }
      case 1: {
        SettingsChange change;
        change.what = static_cast<SettingKind>(number(0, 5));
        event.body = change;
        break;
      }
      case 2: {
        Delivery bounced;
        bounced.queue_id = fmt::format("Q{}", std::max(0, mails_ - number(1, 5)));
        bounced.to = "nobody@far.example";
        bounced.status = DeliveryStatus::bounced;
        bounced.dsn = "5.1.1";
        event.body = bounced;
        break;
      }
      case 3: {
        StandingSet back;
        back.to = number(0, 1) == 0 ? Standing::normal : Standing::probation;
        back.by = "operator";
        event.body = back;
        break;
      }
      default: event.body = mail(); break;
    }
    engine_.apply(event, applied_);
    check();
    for (const auto& hold : engine_.due_holds(t_)) {
      engine_.hold_ended(hold.account, t_, hold.queue_id, "time", true, applied_);
    }
  }
  Submission mail() {
    Submission mail;
    mail.queue_id = fmt::format("Q{}", mails_++);
    mail.size = static_cast<std::uint64_t>(number(500, 90'000));
    if (number(0, 2) > 0) mail.message_id = number(0, 5) == 0 ? "" : "<x@y>";
    if (number(0, 2) > 0) mail.from = "someone@example.jp";
    if (number(0, 2) > 0) {
      mail.ip = address();
      mail.place = place();
    }
    const int recipients = number(0, 4) == 0 ? number(1, 60) : number(1, 3);
    for (int i = 0; i < recipients; ++i) {
      mail.to.push_back(number(0, 2) == 0 ? fmt::format("s{}-{}@far.example", mails_, i)
                                          : fmt::format("friend{}@near.example", number(0, 40)));
    }
    return mail;
  }
  void check() {
    for (const auto& hold : applied_.holds) {
      if (hold.state != HoldState::held) continue;
      expect_sentence(hold.reason);
      if (hold.log_r > 4) {
        EXPECT_NE(hold.evidence, "");
      }
      EXPECT_LT(hold.evidence.size(), 300U);  // the store keeps 512
      seen.insert(hold.kind == HoldKind::timed ? "timed" : "asked");
      if (hold.reason.en.find("limit of") != std::string::npos) seen.insert("limit");
    }
    for (const auto& incident : applied_.incidents) {
      expect_sentence(incident.summary);
      expect_evidence(incident);
      seen.insert("incident");
    }
    for (const auto& news : applied_.standings) {
      expect_sentence(news.change.record.reason);
      ASSERT_TRUE(news.change.open_incident.has_value());
      expect_sentence(news.change.open_incident->summary);
      expect_evidence(*news.change.open_incident);
      seen.insert(std::string(to_string(news.change.record.standing)) +
                  (news.mode == Mode::observe ? " observed" : ""));
      if (news.change.record.reason.en.find("wait for a person") != std::string::npos) {
        seen.insert("pile");
      }
    }
  }
  static void expect_evidence(const Incident& incident) {
    for (const auto& line : incident.evidence) {
      EXPECT_FALSE(line.channel.empty());
      EXPECT_THAT(line.text.ja, EndsWith("。"));
      EXPECT_THAT(line.text.en, EndsWith("."));
      EXPECT_GE(line.nats, 0.3);
    }
  }

  Engine engine_;
  std::mt19937 random_;
  Instant t_ = k_start;
  int mails_ = 0;
  Applied applied_;
};

TEST(EngineWords, NothingIsDoneWithoutASentence) {
  std::set<std::string> seen;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    EngineSettings settings;
    settings.mode = seed % 5 == 0 ? Mode::observe : Mode::enforce;
    // Lines from usual to jumpy, so that everything happens.
    settings.restrict_log_r = seed % 3 == 0 ? 9.21 : 6;
    settings.suspend_log_r = settings.restrict_log_r + 1;
    settings.suspend_channel_nats = 0.8;
    settings.detect.restrict_log_r = settings.restrict_log_r;
    settings.detect.hold_log_r = seed % 2 == 0 ? 6 : 3;
    settings.detect.ask_log_r = settings.detect.hold_log_r + 2.5;
    settings.hold_pile = seed % 4 == 0 ? 3 : 250;
    settings.limits.new_recipients_per_day = seed % 4 == 1 ? 8 : 0;
    Life life(settings, seed);
    life.live(600);
    seen.merge(life.seen);
  }
  // The histories were not too tame to mean anything.
  for (const char* kind : {"timed", "asked", "limit", "incident", "restricted", "suspended",
                           "restricted observed", "pile"}) {
    EXPECT_TRUE(seen.contains(kind)) << kind;
  }
}

}  // namespace
}  // namespace sekimori::decide
