// Two configurations over the same events: whom each of them would have held or stopped, what would
// have reached people, how long mail would have waited. Both engines fold every event in one pass.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/event_source.h"
#include "base/event.h"
#include "base/result.h"
#include "decide/engine.h"

namespace sekimori::app {

// What one configuration made of an account, or of all of them together.
struct Outcome {
  std::uint64_t reached = 0;   // recipients the mail went to: passed, or let go later
  std::uint64_t refused = 0;   // recipients of refused messages
  std::uint64_t deleted = 0;   // recipients of held messages that a person deleted
  std::uint64_t waiting = 0;   // recipients of messages that still wait at the end
  std::uint64_t messages = 0;  // offered, refused ones included
  std::uint64_t held = 0;      // messages
  std::uint64_t asked = 0;     // of these: waited (or wait) for a person
  double held_minutes = 0;     // of messages that were let go
  Instant first_held{}, restricted{}, suspended{};  // unset: never
  [[nodiscard]] bool contained() const { return restricted.is_set() || suspended.is_set(); }
  [[nodiscard]] bool acted() const { return held > 0 || refused > 0 || contained(); }
  bool operator==(const Outcome&) const = default;
};

struct AccountOutcome {
  std::string account;
  Outcome a, b;
  Outcome recorded;  // meaningful where the events tell what was answered then
};

struct Comparison {
  EventReading reading;
  Instant first, last;         // of the events in the period
  std::uint64_t events = 0;    // in the period
  std::uint64_t accounts = 0;  // that sent in the period
  bool cut_short = false;      // `go_on` ended it
  bool recorded = false;       // the events tell what was answered then: a journal
  Outcome a, b, then;          // sums; the three times are the earliest
  // Minutes that mail of accounts waited which neither side, nor the record, ever contained: as far
  // as anybody knows, owners.
  double benign_minutes_a = 0, benign_minutes_b = 0;
  std::uint64_t held_accounts_a = 0, held_accounts_b = 0, held_accounts_then = 0;
  std::uint64_t restricted_a = 0, restricted_b = 0, restricted_then = 0;  // accounts
  std::uint64_t suspended_a = 0, suspended_b = 0, suspended_then = 0;     // accounts
  // Accounts that the two treat differently; the largest difference in people reached first.
  std::vector<AccountOutcome> differing;
  std::uint64_t differing_count = 0;  // of which `differing` keeps the first k_differing_max
  double seconds = 0;
  static constexpr std::size_t k_differing_max = 10'000;
};

struct CompareOptions {
  std::vector<std::string> events;
  decide::EngineSettings a, b;  // with the mode already set
  std::function<Place(const IpAddress&)> place;
  Instant from, until;
  Language language = Language::en;
  // Called now and then with the events read so far and the newest one's time; optional.
  std::function<void(std::uint64_t events, Instant t)> progress;
  // Asked now and then; false ends the reading there, with what was seen (cut_short). Optional.
  std::function<bool()> go_on;
  // Accounts that are followed one by one; what others do beyond them is in the sums only.
  std::size_t accounts_max = 4'000'000;
};

// Errors: as EventSource; bad_input when no event lies in the period.
[[nodiscard]] Result<Comparison> compare(const CompareOptions& options);

}  // namespace sekimori::app
