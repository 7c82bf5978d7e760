// A comparison is the daemon's own arithmetic twice: the same configuration comes to what was
// decided, nobody is lost between the columns, and a laxer one lets more through.
#include "app/compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>

#include "app/compare_report.h"
#include "app/engine_settings.h"
#include "app/replay.h"
#include "detect/epoch.h"
#include "store/journal.h"
#include "store/temporary_directory_test.h"
#include "wire/event_json.h"

namespace sekimori::app {
namespace {

using ::testing::HasSubstr;

constexpr Instant k_start{1'750'000'000'000'000};

decide::EngineSettings settings(config::Settings from = {}) {
  from.server.mode = config::Mode::enforce;
  return engine_settings(from, HashKey{});
}
config::Settings lax() {
  config::Settings out;
  out.detect.hold_line = 20;
  out.detect.restrict_line = 30;
  out.detect.suspend_line = 40;
  out.detect.hold_new_recipients = 0;
  out.limits.new_recipients_per_day = 0;
  return out;
}

Event mail(Instant t, const std::string& account, std::vector<std::string> to, std::string ip) {
  static std::uint64_t number = 0;
  Event event;
  event.t = t;
  event.host = "mx";
  event.account = account;
  event.id = fmt::format("e{}", ++number);
  Submission s;
  s.ip = *IpAddress::parse(ip);
  s.from = account;
  s.to = std::move(to);
  s.size = 4000 + number % 977;
  s.queue_id = fmt::format("4Q{:08}", number);
  s.message_id = fmt::format("<{}@pc>", number);
  event.body = std::move(s);
  return event;
}

// Forty days of three owners; on the last day somebody signs in as taro from Brazil and sprays.
std::vector<Event> a_period() {
  std::vector<Event> out;
  std::mt19937 random(5);
  for (int day = 0; day < 40; ++day) {
    for (const char* name : {"taro", "hanako", "jiro"}) {
      for (int i = 0; i < 4; ++i) {
        out.push_back(mail(k_start + days(day) + hours(2 * i) +
                               seconds(static_cast<std::int64_t>(random() % 3600)),
                           fmt::format("{}@example.jp", name),
                           {fmt::format("friend{}@partner.example", random() % 9)}, "192.0.2.10"));
      }
    }
  }
  Event login;
  login.t = k_start + days(39) + hours(12);
  login.account = "taro@example.jp";
  Login in;
  in.ip = *IpAddress::parse("198.51.100.70");
  in.place.country[0] = 'B';
  in.place.country[1] = 'R';
  login.body = in;
  out.push_back(login);
  for (int i = 0; i < 60; ++i) {
    out.push_back(
        mail(login.t + seconds(20 * (i + 1)), "taro@example.jp",
             {fmt::format("s{}@far.example", 2 * i), fmt::format("s{}@far.example", 2 * i + 1)},
             "198.51.100.70"));
  }
  std::ranges::stable_sort(out, {}, &Event::t);
  return out;
}

std::string file_of(const store::TemporaryDirectory& folder, const std::vector<Event>& events) {
  std::string text;
  for (const Event& event : events) {
    wire::append_event(text, event);
    if (!text.ends_with('\n')) text += '\n';
  }
  std::ofstream(folder / "events.ndjson") << text;
  return folder / "events.ndjson";
}

// What the daemon does with them, its journal included. Timed holds end as the daemon's timer would
// end them.
std::string journal_of(const store::TemporaryDirectory& folder, const std::vector<Event>& events) {
  auto journal =
      store::Journal::open({.directory = folder / "journal", .segment_bytes = 64UL * 1024});
  EXPECT_TRUE(journal.has_value());
  decide::Engine engine(settings(), journal->get(), detect::shipped_priors());
  decide::Applied applied;
  Instant epoch = events.front().t + detect::k_epoch;
  for (const Event& event : events) {
    while (epoch <= event.t) {
      engine.next_epoch(epoch);
      epoch = epoch + detect::k_epoch;
      if (epoch + detect::k_epoch < event.t) epoch = event.t;
    }
    for (const auto& hold : engine.due_holds(event.t)) {
      engine.hold_ended(hold.account, hold.release_at, hold.queue_id, "time", true, applied);
    }
    engine.apply(event, applied);
  }
  return folder / "journal";
}

CompareOptions options(std::string events, decide::EngineSettings b) {
  CompareOptions out;
  out.events = {std::move(events)};
  out.a = settings();
  out.b = std::move(b);
  return out;
}
// Lets everything pass.
decide::EngineSettings deaf() {
  auto out = settings(lax());
  out.restrict_log_r = out.detect.hold_log_r = out.detect.ask_log_r = 1000;
  return out;
}

std::uint64_t recipients_of(const std::vector<Event>& events) {
  std::uint64_t sum = 0;
  for (const Event& event : events) {
    if (const auto* mail = std::get_if<Submission>(&event.body)) sum += mail->to.size();
  }
  return sum;
}
std::uint64_t everybody(const Outcome& o) { return o.reached + o.refused + o.deleted + o.waiting; }

TEST(Compare, ALaxerConfigurationReachesMorePeopleAndNobodyIsLost) {
  const store::TemporaryDirectory folder;
  const auto events = a_period();
  const auto c = compare(options(file_of(folder, events), deaf()));
  ASSERT_TRUE(c.has_value()) << c.error().text;
  EXPECT_EQ(everybody(c->a), recipients_of(events));
  EXPECT_EQ(everybody(c->b), recipients_of(events));
  EXPECT_EQ(c->a.messages, c->b.messages);
  EXPECT_FALSE(c->recorded);
  EXPECT_EQ(c->accounts, 3U);
  ASSERT_EQ(c->differing.size(), 1U);
  const AccountOutcome& taro = c->differing.front();
  EXPECT_EQ(taro.account, "taro@example.jp");
  EXPECT_TRUE(taro.a.contained());
  EXPECT_FALSE(taro.b.contained());
  EXPECT_LT(taro.a.reached, 165U);
  EXPECT_EQ(taro.b.reached, 160U + 120U);
  EXPECT_EQ(c->restricted_a, 1U);
  EXPECT_EQ(c->restricted_b, 0U);
}

TEST(Compare, OneConfigurationTwiceMakesNoDifference) {
  const store::TemporaryDirectory folder;
  const auto c = compare(options(file_of(folder, a_period()), settings()));
  ASSERT_TRUE(c.has_value());
  EXPECT_TRUE(c->differing.empty());
  EXPECT_EQ(c->a, c->b);
}

TEST(Compare, AJournalsOwnConfigurationDecidesAgainWhatWasDecided) {
  const store::TemporaryDirectory folder;
  const auto events = a_period();
  const auto c = compare(options(journal_of(folder, events), deaf()));
  ASSERT_TRUE(c.has_value()) << c.error().text;
  EXPECT_TRUE(c->recorded);
  EXPECT_EQ(c->a.held, c->then.held);
  EXPECT_EQ(c->a.reached, c->then.reached);
  EXPECT_EQ(c->a.waiting, c->then.waiting);
  EXPECT_EQ(c->a.first_held, c->then.first_held);
  EXPECT_EQ(c->a.restricted, c->then.restricted);
  EXPECT_EQ(c->a.suspended, c->then.suspended);
  EXPECT_TRUE(c->a.contained());
  EXPECT_GT(c->b.reached, c->a.reached);
}

TEST(Compare, APeriodBeginsWithWhatWasKnownThen) {
  const store::TemporaryDirectory folder;
  const auto events = a_period();
  auto asked = options(journal_of(folder, events), settings());
  asked.from = k_start + days(39);
  const auto late = compare(asked);
  ASSERT_TRUE(late.has_value()) << late.error().text;
  EXPECT_GE(late->first, asked.from);
  EXPECT_LT(late->events, 200U);
  EXPECT_EQ(late->a.restricted, late->then.restricted);
  EXPECT_EQ(late->a.held, late->then.held);
  // Before the attack nothing happened; the attack itself lies behind the end.
  asked.until = k_start + days(39) + hours(11);
  const auto quiet = compare(asked);
  ASSERT_TRUE(quiet.has_value());
  EXPECT_EQ(quiet->a.held, 0U);
  EXPECT_FALSE(quiet->a.contained());
  asked.from = k_start + days(400);
  asked.until = {};
  const auto none = compare(asked);
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().text, HasSubstr("--from"));
}

TEST(Compare, APersonsWordCountsWhereItsMessageIsHeld) {
  const store::TemporaryDirectory folder;
  std::vector<Event> events;
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i) many.push_back(fmt::format("c{}@far.example", i));
  events.push_back(mail(k_start, "a@example.jp", many, "192.0.2.1"));
  Event word;
  word.t = k_start + minutes(90);
  word.account = "a@example.jp";
  word.body = HoldEnded{std::get<Submission>(events[0].body).queue_id, 30, "operator", false};
  events.push_back(word);
  const auto c = compare(options(file_of(folder, events), deaf()));
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->a.held, 1U);
  EXPECT_EQ(c->a.asked, 1U);
  EXPECT_EQ(c->a.deleted, 30U);
  EXPECT_EQ(c->a.reached, 0U);
  EXPECT_EQ(c->b.reached, 30U);
  EXPECT_EQ(c->b.deleted, 0U);
}

TEST(Compare, ObservingStopsNothingAndCountsAll) {
  const store::TemporaryDirectory folder;
  const auto events = a_period();
  auto watching = options(file_of(folder, events), deaf());
  watching.a.mode = watching.b.mode = decide::Mode::observe;
  const auto c = compare(watching);
  ASSERT_TRUE(c.has_value());
  EXPECT_EQ(c->a.reached, recipients_of(events));
  EXPECT_EQ(c->b.reached, recipients_of(events));
  EXPECT_TRUE(c->a.contained());
  EXPECT_GT(c->a.held, 0U);
}

TEST(Replay, TheOwnersWayBackIsFollowedOnlyWhereTheAccountWasStopped) {
  const store::TemporaryDirectory folder;
  auto events = a_period();
  const Instant end = events.back().t;
  for (const Standing to : {Standing::recovering, Standing::probation, Standing::normal}) {
    for (const char* name : {"taro", "jiro"}) {
      Event back;
      back.t = end + hours(1) + minutes(static_cast<std::int64_t>(to));
      back.account = fmt::format("{}@example.jp", name);
      back.body = StandingSet{to, "machine", "", 7};
      events.push_back(back);
    }
  }
  for (const char* name : {"taro", "jiro"}) {
    events.push_back(mail(end + hours(30), fmt::format("{}@example.jp", name),
                          {"friend1@partner.example"}, "192.0.2.10"));
  }
  const auto decisions = folder / "decisions.ndjson";
  ReplayOptions replaying;
  replaying.events = {file_of(folder, events)};
  replaying.decisions = decisions;
  replaying.settings = settings();
  ::testing::internal::CaptureStdout();
  const auto done = replay(replaying);
  ::testing::internal::GetCapturedStdout();
  ASSERT_TRUE(done.has_value());
  std::ifstream file(decisions);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  ASSERT_GE(lines.size(), 3U);
  for (std::size_t i = lines.size() - 3; i + 1 < lines.size(); ++i) {
    EXPECT_THAT(lines[i], HasSubstr(R"("accepted":1)"));
  }
}

TEST(CompareReport, NamesWhatDiffersInBothLanguages) {
  const store::TemporaryDirectory folder;
  CompareReport report;
  report.name_b = "/etc/sekimori/lax.toml";
  report.mode = "enforce";
  report.settings = setting_differences({}, lax());
  auto c = compare(options(file_of(folder, a_period()), deaf()));
  ASSERT_TRUE(c.has_value());
  report.comparison = std::move(*c);
  Invocation given;
  given.language = Language::en;
  const std::string en = compare_text(given, report);
  EXPECT_THAT(en, HasSubstr("the defaults"));
  EXPECT_THAT(en, HasSubstr("detect.restrict_line"));
  EXPECT_THAT(en, HasSubstr("taro@example.jp"));
  EXPECT_THAT(en, HasSubstr("more"));
  given.language = Language::ja;
  const std::string ja = compare_text(given, report);
  EXPECT_THAT(ja, HasSubstr("増えます"));
  EXPECT_THAT(ja, HasSubstr("結果の異なるアカウント: 1"));

  const auto json = compare_json(report);
  for (const char* key :
       {"from", "until", "mode", "events", "events_read", "lines_skipped", "accounts", "a", "b",
        "recorded", "settings", "accounts_differing", "differing", "seconds"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_TRUE(json.at("recorded").is_null());
  EXPECT_EQ(json.at("differing").as_array().size(), 1U);
}

TEST(SettingDifferences, TellWhatAReplayLooksAt) {
  config::Settings other;
  other.detect.hold_line = 7;
  other.limits.recipients_per_day = 100;
  other.policy.listen = {"127.0.0.1:9"};
  const auto found = setting_differences({}, other);
  ASSERT_EQ(found.size(), 3U);
  for (const auto& setting : found) {
    EXPECT_EQ(setting.judging, setting.name != "policy.listen") << setting.name;
    EXPECT_NE(setting.a, setting.b);
  }
}

}  // namespace
}  // namespace sekimori::app
