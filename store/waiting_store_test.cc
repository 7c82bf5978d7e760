// Waiting mail is all there after reopening, and keeping it twice changes nothing.
#include "store/waiting_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

using namespace decide;

TEST(WaitingStore, AllIsThereAfterReopening) {
  TemporaryDirectory directory;
  const StateStoreSettings settings{.url = test_database(directory / "s.db"), .busy_ms = 100};
  auto store = WaitingStore::open(settings).value();
  WaitingMessage one;
  one.id = 7;
  one.account = "taro@example.jp";
  one.sender = "o'brien\"<>@例え.example";
  one.client = "google.com";
  one.address = "2001:db8::1";
  one.size = 1ULL << 40;
  one.first = Instant{1'790'000'000'123'456};
  one.last = one.first + hours(3);
  one.tries = 9;
  one.estimated = true;
  WaitingMessage two = one;
  two.id = 8;
  two.sender = "";
  two.place = WaitingPlace::here;
  two.queue_id = "4bXyZ12345";
  two.state = WaitingState::arrived;
  two.ended = two.last + minutes(1);
  two.estimated = false;
  ASSERT_TRUE(store->keep({{one, two}, {}}));
  ASSERT_TRUE(store->keep({{one, two}, {}}));
  store = WaitingStore::open(settings).value();
  EXPECT_EQ(store->all().value(), (std::vector{one, two}));
  one.state = WaitingState::given_up;
  ASSERT_TRUE(store->keep({{one}, {8, 99}}));
  EXPECT_EQ(store->all().value(), (std::vector{one}));
}

}  // namespace
}  // namespace sekimori::store
