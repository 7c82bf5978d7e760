// Takes what decisions brought about off the decision path and makes it durable: standings,
// incidents, holds, audit, and guard.db, on one thread, in order. While the database is gone the
// queue grows to its bound, the engine's memory goes on enforcing, and health says so; it heals by
// itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "app/state_queue.h"
#include "base/result.h"
#include "decide/engine.h"
#include "decide/ports.h"

namespace sekimori::app {

// So long a reader of the audit waits for what is being written: far more than a write takes.
inline constexpr int k_audit_wait_ms = 500;

struct StateWriterOptions {
  std::size_t queue_max = 100'000;
  std::string portal_url;
  // Called on the writer's thread once a thing is durable: "standing", "incident", "hold".
  std::function<void(const decide::StandingNews&)> on_standing;
  std::function<void(const decide::Incident&)> on_incident;
  std::function<void(const decide::HeldMessage&)> on_hold;
  std::function<void(const decide::Approval&)> on_approval;
  std::function<void(std::string_view)> log;
  // Whether the database takes writes, asked while nothing is to be written, at once and then so
  // often: otherwise the next containment would be the first to find out. Unset: never.
  std::function<Result<void>()> try_write;
  std::chrono::milliseconds try_every = std::chrono::seconds(20);
};

class StateWriter {
 public:
  StateWriter(decide::StateStore& state, decide::GuardStore& guard, StateWriterOptions options);
  ~StateWriter();  // writes what waits (bounded by a few seconds) and ends

  // Any thread; only enqueues. Returns a ticket for wait(). When the queue is full the oldest hold
  // update is dropped before anything else, a standing never (StateQueue); that is counted.
  std::uint64_t put(const decide::Applied& applied);
  std::uint64_t put(const decide::StandingNews& news);
  std::uint64_t put(const decide::HeldMessage& hold);
  std::uint64_t put(const decide::AuditEntry& entry);
  std::uint64_t put(const decide::Incident& incident);
  std::uint64_t put(const decide::Approval& approval) { return enqueue(approval); }
  std::uint64_t put(StateItem item) { return enqueue(std::move(item)); }

  // Until everything up to the ticket is durable, at most `timeout_ms`. Errors: uncertain (it is in
  // force in memory, but the database has not taken it yet).
  [[nodiscard]] Result<void> wait(std::uint64_t ticket, int timeout_ms);

  // For who reads what a person may just have done: until all that was put so far is written, at
  // most `timeout_ms`; not at all while the database is in trouble.
  void catch_up(int timeout_ms);

  // The ticket given last: wait() for it and everything put so far is durable.
  [[nodiscard]] std::uint64_t last_ticket() const;
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t dropped() const;
  // The last failure while it lasts; "" when all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  std::uint64_t enqueue(StateItem item);
  void run(const std::stop_token& stop);
  std::chrono::milliseconds try_while_idle();  // returns when to try again
  void announce(const StateItem& item);

  decide::StateStore& state_;
  decide::GuardStore& guard_;
  StateWriterOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  StateQueue queue_;
  std::string trouble_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::app
