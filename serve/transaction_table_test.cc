// What these prove: the table is a bounded map in the order of last use, checked against a plain
// one.
#include "serve/transaction_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/hash.h"

namespace sekimori::serve {
namespace {

TEST(TransactionTable, IsTheMapItSeemsToBe) {
  TransactionTable table({256UL * 10'000, 1UL << 30});
  std::map<std::uint64_t, std::pair<std::uint32_t, Instant>> plain;
  std::mt19937_64 random(5);
  Instant now{1'000'000};
  const auto never = [](Transaction&) { FAIL() << "nothing has to go"; };
  for (int i = 0; i < 200'000; ++i) {
    now = now + Duration{1000};
    const std::uint64_t key = (random() % 3000) * 0x9e3779b97f4a7c15ULL;
    auto& expected = plain[key];
    table.with(
        key, now,
        [&](Transaction& t) {
          ASSERT_EQ(t.key, key);
          ASSERT_EQ(t.data_count, expected.first);
          ++t.data_count;
        },
        never);
    ++expected.first;
    expected.second = now;
    if (i % 1000 == 999) {
      const Instant before = now - seconds(2);
      const std::size_t gone =
          std::erase_if(plain, [&](const auto& e) { return e.second.second < before; });
      std::size_t dropped = 0;
      EXPECT_EQ(table.expire(before, before, [&](Transaction&) { ++dropped; }, never), gone);
      EXPECT_EQ(dropped, gone);
      ASSERT_EQ(table.size(), plain.size());
    }
  }
}

TEST(TransactionTable, ForgetsTheLongestUnasked) {
  TransactionTable table({256UL * 3, 1UL << 30});  // four a shard
  std::vector<std::uint64_t> dropped;
  const auto use = [&](std::uint64_t n) {
    table.with(
        n * 256, Instant{1}, [](Transaction&) {},
        [&](Transaction& t) { dropped.push_back(t.key / 256); });
  };
  for (const std::uint64_t n : {1, 2, 3, 4, 1, 5, 6}) use(n);
  EXPECT_EQ(dropped, (std::vector<std::uint64_t>{2, 3}));
}

TEST(TransactionTable, IsBoundedInBytes) {
  TransactionTable table({200'000, 256UL * 1024 * 1024});
  const std::string name(400, 'x');
  for (std::uint64_t n = 1; n <= 3000; ++n) {
    table.with(
        n * 256, Instant{1},
        [&](Transaction& t) {
          for (int i = 0; i < 100; ++i)
            t.note_recipient(fmt::format("{}{}", i, name), static_cast<std::uint64_t>(i) + 1);
        },
        [](Transaction&) {});
  }
  EXPECT_LE(table.size(), 1024U * 1024 / 40'000 + 1);  // one shard's megabyte
}

TEST(Transaction, NotesEachRecipientOnce) {
  Transaction t;
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 1000; ++i) {
      EXPECT_EQ(t.note_recipient(fmt::format("r{}@example.com", i), mix64(i)), round == 0);
    }
  }
  EXPECT_EQ(t.recipients_kept, 1000U);
  EXPECT_TRUE(t.recipients.starts_with("r0@example.com\nr1@example.com\n"));
}

}  // namespace
}  // namespace sekimori::serve
