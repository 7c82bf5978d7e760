#include "store/ways_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using decide::Way;
using decide::WayChange;
using decide::WayKind;
using decide::WayState;

class WaysStoreTest : public testing::Test {
 protected:
  std::unique_ptr<WaysStore> open() {
    auto store = WaysStore::open({.url = test_database(directory / "state.db"), .busy_ms = 100});
    EXPECT_TRUE(store) << (store ? "" : store.error().text);
    return std::move(*store);
  }
  static WayChange change(const std::string& account, const std::string& key, std::int64_t second) {
    WayChange c;
    c.account = account;
    c.kind = WayKind::sieve_script;
    c.key = key;
    c.after = std::string("keep;\r\n\0\xff", 9);
    c.looked = Instant{1} + seconds(second - 1);
    c.seen = Instant{1} + seconds(second);
    c.is_external = true;
    return c;
  }
  TemporaryDirectory directory;
};

TEST_F(WaysStoreTest, RemembersWhatStandsByteForByte) {
  const std::string script("redirect \"x@y\";\r\n\0\xfe\xff", 20);
  {
    auto store = open();
    WaysWrite write;
    write.accounts.push_back(
        {"b@d.example",
         {{WayKind::sieve_script, "main", script}, {WayKind::forward, "x@y", "X@y"}},
         {}});
    write.accounts.push_back({"c@d.example", {{WayKind::totp, "", "KEY"}}, {}});
    write.watch_name = "rows";
    write.watch = {"c@d.example", 3, Instant{7}, Instant{5}};
    ASSERT_TRUE(store->write(write));
    ASSERT_TRUE(store->write(write)) << "twice is as once";
  }
  auto store = open();
  const std::vector<Way> wanted{{WayKind::forward, "x@y", "X@y"},
                                {WayKind::sieve_script, "main", script}};
  EXPECT_EQ(store->known_of("b@d.example").value(), wanted);
  EXPECT_EQ(store->known("", "").value().size(), 2U);
  EXPECT_EQ(store->known("b@d.example", "z").value().begin()->first, "c@d.example");
  EXPECT_TRUE(store->known("", "a").value().empty());
  EXPECT_EQ(store->watch("rows").value(), (WayWatch{"c@d.example", 3, Instant{7}, Instant{5}}));
  EXPECT_EQ(store->watch("sieve").value(), WayWatch{});
  WaysWrite next;
  next.accounts.push_back({"b@d.example", {}, {{WayKind::forward, "x@y"}}});
  next.gone = {"c@d.example"};
  ASSERT_TRUE(store->write(next));
  EXPECT_EQ(store->known("", "").value().size(), 1U);
  EXPECT_EQ(store->counts()->ways, 1U);
}

TEST_F(WaysStoreTest, ChangesKeepTheirOrderAndTheirAnswers) {
  auto store = open();
  WaysWrite write;
  write.changes = {change("b@d.example", "one", 10), change("b@d.example", "two", 20),
                   change("a@d.example", "one", 30), change("b@d.example", "one", 40)};
  ASSERT_TRUE(store->write(write));
  auto seen = store->changes("b@d.example", Instant{1} + seconds(20)).value();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0], write.changes[1]);
  EXPECT_EQ(seen[1], write.changes[3]);
  EXPECT_LT(seen[0].id, seen[1].id);
  const auto latest = store->latest("b@d.example").value();
  ASSERT_EQ(latest.size(), 2U);
  EXPECT_EQ(latest[1].id, seen[1].id);
  EXPECT_EQ(store->untold(10).value().size(), 4U);
  seen[0].is_told = true;
  seen[0].state = WayState::paused;
  seen[0].by = "machine";
  seen[0].incident = 9;
  seen[0].changed = Instant{99};
  ASSERT_TRUE(store->put({seen[0]}));
  EXPECT_EQ(store->changes("b@d.example", {}).value()[1], seen[0]);
  EXPECT_EQ(store->untold(10).value().size(), 3U);
  // What is paused outlives its time: it is wanted when somebody says keep.
  ASSERT_TRUE(store->prune(Instant{1} + seconds(35)));
  ASSERT_EQ(store->changes("b@d.example", {}).value().size(), 2U);
  EXPECT_EQ(store->counts()->paused, 1U);
  // Numbers are never given twice.
  const std::uint64_t last = write.changes.back().id;
  ASSERT_TRUE(store->prune(Instant{1} + seconds(1000)));
  WaysWrite more;
  more.changes = {change("b@d.example", "new", 50)};
  ASSERT_TRUE(store->write(more));
  EXPECT_GT(more.changes[0].id, last);
}

}  // namespace
}  // namespace sekimori::store
