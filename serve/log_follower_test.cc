// What these prove, with real files: no line is lost and none is given twice, through every portion
// of writing, rotation by rename, copytruncate, truncation, a missing file, and restarts at any
// moment.
#include "serve/log_follower.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace sekimori::serve {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "sekimori-log-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path;
};

void append(const fs::path& file, std::string_view text) {
  std::ofstream(file, std::ios::app | std::ios::binary) << text;
}

// One life of a follower over `log`, with what it gave and kept.
struct Life {
  Life(const fs::path& log, LogPosition position = {}, bool from_start = true)
      : follower(
            {log.string(), position, from_start}, metrics,
            [this](std::string_view line, std::string_view id) {
              const std::lock_guard lock(mutex);
              lines.emplace_back(line);
              ++ids[std::string(id)];
            },
            [this](const LogPosition& p) { kept = p; }),
        kept(position) {}
  void read_all() {
    while (follower.read_some()) {
    }
  }
  std::mutex mutex;
  std::vector<std::string> lines;
  std::map<std::string, int> ids;
  ServerMetrics metrics;
  LogFollower follower;
  LogPosition kept;
};

TEST(LogFollower, WaitsForAMissingFileAndForTheEndOfALine) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  Life life(log);
  life.read_all();
  append(log, "on");
  life.read_all();
  EXPECT_TRUE(life.lines.empty());
  append(log, "e\ntwo\nthr");
  life.read_all();
  append(log, "ee\r\n");
  life.read_all();
  EXPECT_THAT(life.lines, ElementsAre("one", "two", "three"));
}

TEST(LogFollower, StartsAtTheEndUnlessAskedOtherwise) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "old\nhalf of a");
  Life life(log, {}, false);
  life.read_all();
  append(log, " new line\nnew\n");
  life.read_all();
  EXPECT_THAT(life.lines, ElementsAre("half of a new line", "new"));
}

TEST(LogFollower, GoesThroughARotationWithTheWritersLastLines) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "1\n2\n");
  Life life(log);
  life.read_all();
  fs::rename(log, d.path / "mail.log.1");
  life.read_all();
  append(d.path / "mail.log.1", "3\n");  // the writer was not told yet
  append(log, "");
  life.read_all();
  append(d.path / "mail.log.1", "4\n");
  append(log, "5\n");
  life.read_all();
  append(log, "6\n");
  life.read_all();
  EXPECT_THAT(life.lines, ElementsAre("1", "2", "3", "4", "5", "6"));
  EXPECT_EQ(life.metrics.log_rotations.get(), 1U);
}

TEST(LogFollower, GoesThroughCopyTruncateEvenWhenTheFileGrewBack) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "a1\na2\n");
  Life life(log);
  life.read_all();
  append(log, "a3\n");  // written after our read, before the truncation
  fs::copy_file(log, d.path / "mail.log.1");
  fs::resize_file(log, 0);
  append(log, "b1 which is longer than all there was\n");
  life.read_all();
  EXPECT_THAT(life.lines, ElementsAre("a1", "a2", "a3", "b1 which is longer than all there was"));
  fs::resize_file(log, 0);  // truncated without a copy: what was not read is gone, nothing repeats
  append(log, "c\n");
  life.read_all();
  EXPECT_EQ(life.lines.back(), "c");
  EXPECT_EQ(life.lines.size(), 5U);
}

TEST(LogFollower, FindsItsPlaceAgainAfterRotationsWhileItWasDown) {
  for (const bool copied : {false, true}) {
    const Folder d;
    const fs::path log = d.path / "mail.log";
    append(log, "1\n2\n");
    Life first(log);
    first.read_all();
    append(log, "3\n");
    if (copied) {
      fs::copy_file(log, d.path / "mail.log-20260101");
      fs::resize_file(log, 0);
    } else {
      fs::rename(log, d.path / "mail.log-20260101");
    }
    append(log, "4\n");
    Life second(log, first.kept);
    second.read_all();
    EXPECT_THAT(second.lines, ElementsAre("3", "4"));
  }
}

TEST(LogFollower, KilledAtAnyMomentItRepeatsOnlyKnownIds) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  std::mt19937 random(11);
  std::map<std::string, int> ids;
  std::map<std::string, int> lines;
  LogPosition kept;
  int written = 0;
  int rotations = 0;
  for (int life_number = 0; life_number < 60; ++life_number) {
    Life life(log, kept);
    for (int i = 0; i < 10; ++i) {
      std::string text;
      for (unsigned n = random() % 20; n > 0; --n) text += fmt::format("line {}\n", ++written);
      append(log, text);
      if (random() % 8 == 0) fs::rename(log, d.path / fmt::format("mail.log.{}", ++rotations));
      life.follower.read_some(random() % 200 + 1);
      // What the last life kept may be older than what it read: kill -9 between the two.
      if (random() % 2 == 0) kept = life.kept;
    }
    for (const auto& [id, n] : life.ids) {
      EXPECT_EQ(n, 1) << id << " twice within one life";
      ids[id] = 1;
    }
    for (const std::string& line : life.lines) lines[line] = 1;
  }
  append(log, "last\n");
  Life life(log, kept);
  life.read_all();
  for (const auto& [id, n] : life.ids) ids[id] = n;
  for (const std::string& line : life.lines) lines[line] = 1;
  // Each id stands for one line, and each line came under one id. A file that was rotated away
  // while another rotated one was still unread may be skipped: never more than those.
  EXPECT_EQ(ids.size(), lines.size());
  EXPECT_GT(lines.size(), static_cast<std::size_t>(written) / 2);
}

TEST(LogFollower, SkipsALineThatIsTooLong) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "first\n" + std::string(200'000, 'x'));
  Life life(log);
  life.read_all();
  append(log, std::string(50'000, 'y') + "\nlast\n");
  life.read_all();
  EXPECT_THAT(life.lines, ElementsAre("first", "last"));
  EXPECT_EQ(life.metrics.log_lines_too_long.get(), 1U);
}

TEST(LogFollower, AThrowingReaderDoesNotEndIt) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "1\n2\n3\n");
  ServerMetrics metrics;
  int given = 0;
  LogFollower follower({log.string(), {}, true}, metrics,
                       [&](std::string_view, std::string_view) {
                         if (++given == 2) throw std::runtime_error("no");
                       },
                       {});
  follower.read_some();
  EXPECT_EQ(given, 3);
}

TEST(LogFollower, ItsThreadSeesWritesAndRotationsAsTheyHappen) {
  const Folder d;
  const fs::path log = d.path / "mail.log";
  append(log, "0\n");
  Life life(log);
  life.follower.start();
  const auto has = [&](std::size_t n) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
      {
        const std::lock_guard lock(life.mutex);
        if (life.lines.size() == n) return true;
      }
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // why: between polls
    }
  };
  ASSERT_TRUE(has(1));
  std::size_t n = 1;
  for (int rotation = 0; rotation < 5; ++rotation) {
    for (int i = 0; i < 20; ++i) append(log, fmt::format("{}\n", n++));
    ASSERT_TRUE(has(n));
    fs::rename(log, d.path / fmt::format("mail.log.{}", rotation));
  }
  append(log, fmt::format("{}\n", n++));
  EXPECT_TRUE(has(n));
  life.follower.stop();
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(life.lines[i], std::to_string(i));
}

TEST(LogPosition, SurvivesItsFile) {
  const Folder d;
  const std::string file = (d.path / "position").string();
  EXPECT_EQ(load_log_position(file), LogPosition{});
  const LogPosition position{0xabcdef0123456789ULL, 1'234'567'890'123ULL};
  ASSERT_TRUE(save_log_position(file, position));
  EXPECT_EQ(load_log_position(file), position);
  append(file, "x");
  EXPECT_FALSE(load_log_position(file));
  EXPECT_FALSE(save_log_position("/nonexistent/position", position));
}

}  // namespace
}  // namespace sekimori::serve
