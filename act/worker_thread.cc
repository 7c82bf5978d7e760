#include "act/worker_thread.h"

#include <pthread.h>

#include <utility>

namespace sekimori::act {

void WorkerThread::start(const char* name, Work work) {
  if (thread_.joinable()) return;
  thread_ = std::jthread([this, name, work = std::move(work)](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), name);
    loop(stop, work);
  });
}

void WorkerThread::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

bool WorkerThread::is_woken() const {
  const std::lock_guard lock(mutex_);
  return woken_;
}

void WorkerThread::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void WorkerThread::loop(const std::stop_token& stop, const Work& work) {
  bool is_called = false;
  while (!stop.stop_requested()) {
    {
      const std::lock_guard lock(mutex_);
      woken_ = false;
    }
    const auto next = work(is_called);
    std::unique_lock lock(mutex_);
    const auto is_woken = [this] { return woken_; };
    is_called = next ? changed_.wait_until(lock, stop, *next, is_woken)
                     : changed_.wait(lock, stop, is_woken);
  }
}

}  // namespace sekimori::act
