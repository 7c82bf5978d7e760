// What waits to be made durable, and how one such thing is written: the state writer's inside,
// without its thread and clock, so that the simulator drives the very same code call by call.
//
// Threads: write_item() on one thread; StateQueue is not locked, its owner sees to that.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "decide/engine.h"
#include "decide/ports.h"

namespace sekimori::app {

using StateItem = std::variant<decide::StandingNews, decide::Incident, decide::HeldMessage,
                               decide::AuditEntry, decide::Approval>;

// Makes one item durable. Doing it twice changes nothing more. A change of standing is durable
// before guard.db has it. Errors: as StateStore and GuardStore; bad_input will never be taken.
[[nodiscard]] Result<void> write_item(decide::StateStore& state, decide::GuardStore& guard,
                                      std::string_view portal_url, const StateItem& item);

// What the audit says of an approval that something suspended.
[[nodiscard]] decide::AuditEntry suspension_entry(const decide::Approval& approval);

// The same for holds and audit entries, all of them or none.
[[nodiscard]] Result<void> write_items(decide::StateStore& state,
                                       const std::vector<StateItem>& items);

// First in, first out, each with a ticket: 1, 2, 3 …
class StateQueue {
 public:
  // Past `max` items the oldest hold is dropped (Postfix's queue still has the mail), then the
  // oldest incident or audit entry; a change of standing never is: an account has at most two
  // before a person looks at it.
  explicit StateQueue(std::size_t max) : max_(max) {}

  std::uint64_t push(StateItem item);
  // Pushes all that an engine call brought about, in the order it must be written. 0: nothing.
  std::uint64_t push(const decide::Applied& applied);
  [[nodiscard]] bool is_empty() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  // The first to be written, and what lies behind it where all of them are holds and audit entries,
  // which can be written together: at most `max`. They stay, and are not dropped, until done_with()
  // them. Requires !is_empty().
  [[nodiscard]] std::vector<StateItem> next(std::size_t max);
  void done_with(std::size_t count);
  // Everything up to this ticket is written (or was dropped).
  [[nodiscard]] std::uint64_t written() const {
    return waiting_.empty() ? given_ : waiting_.front().ticket - 1;
  }
  [[nodiscard]] std::uint64_t last_ticket() const { return given_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Waiting {
    std::uint64_t ticket = 0;
    StateItem item;
  };
  bool make_room();

  std::size_t max_;
  std::deque<Waiting> waiting_;
  std::uint64_t given_ = 0;
  std::uint64_t dropped_ = 0;
  std::size_t taken_ = 1;  // so many at the front are being written
};

}  // namespace sekimori::app
