#include "serve/rule_book.h"

#include <gtest/gtest.h>

#include <thread>

namespace sekimori::serve {
namespace {

decide::AddressRule rule(std::uint64_t id, std::string_view target, bool allow) {
  decide::AddressRule out;
  out.id = id;
  out.target = *decide::RuleTarget::parse(target);
  out.action = allow ? decide::RuleAction::allow : decide::RuleAction::deny;
  out.use = decide::RuleUse::both;
  return out;
}
const IpAddress k_ip = *IpAddress::parse("192.0.2.7");
constexpr Instant k_now{1'000'000};

TEST(RuleBook, decides_counts_and_is_replaced) {
  RuleBook book([](const IpAddress&) {
    Place place;
    place.asn = 64500;
    return place;
  });
  const auto ask = [&] { return book.decide(k_ip, "a@example.jp", decide::RuleUse::login, k_now); };
  EXPECT_FALSE(ask());
  book.set({rule(1, "192.0.2.0/24", false), rule(2, "AS64500", false)});
  EXPECT_EQ(ask()->id, 1U);
  EXPECT_FALSE(ask()->allow);
  book.set({rule(1, "192.0.2.0/24", false), rule(2, "AS64500", true)});
  EXPECT_EQ(ask()->id, 2U);
  EXPECT_TRUE(ask()->allow);
  const auto hits = book.take_hits();
  ASSERT_EQ(hits.size(), 2U);
  EXPECT_EQ(hits[0].id + hits[0].hits * 10, 21U) << "counted before the rules were replaced";
  EXPECT_EQ(hits[1].id + hits[1].hits * 10, 22U);
  EXPECT_EQ(hits[1].last, k_now);
  EXPECT_TRUE(book.take_hits().empty());
}

TEST(RuleBook, another_book_of_this_thread_is_another) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    RuleBook book;
    EXPECT_FALSE(book.decide(k_ip, "", decide::RuleUse::receive, k_now));
    book.set({rule(i, "192.0.2.7", false)});
    EXPECT_EQ(book.decide(k_ip, "", decide::RuleUse::receive, k_now)->id, i);
  }
}

TEST(RuleBook, is_replaced_while_others_ask) {
  RuleBook book;
  book.set({rule(1, "192.0.2.7", false)});
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> asked{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const auto found = book.decide(k_ip, "", decide::RuleUse::receive, k_now);
        EXPECT_TRUE(found && (found->id == 1 || found->id == 2));
        ++asked;
      }
    });
  }
  std::uint64_t counted = 0;
  for (std::uint64_t i = 0; i < 200 || asked < 1000; ++i) {
    book.set({rule(1 + i % 2, "192.0.2.7", false)});
    for (const auto& hits : book.take_hits()) counted += hits.hits;
  }
  done = true;
  for (auto& thread : threads) thread.join();
  for (const auto& hits : book.take_hits()) counted += hits.hits;
  EXPECT_LE(counted, asked);
  EXPECT_GT(counted, 0U);
}

}  // namespace
}  // namespace sekimori::serve
