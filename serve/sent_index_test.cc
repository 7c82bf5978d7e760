// What was sent is known by its ids and its account, for its time and over a restart.
#include "serve/sent_index.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sekimori::serve {
namespace {

const Instant k_now = *parse_instant("2026-11-22T00:00:00Z");

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sentXXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

TEST(SentIndex, KnowsWhoseAndForgetsInTime) {
  SentIndex index({.path = "", .key = {1}, .max_entries = 100, .keep = days(2)});
  EXPECT_FALSE(index.since(k_now).is_set());
  index.note("4Q1", "one@pc", "a@x.example", k_now);
  EXPECT_TRUE(index.knows_message_id("one@pc", "a@x.example"));
  EXPECT_TRUE(index.knows_queue_id("4Q1", ""));
  EXPECT_FALSE(index.knows_message_id("one@pc", "b@x.example")) << "another's mail is no proof";
  EXPECT_FALSE(index.knows_message_id("4Q1", ""));
  EXPECT_FALSE(index.knows_message_id("", ""));
  EXPECT_EQ(index.since(k_now + days(1)), k_now);
  index.note("4Q2", "", "a@x.example", k_now + days(3));
  EXPECT_FALSE(index.knows_message_id("one@pc", ""));
  EXPECT_EQ(index.since(k_now + days(3)), k_now + days(1));
  index.note("4Q3", "three@pc", "", k_now + days(3));
  EXPECT_TRUE(index.knows_queue_id("4Q3", "")) << "it passed";
  EXPECT_FALSE(index.knows_queue_id("4Q3", "a@x.example")) << "and was nobody's";
  index.note("4Q4", "four@pc", "a@x.example", k_now + days(3));
  index.note("4Q5", "four@pc", "", k_now + days(3));
  EXPECT_TRUE(index.knows_message_id("four@pc", "a@x.example")) << "a list's copy came back";
}

TEST(SentIndex, KnowsToWhomItWasDelivered) {
  SentIndex index({.path = "", .key = {1}, .max_entries = 100, .keep = days(2)});
  index.note_delivery("4Q1", "Reader@Far.example", "a@x.example", k_now);
  EXPECT_TRUE(index.knows_delivery("4Q1", "reader@far.example", "a@x.example"));
  EXPECT_FALSE(index.knows_delivery("4Q1", "other@far.example", "a@x.example"));
  EXPECT_FALSE(index.knows_delivery("4Q2", "reader@far.example", "a@x.example"));
  EXPECT_FALSE(index.knows_delivery("4Q1", "reader@far.example", "b@x.example"));
}

TEST(SentIndex, RoomThatRunsOutIsAdmitted) {
  SentIndex index({.path = "", .key = {1}, .max_entries = 4, .keep = days(10)});
  for (int i = 0; i < 10; ++i) {
    index.note("Q" + std::to_string(i), "", "a@x.example", k_now + minutes(i));
  }
  EXPECT_EQ(index.size(), 4U);
  EXPECT_TRUE(index.knows_queue_id("Q9", ""));
  EXPECT_FALSE(index.knows_queue_id("Q5", ""));
  EXPECT_EQ(index.since(k_now + hours(1)), k_now + minutes(5));
}

TEST(SentIndex, OutlivesARestartAndACutRecord) {
  const Folder folder;
  const std::string path = folder.path / "sent";
  const SentIndex::Options options{.path = path, .key = {1}, .max_entries = 100, .keep = days(5)};
  {
    SentIndex index(options);
    ASSERT_TRUE(index.load(k_now));
    index.note("old", "", "a@x.example", k_now - days(9));
    index.note("4Q1", "one@pc", "a@x.example", k_now);
    ASSERT_TRUE(index.flush());
  }
  std::ofstream(path, std::ios::app) << "half a rec";
  SentIndex again(options);
  ASSERT_TRUE(again.load(k_now));
  EXPECT_TRUE(again.knows_message_id("one@pc", "a@x.example"));
  EXPECT_FALSE(again.knows_queue_id("old", ""));
  EXPECT_EQ(again.since(k_now), k_now - days(5));
  EXPECT_EQ(std::filesystem::file_size(path), 2 * 24U) << "the old and the cut are gone";
}

}  // namespace
}  // namespace sekimori::serve
