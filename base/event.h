// The one typed event that everything the guard hears becomes (the fields of docs/events.md), and
// the words shared by all layers: standing, fate, service.
//
// An event is a fact, never a question: a RCPT question is not an event, a message is. The model is
// a fold over events; folding one twice (same host and id) is harmless.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/approval.h"
#include "base/instant.h"
#include "base/ip_address.h"

namespace sekimori {

enum class Service : std::uint8_t { smtp, imap, pop3, sieve, portal, other };
enum class LoginResult : std::uint8_t { ok, bad_password, refused };
enum class DeliveryStatus : std::uint8_t { sent, deferred, bounced };
enum class SettingKind : std::uint8_t {
  forward,
  filter,
  password,
  app_password,
  recovery,
  vacation
};

// normal → restricted (no sending) → suspended (no sending, no login, incoming mail waits at the
// sender) → recovering → probation → normal.
enum class Standing : std::uint8_t { normal, restricted, suspended, recovering, probation };

// What became of a message when we answered Postfix.
enum class Fate : std::uint8_t { accepted, held, refused };

// Where an address is, as a GeoIP database said when the event was seen. Kept with the event, so
// that a fold does not depend on which database is installed today.
struct Place {
  char country[2] = {0, 0};  // ISO 3166-1 alpha-2, or zeros where unknown
  std::uint32_t asn = 0;     // 0 where unknown
  bool hosting = false;      // a hosting, VPN or Tor network
  [[nodiscard]] bool has_country() const { return country[0] != 0; }
  [[nodiscard]] std::string country_text() const {
    return has_country() ? std::string(country, 2) : std::string();
  }
  bool operator==(const Place&) const = default;
};

// What a right password came behind, as the guard against guessing counted it (decide/guessing.h);
// all 0: nothing that says anything.
struct GuessesBefore {
  std::uint32_t own = 0;        // different wrong ones for this account from this address
  std::uint32_t accounts = 0;   // accounts that this address tried
  std::uint32_t addresses = 0;  // addresses that tried this account
  [[nodiscard]] bool any() const { return own != 0 || accounts != 0 || addresses != 0; }
  bool operator==(const GuessesBefore&) const = default;
};

struct Login {
  LoginResult result = LoginResult::ok;
  Service service = Service::other;
  IpAddress ip;
  Place place;
  std::string client;  // the program's name for itself, optional
  bool tls = false;
  std::string pwhash;  // Dovecot's 12-bit hash, optional
  // Of a right one by somebody who is no owner of known places; elsewhere all 0.
  GuessesBefore guesses = {};
  bool operator==(const Login&) const = default;
};

// Messages expunged from one mailbox in a session.
struct MailboxExpunge {
  std::string mailbox;
  std::uint64_t messages = 0;
  bool operator==(const MailboxExpunge&) const = default;
};
// Mailboxes that a session names; what was expunged from others is in `deleted` alone.
inline constexpr std::size_t k_expunges_max = 16;

// The end of an IMAP, POP3, ManageSieve or SMTP session.
struct Session {
  Service service = Service::other;
  IpAddress ip;
  double seconds = 0;           // whole milliseconds, so that a printed one reads back the same
  std::uint64_t bytes_in = 0;   // from the client
  std::uint64_t bytes_out = 0;  // to the client
  std::uint64_t fetched = 0;    // messages
  std::uint64_t deleted = 0;    // messages
  // From which mailboxes, by name, as far as the log says (Dovecot's plugin mail_log); 0 messages:
  // the mailbox itself was deleted.
  std::vector<MailboxExpunge> expunges = {};
  bool operator==(const Session&) const = default;
};

// One message handed in by an authenticated client, all its recipients together.
struct Submission {
  IpAddress ip;
  Place place;
  std::string helo;
  std::string from;             // envelope sender
  std::vector<std::string> to;  // recipients in RCPT order
  std::uint64_t size = 0;       // bytes
  std::string queue_id;
  std::optional<std::string> message_id;  // "" is a fact (none was sent); nullopt: not known
  std::optional<std::uint64_t> sketch;    // near-duplicate sketch of the content, opt-in
  // Journal only: what was answered. A recovery folds the answer that was given, not the one that
  // today's settings would give; a what-if replay ignores it.
  std::optional<Fate> fate;
  // Journal only: the approval that covered it; 0: none did.
  std::uint64_t approval = 0;
  bool operator==(const Submission&) const = default;
};

struct Delivery {
  std::string queue_id;
  std::string to;
  DeliveryStatus status = DeliveryStatus::sent;
  std::string dsn;    // "5.1.1"
  std::string reply;  // the remote side's words, optional
  bool operator==(const Delivery&) const = default;
};

struct Received {
  std::string from;
  bool operator==(const Received&) const = default;
};

struct SettingsChange {
  SettingKind what = SettingKind::forward;
  std::string detail;
  bool operator==(const SettingsChange&) const = default;
};

// A standing that was set (by the machine or a person), as a fact to fold.
struct StandingSet {
  Standing to = Standing::normal;
  std::string by;           // "machine" or the person's login
  std::string reason;       // short, exact
  std::uint64_t epoch = 0;  // 0 in an exchanged file; the later one wins
  bool operator==(const StandingSet&) const = default;
};

// Journal only: held mail that was let go (and has reached its recipients) or was deleted.
struct HoldEnded {
  std::string queue_id;
  std::uint32_t recipients = 0;
  std::string by;  // "time" or "person"
  bool released = true;
  bool operator==(const HoldEnded&) const = default;
};

// Journal only: a message that we let through but that never became mail (cleanup, a milter or the
// client ended it): what was counted for it is given back.
struct Withdrawn {
  std::string queue_id;
  bool operator==(const Withdrawn&) const = default;
};

// Journal only: from here on the shared priors of this number are in force (detect/epoch.h).
struct EpochMark {
  std::uint64_t number = 0;
  bool operator==(const EpochMark&) const = default;
};

// An approval as a person set it: given, taken up again or ended.
struct ApprovalSet {
  std::uint64_t number = 0;  // names it for ever
  std::uint64_t epoch = 0;   // counts its changes by people; the later one wins. 0: the next
  ApprovalState state = ApprovalState::active;
  ApprovalCause cause = ApprovalCause::none;  // of a suspension that the journal had lost
  ApprovalTerms terms;
  std::string by;
  std::string reason;
  bool operator==(const ApprovalSet&) const = default;
};

// What several suspicious accounts of this installation have in common.
enum class FleetKind : std::uint32_t {
  sketch,   // the same content (Submission::sketch)
  pattern,  // the same size and fan-out, from the same network
  network   // used from a network that is new to each of them
};
struct FleetPattern {
  std::uint64_t key = 0;
  std::array<std::uint32_t, 3> accounts{};  // keyed hashes of up to three of them; 0: none
  FleetKind kind = FleetKind::sketch;
  bool operator==(const FleetPattern&) const = default;
};
// More patterns at once than this are no pattern: the most common ones are kept.
inline constexpr std::size_t k_fleet_patterns_max = 256;

// Journal only: from here on these patterns are known to every account (detect/fleet.h).
struct FleetMark {
  std::vector<FleetPattern> patterns;
  bool operator==(const FleetMark&) const = default;
};

using EventBody =
    std::variant<Login, Session, Submission, Delivery, Received, SettingsChange, StandingSet,
                 HoldEnded, Withdrawn, EpochMark, ApprovalSet, FleetMark>;

struct Event {
  Instant t;
  std::string host;     // the machine that saw it, optional
  std::string id;       // unique per host, optional; a repeated one is counted once
  std::string account;  // the mailbox that authenticated, normalised; "" for marks
  EventBody body;
  // Journal only: learnt from an old log (decide/engine: learn), at a time that was past; of an
  // EpochMark with an account: its shard takes over what was learnt.
  bool history = false;
  bool operator==(const Event&) const = default;
};

// EpochMark and FleetMark are of all accounts and have none of their own.
[[nodiscard]] inline bool is_mark(const EventBody& body) {
  return std::holds_alternative<EpochMark>(body) || std::holds_alternative<FleetMark>(body);
}

[[nodiscard]] std::string_view to_string(Service);
[[nodiscard]] std::string_view to_string(LoginResult);
[[nodiscard]] std::string_view to_string(DeliveryStatus);
[[nodiscard]] std::string_view to_string(SettingKind);
[[nodiscard]] std::string_view to_string(Standing);
[[nodiscard]] std::string_view to_string(Fate);
// nullopt where the word is not one of ours. Service: anything unknown is `other`.
[[nodiscard]] Service parse_service(std::string_view);
[[nodiscard]] std::optional<LoginResult> parse_login_result(std::string_view);
[[nodiscard]] std::optional<DeliveryStatus> parse_delivery_status(std::string_view);
[[nodiscard]] std::optional<SettingKind> parse_setting_kind(std::string_view);
[[nodiscard]] std::optional<Standing> parse_standing(std::string_view);
[[nodiscard]] std::optional<Fate> parse_fate(std::string_view);

}  // namespace sekimori
