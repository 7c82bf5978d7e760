// Held mail must never strand: when the daemon is dead for minutes while mail is held, a person is
// told. Runs in the privileged helper's process, which does not die with the daemon.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "act/worker_thread.h"
#include "config/settings.h"

namespace sekimori::app {

class Watchdog {
 public:
  Watchdog(config::Settings settings, std::function<void(std::string_view)> log);

  // One look: asks the daemon's control socket and, when it has been silent for
  // watchdog.held_alarm, counts Postfix's held mail and tells the operators (at most once an hour).
  // For tests, too.
  void look(Instant now);
  // Looks every watchdog.interval on a thread of its own, until the end of this object. What ends
  // the process by signal was blocked before.
  void start();

 private:
  [[nodiscard]] bool daemon_lives() const;
  [[nodiscard]] std::uint64_t held_messages() const;
  void tell(std::uint64_t held, Instant since, Instant now);

  config::Settings settings_;
  std::function<void(std::string_view)> log_;
  Instant silent_since_;
  Instant told_;
  act::WorkerThread thread_;
};

}  // namespace sekimori::app
