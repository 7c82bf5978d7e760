// How a start joins what three memories say: the journal (ahead of the database when the process
// was killed, behind it after a power cut), the database and guard.db. The later epoch wins; what
// the database has not heard of yet is written to it change by change, as if it had just happened.
//
// Threads: the start's own; nothing else runs yet.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/state_queue.h"
#include "base/event.h"
#include "decide/engine.h"
#include "decide/ports.h"

namespace sekimori::app {

// What the replayed end of the journal says about things that the database keeps.
class JournalTail {
 public:
  void add(const Event& event);

  struct Change {
    Instant t;
    std::string account;
    StandingSet set;
  };
  [[nodiscard]] const std::deque<Change>& changes() const { return changes_; }
  struct End {
    Instant t;
    decide::HoldState state = decide::HoldState::released;
    std::string by;
  };
  // How a message held at `since` ended; nullptr where the journal does not say that it did.
  [[nodiscard]] const End* end_of(const std::string& queue_id, Instant since) const;
  // Was the account's sending stopped at or after `since`?
  [[nodiscard]] bool contained_since(const std::string& account, Instant since) const;

 private:
  // A snapshot is taken only when the database has everything, so the end of the journal is an
  // hour of changes; the bound is for a journal that is read from its beginning.
  static constexpr std::size_t k_changes_max = 200'000;
  static constexpr std::size_t k_ends_max = 1'000'000;
  std::deque<Change> changes_;
  std::unordered_map<std::string, End> ends_;
  std::unordered_map<std::string, Instant> contained_;
};

struct AgreementParts {
  decide::Engine& engine;     // recovered from snapshot and journal
  decide::StateStore& state;  // read only here
  const JournalTail& tail;
  std::string portal_url;
  Instant now;
  std::function<void(StateItem)> put;  // to the state writer, in this order
  // Makes guard.db's content exactly these rows.
  std::function<Result<void>(const std::vector<decide::GuardRow>&)> rebuild_guard;
};
// Errors: what the database or guard.db said; nothing can be guarded then.
[[nodiscard]] Result<void> agree_at_start(const AgreementParts& parts);

}  // namespace sekimori::app
