// Inside of the engine: one shard. Not for other folders.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/big_vector.h"
#include "decide/approval.h"
#include "decide/engine.h"
#include "decide/engine_past.h"
#include "decide/kept_message.h"
#include "decide/recent_ids.h"
#include "detect/epoch.h"
#include "detect/fleet.h"

namespace sekimori::decide {

// What the engine keeps of an account beside the judge's model: 40 bytes.
struct AccountControl {
  std::uint64_t incident = 0;
  Instant since;       // of the standing
  Instant last_onset;  // of the last verdict's run of evidence
  std::uint32_t epoch = 0;
  Standing standing = Standing::normal;
  Standing observed = Standing::normal;  // observe mode: what it would be
  Mode mode = Mode::observe;
  bool by_person = false;
  bool known = false;  // mode was looked up
  // Dovecot's 12-bit hash of the password of the last good sign-in, with k_pwhash_known; 0: none.
  std::uint16_t pwhash = 0;
  std::uint32_t holds = 0;  // open ones
};

inline constexpr std::uint16_t k_pwhash_known = 0x1000;

// Strings compare without a copy.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};

// Held messages a shard keeps track of: past it a message that would be held is refused instead,
// since a hold nobody tracks would strand. 64 × 16,384 is a million.
inline constexpr std::size_t k_holds_max = 16'384;

// Accounts of a shard with approvals: 64 × 4,096 is a quarter of a million.
inline constexpr std::size_t k_approved_accounts_max = 4'096;

struct Shard {
  explicit Shard(detect::Detector d) : detector(std::move(d)) {
    server.subject.kind = SubjectKind::server;
  }

  mutable std::mutex mutex;
  detect::Detector detector;
  BigVector<AccountControl> controls;  // by AccountIndex
  // Reasons and names of those that ever left normal.
  std::unordered_map<detect::AccountIndex, StandingRecord> records;
  std::unordered_map<std::string, HeldMessage, StringHash, std::equal_to<>> holds;
  // Closed accounts whose memory was given up for others (accounts_max), by name.
  std::unordered_map<std::string, StandingRecord, StringHash, std::equal_to<>> parked;
  // Copies of what all shards share, so that a decision takes one lock.
  std::unordered_map<std::string, StandingRecord, StringHash, std::equal_to<>> domains;
  StandingRecord server;
  // By name: they outlive an account's model.
  std::unordered_map<std::string, std::vector<ApprovalInForce>, StringHash, std::equal_to<>>
      approvals;
  std::vector<Approval> suspended;  // by the event at hand, for whoever remembers; no state
  KeptMessage kept;                 // what the journal is told of the message at hand; no state
  RecentIds ids;
  Past past;
  // When machines stopped accounts of this shard, within the breaker's window; oldest first.
  std::vector<Instant> stops;
  std::uint64_t raised_version = 0;  // of the detector's, as the engine was told
  std::uint64_t sequence = 0;        // of the last journaled event folded here
  std::uint64_t unnamed = 0;         // numbers messages that came without a queue id
  Engine::Totals totals;
};

struct Engine::Impl {
  EngineSettings settings;
  EventJournal* journal = nullptr;
  std::vector<std::unique_ptr<Shard>> shards;
  std::shared_ptr<const detect::Priors> priors;  // under epoch_mutex
  mutable std::mutex epoch_mutex;                // epochs and snapshots, never on the decision path
  std::uint64_t epoch_sequence = 0;  // of the journal's mark that made `priors`; under epoch_mutex
  std::map<std::string, Mode, std::less<>> domain_modes;  // under modes_mutex
  std::map<std::string, Mode, std::less<>> account_modes;
  Mode server_mode = Mode::observe;
  mutable std::mutex modes_mutex;  // taken when an account is first seen, and by set_modes
  std::shared_ptr<const detect::FleetSet> fleet;  // under epoch_mutex; null: nothing is shared
  std::uint64_t raised_seen = 0;                  // of raised_changes; under epoch_mutex
  Instant fleet_looked;                           // under epoch_mutex
  std::atomic<std::uint64_t> raised_changes{1};   // what shards' suspicious accounts send changed
  CircuitBreaker breaker;                         // under breaker_mutex
  BreakerSettings breaker_settings;               // under breaker_mutex
  std::mutex breaker_mutex;                       // a leaf: taken under a shard's
  std::atomic<bool> breaker_open{false};
  std::atomic<std::uint64_t> accounts_known{0};
  std::atomic<std::uint64_t> next_incident{1};
  std::atomic<std::uint64_t> next_approval{1};
  std::atomic<bool> bypass{false};

  // A name is hashed once an event: it says the shard, and where in it.
  std::uint64_t hash_of(std::string_view account) const {
    return keyed_hash(settings.key, account);
  }
  Shard& shard_at(std::uint64_t hash) const { return *shards[hash % k_shards]; }
  Shard& shard_of(std::string_view account) const { return shard_at(hash_of(account)); }
  // What the account's memory consists of, asked for before it is needed.
  static std::optional<detect::AccountIndex> prefetch(const Shard& shard, std::uint64_t hash) {
    const auto index = shard.detector.prefetch_model(hash);
    if (index && *index < shard.controls.size()) __builtin_prefetch(&shard.controls[*index], 1);
    return index;
  }
  Mode mode_of(std::string_view account) const;
  // A person has set that all this account sends waits for a decision.
  [[nodiscard]] bool holds_all(std::string_view account) const;
  detect::AccountIndex intern(Shard& shard, std::string_view account) {
    return intern(shard, account, hash_of(account));
  }
  detect::AccountIndex intern(Shard&, std::string_view account, std::uint64_t hash);
  // The index if the account is known, closed ones whose memory was given up included.
  std::optional<detect::AccountIndex> find(Shard&, std::string_view account, std::uint64_t hash);

  struct Decision {
    Answer answer;
    Fate fate = Fate::accepted;
    std::optional<HoldKind> hold;
    std::optional<Standing> contain;
    bool by_breaker = false;  // held where it would have been stopped
    bool by_order = false;    // held because a person wants all of it held
    bool only_observed = false;
  };
  Decision decide(Shard&, AccountControl&, const Event&, const Submission&,
                  const detect::Verdict&) const;
  void submission(Shard&, const Event&, const Submission&, std::uint64_t name_hash,
                  std::uint64_t id_hash, std::uint64_t prepared, Applied& out);
  // Everything that is not a submission, live and recovered alike. `index` is the event's account.
  void fold(Shard&, detect::AccountIndex index, const Event&);
  // The messages that wait for a person from now on are added to `asked`, where given.
  void fold_standing(Shard&, detect::AccountIndex index, Instant t, const StandingSet&,
                     std::vector<HeldMessage>* asked);
  // The event is journaled now, so its id counts: a recovery must know the same ids.
  static void keep_id(Shard&, const Event&, std::uint64_t id_hash);
  void end_hold(Shard&, detect::AccountIndex index, Instant t, const HoldEnded&, HeldMessage* copy);
  void contain(Shard&, detect::AccountIndex index, const Event&, const detect::Verdict&,
               Standing to, bool only_observed, Applied& out);
  void add_hold(Shard&, detect::AccountIndex index, const Event&, const Submission&,
                const detect::Verdict&, HoldKind kind, bool recovering, Applied& out);
  void write_journal(Shard&, const Event&);

  // Approvals (engine_approvals.cc).
  // The one that covers the judged message, or nullptr. A suspended one that would have makes a
  // timed hold of it an asked one.
  ApprovalInForce* approval_for(Shard&, detect::AccountIndex index, const Event&, const Submission&,
                                detect::Verdict&) const;
  void use_approval(Shard&, ApprovalInForce&, detect::AccountIndex index, const Event&,
                    const Submission&, Fate) const;
  // What the journal says about the approval of a message.
  void recover_approval(Shard&, detect::AccountIndex index, const Event&, const Submission&,
                        detect::Verdict&, Fate) const;
  void fold_approval(Shard&, detect::AccountIndex index, const Event&, const ApprovalSet&) const;
  void suspend_approvals(Shard&, std::string_view account, Instant t, ApprovalCause) const;
  // Before the place is noted: is it one where somebody new is at work?
  void watch_place(Shard&, detect::AccountIndex index, const Event&, const IpAddress&,
                   const Place&) const;
  [[nodiscard]] bool is_approved_mail(const Shard&, std::string_view account,
                                      std::string_view queue_id) const;
  void give_back(Shard&, std::string_view account, std::string_view queue_id) const;
  [[nodiscard]] std::uint64_t queue_key(std::string_view queue_id) const {
    return queue_id.empty() ? 0 : keyed_hash(settings.key, queue_id) | 1U;
  }
  // Limits and lines of an account, with what people set for it or its domain. A shard's lock.
  [[nodiscard]] Rules rules_of(std::string_view account, const AccountControl& control) const {
    const bool probation = control.standing == Standing::probation;
    Rules rules{probation ? settings.probation_limits : settings.limits, settings.restrict_log_r,
                settings.suspend_log_r};
    if (settings.policy) settings.policy->lay_over(rules, account, probation);
    return rules;
  }
  // The account's, domain's or server's standing that stops sending; nullopt: none does.
  [[nodiscard]] std::optional<StandingRecord> sending_stop(const Shard&, std::string_view account,
                                                           const AccountControl&) const;
  [[nodiscard]] StandingRecord record_of(const Shard&, detect::AccountIndex index) const;
  void build_epoch();
  // All shards stand still, so that every shard's events lie on the same side of what is done then.
  [[nodiscard]] std::vector<std::unique_lock<std::mutex>> lock_all();
  // Writes a mark that all shards share. With lock_all() held, and a journal.
  Result<std::uint64_t> append_mark(Instant now, EventBody body);
  // What the shard's suspicious accounts send may have changed: next_fleet looks again.
  void note_raised(Shard&);
  // A machine stopped an account: counts for the breaker.
  void note_stop(Shard&, Instant t);
  CircuitBreaker::State update_breaker(Instant now);

  // Old logs (engine_past.cc).
  struct PastTotals {
    HistoryReport report;
    std::vector<std::uint64_t> places;  // accounts by their number of known networks
    void add(const Past&);
    HistoryReport finished();
  };
  Learnt fold_past(Shard&, const Event&);
  void recover_past(const Event&, std::uint64_t sequence);
  // Merges a run into what lives. `totals` null: nobody asks.
  void absorb_past(Shard&, Instant now, PastTotals* totals);
};

// Names an event for ever; 0 where it has no id.
[[nodiscard]] std::uint64_t id_hash_of(const EngineSettings&, const Event&);

// The words of answers and incidents (engine_words.cc).
[[nodiscard]] std::string refusal_text(const StandingRecord&, std::string_view portal_url);
[[nodiscard]] std::string limit_text(std::string_view name, std::uint64_t limit);
// Why a message waits: the judge's head line, the rule where it was not the judge's suspicion that
// decided, and what happens next.
[[nodiscard]] Text hold_reason(HoldKind kind, const Text& headline, const detect::Verdict&,
                               const EngineSettings&, const Limits&);
// Why a message waits where a person wants all of the account's to.
[[nodiscard]] Text held_by_order_reason();
// The strongest channels with their nats, strongest first, "shape 3.10, velocity 2.20"; what fits
// into a line of a mail log or a table.
[[nodiscard]] std::string evidence_line(const std::vector<detect::Evidence>&);
// Why an account was contained.
[[nodiscard]] Text contain_reason(const Text& headline, const AccountControl&);
// Why a message waits that would have had its account stopped, were the circuit breaker closed.
[[nodiscard]] Text breaker_hold_reason(const Text& headline);
// Machine stops that one shard remembers: 64 × 1,024 are as many as the breaker counts.
inline constexpr std::size_t k_shard_stops_max = 1024;

}  // namespace sekimori::decide
