// What these prove: it works at once, when its time has come and when woken; a wake during the work
// is not lost; stop ends it whatever it waits for.
#include "act/worker_thread.h"

#include <gtest/gtest.h>

#include <atomic>

namespace sekimori::act {
namespace {

using Clock = WorkerThread::Clock;

template <class Holds>
bool eventually(const Holds& holds) {
  const auto end = Clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // why: between two looks
  }
  return true;
}

TEST(WorkerThread, WorksAtOnceAndByItsTime) {
  std::atomic<int> times = 0;
  std::atomic<int> calls = 0;
  WorkerThread thread;
  thread.start("test", [&](bool is_called) {
    ++times;
    if (is_called) ++calls;
    return std::optional(Clock::now() + std::chrono::milliseconds(2));
  });
  EXPECT_TRUE(eventually([&] { return times >= 3; }));
  EXPECT_EQ(calls, 0);
  thread.wake();
  EXPECT_TRUE(eventually([&] { return calls == 1; }));
  thread.stop();
  const int then = times;
  thread.wake();
  EXPECT_EQ(times, then);
}

TEST(WorkerThread, AWakeDuringTheWorkIsNotLost) {
  std::atomic<int> times = 0;
  std::atomic<bool> may_go_on = false;
  WorkerThread thread;
  thread.start("test", [&](bool) -> std::optional<Clock::time_point> {
    if (++times == 1) {
      EXPECT_TRUE(eventually([&] { return may_go_on.load(); }));
    }
    return std::nullopt;
  });
  EXPECT_TRUE(eventually([&] { return times == 1; }));
  EXPECT_FALSE(thread.is_woken());
  thread.wake();
  EXPECT_TRUE(thread.is_woken());
  may_go_on = true;
  EXPECT_TRUE(eventually([&] { return times == 2; }));
  EXPECT_FALSE(thread.is_woken());
}  // and ends without ever being woken again

}  // namespace
}  // namespace sekimori::act
