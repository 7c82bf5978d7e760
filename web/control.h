// Everything that people can do or look at. The REST API, the command line (through the API's unix
// socket) and later the panel have no other way in; app/ implements it over the engine and the
// stores.
//
// Threads: every function may be called from several threads at once and may block on SQL for
// seconds; the server calls it from its own small pool, never from an I/O thread.
//
// Errors, and what the API makes of them: bad_input = the change is not allowed from here (409),
// not_found (404), operating (503), uncertain (503, and that it may have happened). Arguments are
// checked by the API before: addresses and domains are normalised, reasons are at most
// k_reason_max bytes of UTF-8 without control characters, pages at most k_page_max long.
//
// Every change is audited by the implementation with `by.who`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/ip_address.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "decide/approval_advice.h"
#include "decide/delisting.h"
#include "decide/engine.h"
#include "decide/notice.h"
#include "decide/ports.h"
#include "decide/records.h"
#include "decide/recovery.h"
#include "decide/returned.h"
#include "decide/standing.h"
#include "decide/switches.h"
#include "decide/ways.h"
#include "web/caller.h"
#include "web/control_diagnosis.h"
#include "web/control_queue.h"
#include "web/owner_desk.h"

namespace sekimori::web {

// A reason is one or two sentences; it is kept in the audit and in every notice.
inline constexpr std::size_t k_reason_max = 1000;
// A note may hold a ticket's worth of text.
inline constexpr std::size_t k_note_max = 8000;
// The longest page: an answer stays below a megabyte or two.
inline constexpr std::size_t k_page_max = 1000;

enum class AccountOrder : std::uint8_t { address, log_r, standing, since };

// Where a person switched receiving or signing in off (decide/switches.h).
enum class SwitchedOffFilter : std::uint8_t { any, receive, login };

struct AccountQuery {
  std::string search;  // part of address or name; "" = all
  std::string domain;  // "" = all
  std::optional<Standing> standing;
  std::optional<SwitchedOffFilter> off;  // with it `since` is the switch's: the one off for longest
  AccountOrder order = AccountOrder::address;
  bool descending = false;
  std::size_t offset = 0;
  std::size_t limit = 100;  // ≤ k_page_max
};

struct AccountSummary {
  std::string address;
  std::string name;
  std::string domain;
  bool active = true;  // as the provider's store says
  Standing standing = Standing::normal;
  Instant since;  // of the standing; unset: always so
  decide::Mode mode = decide::Mode::observe;
  double log_r = 0;
  std::uint32_t held = 0;      // messages held now
  std::uint64_t incident = 0;  // 0: none
  decide::Switches off;        // by a person
};

template <class T>
struct Page {
  std::vector<T> items;
  std::uint64_t total = 0;  // without offset and limit
};

// How many accounts have a switch off, of the domain that was asked for, whatever else was.
struct SwitchedOffCounts {
  std::uint64_t any = 0;
  std::uint64_t receive = 0;
  std::uint64_t login = 0;
};
struct AccountPage : Page<AccountSummary> {
  SwitchedOffCounts off;
};

// One limit and how much of it is used.
struct LimitUse {
  std::string name;  // "recipients_per_hour", as the setting
  // What set the limit in force: "limits.recipients_per_hour", or whose policy: "example.jp".
  std::string source;
  std::uint64_t limit = 0;  // 0: off
  std::uint64_t used = 0;
  Instant resets_at;  // when `used` is 0 again if nothing more is sent; unset: it is 0
};

struct AccountDetails {
  // nullopt: the guard knows it, the provider's store does not.
  std::optional<decide::AccountRow> row;
  decide::Engine::AccountView view;
  std::vector<LimitUse> limits;
  std::optional<decide::Incident> incident;  // the one that view.standing names
};

// A person's word on a standing.
struct StandingOrder {
  decide::Subject subject;
  // restrict, suspend or restore.
  decide::RequestKind kind = decide::RequestKind::restrict;
  bool to_probation = false;  // restore only: watch more closely for a while
  std::string reason;         // "" allowed
};
struct StandingOutcome {
  decide::StandingRecord record;  // as it is now in force, durable
  bool changed = false;           // false: it was so already
};

// A one-time code with which the owner proves at the portal that the administrator knows them. Kept
// only as a hash; shown once, here.
struct RecoveryCode {
  Secret code;
  Instant expires;
};

// ---- the way back ----

// What is wrong with a password, for the person who chose it; never the password itself.
struct PasswordProblem {
  std::string code;  // "too_short", "no_digit", "full_width", "like_the_old_one", …
  Text text;
};
struct PasswordVerdict {
  bool good = false;
  int strength = 0;  // zxcvbn's 0…4
  Text strength_text;
  std::vector<PasswordProblem> problems;
};
struct PasswordOrder {
  Secret password;  // not set: one is made
  Secret old;       // as the owner typed it; not set: not known
};
// `changed` false: it was not taken, `verdict` says why.
struct PasswordOutcome {
  bool changed = false;
  PasswordVerdict verdict;
  Secret generated;  // shown once; not set where the person chose
  Text reading;      // of the generated one, for the telephone
  bool cache_flushed = false;
  std::uint64_t app_passwords_removed = 0;
  std::uint32_t sessions_ended = 0;
  std::optional<decide::Recovery> recovery;  // where one is under way
};

// A place outside the mailbox to which its mail goes.
struct ForwardEntry {
  std::string source;  // the alias or filter it stands in
  std::string target;
  bool operator==(const ForwardEntry&) const = default;
};
struct RecoveryView {
  decide::Recovery recovery;
  Standing standing = Standing::normal;
  std::vector<ForwardEntry> forwards;  // to places elsewhere, as they stand now
  Text next_step;
};
enum class ForwardsAnswer : std::uint8_t { keep, remove };

// How an owner proves who they are; the old password alone never does.
enum class OwnerProofKind : std::uint8_t {
  code,      // the one-time code that an operator read out
  contact,   // the code sent to a contact registered before the incident
  totp,      // an authenticator enrolled before it
  password,  // the mailbox's own, with the authenticator's code where one is enrolled: all of the
             // portal while nothing is wrong; while the account is contained it only looks
};
[[nodiscard]] std::string_view to_string(OwnerProofKind);
[[nodiscard]] std::optional<OwnerProofKind> parse_owner_proof_kind(std::string_view);
struct OwnerProof {
  OwnerProofKind kind = OwnerProofKind::code;
  Secret value;
  Secret code = {};  // with a password, of the authenticator; not set: none was typed
};
// Whose account an owner's token opens, and how they proved who they are: the audit names it
// ("owner:code").
struct OwnerIdentity {
  std::string account;
  OwnerProofKind proof = OwnerProofKind::code;
};
struct OwnerSession {
  Secret token;  // for the owner's own requests; good for this account alone
  Instant expires;
  std::optional<RecoveryView> view;  // nullopt: the account was never contained
  bool code_wanted = false;          // the password was right; there is no token without a code
};

struct IncidentDetails {
  decide::Incident incident;
  std::vector<decide::Step> steps;
  std::vector<decide::AuditEntry> notes;  // oldest first
};

// What a request may name by a number or id of its own.
enum class Thing : std::uint8_t { incident, hold, approval, rule };

struct AuditQuery {
  std::optional<decide::Subject> subject;
  std::size_t limit = 100;  // newest first
};

// What came of release-all: done in part where something failed, or where so much was held that
// the rest (`remaining`) wants another request.
struct ReleaseReport {
  std::uint64_t released = 0;
  std::uint64_t failed = 0;
  std::uint64_t remaining = 0;  // held still and not tried
};

enum class HealthLevel : std::uint8_t { ok, warning, failing };
[[nodiscard]] std::string_view to_string(HealthLevel);

// What came of a batch of old events (decide/history.h), and of the whole run where it ended.
struct HistoryOutcome {
  std::uint64_t learnt = 0;
  std::uint64_t suspicious = 0;  // folded, but they teach nothing
  std::uint64_t already = 0;     // learnt before
  std::uint64_t lived = 0;       // the guard was there already
  std::uint64_t ignored = 0;     // teach nothing, or no account of this server
  std::uint64_t malformed = 0;
  std::optional<decide::HistoryReport> report;
};
// A batch asks every account's shard for a moment; longer ones are the caller's to divide.
inline constexpr std::size_t k_history_events_max = 20'000;

// One lever or sense of the guard and how it is: "journal", "guard_db", "doveadm", …
struct HealthItem {
  std::string name;
  HealthLevel level = HealthLevel::ok;
  Text verdict;  // how it is
  Text advice;   // what to do; empty when ok
};
struct HealthReport {
  std::vector<HealthItem> items;
  decide::Mode mode = decide::Mode::observe;  // the server's
  bool bypass = false;
  std::string version;
  Instant started;
  Instant now;
};

// A figure for /metrics beside the engine's totals. Names follow Prometheus ("sekimori_…").
struct Gauge {
  std::string name;  // [a-z_:][a-z0-9_:]*
  std::string help;
  std::string labels;  // `queue="steps"`, or ""
  double value = 0;
  bool counter = false;  // only grows
};
struct MetricsReport {
  decide::Engine::Totals totals;
  std::vector<Gauge> gauges;  // those of one name stand together
};

class Aftermath;   // aftermath.h
class Casework;    // casework.h
class FigureDesk;  // figures.h
class ServerDesk;  // server_desk.h
class RuleDesk;    // address_rules.h

class Control {
 public:
  virtual ~Control() = default;

  // ---- accounts ----
  [[nodiscard]] virtual Result<AccountPage> accounts(const AccountQuery&) = 0;
  // not_found when neither the provider's store nor the guard knows it. Any spelling of the login.
  [[nodiscard]] virtual Result<AccountDetails> account(std::string_view address) = 0;
  // Why somebody cannot get mail; reads a week of the journal, so it may take seconds. Audited with
  // its number. not_found as account().
  [[nodiscard]] virtual Result<DiagnosisView> diagnose(std::string_view address,
                                                       const DiagnosisQuestion&,
                                                       const Caller& by) = 0;
  // The standing is durable, and its first enforcement (guard.db) written, when it returns.
  // not_found for an account or domain that is not one of this server's. bad_input for the restore,
  // without a reason, of an account that the machine contained, while gates of its recovery are
  // open (the API adds which).
  [[nodiscard]] virtual Result<StandingOutcome> change_standing(const StandingOrder&,
                                                                const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::StandingRecord> standing(const decide::Subject&) = 0;
  // A new code ends the one before it.
  [[nodiscard]] virtual Result<RecoveryCode> recovery_code(std::string_view address,
                                                           const Caller& by) = 0;

  // ---- the way back ----
  // Judges it by the rules, writes it where the provider keeps it, flushes Dovecot's cache, ends
  // sessions, suspends app passwords; a contained account begins its recovery. not_found as above.
  [[nodiscard]] virtual Result<PasswordOutcome> set_password(std::string_view address,
                                                             PasswordOrder order,
                                                             const Caller& by) = 0;
  // The same judgement, and nothing is changed.
  [[nodiscard]] virtual Result<PasswordVerdict> judge_password(std::string_view address,
                                                               const Secret& password) = 0;
  // not_found when the account was never contained.
  [[nodiscard]] virtual Result<RecoveryView> recovery(std::string_view address) = 0;
  // Proves again, now, all that a machine can prove.
  [[nodiscard]] virtual Result<RecoveryView> check_recovery(std::string_view address,
                                                            const Caller& by) = 0;
  // `targets` empty: all. Removing is exact: nothing else in the alias changes.
  [[nodiscard]] virtual Result<RecoveryView> answer_forwards(
      std::string_view address, ForwardsAnswer answer, const std::vector<std::string>& targets,
      const Caller& by) = 0;
  // A person looked at an account that was taken over again.
  [[nodiscard]] virtual Result<RecoveryView> review(std::string_view address,
                                                    const std::string& reason,
                                                    const Caller& by) = 0;
  // The owner's own, without any other authorisation. Wrong proofs and unknown addresses are one
  // error (bad_input), slowed and limited, so that nobody learns which addresses there are.
  [[nodiscard]] virtual Result<OwnerSession> owner_begin(std::string_view address, OwnerProof proof,
                                                         const IpAddress& from) = 0;
  // Sends a code to the registered contact, where there is one from before the incident; says
  // nothing of whether there is.
  [[nodiscard]] virtual Result<void> owner_contact_code(std::string_view address, Language language,
                                                        const IpAddress& from) = 0;
  // The account an owner's token is good for; not_found when it is over or none.
  [[nodiscard]] virtual Result<OwnerIdentity> owner_account(const Secret& token) = 0;

  // ---- telling ----
  [[nodiscard]] virtual Result<Page<decide::NoticeRow>> notices(const decide::NoticeFilter&) = 0;
  [[nodiscard]] virtual Result<decide::NoticeRow> acknowledge_notice(std::uint64_t id,
                                                                     const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::CallSheet> call_sheet(std::string_view address) = 0;

  // ---- incidents ----
  [[nodiscard]] virtual Result<Page<decide::Incident>> incidents(
      const decide::StateStore::IncidentFilter&) = 0;
  [[nodiscard]] virtual Result<IncidentDetails> incident(std::uint64_t id) = 0;
  // bad_input while its subject is still contained.
  [[nodiscard]] virtual Result<decide::Incident> close_incident(std::uint64_t id,
                                                                const std::string& reason,
                                                                const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::AuditEntry> add_note(std::uint64_t id,
                                                            const std::string& text,
                                                            const Caller& by) = 0;

  // ---- the ways mail leaves ----
  // What changed since the incident began, nothing of it secret; oldest first.
  [[nodiscard]] virtual Result<std::vector<decide::WayView>> ways_of_incident(
      std::uint64_t incident) = 0;
  // keep: it belongs there; what was paused stands again to the letter. revert: what stood before
  // stands again to the letter. bad_input: it is answered the other way, or somebody changed it
  // since (the text says what to do).
  [[nodiscard]] virtual Result<decide::WayView> answer_way(std::uint64_t incident,
                                                           std::uint64_t change, bool keep,
                                                           const std::string& reason,
                                                           const Caller& by) = 0;
  // What is in force for the account now.
  [[nodiscard]] virtual Result<decide::AccountWays> ways(std::string_view address) = 0;

  // ---- the account's mail in Postfix's queue ----
  // not_found as account(). bad_input where subjects are asked for and not allowed.
  [[nodiscard]] virtual Result<AccountQueue> queue(std::string_view address, const QueueQuery&) = 0;
  // Works for some ten seconds; what `remains` wants another call. Doing it twice changes nothing
  // more.
  [[nodiscard]] virtual Result<QueueReport> change_queue(std::string_view address,
                                                         const QueueOrder&, const Caller& by) = 0;

  // ---- held mail ----
  [[nodiscard]] virtual Result<Page<decide::HeldMessage>> holds(
      const decide::StateStore::HoldFilter&) = 0;
  // bad_input when it ended already. Released mail is on its way when it returns.
  [[nodiscard]] virtual Result<decide::HeldMessage> release_hold(std::string_view queue_id,
                                                                 const std::string& reason,
                                                                 const Caller& by) = 0;
  [[nodiscard]] virtual Result<decide::HeldMessage> delete_hold(std::string_view queue_id,
                                                                const std::string& reason,
                                                                const Caller& by) = 0;

  // ---- mail that came back ----
  // The last thirty days of the account, with the newest `last` of it. not_found as above.
  [[nodiscard]] virtual Result<decide::ReturnedReport> returned_mail(std::string_view address,
                                                                     std::size_t last) = 0;
  // A request to a blacklist about this incident, ready to send; the account is redacted unless
  // `named`.
  [[nodiscard]] virtual Result<decide::Delisting> delisting(std::uint64_t incident, bool named) = 0;

  // ---- approvals given beforehand ----
  // Newest first, those that ended included.
  [[nodiscard]] virtual Result<std::vector<decide::ApprovalView>> approvals(
      std::string_view address) = 0;
  // Terms without `from` begin now, without `until` they end after a day, or after a year where
  // they repeat; without `zone` this server's is meant. In force and durable when it returns.
  // bad_input: the terms do not hold together, the zone is not known, there are too many.
  [[nodiscard]] virtual Result<decide::ApprovalView> approve(std::string_view address,
                                                             const ApprovalTerms& terms,
                                                             const std::string& reason,
                                                             const Caller& by) = 0;
  // Takes a suspended one up again (active), or ends one for good. bad_input: it has ended.
  [[nodiscard]] virtual Result<decide::ApprovalView> change_approval(std::uint64_t id,
                                                                     ApprovalState to,
                                                                     const std::string& reason,
                                                                     const Caller& by) = 0;
  // Runs that look like earlier ones which a person let through, as terms for approve().
  [[nodiscard]] virtual Result<std::vector<decide::ApprovalSuggestion>> approval_suggestions(
      std::string_view address) = 0;

  // ---- address rules ----
  [[nodiscard]] virtual RuleDesk& rules() = 0;

  // ---- old logs ----
  // Events as lines of docs/events.md, in the order of their time; a run is as many calls as it
  // takes, the last with `finish`. bad_input: more than k_history_events_max lines.
  [[nodiscard]] virtual Result<HistoryOutcome> learn_history(std::string_view lines, bool finish,
                                                             const Caller& by) = 0;

  // ---- the panic handles ----
  [[nodiscard]] virtual Result<void> set_bypass(bool on, const std::string& reason,
                                                const Caller& by) = 0;
  [[nodiscard]] virtual Result<ReleaseReport> release_all(const std::string& reason,
                                                          const Caller& by) = 0;

  // ---- what waits, and what was done ----
  [[nodiscard]] virtual Aftermath& aftermath() = 0;
  // ---- what people do beside the machine ----
  [[nodiscard]] virtual Casework& casework() = 0;
  // ---- an account over time ----
  [[nodiscard]] virtual FigureDesk& figures() = 0;
  // ---- what is set for the server and its domains ----
  [[nodiscard]] virtual ServerDesk& server_desk() = 0;

  // ---- what owners look at and do beyond the way back ----
  [[nodiscard]] virtual OwnerDesk& own() = 0;

  // ---- looking ----
  // Whose it is. not_found: there is no such thing.
  [[nodiscard]] virtual Result<decide::Subject> subject_of(Thing thing, std::string_view id) = 0;
  [[nodiscard]] virtual Result<std::vector<decide::AuditEntry>> audit(const AuditQuery&) = 0;
  [[nodiscard]] virtual Result<HealthReport> health() = 0;
  // Can questions of the mail servers be answered? The error says what is missing.
  [[nodiscard]] virtual Result<void> ready() = 0;
  [[nodiscard]] virtual Result<MetricsReport> metrics() = 0;
};

}  // namespace sekimori::web
