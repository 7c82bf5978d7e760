// What is remembered about people and decisions: subjects, standings, incidents, holds, audit.
// Plain values, shared by the engine, the store, the hands and the API.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"

namespace sekimori::decide {

// Whom an incident or a standing is about. An account is one kind; a domain and the whole server's
// sending can be stopped the same way.
enum class SubjectKind : std::uint8_t { account, domain, server };
[[nodiscard]] std::string_view to_string(SubjectKind);
[[nodiscard]] std::optional<SubjectKind> parse_subject_kind(std::string_view);

struct Subject {
  SubjectKind kind = SubjectKind::account;
  std::string id;  // the address, the domain, or "" for the server
  auto operator<=>(const Subject&) const = default;
};

// observe: says what it would do (WARN in the mail log, incidents marked), does nothing.
enum class Mode : std::uint8_t { observe, enforce };
[[nodiscard]] std::string_view to_string(Mode);
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view);

// The standing of a subject as it is in force. `epoch` counts changes of this subject; the later
// one wins, and at the same epoch a person's beats the machine's.
struct StandingRecord {
  Subject subject;
  Standing standing = Standing::normal;
  std::uint64_t epoch = 0;
  Instant since;
  std::string by;              // "machine" or a person's login
  Text reason;                 // for people
  std::uint64_t incident = 0;  // 0: none
  bool operator==(const StandingRecord&) const = default;
};

struct EvidenceLine {
  std::string channel;
  double nats = 0;
  Text text;
  bool operator==(const EvidenceLine&) const = default;
};

enum class IncidentState : std::uint8_t { open, contained, recovering, closed };
[[nodiscard]] std::string_view to_string(IncidentState);
[[nodiscard]] std::optional<IncidentState> parse_incident_state(std::string_view);

// One takeover (or suspicion of one), from the first evidence to the return of the owner.
struct Incident {
  std::uint64_t id = 0;
  Subject subject;
  IncidentState state = IncidentState::open;
  Instant opened;
  Instant onset;                         // where the evidence begins; unset when a person opened it
  Instant closed;                        // unset while it is not
  Mode mode = Mode::enforce;             // observe: nothing was done, this is what would have been
  Standing standing = Standing::normal;  // the strongest reached
  double log_r = 0;
  std::string family;
  Text summary;  // one sentence
  std::vector<EvidenceLine> evidence;
  std::string by;  // "machine" or who opened it
  bool operator==(const Incident&) const = default;
};

// Append-only: who did what to whom, when, why.
struct AuditEntry {
  Instant t;
  std::string who;     // "machine", a login, or "cli:root"
  std::string action;  // "restrict", "suspend", "restore", "release", "delete_held", "bypass_on", …
  Subject subject;
  std::uint64_t incident = 0;
  std::string why;     // a person's reason or the rule
  std::string detail;  // JSON object, or ""
  bool operator==(const AuditEntry&) const = default;
};

enum class HoldKind : std::uint8_t { timed, asked };
enum class HoldState : std::uint8_t { held, releasing, released, deleted };
[[nodiscard]] std::string_view to_string(HoldKind);
[[nodiscard]] std::string_view to_string(HoldState);
[[nodiscard]] std::optional<HoldKind> parse_hold_kind(std::string_view);
[[nodiscard]] std::optional<HoldState> parse_hold_state(std::string_view);

// A message in Postfix's hold queue because of us.
struct HeldMessage {
  std::string queue_id;
  std::string account;
  Instant held_at;
  Instant release_at;  // timed: when it is let go by itself; asked: unset
  std::uint32_t recipients = 0;
  std::uint64_t size = 0;
  HoldKind kind = HoldKind::timed;
  HoldState state = HoldState::held;
  std::uint64_t incident = 0;
  double log_r = 0;
  Text reason;  // never empty
  std::string
      evidence;  // for experts, "shape 3.10, velocity 2.20": nats by channel since the onset
  std::string ended_by;  // "time", or who released or deleted it
  // When it ended. Of one that is still held: a person (ended_by) asked then that it be let go, and
  // whether Postfix did so is not known.
  Instant ended_at = {};
  bool operator==(const HeldMessage&) const = default;
};

// An approval as people and the database know it.
struct Approval {
  std::uint64_t id = 0;
  std::string account;
  ApprovalState state = ApprovalState::active;
  ApprovalCause cause = ApprovalCause::none;  // of the suspension
  std::uint64_t epoch = 0;                    // counts people's changes; the later one wins
  ApprovalTerms terms;
  Instant created;
  std::string created_by;
  Instant changed;         // when the state was last set
  std::string changed_by;  // "machine" where it was suspended
  std::string reason;      // a person's, of the last change
  bool operator==(const Approval&) const = default;
};

// Of two memories of one approval: the later epoch; at the same one the more closed.
[[nodiscard]] bool is_newer(const Approval& a, const Approval& than);

// A step that the hands carry out, kept until done (an outbox: at least once, each step
// idempotent).
enum class StepKind : std::uint8_t {
  write_guard,            // guard.db: what Postfix and Dovecot enforce by themselves
  flush_auth_cache,       // Dovecot's cached logins of this account
  kick_sessions,          // running IMAP, POP3, ManageSieve sessions
  suspend_app_passwords,  // all of a suspended account, else those made since the incident began
  hold_queued,            // this login's queued mail goes to the hold area
  pause_forwards,         // to other servers, made since the incident began
  resume_app_passwords,   // what the containment suspended, but for those made since it began
  requeue_waiting,        // mail that waited in our queue for this address is tried again
  stop_server_sending,    // defer_transports on
  start_server_sending,
  notify,  // tell people
  count_
};
[[nodiscard]] std::string_view to_string(StepKind);
[[nodiscard]] std::optional<StepKind> parse_step_kind(std::string_view);

enum class StepState : std::uint8_t { waiting, done, retrying, failed };
[[nodiscard]] std::string_view to_string(StepState);
[[nodiscard]] std::optional<StepState> parse_step_state(std::string_view);

struct Step {
  std::uint64_t id = 0;  // given by the store
  std::uint64_t incident = 0;
  Subject subject;
  std::uint64_t epoch = 0;  // of the standing it belongs to: an older epoch's step is skipped
  StepKind kind = StepKind::write_guard;
  StepState state = StepState::waiting;
  std::uint32_t tries = 0;
  Instant created;
  Instant changed;
  std::string detail;  // input (e.g. which notice) or the last failure, never a secret
  bool operator==(const Step&) const = default;
};

}  // namespace sekimori::decide
