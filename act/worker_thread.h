// A thread that works, sleeps until it is woken or a time has come, and works again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace sekimori::act {

// Threads: start and stop from one; wake and is_woken from any, at once.
class WorkerThread {
 public:
  using Clock = std::chrono::steady_clock;
  // `is_called`: somebody woke it since the work before began. Returns when it is to be called
  // again by itself; nullopt: only when somebody wakes it. A wake while it works is not lost.
  using Work = std::function<std::optional<Clock::time_point>(bool is_called)>;

  WorkerThread() = default;
  ~WorkerThread() { stop(); }
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  // Works at once. `name`: for top -H; a literal. Nothing where it runs already.
  void start(const char* name, Work work);
  void wake();
  // Since the work under way (or the last) began.
  [[nodiscard]] bool is_woken() const;
  // Waits for the end of the work under way.
  void stop();

 private:
  void loop(const std::stop_token& stop, const Work& work);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool woken_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::act
