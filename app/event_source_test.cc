// Where events come from: files, folders of journals, bad lines, times.
#include "app/event_source.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "store/journal.h"
#include "store/temporary_directory_test.h"

namespace sekimori::app {
namespace {

using ::testing::HasSubstr;

class Folder : public store::TemporaryDirectory {
 public:
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }
};

Event received(std::int64_t second) {
  Event event;
  event.t = Instant{} + seconds(1'700'000'000 + second);
  event.account = "a@b.example";
  event.body = Received{"x@far.example"};
  return event;
}

std::uint64_t read_all(const EventSource& source, EventReading& reading) {
  std::uint64_t seen = 0;
  const auto done = source.each([&](const Event&) {
    ++seen;
    return true;
  });
  EXPECT_TRUE(done.has_value());
  if (done) reading = *done;
  return seen;
}

TEST(EventSource, ReadsFilesInTheirOrderAndNamesBadLines) {
  const Folder folder;
  const auto line = R"({"t":1700000000,"kind":"received","account":"a@b.example","from":"x@y"})";
  const auto first = folder.write("1.ndjson", fmt::format("{}\nnonsense\n\n{}\n", line, line));
  const auto second = folder.write("2.ndjson", fmt::format("{}\n", line));
  const auto source = EventSource::open({first, second}, Language::en);
  ASSERT_TRUE(source.has_value());
  EventReading reading;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(read_all(*source, reading), 3U);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("1.ndjson:2: "));
  EXPECT_EQ(reading.events, 3U);
  EXPECT_EQ(reading.skipped, 1U);
}

TEST(EventSource, ManyBadLinesAreCountedAndNotAllTold) {
  const Folder folder;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "nonsense\n";
  const auto source = EventSource::open({folder.write("bad", text)}, Language::ja);
  ASSERT_TRUE(source.has_value());
  EventReading reading;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(read_all(*source, reading), 0U);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(said, '\n')),
            EventSource::k_problems_told + 1);
  EXPECT_EQ(reading.skipped, 200U);
}

TEST(EventSource, ReadsAJournalBesideItsWriter) {
  const Folder folder;
  std::filesystem::create_directories(folder / "state");
  auto journal =
      store::Journal::open({.directory = folder / "state/journal", .segment_bytes = 4096});
  ASSERT_TRUE(journal.has_value()) << journal.error().text;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*journal)->append(received(i)).has_value());
  for (const char* name : {"state/journal", "state"}) {
    const auto source = EventSource::open({folder / name}, Language::en);
    ASSERT_TRUE(source.has_value()) << source.error().text;
    EventReading reading;
    EXPECT_EQ(read_all(*source, reading), 100U);
    EXPECT_EQ(reading.skipped, 0U);
  }
  EXPECT_GT((*journal)->counters().segments, 1U);
}

TEST(EventSource, AFolderWithoutAJournalSaysWhatToDo) {
  const Folder folder;
  std::filesystem::create_directories(folder / "empty");
  const auto empty = EventSource::open({folder / "empty"}, Language::en);
  ASSERT_FALSE(empty.has_value());
  EXPECT_THAT(empty.error().text, HasSubstr("journal.directory"));
  const auto none = EventSource::open({folder / "none"}, Language::en);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().kind, ErrorKind::not_found);
}

TEST(Moments, AreDatesTimesAndAges) {
  const Instant now = Instant{} + seconds(1'763'800'000);
  EXPECT_EQ(parse_moment("7d", now), now - days(7));
  EXPECT_EQ(parse_moment("24h", now), now - hours(24));
  EXPECT_EQ(parse_moment("90m", now), now - minutes(90));
  EXPECT_EQ(format_instant(*parse_moment("2026-11-01T09:30:00+09:00", now)),
            "2026-11-01T00:30:00Z");
  const auto day = parse_moment("2026-11-01", now);
  const auto hour = parse_moment("2026-11-01 09:30", now);
  ASSERT_TRUE(day && hour);
  EXPECT_EQ(*hour - *day, minutes(570));
  for (const char* wrong :
       {"", "7", "d", "7x", "-1d", "99999999h", "yesterday", "2026-11", "1d "}) {
    EXPECT_FALSE(parse_moment(wrong, now).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace sekimori::app
