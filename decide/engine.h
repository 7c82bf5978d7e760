// The engine: every account's shard, the judge and the limits under one short lock, and the
// answers. The daemon, `sekimori replay`, the simulator and the fuzzers all run this same code.
//
// Threads: every public function may be called from any thread. A call takes the lock of one shard
// only, for microseconds, makes no SQL call and hops to no other thread. What must be remembered or
// done in the world comes out as values (Applied) that the caller hands to the state writer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/hash.h"
#include "base/text.h"
#include "decide/approval.h"
#include "decide/circuit_breaker.h"
#include "decide/history.h"
#include "decide/policy.h"
#include "decide/ports.h"
#include "decide/records.h"
#include "decide/standing.h"
#include "detect/detector.h"

namespace sekimori::decide {

// Fixed: the state's hash and a journal's order depend on it.
inline constexpr std::size_t k_shards = 64;

struct EngineSettings {
  detect::DetectSettings detect;
  double restrict_log_r = 9.21;  // ln 10^4: at most one false alarm per 10,000 account-days
  double suspend_log_r = 11.5;   // and two kinds of evidence of at least 1.5 nats each
  bool suspend_by_machine = true;
  int suspend_channels = 2;           // kinds of evidence, each of at least …
  double suspend_channel_nats = 1.5;  // … so many nats since the onset
  Duration timed_hold = minutes(20);  // the first since the onset; detect::hold_after()
  // All of a run waits in one question, so that an owner's newsletter goes out when a person says
  // so. When so many messages of one account wait, further ones that would are put off (450): a
  // flood must not fill the queue, nor the 16,384 places of a shard.
  std::uint32_t hold_pile = 500;
  Duration probation = days(14);
  BreakerSettings breaker;
  Limits limits;
  Limits probation_limits;  // in place of `limits` while an account is on probation
  Mode mode = Mode::observe;
  std::vector<std::pair<std::string, Mode>> domain_modes;   // override the server's
  std::vector<std::pair<std::string, Mode>> account_modes;  // override the domain's
  // What people set for domains and accounts; each value goes before the configuration's of the
  // same reach. Null: nothing.
  std::shared_ptr<const PolicyTable> policy;
  std::string portal_url;  // ASCII, printed in refusals
  HashKey key{};
};

// What Postfix is told. The text is ASCII and holds no secret.
struct Answer {
  enum class Action : std::uint8_t { dunno, hold, refuse, warn };
  Action action = Action::dunno;
  std::string text;  // refuse: "525 5.7.13 …"; hold, warn: a short line for the mail log
  // For replay and the journal: a + h + r = recipients.
  std::uint32_t accepted = 0;
  std::uint32_t held = 0;
  std::uint32_t refused = 0;
  double log_r = 0;
  std::string rule;  // "standing", "judge", "hold_timed", "hold_asked",
                     // "limit:recipients_per_hour", "pass", …
};

// What Dovecot is told (and replay prints when not let in at once).
struct LoginAnswer {
  int status = 0;    // -1 refuses, 0 lets in, >0 delays that many seconds
  Text message;      // for the person
  std::string rule;  // "pass", "standing"
};

struct StandingNews {
  StandingChange change;
  bool changed = true;
  double log_r = 0;
  std::string family;
  Mode mode = Mode::enforce;        // observe: nothing was changed, this is what would have been
  std::vector<HeldMessage> holds;   // that no longer end by time, but wait for a person
  std::vector<Approval> approvals;  // that were suspended with it (people's requests)
};

// A person's word on an approval.
struct ApprovalOrder {
  std::string account;
  std::uint64_t id = 0;  // 0: a new one, with these terms; else its state changes
  ApprovalState state = ApprovalState::active;  // active or ended
  ApprovalTerms terms;
  std::string by;
  std::string reason;
  Instant now;
};
struct ApprovalView {
  Approval approval;
  ApprovalInForce::Use used;    // of the window that is open now, else of the last one
  std::optional<Instant> open;  // since when it is open now
  std::optional<Instant> next;  // when it opens next
};

// Everything one call brought about. Reused by callers that want no allocation.
struct Applied {
  std::optional<Answer> answer;      // for a submission
  std::optional<LoginAnswer> login;  // for a login that was not let in at once
  std::vector<StandingNews> standings;
  std::vector<HeldMessage> holds;   // new, or changed
  std::vector<Incident> incidents;  // opened by a hold that waits for a person
  std::vector<Approval> approvals;  // suspended by what happened
  bool duplicate = false;           // the event's id was seen before: nothing was folded
  // A sign-in with the right password while the account's standing is not normal: whoever walks
  // the owner back wants to see it.
  bool watched = false;
  // Is there anything that must be made durable?
  [[nodiscard]] bool is_worth_keeping() const {
    return !standings.empty() || !holds.empty() || !incidents.empty() || !approvals.empty();
  }
  void clear();
};

class Engine {
 public:
  // `journal` may be null (replay); it lives as long as the engine. `priors` null: shipped ones.
  Engine(EngineSettings settings, EventJournal* journal,
         std::shared_ptr<const detect::Priors> priors);
  ~Engine();

  // Fold one event, judging and deciding where it is a submission. The event is journaled first.
  // `t` of live events comes from the caller's clock.
  void apply(const Event&, Applied& out);
  // The same for an event that stands in the journal already: no decision is made anew (fate and
  // standing are in the journal), nothing is journaled.
  void recover(const Event&, std::uint64_t sequence);

  // ---- old logs ----
  // Folds an event of the past: the same judge and the same counting on the past's own clock, but
  // no answer, hold, standing or incident comes of it, and what is live is not touched before
  // end_history(). Journaled. Events come in the order of their time; ids are remembered, so that
  // the same log teaches nothing twice (at least the last 131,072 ids of each shard).
  [[nodiscard]] Learnt learn(const Event&);
  // The run is over: contacts, places and rhythm are known from here on, a shard at a time. What
  // was sent less than the learning delay before `now` is learnt when that is over. Without it the
  // next run goes on where this one stopped.
  HistoryReport end_history(Instant now);

  // ---- questions that are no events (RCPT, DATA, login before the password) ----
  // May this login send at all, and may it send `recipients` more (reserved by others: `reserved`)?
  [[nodiscard]] Answer may_send(std::string_view account, Instant now, std::uint32_t recipients,
                                std::uint32_t reserved);
  // May mail be delivered to this address? refuse = "450 4.2.1 …".
  [[nodiscard]] Answer may_receive(std::string_view address);
  [[nodiscard]] LoginAnswer may_login(std::string_view account, Service service);

  // ---- persons and time ----
  // A person's or another panel's request. Errors as step(); not_found never (a subject is made).
  // `changed` false in the news' record (same epoch as before): it was so already.
  [[nodiscard]] Result<StandingNews> request(const Subject&, const StandingRequest&);
  // Standing as the store remembers it, at start.
  void load_standing(const StandingRecord&);
  // A held message as the store or the executor knows it; one that has ended is forgotten.
  void load_hold(const HeldMessage&);
  // What due_holds() gave could not be let go: held again, if it has not ended meanwhile.
  void release_failed(const HeldMessage&);
  void set_next_incident(std::uint64_t id);
  // Gives, takes up again or ends an approval; journaled. `false` beside the record: it was so
  // already. Errors: bad_input (terms, too many, ended for good), not_found.
  [[nodiscard]] Result<std::pair<Approval, bool>> approve(const ApprovalOrder&);
  // An approval as the store remembers it, at start.
  void load_approval(const Approval&);
  void set_next_approval(std::uint64_t id);
  // Timed holds that are over at `now` (state releasing). The caller has the hands let them go and
  // then calls hold_ended.
  [[nodiscard]] std::vector<HeldMessage> due_holds(Instant now);
  // A hold ended: by time or a person, released or deleted. Journaled.
  void hold_ended(std::string_view account, Instant now, std::string_view queue_id,
                  std::string_view by, bool released, Applied& out);
  // Makes the next epoch of the shared priors and marks it in the journal. Call every
  // detect::k_epoch.
  void next_epoch(Instant now);
  // Makes known to all accounts what several suspicious ones have in common, and marks it in the
  // journal where that changed (true). Call every k_fleet_pace.
  bool next_fleet(Instant now);
  static constexpr Duration k_fleet_pace = seconds(10);
  // The circuit breaker at `now`. Call as often as next_fleet: it closes by time.
  CircuitBreaker::State breaker(Instant now);

  void set_modes(Mode server, std::vector<std::pair<std::string, Mode>> domains,
                 std::vector<std::pair<std::string, Mode>> accounts);
  // Takes over what may change while running: modes, lines, limits, texts. The hash key, the
  // learning delay, the memory bounds and the policy stay as they are.
  void set_live(EngineSettings settings);
  // Takes over what people set for domains and accounts, from the next decision on.
  void set_policy(std::shared_ptr<const PolicyTable> policy);
  [[nodiscard]] std::shared_ptr<const PolicyTable> policy() const;
  void set_bypass(bool on);  // the panic handle: every answer is dunno, nothing is contained
  [[nodiscard]] bool bypass() const;

  // ---- looking ----
  struct AccountView {
    StandingRecord standing;
    Mode mode = Mode::observe;
    double log_r = 0;
    detect::Counts counts;
    Limits limits;       // those in force, the policy's and probation's included
    std::string pwhash;  // of the last good sign-in, as Dovecot tells it ("025a"); "" = not known
    bool known = false;  // has the model ever seen it
    std::vector<HeldMessage> holds;
  };
  [[nodiscard]] AccountView view(std::string_view account, Instant now) const;
  [[nodiscard]] StandingRecord standing_of(const Subject&) const;
  // All subjects that ever left normal, and all holds that are open.
  [[nodiscard]] std::vector<StandingRecord> standings() const;
  [[nodiscard]] std::vector<HeldMessage> open_holds() const;
  // Newest first; ended ones that are still remembered included. `account` "": all accounts'.
  [[nodiscard]] std::vector<ApprovalView> approvals(std::string_view account, Instant now) const;
  [[nodiscard]] std::optional<ApprovalView> approval(std::uint64_t id, Instant now) const;
  struct Totals {
    std::uint64_t events = 0, duplicates = 0, submissions = 0, accepted = 0, held = 0, refused = 0;
    std::uint64_t restrictions = 0, suspensions = 0, journal_failures = 0;
    std::uint64_t accounts = 0, holds_open = 0;
    // Covered by an approval, and approvals that something suspended.
    std::uint64_t approved_messages = 0, approved_recipients = 0, approvals_suspended = 0;
    std::uint64_t model_bytes = 0, contact_filter_bytes = 0;
  };
  [[nodiscard]] Totals totals() const;
  // The self-audit of every kind of evidence, as of the last epoch.
  [[nodiscard]] std::array<detect::Detector::Audit, detect::k_channels> audit() const;
  [[nodiscard]] std::size_t fleet_patterns() const;  // known to all now

  // ---- snapshot ----
  // The combination of the shards' hashes: equal states, equal hash.
  [[nodiscard]] std::uint64_t hash() const;
  // Writes each shard through `sink` (name, the last journal sequence folded, bytes), locking one
  // shard at a time; no epoch may be made meanwhile (same thread).
  void save(const std::function<void(std::string_view name, std::uint64_t sequence,
                                     std::string_view bytes)>& sink) const;
  [[nodiscard]] Result<void> load(std::string_view name, std::uint64_t sequence,
                                  std::string_view bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::decide
