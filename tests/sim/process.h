// One life of the daemon, from start to kill: the product's engine, state queue, executor and start
// on the simulator's clock. What it is made of dies with it; the memories it was given stay.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "act/executor.h"
#include "app/start_agreement.h"
#include "app/state_queue.h"
#include "decide/engine.h"
#include "tests/sim/mail_world.h"
#include "tests/sim/memory_ports.h"

namespace sekimori::sim {

inline constexpr const char* k_portal = "https://portal.example.jp/";

struct Snapshot {
  struct Part {
    std::string name;
    std::uint64_t sequence = 0;
    std::string bytes;
  };
  std::vector<Part> parts;
};

// What a process finds and leaves behind. `now` is the simulator's clock.
struct Surroundings {
  MemoryJournal& journal;
  MemoryState& state;
  MemoryGuard& guard;
  MailWorld& mail;
  const Instant& now;
  decide::EngineSettings settings;
  // Told of each change of standing once it is durable.
  std::function<void(const decide::StandingRecord&)> announced;
};

class Process {
 public:
  explicit Process(const Surroundings& around);

  // As World::open: snapshot, journal, then agreement with the database. Errors: it cannot start
  // now. May throw Crash.
  [[nodiscard]] Result<void> start(const Snapshot& snapshot);
  void remember(const decide::Applied& applied) { queue.push(applied); }
  // Writes what waits, until the first failure. True when nothing waits any more.
  bool write_state();
  // As World::snapshot: only when everything is durable.
  bool save(Snapshot& out);

  decide::Engine engine;
  app::StateQueue queue{100'000};
  act::LoginQueue login_queue;
  act::Executor executor;

 private:
  const Surroundings& around_;
};

}  // namespace sekimori::sim
