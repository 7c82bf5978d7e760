// The way back of one account, as a pure machine: what must be proved before sending opens again,
// and what counts as proof. No clock, no I/O. act/ makes the proofs (real sign-ins, Dovecot's
// answers), store/ keeps them, app/recovery_service drives it.
//
// The intuition: a provider takes the owner's word that "it is all right now", and the thief sends
// on with a second key. Here each key is looked at by machine; what no machine can know (is that
// forward yours?) a person answers; what is overridden has a name and a reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"

namespace sekimori::decide {

enum class GateKind : std::uint8_t {
  password_changed,   // the stored hash is another one than at the incident
  works_smtp,         // the new password signs in over SMTP …
  works_imap,         // … and over IMAP (or POP3, where IMAP is not used)
  old_refused,        // the earlier one does not; not_needed where nobody knows it
  cache_flushed,      // Dovecot's remembered sign-ins of this account
  app_passwords,      // suspended; not_needed where there are none
  sessions_ended,     // nobody who signed in before the change is still connected
  forwards_answered,  // each way mail leaves to elsewhere: kept or removed by a person
  reviewed,           // taken over again within recovery.again_window: a person looked
  count_
};
inline constexpr std::size_t k_gates = static_cast<std::size_t>(GateKind::count_);
[[nodiscard]] std::string_view to_string(GateKind);
[[nodiscard]] std::optional<GateKind> parse_gate_kind(std::string_view);

enum class GateState : std::uint8_t { open, proved, not_needed, overridden };
[[nodiscard]] std::string_view to_string(GateState);
[[nodiscard]] std::optional<GateState> parse_gate_state(std::string_view);

struct Gate {
  GateState state = GateState::open;
  Text evidence;  // how it was proved, or what is missing; for owners and operators, no secret
  Instant when;   // unset while open
  bool operator==(const Gate&) const = default;
};

// Wrong or earlier passwords told apart by Dovecot's 12-bit hash (auth policy): so many of them are
// remembered.
inline constexpr std::size_t k_earlier_pwhashes_max = 8;

struct Recovery {
  std::string account;
  std::uint64_t incident = 0;
  Instant contained;     // when this containment began
  Instant begun;         // the owner came back; unset: not yet
  std::string begun_by;  // "owner:code", "owner:contact", "owner:totp", "panel", "cli:root", …
  // Fingerprints (keyed, hex) of the stored password hash: of the incident, and now. "" = unknown.
  std::string earlier_hash;
  std::string current_hash;
  std::vector<std::string> earlier_pwhashes;  // ≤ k_earlier_pwhashes_max
  std::string pwhash;                         // of the new password, once seen; "" = not yet
  // Contained by the judge: to restore it without proof needs a reason. What a person closed, a
  // person opens.
  bool by_machine = true;
  std::uint32_t times = 1;  // containments by the machine within the window, this one included
  Instant ended;            // restored, contained again or overridden; unset: under way
  std::string ended_by;     // "verified", "contained_again", or who overrode
  std::array<Gate, k_gates> gates;

  [[nodiscard]] Gate& gate(GateKind kind) { return gates[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Gate& gate(GateKind kind) const {
    return gates[static_cast<std::size_t>(kind)];
  }
  bool operator==(const Recovery&) const = default;
};

struct RecoveryStart {
  std::string account;
  std::uint64_t incident = 0;
  Instant now;
  std::string stored_hash;  // fingerprint, "" = unknown
  std::string pwhash;       // of the last sign-in before, "" = unknown
  std::uint32_t times = 1;  // > 1 opens the gate `reviewed`
  bool by_machine = true;
};
// All gates open but those that cannot apply (reviewed at the first time).
[[nodiscard]] Recovery open_recovery(RecoveryStart);

// The store holds a password hash of this fingerprint now. The earlier one, or the one already
// known, changes nothing (false). A new one proves password_changed and opens again what an earlier
// new password had proved: another password is another key.
bool password_stored(Recovery&, std::string_view fingerprint, std::string_view by, Instant now);

// Proof by our own trial or by Dovecot's answer. Proving twice keeps the first proof.
void prove(Recovery&, GateKind, Text evidence, Instant now);
void not_needed(Recovery&, GateKind, Text why, Instant now);
// A proof fell (a session came back, a forward appeared): open again, with what is missing.
void reopen(Recovery&, GateKind, Text missing);

// A successful sign-in that Dovecot reports, seen while the recovery or the probation runs.
struct SignIn {
  Service service = Service::other;
  IpAddress ip;
  std::string pwhash;       // "" = not told
  bool is_ours = false;     // our own trial
  bool is_strange = false;  // from a network of the incident: proves nothing
  Instant t;
};
enum class SignInMeans : std::uint8_t {
  nothing,
  proof,            // a gate was proved by it
  earlier_password  // the earlier password still opens the door: contain at once
};
// Before the change of password it is noted as an earlier one. After it, a sign-in over SMTP, IMAP
// or POP3 with the new password proves works_*; one with an earlier pwhash that the new one does
// not share (12 bits collide once in 4096) is the alarm.
SignInMeans note_sign_in(Recovery&, const SignIn&);

[[nodiscard]] bool is_complete(const Recovery&);  // no gate is open
[[nodiscard]] std::vector<GateKind> open_gates(const Recovery&);

// What the owner does next, in plain words, in the order of doing: the first open gate's.
[[nodiscard]] Text next_step(const Recovery&);
// The gate's name for people.
[[nodiscard]] Text title(GateKind);

}  // namespace sekimori::decide
