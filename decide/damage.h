// What was done with an account while it was not its owner's: a fold over the events of that time
// into one report. Pure; no clock; one pass, bounded.
//
// What is suspicious: a message since the onset that came from a network from which the account had
// never signed in nor sent before, or that the guard itself held, refused or named as evidence. The
// owner's own mail in that time is counted apart, as far as these facts allow: where nothing is
// known from before, or where no strange network appears, everything since the onset counts, and
// the report says that it could not tell (`told_apart`).
//
// Neighbours: what the others sent from this server in the same time, and how long their mail lay
// in the queue (submission to delivery) compared with the day before. Mail that others *received*
// has no such figure in the events, so nothing is said of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"
#include "decide/records.h"

namespace sekimori::decide {

struct DamageBounds {
  std::size_t messages_max = 10'000;     // told apart; more are counted
  std::size_t recipients_max = 200'000;  // named; more are counted
  std::size_t places_max = 500;
  std::size_t settings_max = 500;
  std::size_t services_max = 500;
  std::size_t complaints_max = 500;
  std::size_t sessions_max = 100;       // named in the timeline
  std::size_t mailboxes_max = 100;      // of which it is told what was expunged
  std::size_t neighbours_max = 20'000;  // accounts
  std::size_t pending_max = 200'000;    // others' messages on their way at once
};
// How long before the onset the neighbours' usual delays are taken from.
inline constexpr Duration k_damage_norm = hours(24);
// Deliveries of the stranger's mail go on after the containment.
inline constexpr Duration k_damage_aftermath = hours(1);
// A delay that nobody complains of is none.
inline constexpr Duration k_damage_delay_least = seconds(60);

// What is known of the incident beside the events.
struct DamageQuestion {
  Incident incident;
  std::string account;
  Instant onset;
  bool onset_known = true;  // false: a person opened the incident; a day before it is looked at
  Instant until;            // the fold's end: the incident's, or now
  Instant contained;        // unset: not known yet (an event may tell), or never
  Instant history_from;     // the first event there is
  // Mail held in this incident, by queue id: as the guard answered, or out of the queue when the
  // account was contained (of that no event tells).
  std::map<std::string, HoldState, std::less<>> held;
  std::vector<Step> steps;
  std::vector<AuditEntry> audit;
};

enum class RecipientFate : std::uint8_t {
  accepted,  // taken; what became of it is not in the log
  delivered,
  deferred,
  bounced,
  held,
  refused,
  deleted,  // held, and never let go
};
inline constexpr std::size_t k_recipient_fates = 7;
[[nodiscard]] std::string_view to_string(RecipientFate);
[[nodiscard]] std::optional<RecipientFate> parse_recipient_fate(std::string_view);
[[nodiscard]] Text in_words(RecipientFate);

// Recipients by what became of them.
using FateCounts = std::array<std::uint64_t, k_recipient_fates>;

struct DamageMessage {
  Instant t;
  IpAddress ip;
  Place place;
  std::string from;
  std::string queue_id;
  std::uint64_t size = 0;
  std::uint64_t recipients = 0;
  FateCounts fates{};
  bool strange = false;    // from a network that is new to the account
  bool evidence = false;   // held, refused or named by the guard
  bool withdrawn = false;  // never became mail
};

struct DamageRecipient {
  std::string address;
  Instant first;
  Instant last;
  std::uint64_t messages = 0;
  RecipientFate fate = RecipientFate::accepted;  // the worst for them: delivered before all others
  bool operator==(const DamageRecipient&) const = default;
};

// One client address of a strange network.
struct DamagePlace {
  IpAddress ip;
  Place place;
  Instant first;
  Instant last;
  std::uint64_t sign_ins = 0;
  std::uint64_t bad_passwords = 0;
  std::uint64_t refused = 0;
  std::uint64_t messages = 0;
  std::set<Service> services;
};

struct DamageReading {
  std::uint64_t sessions = 0;
  double seconds = 0;
  std::uint64_t fetched = 0;
  std::uint64_t deleted = 0;
  std::uint64_t bytes_out = 0;  // to the client
  // By mailbox, as far as the log names it; 0 messages: the mailbox itself was deleted.
  std::vector<MailboxExpunge> expunges;
  std::uint64_t sent_expunged = 0;  // of mailboxes that look like the one of sent mail
  bool sent_deleted = false;        // such a mailbox was deleted
  Instant first;
  Instant last;
};
// A session that fetched, or deleted, so many messages is a moment of the timeline.
inline constexpr std::uint64_t k_mass_fetch = 200;
inline constexpr std::uint64_t k_mass_delete = 50;
// Is it what mail programs call the mailbox of sent mail? By its name alone: the log knows no more.
[[nodiscard]] bool is_sent_mailbox(std::string_view name);

// A recipient complained to the provider (a feedback report).
struct DamageComplaint {
  Instant t;
  std::string type;  // RFC 5965: "abuse", "fraud", …
  std::string recipient;
  std::string queue_id;     // "" where the report proves the account, but not which mail
  bool suspicious = false;  // about mail that counts as the stranger's
};

struct DamageSetting {
  Instant t;
  SettingKind what = SettingKind::forward;
  std::string detail;
};

// A service that wrote to the mailbox in that time.
struct DamageService {
  std::string sender_domain;
  std::string name_ja;
  std::string name_en;
  std::string category;  // service_senders.h
  bool known = false;    // in the published table; otherwise by the look of the sender
  std::uint64_t mails = 0;
  Instant first;
  Instant last;
};

struct DamageNeighbour {
  std::string account;
  std::uint64_t deliveries = 0;
  std::uint64_t delayed = 0;  // longer than usual (and than k_damage_delay_least)
  double longest_s = 0;
  double usual_s = 0;            // nine of ten of its deliveries the day before took less
  bool usual_is_own = false;     // false: too few of its own; everybody's
  std::uint64_t unfinished = 0;  // deferred and not delivered by the end
};

struct DamageShare {
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sessions = 0;
  double queue_seconds = 0;  // recipients' time in the queue, together
};

struct DamageMoment {
  Instant t;
  std::string kind;  // "sign_in", "message", "standing", "setting", "step", "onset", …
  Text text;
};

struct DamageReport {
  std::uint64_t incident = 0;
  std::string account;
  Mode mode = Mode::enforce;
  IncidentState state = IncidentState::open;
  Instant onset;
  bool onset_known = true;
  Instant contained;
  Instant until;
  Instant records_from;     // the first event there was; later than the onset: records are missing
  bool has_history = true;  // something is known from before the onset
  bool told_apart = true;   // the owner's own mail is not among the suspicious
  Text summary;

  // Suspicious mail.
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;  // envelope recipients, each message's counted
  std::uint64_t bytes = 0;
  FateCounts fates{};
  Instant first_message;
  Instant last_message;
  std::uint64_t until_contained = 0;  // recipients that were let through before the containment
  // The owner's own in the same time, from known places.
  std::uint64_t own_messages = 0;
  std::uint64_t own_recipients = 0;

  std::vector<DamageMessage> mails;  // suspicious, by time; at most messages_max
  std::uint64_t mails_more = 0;
  std::vector<DamageRecipient> people;  // distinct, by time of the first message
  std::uint64_t people_more = 0;        // envelope recipients beyond recipients_max
  std::vector<DamagePlace> places;      // with a sign-in or a message first
  DamageReading reading;                // in the strange places' sessions
  std::vector<DamageComplaint> complaints;
  std::uint64_t complaints_more = 0;
  std::vector<DamageSetting> settings;
  std::vector<DamageService> services;  // by category and name

  DamageShare stranger;  // from the onset to the containment
  DamageShare others;
  std::uint64_t neighbours = 0;          // accounts that sent in that time
  std::vector<DamageNeighbour> delayed;  // longest delay first; at most 100
  std::uint64_t delayed_accounts = 0;

  std::vector<DamageMoment> timeline;
  std::vector<Step> steps;
};

class DamageFold {
 public:
  explicit DamageFold(DamageQuestion question, DamageBounds bounds = {});
  ~DamageFold();
  DamageFold(DamageFold&&) noexcept;
  DamageFold& operator=(DamageFold&&) noexcept;

  // In the order of the journal. Events out of the question's time are passed over.
  void add(const Event& event);
  [[nodiscard]] DamageReport finish();

  // What add() has a use for: of the account everything up to the end, of others what they sent
  // from a day before the onset on.
  [[nodiscard]] Instant needs_others_from() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The /24 or /64 in which an address lies, as text: what counts as one place.
[[nodiscard]] std::string damage_network(const IpAddress& ip);

}  // namespace sekimori::decide
