#include "store/guard_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::GuardRow;
using decide::SubjectKind;

GuardRow row(const std::string& id, bool no_send, std::uint64_t epoch) {
  GuardRow r;
  r.subject = {SubjectKind::account, id};
  r.no_send = no_send;
  r.reply = no_send ? "525 5.7.13 stopped" : "";
  r.reason = no_send ? "停止しています。" : "";
  r.epoch = epoch;
  return r;
}

bool same(const std::vector<GuardRow>& left, const std::vector<GuardRow>& right) {
  return std::ranges::equal(left, right, [](const GuardRow& a, const GuardRow& b) {
    return a.subject == b.subject && a.no_send == b.no_send && a.no_login == b.no_login &&
           a.no_receive == b.no_receive && a.reply == b.reply && a.reason == b.reason &&
           a.epoch == b.epoch;
  });
}

std::unique_ptr<SqliteGuardStore> open(const std::string& path) {
  auto store = SqliteGuardStore::open({.path = path, .busy_ms = 300});
  EXPECT_TRUE(store) << (store ? "" : store.error().text);
  return store ? std::move(*store) : nullptr;
}

// A reader as Postfix's proxymap and Dovecot's auth are: it opens the file once and keeps it open,
// and does not wait when it meets a lock.
class Reader {
 public:
  explicit Reader(const std::string& path) {
    sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { sqlite3_close(db_); }
  // -1: an error of any kind; else the number of rows.
  int look_up(const std::string& id) {
    int result = -1;
    sqlite3_stmt* statement = nullptr;
    const std::string text = "SELECT reply FROM standing WHERE kind='account' AND id='" + id +
                             "' AND no_send=1 AND NOT EXISTS (SELECT 1 FROM bypass WHERE on_off=1)";
    if (sqlite3_prepare_v2(db_, text.c_str(), -1, &statement, nullptr) == SQLITE_OK) {
      int count = 0;
      int code = sqlite3_step(statement);
      for (; code == SQLITE_ROW; code = sqlite3_step(statement)) ++count;
      if (code == SQLITE_DONE) result = count;
    }
    sqlite3_finalize(statement);
    return result;
  }

 private:
  sqlite3* db_ = nullptr;
};

int look_up(const std::string& path, const std::string& id) { return Reader(path).look_up(id); }

TEST(GuardStoreTest, WhatIsPutIsEnforcedAfterTheDaemonIsGone) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  {
    const auto store = open(path);
    ASSERT_TRUE(store->put(row("a@x", true, 1)));
    EXPECT_EQ(look_up(path, "a@x"), 1);
  }
  EXPECT_EQ(look_up(path, "a@x"), 1);
  EXPECT_EQ(look_up(path, "b@x"), 0);
  const auto store = open(path);
  EXPECT_TRUE(same(store->rows().value(), {row("a@x", true, 1)}));
}

TEST(GuardStoreTest, AnOlderEpochChangesNothingAlsoAfterARestore) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  auto store = open(path);
  ASSERT_TRUE(store->put(row("a@x", true, 5)));
  ASSERT_TRUE(store->put(row("a@x", false, 6)));
  EXPECT_EQ(look_up(path, "a@x"), 0);
  ASSERT_TRUE(store->put(row("a@x", true, 5)));
  EXPECT_EQ(look_up(path, "a@x"), 0);
  store = open(path);  // what is remembered is in the file, not in the process
  ASSERT_TRUE(store->put(row("a@x", true, 5)));
  EXPECT_EQ(look_up(path, "a@x"), 0);
  ASSERT_TRUE(store->put(row("a@x", true, 7)));
  EXPECT_EQ(look_up(path, "a@x"), 1);
}

TEST(GuardStoreTest, TheBypassIsSeenByReadersAndOtherProcesses) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  const auto daemon = open(path);
  const auto command = open(path);
  ASSERT_TRUE(daemon->put(row("a@x", true, 1)));
  EXPECT_FALSE(daemon->bypass().value());
  ASSERT_TRUE(command->set_bypass(true));
  EXPECT_TRUE(daemon->bypass().value());
  EXPECT_EQ(look_up(path, "a@x"), 0);
  ASSERT_TRUE(daemon->set_bypass(false));
  EXPECT_EQ(look_up(path, "a@x"), 1);
}

TEST(GuardStoreTest, FilesAreGroupWritableWhateverTheUmaskAndStayWhenClosed) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  const mode_t before = ::umask(077);
  {
    const auto store = open(path);
    ASSERT_TRUE(store->put(row("a@x", true, 1)));
  }
  ::umask(before);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat info{};
    ASSERT_EQ(::stat((path + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777U, 0660U) << suffix;
  }
}

TEST(GuardStoreTest, ADeletedFileIsMadeAgainWithAllItsRows) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  const auto store = open(path);
  ASSERT_TRUE(store->put(row("a@x", true, 1)));
  ASSERT_TRUE(store->put(row("b@x", true, 1)));
  ASSERT_TRUE(store->set_bypass(false));
  const std::uint64_t generation = store->generation();
  ::unlink(path.c_str());
  ASSERT_TRUE(store->put(row("c@x", true, 1)));
  for (const char* id : {"a@x", "b@x", "c@x"}) EXPECT_EQ(look_up(path, id), 1) << id;
  EXPECT_EQ(store->generation(), generation + 1);
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
  ASSERT_TRUE(store->check());
  EXPECT_EQ(look_up(path, "a@x"), 1);
  EXPECT_EQ(store->generation(), generation + 2);
}

TEST(GuardStoreTest, ADamagedFileIsMovedAsideAndMadeAgain) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  {
    std::ofstream(path) << std::string(8192, 'x');
    const auto store = open(path);
    ASSERT_NE(store, nullptr);
    EXPECT_TRUE(std::filesystem::exists(path + ".damaged"));
    ASSERT_TRUE(store->rebuild(std::vector{row("a@x", true, 3)}));
    EXPECT_EQ(look_up(path, "a@x"), 1);
    // Under a running daemon.
    const std::uint64_t generation = store->generation();
    {
      std::ofstream(path, std::ios::trunc) << std::string(8192, 'y');
    }
    std::filesystem::resize_file(path + "-wal", 0);
    ASSERT_TRUE(store->check());
    EXPECT_EQ(store->generation(), generation + 1);
    ASSERT_TRUE(store->put(row("b@x", true, 1)));
    EXPECT_EQ(look_up(path, "a@x"), 1);
    EXPECT_EQ(look_up(path, "b@x"), 1);
  }
}

TEST(GuardStoreTest, MailboxesSetInactiveWaitUntilTheyAreForgotten) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  auto store = open(path);
  using Names = std::vector<std::string>;
  ASSERT_TRUE(store->set_waiting(Names{"a@x.test", "b@x.test"}));
  EXPECT_TRUE(store->waited().value().empty());
  ASSERT_TRUE(store->set_waiting(Names{"b@x.test"}));
  EXPECT_EQ(store->waited().value(), Names{"a@x.test"});
  ASSERT_TRUE(store->forget_waiting("b@x.test"));  // it still waits
  // Killed here: what waits no longer is still known, also to a file made anew.
  store = open(path);
  EXPECT_EQ(store->waited().value(), Names{"a@x.test"});
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_TRUE(store->put(row("c@x.test", true, 1)));
  store = open(path);
  EXPECT_EQ(store->waited().value(), Names{"a@x.test"});
  // Inactive again before its mail was tried: it waits on.
  ASSERT_TRUE(store->set_waiting(Names{"a@x.test", "b@x.test"}));
  EXPECT_TRUE(store->waited().value().empty());
  ASSERT_TRUE(store->set_waiting({}));
  ASSERT_TRUE(store->forget_waiting("a@x.test"));
  ASSERT_TRUE(store->forget_waiting("b@x.test"));
  store = open(path);
  EXPECT_TRUE(store->waited().value().empty());
}

TEST(GuardStoreTest, RebuildMakesExactlyTheseRowsAndKeepsTheBypass) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  const auto store = open(path);
  ASSERT_TRUE(store->put(row("old@x", true, 9)));
  ASSERT_TRUE(store->set_bypass(true));
  const std::vector rows{row("a@x", true, 1), row("b@x", false, 2)};
  ASSERT_TRUE(store->rebuild(rows));
  EXPECT_TRUE(same(store->rows().value(), rows));
  EXPECT_TRUE(store->bypass().value());
}

// Readers in other processes hammer the file while it is written, and while the last writer closes
// it cleanly and opens it again: no look-up may fail, and the row that stands must always be found.
TEST(GuardStoreTest, NoLookUpIsLostWhileItIsWrittenAndClosed) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  // Closed before the fork: SQLite forbids taking an open database into a child.
  ASSERT_TRUE(open(path)->put(row("always@x", true, 1)));
  constexpr int k_readers = 3;
  constexpr int k_look_ups = 20'000;
  std::vector<pid_t> readers;
  for (int i = 0; i < k_readers; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int lost = 0;
      Reader reader(path);
      // Nobody has it open yet: of those who open it at once, one makes -shm anew and the others
      // are told "locked" meanwhile (SQLITE_BUSY_RECOVERY). From then on none is lost.
      for (int tries = 0; tries < 10'000 && reader.look_up("always@x") != 1; ++tries) {
      }
      for (int n = 0; n < k_look_ups; ++n) lost += reader.look_up("always@x") != 1;
      ::_exit(lost > 100 ? 100 : lost);
    }
    readers.push_back(child);
  }
  std::uint64_t epoch = 1;
  int writes = 0;
  for (std::size_t running = readers.size(); running > 0;) {
    {
      const auto store = open(path);
      for (int i = 0; i < 5; ++i, ++writes) {
        ASSERT_TRUE(store->put(row("other@x", i % 2 == 0, ++epoch)));
      }
    }
    int status = 0;
    for (pid_t& reader : readers) {
      if (reader > 0 && ::waitpid(reader, &status, WNOHANG) == reader) {
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0) << "look-ups lost";
        reader = -1;
        --running;
      }
    }
  }
  EXPECT_GT(writes, 0);
}

TEST(GuardStoreTest, WhatAPersonClosedStandsBesideTheStanding) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  auto store = open(path);
  GuardRow choice;
  choice.subject = {SubjectKind::account, "a@x"};
  choice.no_login = true;
  choice.reason = "by a person";
  ASSERT_TRUE(store->put_choice(choice));
  const auto only = [&] { return store->rows().value().at(0); };
  EXPECT_TRUE(only().no_login && !only().no_send && !only().no_receive);
  EXPECT_EQ(only().reason, "by a person");

  // The machine stops sending, and lets go again: the person's word stays.
  ASSERT_TRUE(store->put(row("a@x", true, 1)));
  EXPECT_TRUE(only().no_login && only().no_send);
  EXPECT_EQ(only().reply, "525 5.7.13 stopped");
  EXPECT_EQ(look_up(path, "a@x"), 1);
  ASSERT_TRUE(store->put(row("a@x", false, 2)));
  EXPECT_TRUE(only().no_login && !only().no_send);
  EXPECT_EQ(only().epoch, 2U);

  // A file that is lost is made again with both, and a start makes both anew.
  ASSERT_TRUE(store->put(row("b@x", true, 1)));
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_TRUE(store->check());
  EXPECT_TRUE(only().no_login);
  EXPECT_EQ(look_up(path, "b@x"), 1);
  store = open(path);
  store->load_choices(std::vector{choice});
  ASSERT_TRUE(store->rebuild(std::vector{row("b@x", true, 1)}));
  ASSERT_EQ(store->rows().value().size(), 2U);
  EXPECT_TRUE(only().no_login);

  // Taken back: what the standing forbids stays.
  auto back = choice;
  back.subject.id = "b@x";
  back.no_receive = true;
  ASSERT_TRUE(store->put_choice(back));
  back.no_receive = back.no_login = false;
  ASSERT_TRUE(store->put_choice(back));
  choice.no_login = false;
  ASSERT_TRUE(store->put_choice(choice));
  EXPECT_FALSE(only().no_login);
  EXPECT_EQ(only().reason, "");
  EXPECT_EQ(look_up(path, "b@x"), 1);
}

TEST(GuardStoreTest, MailThatWaitedIsTriedUntilItIsForgotten) {
  const TemporaryDirectory directory;
  const std::string path = directory / "guard.db";
  auto store = open(path);
  ASSERT_TRUE(store->set_waiting(std::vector<std::string>{"b@x"}));
  for (const char* name : {"a@x", "b@x"}) ASSERT_TRUE(store->note_waited(name));
  store = open(path);
  EXPECT_EQ(store->waited().value(), std::vector<std::string>{"a@x"});
  // What the provider's store says of others leaves it alone.
  ASSERT_TRUE(store->set_waiting({}));
  EXPECT_EQ(store->waited().value(), (std::vector<std::string>{"a@x", "b@x"}));
  ASSERT_TRUE(store->forget_waiting("a@x"));
  EXPECT_EQ(store->waited().value(), std::vector<std::string>{"b@x"});
}

}  // namespace
}  // namespace sekimori::store
