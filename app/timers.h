// What the daemon does by the clock: holds that are over, fsync, epochs, snapshots, retention,
// probation, the directory, and a look at guard.db. One thread for each pace, so that a slow
// snapshot never delays an fsync, nor a hanging queue the release of holds.
#pragma once

#include <deque>
#include <functional>

#include "act/worker_thread.h"
#include "app/world.h"
#include "serve/policy_desk.h"

namespace sekimori::app {

class Timers {
 public:
  Timers(World& world, serve::PolicyDesk& desk);
  ~Timers();  // stops and joins
  void stop();

 private:
  // Not at once: the first time after `pace`. `name`: for top -H; a literal.
  void every(Duration pace, const char* name, std::function<void()> work);
  void end_holds();
  void hourly();
  void second();
  void end_missing();
  void end_probations();
  void watch_breaker(Instant now);
  void note_health();

  World& world_;
  serve::PolicyDesk& desk_;
  Instant next_epoch_;
  bool breaker_open_ = false;
  Instant next_snapshot_;
  Instant next_directory_;
  Instant next_hits_;
  Instant next_retention_;
  Instant next_look_;
  std::deque<act::WorkerThread> threads_;  // last: they use all of the above
};

}  // namespace sekimori::app
