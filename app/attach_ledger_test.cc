#include "app/attach_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sekimori::app {
namespace {

using ::testing::HasSubstr;

class AttachLedgerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "ledger.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ + "/" + name; }
  void put(const std::string& name, const std::string& text, unsigned mode = 0644) const {
    std::ofstream(path(name)) << text;
    ::chmod(path(name).c_str(), mode);
  }
  std::string text(const std::string& name) const {
    std::ifstream in(path(name));
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }
  AttachLedger open() const { return AttachLedger::open(path("kept")).value(); }
  AttachLedger::Write edit(const std::string& name, std::optional<std::string> before,
                           std::string after) const {
    return {{path(name), std::move(before), std::move(after), 0640, "root", false}, ::getgid()};
  }

  std::string root_;
};

TEST_F(AttachLedgerTest, PutsBackTextRightsAndAbsence) {
  put("main.cf", "a = 1\n", 0600);
  auto ledger = open();
  EXPECT_TRUE(ledger.empty());
  ASSERT_TRUE(ledger.apply({edit("main.cf", "a = 1\n", "a = 2\n"), edit("d/new.cf", {}, "x\n")}));
  EXPECT_EQ(text("main.cf"), "a = 2\n");
  struct stat info{};
  ASSERT_EQ(::stat(path("main.cf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(path("d/new.cf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  ASSERT_EQ(::stat(path("kept").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);

  // Another process, another time; a second attach keeps what stood before the first.
  auto later = open();
  EXPECT_FALSE(later.empty());
  ASSERT_TRUE(later.apply({edit("main.cf", "a = 2\n", "a = 3\n")}));
  auto last = open();
  ASSERT_TRUE(last.undo(false));
  EXPECT_EQ(text("main.cf"), "a = 1\n");
  EXPECT_FALSE(std::filesystem::exists(path("d")));
  EXPECT_FALSE(std::filesystem::exists(path("kept")));
}

TEST_F(AttachLedgerTest, RefusesWhereSomebodyEdited) {
  put("main.cf", "a = 1\n");
  put("master.cf", "s\n");
  auto ledger = open();
  ASSERT_TRUE(
      ledger.apply({edit("main.cf", "a = 1\n", "a = 2\n"), edit("master.cf", "s\n", "t\n")}));
  put("main.cf", "a = 2\nb = 3\n");
  const auto refused = ledger.undo(false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::bad_input);
  EXPECT_THAT(refused.error().text, HasSubstr("main.cf"));
  EXPECT_EQ(text("master.cf"), "t\n");  // nothing was put back
  EXPECT_EQ(ledger.edited().value().at(0).ours, "a = 2\n");
  // Nor is an edit taken for what attach wrote.
  EXPECT_FALSE(ledger.apply({edit("main.cf", "a = 2\nb = 3\n", "c\n")}));
  EXPECT_EQ(text("main.cf"), "a = 2\nb = 3\n");
  ASSERT_TRUE(ledger.undo(true));
  EXPECT_EQ(text("main.cf"), "a = 1\n");
  EXPECT_EQ(text("main.cf.sekimori-edited"), "a = 2\nb = 3\n");
}

TEST_F(AttachLedgerTest, HalfDoneIsUndone) {
  put("main.cf", "a = 1\n");
  ASSERT_EQ(::symlink("main.cf", path("link.cf").c_str()), 0);
  auto ledger = open();
  // A changed file and a link are found before anything is written.
  EXPECT_FALSE(ledger.apply({edit("main.cf", "other\n", "x\n")}));
  EXPECT_FALSE(ledger.apply({edit("main.cf", "a = 1\n", "x\n"), edit("link.cf", "a = 1\n", "y")}));
  EXPECT_EQ(text("main.cf"), "a = 1\n");
  // Crashed between two files: the manifest names both, one was written.
  ASSERT_TRUE(ledger.apply({edit("main.cf", "a = 1\n", "x\n"), edit("new.cf", {}, "y\n")}));
  std::filesystem::remove(path("new.cf"));
  put("main.cf", "a = 1\n");
  EXPECT_TRUE(open().undo(false));
  EXPECT_EQ(text("main.cf"), "a = 1\n");
}

TEST_F(AttachLedgerTest, OwnSettingsStayWhenEdited) {
  put("sekimori.toml", "");
  auto ledger = open();
  auto own = edit("sekimori.toml", "", "mode\n");
  own.own = true;
  ASSERT_TRUE(ledger.apply({own}));
  put("sekimori.toml", "mode = mine\n");
  ASSERT_TRUE(ledger.undo(false));
  EXPECT_EQ(text("sekimori.toml"), "mode = mine\n");
}

TEST_F(AttachLedgerTest, ADamagedManifestIsNoReasonToGuess) {
  put("main.cf", "a\n");
  ASSERT_TRUE(open().apply({edit("main.cf", "a\n", "b\n")}));
  put("kept/manifest.json", "{\"files\":[{\"path\":\"relative\"}],\"folders\":[]}");
  EXPECT_FALSE(AttachLedger::open(path("kept")));
  put("kept/manifest.json", "no json");
  EXPECT_FALSE(AttachLedger::open(path("kept")));
}

}  // namespace
}  // namespace sekimori::app
