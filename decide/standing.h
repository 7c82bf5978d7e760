// The standing of a subject as a pure machine: step(state, request) → new state and what must be
// done. No clock, no I/O: the simulator drives it with every order of requests, repeats and
// crashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "decide/ports.h"
#include "decide/records.h"

namespace sekimori::decide {

// Who or what asks for a change.
enum class RequestKind : std::uint8_t {
  restrict,        // no sending
  suspend,         // no sending, no login, incoming mail waits
  begin_recovery,  // the owner has a new password and signs in again; sending stays closed
  restore,         // the owner is back, or a person overrides
  end_probation,   // the closer watch is over
};

struct StandingRequest {
  RequestKind kind = RequestKind::restrict;
  bool by_machine = true;
  bool to_probation = false;  // restore: watch more closely for a while
  bool verified = false;      // restore by the machine: every gate of the recovery was proved
  std::string by;             // "machine", or the person's login
  Text reason;
  Instant now;
};

struct StandingStep {
  StandingRecord next;          // epoch grown by one when `changed`
  bool changed = false;         // false: what was asked is so already, or is weaker than what is so
  std::vector<StepKind> steps;  // for the hands, in this order
};

// The one place where standings change:
//
//   from \ request   restrict     suspend     begin_recovery  restore            end_probation
//   normal           restricted   suspended   error           –                  –
//   restricted       –            suspended   recovering      normal|probation   error
//   suspended        person only  –           recovering      normal|probation   error
//   recovering       restricted   suspended   –               normal|probation*  error
//   probation        restricted   suspended   error           person: normal     normal
//
// A machine contains and ends a probation; it loosens what is closed in one case (*): a recovery
// whose every gate was proved goes to probation. Errors: bad_input with
// what is not allowed and why. A repeated request changes nothing.
[[nodiscard]] Result<StandingStep> step(const StandingRecord& in_force, const StandingRequest&);

// What the hands must do when a subject goes from one standing to another, in this order.
[[nodiscard]] std::vector<StepKind> steps_between(SubjectKind kind, Standing from, Standing to);

// Restricted or suspended; not yet, or no longer, on the way back.
[[nodiscard]] bool is_contained(Standing);
// What a standing forbids. Recovering: the owner signs in and receives, but does not send yet.
[[nodiscard]] bool forbids_sending(Standing);
[[nodiscard]] bool forbids_login(Standing);
[[nodiscard]] bool forbids_receiving(Standing);

// The row Postfix and Dovecot enforce for a standing. The refusal is ASCII ("525 5.7.13 …", RFC
// 5248 §2.4 as used for a disabled account) with the incident's number and `portal_url`.
[[nodiscard]] GuardRow guard_row(const StandingRecord&, std::string_view portal_url);

// Only printable ASCII, at most `max` bytes; anything else is dropped. For SMTP replies.
[[nodiscard]] std::string ascii_only(std::string_view text, std::size_t max);

}  // namespace sekimori::decide
