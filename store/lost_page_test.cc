// What these prove: a process whose SQLite files can be written to no more lives on, reads on, says
// so when it writes, and writes again when it can, with nothing lost for other processes. Before,
// SQLite's note in the mapped index ended it with SIGBUS.
#include "store/lost_page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "store/database.h"
#include "store/files.h"
#include "store/sqlite_for_test.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

// Nobody can write to the files, not even through what is open or mapped.
class Immutable {
 public:
  explicit Immutable(const std::string& database)
      : paths_{database, database + "-wal", database + "-shm"} {
    holds_ = set(true);
    ::sync();  // a clean page asks the file system before it is written to again
  }
  Immutable(const Immutable&) = delete;
  Immutable& operator=(const Immutable&) = delete;
  ~Immutable() { (void)set(false); }
  [[nodiscard]] bool holds() const { return holds_; }

 private:
  [[nodiscard]] bool set(bool on) const {
    bool all = true;
    for (const std::string& path : paths_) {
      const auto file = open_file(path, O_RDONLY);
      int flags = 0;
      all = file && ::ioctl(file->get(), FS_IOC_GETFLAGS, &flags) == 0 && all;
      flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
      all = file && ::ioctl(file->get(), FS_IOC_SETFLAGS, &flags) == 0 && all;
    }
    return all;
  }
  std::vector<std::string> paths_;
  bool holds_ = false;
};

Result<void> put(Database& database, int number) {
  return database.write("cannot write", [&](soci::session& sql) -> Result<void> {
    sql << "INSERT INTO t VALUES (:n)", soci::use(number);
    return {};
  });
}

Result<int> sum(Database& database) {
  return database.read("cannot read", [](soci::session& sql) {
    int all = 0;
    sql << "SELECT SUM(n) FROM t", soci::into(all);
    return all;
  });
}

TEST(LostPage, ADatabaseIsReadOnWhileItCannotBeWrittenTo) {
  const TemporaryDirectory directory;
  const std::string path = directory / "own.db";
  keep_lost_pages();
  Database writer({.url = "sqlite://" + path});
  Database reader({.url = "sqlite://" + path});
  ASSERT_TRUE(writer.write("make", [](soci::session& sql) -> Result<void> {
    sql << "CREATE TABLE t (n INTEGER)";
    return {};
  }));
  ASSERT_TRUE(put(writer, 1));
  ASSERT_EQ(sum(reader).value(), 1);
  // Many, so that the index has more than one page and the next reader notes where it begins.
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(writer, 10));
  {
    const Immutable immutable(path);
    if (!immutable.holds()) GTEST_SKIP() << "this file system has no immutable files";
    EXPECT_EQ(sum(reader).value(), 31);
    const auto refused = put(writer, 100);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text.find(path), std::string::npos) << refused.error().text;
    EXPECT_EQ(sum(reader).value(), 31);
  }
  ASSERT_TRUE(put(writer, 1000));
  EXPECT_EQ(sum(reader).value(), 1031);
  EXPECT_EQ(run_sql(path, "SELECT SUM(n) FROM t"), "1031|");
  run_sql(path, "INSERT INTO t VALUES (10000)");
  EXPECT_EQ(sum(writer).value(), 11031);
  ASSERT_TRUE(put(writer, 100000));
  EXPECT_EQ(run_sql(path, "SELECT SUM(n) FROM t; PRAGMA integrity_check"), "111031|ok|");
}

TEST(LostPageDeathTest, ABusErrorOfAnotherKindEndsTheProcess) {
  EXPECT_DEATH(
      {
        keep_lost_pages();
        (void)::raise(SIGBUS);
        (void)::raise(SIGBUS);
      },
      "");
}

}  // namespace
}  // namespace sekimori::store
