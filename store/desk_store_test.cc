// What people's own questions read of the state database.
#include "store/desk_store.h"
#include "store/database_for_test.h"

#include <gtest/gtest.h>

#include "store/database.h"
#include "store/state_store.h"
#include "store/temporary_directory_test.h"

namespace sekimori::store {
namespace {

// Whoever ends a hold writes it back: what is not read here would be lost.
TEST(DeskStoreTest, AHeldMessageIsReadWhole) {
  const TemporaryDirectory directory;
  const StateStoreSettings settings{.url = test_database(directory / "state.db")};
  auto state = SqlStateStore::open(settings).value();
  auto desk = DeskStore::open(settings).value();
  decide::HeldMessage held;
  held.queue_id = "4XqAAAAAAA1";
  held.account = "taro@example.jp";
  held.held_at = Instant{1'790'000'000'000'000};
  held.release_at = held.held_at + minutes(20);
  held.recipients = 25;
  held.size = 4096;
  held.kind = decide::HoldKind::timed;
  held.state = decide::HoldState::releasing;
  held.incident = 7;
  held.log_r = 7.25;
  held.reason = {"理由です。", "The reason."};
  held.evidence = "shape 3.10, velocity 2.20";
  held.ended_by = "api";
  ASSERT_TRUE(state->put_hold(held));
  EXPECT_EQ(desk->hold(held.queue_id).value(), held);
  EXPECT_FALSE(desk->hold("4XqAAAAAAA2").value());
}

}  // namespace
}  // namespace sekimori::store
