// What these prove: passing over lines by their bytes changes no report, and a report over a
// journal of many others' events is what the account's own events say.
#include "app/damage_maker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "store/journal.h"
#include "wire/event_json.h"

namespace sekimori::app {
namespace {

const Instant k_onset{1'790'000'000'000'000};

Event event(Instant t, const std::string& account, EventBody body) {
  Event out;
  out.t = t;
  out.account = account;
  out.body = std::move(body);
  return out;
}

Submission mail(const char* ip, const std::string& id) {
  Submission out;
  out.ip = IpAddress::parse(ip).value();
  out.to = {"a" + id + "@far.example"};
  out.size = 100;
  out.queue_id = id;
  return out;
}

std::string line_of(const Event& one) {
  std::string out;
  wire::append_event(out, one);
  return out;
}

TEST(DamageLines, KnowFromBytesWhatIsOfUse) {
  const DamageLines lines("taro@example.jp", k_onset);
  const auto wanted = [&](Instant t, const char* account, EventBody body) {
    return lines.wanted(line_of(event(t, account, std::move(body))));
  };
  EXPECT_TRUE(wanted(k_onset - days(20), "taro@example.jp", Received{"x@y.example"}));
  EXPECT_FALSE(wanted(k_onset - days(20), "hanako@example.jp", mail("192.0.2.1", "Q1")));
  EXPECT_TRUE(wanted(k_onset, "hanako@example.jp", mail("192.0.2.1", "Q1")));
  EXPECT_TRUE(wanted(k_onset + seconds(1), "hanako@example.jp", Delivery{}));
  EXPECT_FALSE(wanted(k_onset + seconds(1), "hanako@example.jp", Received{"x@y.example"}));
  EXPECT_FALSE(wanted(k_onset + seconds(1), "hanako@example.jp", Login{}));
  // What looks like no line of ours is left to the parser.
  EXPECT_TRUE(lines.wanted("{}"));
  EXPECT_TRUE(lines.wanted(""));
}

TEST(DamageMaker, ReadsItFromAJournal) {
  std::string folder = std::filesystem::temp_directory_path() / "sekimori-damage-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string journal_folder = folder + "/journal";
  {
    auto journal = store::Journal::open({.directory = journal_folder, .segment_bytes = 1 << 20});
    ASSERT_TRUE(journal) << journal.error().text;
    const auto add = [&](const Event& one) { ASSERT_TRUE((*journal)->append(one)); };
    Login login;
    login.ip = IpAddress::parse("192.0.2.10").value();
    add(event(k_onset - days(3), "taro@example.jp", login));
    for (int i = 0; i < 30'000; ++i) {
      const std::string who = "n" + std::to_string(i % 50) + "@example.jp";
      const std::string id = "N" + std::to_string(i);
      const Instant t = k_onset - hours(30) + seconds(i * 4);
      add(event(t, who, mail("192.0.2.20", id)));
      if (i % 100 == 0) add(event(t, "taro@example.jp", mail("203.0.113.9", "T" + id)));
    }
  }
  auto state = store::SqlStateStore::open({.url = "sqlite://" + folder + "/s.db", .busy_ms = 100});
  ASSERT_TRUE(state) << state.error().text;
  decide::Incident incident;
  incident.id = 5;
  incident.subject = {decide::SubjectKind::account, "taro@example.jp"};
  incident.opened = incident.onset = k_onset;
  const auto report = make_damage_report(journal_folder, **state, incident, k_onset + hours(2));
  ASSERT_TRUE(report) << report.error().text;
  // One in a hundred, one every 400 s; the 30 h before the onset are 270 of them, by which the
  // stranger's place was known: the onset is what counts.
  EXPECT_EQ(report->own_messages + report->messages, 19U);
  EXPECT_FALSE(report->told_apart);
  EXPECT_EQ(report->neighbours, 50U);
  EXPECT_EQ(report->others.messages, 1801U);
  incident.onset = {};
  incident.opened = k_onset;
  const auto unknown = make_damage_report(journal_folder, **state, incident, k_onset + hours(2));
  ASSERT_TRUE(unknown);
  EXPECT_FALSE(unknown->onset_known);
  EXPECT_EQ(unknown->onset, k_onset - hours(24));
  incident.subject = {decide::SubjectKind::domain, "example.jp"};
  EXPECT_EQ(make_damage_report(journal_folder, **state, incident, k_onset).error().kind,
            ErrorKind::bad_input);
  std::filesystem::remove_all(folder);
}

std::uint64_t resident_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kb = 0;
    if (word == "VmRSS:" && status >> kb) return kb;
  }
  return 0;
}

// SEKIMORI_SLOW=1: three million events, as a hundred thousand mailboxes make in some days.
TEST(DamageMaker, ReadsMillionsInBoundedMemory) {
  const char* slow = std::getenv("SEKIMORI_SLOW");
  const int events = slow != nullptr && *slow == '1' ? 3'000'000 : 60'000;
  std::string folder = std::filesystem::temp_directory_path() / "sekimori-damage-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    auto journal = store::Journal::open({.directory = folder + "/journal"});
    ASSERT_TRUE(journal) << journal.error().text;
    Login login;
    login.ip = IpAddress::parse("192.0.2.10").value();
    ASSERT_TRUE((*journal)->append(event(k_onset - days(3), "taro@example.jp", login)));
    // Over two days around the onset: two of three are others' mail and its delivery.
    for (int i = 0; i < events; ++i) {
      const Instant t = k_onset - hours(36) + Duration{hours(48).us / events * i};
      const std::string id = "N" + std::to_string(i / 3);
      if (i % 1000 == 0) {
        ASSERT_TRUE((*journal)->append(event(t, "taro@example.jp", mail("203.0.113.9", "T" + id))));
        continue;
      }
      const std::string who = "n" + std::to_string(i / 3 % 100'000) + "@example.jp";
      EventBody body = login;
      if (i % 3 == 1) body = mail("192.0.2.20", id);
      if (i % 3 == 2)
        body = Delivery{id, "a" + id + "@far.example", DeliveryStatus::sent, "2.0.0", ""};
      ASSERT_TRUE((*journal)->append(event(t, who, std::move(body))));
    }
  }
  auto state = store::SqlStateStore::open({.url = "sqlite://" + folder + "/s.db", .busy_ms = 100});
  ASSERT_TRUE(state) << state.error().text;
  decide::Incident incident;
  incident.id = 5;
  incident.subject = {decide::SubjectKind::account, "taro@example.jp"};
  incident.opened = incident.onset = k_onset;
  const std::uint64_t before = resident_kb();
  const auto began = std::chrono::steady_clock::now();
  const auto report = make_damage_report(folder + "/journal", **state, incident, k_onset + days(1));
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  ASSERT_TRUE(report) << report.error().text;
  const std::uint64_t grown = resident_kb() - std::min(before, resident_kb());
  std::printf("%d events in %.2f s (%.0f a second), memory +%llu MB\n", events, took, events / took,
              static_cast<unsigned long long>(grown / 1024));
  EXPECT_GT(report->others.messages, static_cast<std::uint64_t>(events) / 20);
  EXPECT_LT(grown, 300U * 1024);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sekimori::app
