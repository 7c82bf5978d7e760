// How much of each account's mail waits in Postfix's queue: counted beside the requests, and only
// while somebody looks.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "act/login_queue.h"
#include "act/worker_thread.h"
#include "web/figures.h"

namespace sekimori::app {

// Any thread; start() and stop() from one.
class QueueCounts {
 public:
  QueueCounts(act::LoginQueue& queue, std::function<void(std::string_view)> log)
      : queue_(queue), log_(std::move(log)) {}
  ~QueueCounts() { stop(); }
  QueueCounts(const QueueCounts&) = delete;
  QueueCounts& operator=(const QueueCounts&) = delete;

  void start();
  void stop();
  // What is known, and it is counted anew where that is old. The first look waits a moment for it.
  [[nodiscard]] std::shared_ptr<const web::QueuedMail> get();

 private:
  using Clock = act::WorkerThread::Clock;
  std::optional<Clock::time_point> work();
  [[nodiscard]] std::shared_ptr<const web::QueuedMail> count();

  act::LoginQueue& queue_;
  std::function<void(std::string_view)> log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_wanted_ = false;
  bool is_failing_ = false;       // said in the log once
  Clock::time_point counted_;     // when last_ was made
  Clock::time_point not_before_;  // a long queue is not listed all the time
  std::shared_ptr<const web::QueuedMail> last_;
  act::WorkerThread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::app
