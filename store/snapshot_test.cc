#include "store/snapshot.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "store/files.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using Parts = std::map<std::string, std::pair<std::uint64_t, std::string>>;

void write(const std::string& directory, const Parts& parts) {
  auto writer = SnapshotWriter::begin(directory);
  ASSERT_TRUE(writer);
  for (const auto& [name, part] : parts) ASSERT_TRUE(writer->add(name, part.first, part.second));
  const auto done = writer->commit();
  ASSERT_TRUE(done) << done.error().text;
}

Parts read(const SnapshotSet& set) {
  Parts parts;
  const auto done =
      set.read([&](std::string_view name, std::uint64_t sequence, std::string_view bytes) {
        parts[std::string(name)] = {sequence, std::string(bytes)};
        return Result<void>();
      });
  EXPECT_TRUE(done);
  return parts;
}

const Parts k_first{{"shard-00", {10, std::string("a\0\nb", 4)}}, {"shard-01", {12, ""}}};
const Parts k_second{{"shard-00", {20, "second"}}, {"shard-01", {17, std::string(100'000, 'x')}}};

TEST(SnapshotTest, GivesBackTheNewest) {
  const TemporaryDirectory directory;
  EXPECT_EQ(SnapshotSet::open_newest(directory / "none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(journal_needed_from(directory.path()).value(), 1U);
  write(directory.path(), k_first);
  EXPECT_EQ(journal_needed_from(directory.path()).value(), 1U);  // one alone may turn out broken
  write(directory.path(), k_second);
  const auto set = SnapshotSet::open_newest(directory.path());
  ASSERT_TRUE(set);
  EXPECT_EQ(read(*set), k_second);
  EXPECT_EQ(set->replay_from(), 18U);
  EXPECT_TRUE(set->problems().empty());
  EXPECT_EQ(journal_needed_from(directory.path()).value(), 11U);
}

TEST(SnapshotTest, KeepsTwo) {
  const TemporaryDirectory directory;
  for (int i = 0; i < 5; ++i) write(directory.path(), k_first);
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    (void)entry;
    ++count;
  }
  EXPECT_EQ(count, k_snapshots_kept);
  EXPECT_EQ(SnapshotSet::open_newest(directory.path())->number(), 5U);
}

TEST(SnapshotTest, WithoutCommitNothingIsLeft) {
  const TemporaryDirectory directory;
  {
    auto writer = SnapshotWriter::begin(directory.path());
    ASSERT_TRUE(writer->add("shard-00", 1, "x"));
    EXPECT_FALSE(writer->add("shard-00", 1, "again"));
    EXPECT_FALSE(writer->add("../evil", 1, "x"));
    EXPECT_FALSE(writer->add("MANIFEST", 1, "x"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// What a crash leaves beside finished snapshots is ignored and cleared away by the next one.
TEST(SnapshotTest, IgnoresAnUnfinishedOne) {
  const TemporaryDirectory directory;
  write(directory.path(), k_first);
  std::filesystem::create_directory(directory / "snapshot-00000000000000000002.tmp");
  std::ofstream(directory / "snapshot-00000000000000000002.tmp/shard-00") << "half";
  EXPECT_EQ(read(*SnapshotSet::open_newest(directory.path())), k_first);
  write(directory.path(), k_second);
  EXPECT_EQ(read(*SnapshotSet::open_newest(directory.path())), k_second);
}

// Every single damaged byte and every truncation of every file of the newest snapshot is noticed,
// and the one before it stands in.
TEST(SnapshotTest, FallsBackWhenTheNewestIsDamaged) {
  const TemporaryDirectory directory;
  write(directory.path(), k_first);
  write(directory.path(), {{"a", {20, "hello"}}, {"b", {17, "x"}}});
  const std::string newest = directory / "snapshot-00000000000000000002";
  for (const std::string name : {"a", "b", "MANIFEST"}) {
    const std::string path = newest + "/" + name;
    const std::string whole = read_file(path, 1 << 20).value();
    const auto damaged = [&](const std::string& bytes) {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
      const auto set = SnapshotSet::open_newest(directory.path());
      ASSERT_TRUE(set);
      EXPECT_EQ(set->number(), 1U) << name << " " << bytes;
      EXPECT_EQ(set->problems().size(), 1U);
    };
    for (std::size_t i = 0; i < whole.size(); ++i) {
      damaged(whole.substr(0, i));
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ 1);
      damaged(flipped);
    }
    damaged(whole + "x");
    std::filesystem::remove(path);
    EXPECT_EQ(SnapshotSet::open_newest(directory.path())->number(), 1U);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << whole;
    EXPECT_EQ(SnapshotSet::open_newest(directory.path())->number(), 2U);
  }
}

}  // namespace
}  // namespace sekimori::store
