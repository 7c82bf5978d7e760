// The standing of a subject as a pure machine: step(state, request) → new state and what must be done.
// No clock, no I/O: the simulator drives it with every order of requests, repeats and crashes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "decide/records.h"

namespace sekimori::decide {

// Who or what asks for a change.
enum class RequestKind : std::uint8_t {
  restrict,         // no sending
  suspend,          // no sending, no login, incoming mail waits
  restore,          // the owner is back (or a person overrides): to normal, or probation when asked
  begin_recovery,   // the owner started the way back; restrictions stay
  end_probation,    // time is over
};

struct StandingRequest {
  RequestKind kind = RequestKind::restrict;
  bool by_machine = true;
  bool to_probation = false;  // restore: watch more closely for a while
  std::string by;             // "machine", or the person's login
  Instant now;
};

struct StandingStep {
  StandingRecord next;  // epoch grown by one when `changed`
  bool changed = false; // false: the request asked for what is already so
  std::vector<StepKind> steps;  // for the hands, in this order
};

// The one place where standings change. Errors: bad_input when the change is not allowed from here
// (a machine may not restore, nor loosen what a person set; recovery needs a contained subject).
[[nodiscard]] Result<StandingStep> step(const StandingRecord& now_in_force, const StandingRequest&);

// What a standing forbids.
[[nodiscard]] bool forbids_sending(Standing);
[[nodiscard]] bool forbids_login(Standing);
[[nodiscard]] bool forbids_receiving(Standing);

}  // namespace sekimori::decide
