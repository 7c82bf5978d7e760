// The judge's memory and arithmetic for one shard of accounts: what a message, a login, a bounce
// says about whether an account is still in its owner's hands. Pure: no clock, no I/O, no threads;
// the caller (decide/engine) holds the shard's lock around every call.
//
// The statistic is a time-injected Shiryaev–Roberts sum over attack families (Shin, Ramdas,
// Rinaldo: "E-detectors"): R_f ← (R_f + π·Δt_days)·exp(ℓ_f), R = Σ w_f R_f. While E[e^ℓ | past] ≤ 1
// for an owner's message, the mean time to a false alarm at R ≥ A is at least A/π calendar days per
// account, whatever the volume. docs/detection.md has the tables and their reasons.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/hash.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/text.h"

namespace sekimori::detect {

// One kind of evidence; each has its own small categorical model and its own words (channels.h).
enum class Channel : std::uint8_t {
  shape,          // how many recipients, how many of them new
  inter_arrival,  // time since the last message, given novelty
  stranger,       // wrote to me / known to my domain / domain known / unknown
  velocity,       // distinct new recipients within the running hour's episode
  size_pattern,   // the same size and fan-out again and again
  login_place,    // country, network operator, network of the sign-in or of the submitting client
  places_24h,     // distinct countries and networks within 24 h
  bounce,         // hard bounces, unknown users
  settings,       // a forward, filter, app password or recovery contact was changed
  envelope,       // envelope sender is not the login
  first_smtp,     // the first message this account ever sent
  message_id,     // Message-ID missing where this account always has one
  reading,        // far more is fetched than this account ever reads
  concurrent,     // used from distant places by turns, within minutes
  fleet,          // what other suspicious accounts send, from where they send it
  count_
};
inline constexpr std::size_t k_channels = static_cast<std::size_t>(Channel::count_);
inline constexpr std::size_t k_bin_bytes = 12;
[[nodiscard]] std::string_view to_string(Channel);

enum class Family : std::uint8_t {
  spray_fast,
  spray_slow,
  lateral,
  contacts_burst,
  login_led,
  count_
};
inline constexpr std::size_t k_families = static_cast<std::size_t>(Family::count_);
[[nodiscard]] std::string_view to_string(Family);

struct DetectSettings {
  double eta = 0.9;                // tempering of the summed evidence
  double clip_nats = 6;            // bound on one message's evidence
  double learn_below_log_r = 4.6;  // no learning at or above it (½ ln A)
  double hold_log_r = 6.0;         // messages with strangers or a large fan-out are held, timed
  double ask_log_r = 8.5;          // near the restriction line: a hold asks a person
  double hold_slope = 1.2;         // both lines fall by this times ln(strangers of the message)
  double restrict_log_r = 9.21;    // ln A; the line decide/ restricts at
  double injection_days_max = 2;   // silence adds no more than this to R (lowers alarms only)
  Duration learning_delay = hours(24);     // what is learnt lies this far behind
  std::uint32_t hold_new_recipients = 25;  // any message with as many new recipients is held
  double episode_log_r = 3;                // as many one by one within an hour: held from here on
  // For evaluations: the family (its place in Family) whose tables are left out; -1: none.
  std::int8_t without_family = -1;
  std::size_t accounts_max = 4'000'000;  // per process; beyond it the oldest idle one is forgotten
  std::size_t contact_filter_bytes =
      1ULL << 20;  // per shard, both generations together, grows by doubling
  std::size_t pending_max =
      1ULL << 17;  // learning records a shard keeps; beyond it the oldest is learnt early
};

// Index of an account within its shard; stable for the life of the process.
using AccountIndex = std::uint32_t;

// What the account has done lately, this message included. Windows slide (hour: 5-minute steps;
// day: 2-hour steps; bytes: 8-hour steps). Refused and withdrawn mail does not count.
struct Counts {
  std::uint32_t recipients_hour = 0;
  std::uint32_t recipients_day = 0;
  std::uint32_t messages_hour = 0;
  std::uint32_t messages_day = 0;
  std::uint32_t new_hour =
      0;  // strangers: neither written to before, nor ever wrote to this account
  std::uint32_t new_day = 0;
  std::uint64_t bytes_day = 0;
};

// What the judge would have done with a message by itself; decide/ applies thresholds and standing.
enum class HoldAdvice : std::uint8_t {
  none,
  timed,  // suspicion just above the line: let go by itself when nothing more comes
  asked,  // near the restriction line, or a first large blast to strangers: a person's word is
          // needed
};

struct Verdict {
  double log_r = 0;         // ln R with this message counted
  double log_r_before = 0;  // ln R at this moment without it
  double ell = 0;           // the strongest family's evidence of this message, nats
  Instant onset;            // where the present run of evidence began (CUSUM argmax); unset: none
  Family family = Family::spray_fast;
  std::array<float, k_channels> nats{};  // of this message, tempered, for the leading family
  std::array<float, k_channels> nats_since_onset{};  // summed since the onset
  std::uint32_t recipients = 0;
  std::uint32_t new_recipients = 0;  // strangers: distinct, never written to, never heard from
  std::uint32_t wrote_first = 0;     // distinct, never written to, but they wrote to this account
  Counts counts;
  bool fan_out = false;  // hold_new_recipients reached by this message or by the hour's episode
  HoldAdvice advice = HoldAdvice::none;
  // Enough kinds of evidence for a restriction: decide/ restricts only when it is set (and ln R is
  // past the line). A cold account, or few strangers with nothing else, is held instead.
  bool may_restrict = false;
  // Beside that: what owners practically never do (strangers from a network on trial hour after
  // hour; a burst to known people from there). It restricts well below the line.
  bool pattern = false;
  [[nodiscard]] bool restricts(double line) const {
    return may_restrict && (pattern || log_r >= line);
  }
  // Timed holds that ran out since the onset, and one for a network on trial: the next one lasts
  // longer (hold_after()).
  std::uint8_t strikes = 0;
  // A person approved it beforehand (approve()): it is no evidence, and its strangers are none.
  bool approved = false;
  std::array<double, k_families> r_family{};     // the sums themselves, for commit()
  std::array<std::uint8_t, k_bin_bytes> bins{};  // categories (features.h: Bins), for commit()
  std::uint64_t ticket = 0;  // commit() right after judge() need not hash the recipients again
};

// How long a timed hold lasts after so many that ran out since the onset: longer each time, or a
// slow thief would wait them out one by one.
[[nodiscard]] constexpr Duration hold_after(Duration first, std::uint8_t strikes) {
  constexpr std::array<std::int64_t, 3> times{1, 3, 9};
  return Duration{first.us * times[strikes < times.size() ? strikes : times.size() - 1]};
}

// A network as one account knows it.
struct KnownPlace {
  std::uint32_t network = 0;  // names it within the account; 0: no address, or this machine
  bool habit = false;         // learnt: the account was calm there for days
  bool first = false;         // the account has no other place yet
  bool seen = false;          // at least on trial
  bool near = false;          // its operator (not a hosting one) is that of a learnt network
};

struct Networks {                        // as KnownPlace::network; 0: free
  std::array<std::uint32_t, 8> habit{};  // where none is yet: those on trial
  std::array<std::uint32_t, 8> seen{};
  bool operator==(const Networks&) const = default;
};

// One line of an explanation: the nats a channel gave since the onset, and a sentence with numbers.
struct Evidence {
  Channel channel;
  double nats;
  Text text;
};

// What suspicious accounts of all shards have in common (fleet.h). Opaque here.
class FleetSet;
struct RaisedPattern;

// Priors shared by all shards: immutable, made at an epoch mark (epoch.h). Opaque here.
class Priors;

// Each brings what the next one has to read: the records that are due, the accounts that sent them,
// what they wrote to.
enum class LearningStep : std::uint8_t { records, accounts, recipients };

class Detector {
 public:
  // `priors` is the shipped global prior (epoch.h: shipped_priors()) or a later epoch's.
  Detector(const DetectSettings& settings, const HashKey& key,
           std::shared_ptr<const Priors> priors);
  ~Detector();
  Detector(Detector&&) noexcept;
  Detector& operator=(Detector&&) noexcept;

  // The account's index, made when it is new. `account` is normalised (MailAddress form) already.
  [[nodiscard]] AccountIndex intern(std::string_view account);
  [[nodiscard]] std::optional<AccountIndex> find(std::string_view account) const;
  // The same for whoever has the name's hash at hand: keyed_hash with the constructor's key.
  [[nodiscard]] AccountIndex intern(std::string_view account, std::uint64_t hash);
  [[nodiscard]] std::optional<AccountIndex> find(std::string_view account,
                                                 std::uint64_t hash) const;
  // Before those, as early as the hash is known: has memory bring where the name stands, and, a
  // while later, the account's model. Returns the index it seems to be.
  void prefetch_name(std::uint64_t hash) const;
  std::optional<AccountIndex> prefetch_model(std::uint64_t hash) const;
  // A while after that: the name's text and the account's domain.
  void prefetch_text(AccountIndex) const;
  [[nodiscard]] std::string_view name_of(AccountIndex) const;
  [[nodiscard]] std::size_t accounts() const;

  // Before advance(), step by step and with other work between: has memory bring what learning the
  // records due at `now` looks at.
  void prefetch_due(Instant now, LearningStep) const;
  // Learns what has become old enough at `now`. Call before each event is folded (part of the
  // fold).
  void advance(Instant now);

  // Before judge(), as early as the account's hash is known (and before find() waits for it):
  // hashes the recipients and has memory bring what the judge will look at. What it returns stands
  // for that until the next message is prepared or judged.
  [[nodiscard]] std::uint64_t prepare(std::uint64_t account_hash, const Submission&);
  // What the message means if it were counted now. Changes nothing that a later call could see.
  // `prepared`: what prepare() returned for the same account and message; 0: nothing was prepared.
  [[nodiscard]] Verdict judge(AccountIndex, Instant t, const Submission&,
                              std::uint64_t prepared = 0);
  // Counts the judged message. `refused` keeps the suspicion (R) but no counters and no learning;
  // `held` counts, and what it added to R is remembered for hold_released().
  void commit(AccountIndex, Instant t, const Submission&, const Verdict&, Fate);
  // Before commit(), for a message that a person approved beforehand: takes its evidence out of the
  // verdict. It still counts against limits, and its recipients are learnt as contacts; what it
  // looks like teaches nothing, so that a thief finds no wider habit behind it.
  void approve(AccountIndex, Instant t, Verdict&) const;
  [[nodiscard]] KnownPlace place_of(AccountIndex, Instant t, const IpAddress&, const Place&) const;
  [[nodiscard]] Networks networks_of(AccountIndex) const;
  // A message that was committed never became mail: gives back what was counted and forgets what
  // would have been learnt of it. Unknown queue ids are ignored (counted).
  void withdraw(AccountIndex, Instant t, std::string_view queue_id);

  void login(AccountIndex, Instant t, const Login&);
  void session(AccountIndex, Instant t, const Session&);
  // Hard bounces (5.1.x) of mail that really left; those of held mail never reach here.
  void delivery(AccountIndex, Instant t, const Delivery&);
  void received(AccountIndex, Instant t, const Received&);
  void settings_changed(AccountIndex, Instant t, const SettingsChange&);

  // A timed hold ran out quietly: what the message added to ln R is halved.
  void hold_released(AccountIndex, Instant t, std::string_view queue_id);
  // A person said the held mail is good: suspicion returns to where it was before, and it is
  // learnt.
  void vouched(AccountIndex, Instant t);
  // The account was restricted or suspended: what waits to be learnt since the onset is dropped.
  void contained(AccountIndex, Instant t, Instant onset);
  // The owner is back: R and the counts of hour and day (which limits look at) start anew; the past
  // (contacts, places) stays.
  void restored(AccountIndex, Instant t);

  // ln R now (grows with silence), for lists and panels.
  [[nodiscard]] double log_r(AccountIndex, Instant now) const;
  [[nodiscard]] Counts counts(AccountIndex, Instant now) const;
  // Why: the strongest channels since the onset, strongest first, in words with numbers
  // (channel_words.h), and one sentence for the head line ("47 recipients in 3 minutes; this
  // account usually writes to about 4 a day; …"), which is never empty. `mail`, where at hand, is
  // the judged message: with it the sentences name its address and place.
  struct Explanation {
    Text headline;
    std::vector<Evidence> evidence;
  };
  [[nodiscard]] Explanation explain(AccountIndex, Instant now, const Verdict&,
                                    const Submission* mail = nullptr) const;

  // Epochs: hand over what this shard learnt since the last one; take the next priors.
  void contribute(class PriorsBuilder&);
  void install(std::shared_ptr<const Priors>);

  // Fleet pooling (fleet.h): adds what this shard's suspicious accounts sent of late; takes what
  // several of all shards' share. version: grows whenever what is gathered may differ.
  void gather_raised(std::vector<RaisedPattern>& out) const;
  [[nodiscard]] std::uint64_t raised_version() const;
  void install_fleet(std::shared_ptr<const FleetSet>);
  [[nodiscard]] std::shared_ptr<const FleetSet> fleet() const;  // null: nothing is shared

  // Takes over lines and weights while running; learning_delay and the bounds stay as they were
  // made.
  void retune(const DetectSettings& settings);

  // The whole state as bytes (versioned, checked with a hash), and back. load() errors: bad_input
  // when the bytes are another version, cut or altered; the detector is then as new.
  void save(std::string& out) const;
  [[nodiscard]] Result<void> load(std::string_view bytes);
  // Equal for equal states, whatever way they came about (kill -9 and replay included).
  [[nodiscard]] std::uint64_t hash() const;

  // ---- what was before (history.cc) ----
  // A detector for the past of the same accounts, with nothing in it: old events are folded there
  // on their own clock, and what lives is not disturbed until absorb().
  [[nodiscard]] Detector for_past() const;
  // From this moment on the account's events are seen live.
  void lived(AccountIndex, Instant t);
  // Is `t` in or after the hour of the account's first live event?
  [[nodiscard]] bool has_lived(AccountIndex, Instant t) const;
  // Takes over the contacts, places and rhythm of `past`, which must come from for_past() of a
  // detector with the same key; advance() it to `now` before. What it sent within the last learning
  // delay waits here as if it had been live. Suspicion, windows and onset of accounts that were
  // seen live stay as they are. `intern` gives an account's index here. `past` is spent afterwards.
  void absorb(Detector& past, Instant now,
              const std::function<AccountIndex(std::string_view account)>& intern);
  // Of a past: a message that is not learnt from because of suspicion.
  void leave_out(AccountIndex, Instant t);
  // Of a past: what it holds so far.
  struct PastAccount {
    std::string account;
    std::uint32_t learnt = 0;    // messages
    std::uint32_t places = 0;    // networks that became habit
    std::uint32_t left_out = 0;  // messages, because of suspicion
    Instant left_first, left_last;
  };
  [[nodiscard]] std::vector<PastAccount> past_accounts() const;
  // Pairs of account and recipient, and of account and sender, that were learnt.
  [[nodiscard]] std::uint64_t past_contacts() const;
  [[nodiscard]] std::uint64_t past_writers() const;
  [[nodiscard]] std::uint64_t past_waiting() const;  // messages younger than the learning delay

  // Self-audit (damping.h), as of the last epoch: the mean of e^nats over owners' messages (a
  // sample) since the weight was last looked at, per channel. Above 1 the channel speaks louder
  // than owners' mail allows, and its weight is lowered.
  struct Audit {
    double mean_likelihood_ratio = 0;  // 0: no samples yet
    std::uint64_t samples = 0;
    double weight = 1;  // of the channel's evidence, 0.25 … 1
  };
  [[nodiscard]] std::array<Audit, k_channels> audit() const;

  // Indices whose account was forgotten to make room (accounts_max) since the last call: the index
  // now belongs to another account.
  [[nodiscard]] std::vector<AccountIndex> take_forgotten();

  // Bytes per account of the model (the constant), and of the contact filter now, for metrics.
  [[nodiscard]] static std::size_t bytes_per_account();
  [[nodiscard]] std::size_t contact_filter_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sekimori::detect
