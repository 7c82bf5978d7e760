// One line of the mail log (Postfix and Dovecot) as a typed record. Pure; any thread.
//
// Much of a line is written by strangers (HELO, recipients, user names that never existed, the
// words of remote servers), so every record is read from the side that our own servers wrote. All
// views point into the line. What belongs together (queue id → login, login → logout) is joined
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/event.h"
#include "base/handshake.h"
#include "base/result.h"

namespace sekimori::wire {

// Syslog daemons cut lines at 1 to 8 KiB; a longer one is no line of ours.
inline constexpr std::size_t k_log_line_max = 64 * 1024;

// What an RFC 3164 stamp leaves out: the year, taken so that the stamp is at most a day after
// `reference` (the file's age, or now), and the writer's offset from UTC.
struct LogContext {
  Instant reference;
  std::int32_t utc_offset_s = 0;
};

// "name[ip]" or "[ip]:port".
struct LogPeer {
  std::string_view name;
  std::string_view address;
  std::uint16_t port = 0;
  // Read when it is asked for: of most lines nobody does. Unset where the log says "unknown".
  [[nodiscard]] IpAddress ip() const;
};

// --- Postfix. A queue id is "" where the log says NOQUEUE. ---

// smtpd, at the first accepted recipient: no proof of sending.
struct PostfixClient {
  std::string_view queue_id;
  LogPeer client;
  LogPeer orig_client;  // through a content filter (XFORWARD)
  std::string_view orig_queue_id;
  std::string_view sasl_method;
  std::string_view sasl_username;
  std::string_view sasl_sender;
};
struct PostfixMessageId {
  std::string_view queue_id;
  std::string_view message_id;  // without its angle brackets
};
struct PostfixQueueActive {
  std::string_view queue_id;
  std::string_view from;
  std::uint64_t size = 0;   // bytes
  std::uint32_t nrcpt = 0;  // recipients
};
struct PostfixDelivery {
  std::string_view queue_id;
  std::string_view to;
  std::string_view orig_to;
  std::string_view relay;
  double delay_s = 0;
  std::string_view delays;  // "a/b/c/d"
  std::string_view dsn;
  std::string_view status;                // the word itself
  std::optional<DeliveryStatus> outcome;  // nullopt for deliverable, undeliverable, …
  std::string_view reason;                // written by the remote side
};
// smtp: a remote server refused, and the message waits or another server is tried; the outcome, if
// there is one, comes as a PostfixDelivery.
struct PostfixRemoteReply {
  std::string_view queue_id;
  LogPeer remote;
  std::string_view reply;  // written by the remote side
  std::string_view stage;  // "RCPT TO", "end of DATA"; "" in the greeting
};
// qmgr: what nobody could deliver in time went back ("expired", "force-expired").
struct PostfixExpired {
  std::string_view queue_id;
  std::string_view from;
  std::string_view status;
};
enum class QueueChange : std::uint8_t { removed, deleted, held, released, requeued };
// "removed" by qmgr; the others by postsuper, `deleted` being its "removed".
struct PostfixQueueChange {
  std::string_view queue_id;
  QueueChange change = QueueChange::removed;
};
struct PostfixBounceNotice {
  std::string_view queue_id;
  std::string_view notice_queue_id;
  std::string_view to;    // "sender" or "postmaster"
  std::string_view kind;  // "non-delivery", "delay", "delivery status"
};
// An access, header or milter verdict: "reject", "hold", "discard", "milter-reject",
// "proxy-accept", … Also a warning with which a whole message ended ("… -- message not accepted,
// try again later"): "reject" or "discard" at END-OF-MESSAGE, without client and code.
struct PostfixVerdict {
  std::string_view queue_id;
  std::string_view action;
  std::string_view stage;  // "RCPT", "END-OF-MESSAGE", "header"
  LogPeer client;
  std::uint16_t code = 0;  // 0 where no reply code stands
  std::string_view dsn;
  std::string_view text;
  std::string_view from;
  std::string_view to;
  std::string_view proto;
  std::string_view helo;
  std::string_view sasl_username;
};
// sendmail(1): no policy call ever sees it.
struct PostfixPickup {
  std::string_view queue_id;
  std::uint32_t uid = 0;
  std::string_view from;
};
struct PostfixAuthFailure {
  LogPeer client;
  std::string_view mechanism;
  std::string_view reason;
  std::string_view sasl_username;  // "" before 3.5 or where the client never said it
};
struct PostfixConnect {
  LogPeer client;
};
struct CommandCount {
  std::uint32_t ok = 0;
  std::uint32_t tried = 0;
};
struct PostfixDisconnect {
  LogPeer client;
  std::string_view words;  // "ehlo=2 auth=0/1 commands=1/2"
  struct Commands {
    CommandCount auth, mail, rcpt, data, commands;  // BDAT counts as data
  };
  [[nodiscard]] Commands counted() const;
};
struct PostfixLostConnection {
  std::string_view how;    // "lost connection", "timeout", "too many errors", "SSL_accept error", …
  std::string_view stage;  // "AUTH", "DATA"; "" where none is named
  LogPeer client;
};
struct PostscreenNote {
  std::string_view verb;  // "PASS OLD", "PREGREET", "DNSBL", "COMMAND TIME LIMIT", …
  LogPeer client;
  std::uint32_t rank = 0;  // of DNSBL; bytes of PREGREET
  double after_s = 0;      // of PREGREET and HANGUP
  std::string_view stage;
};

// --- Dovecot ---

struct DovecotLogin {
  Service service = Service::other;
  std::string_view user;
  std::string_view method;
  IpAddress rip;
  IpAddress lip;
  std::uint32_t mpid = 0;
  bool tls = false;
  bool secured = false;  // without TLS, over a way that Dovecot trusts: this machine, a proxy
  std::string_view session;
};
// The login process gave up on a client: `attempts` wrong tries (0: none was made).
struct DovecotLoginFailed {
  Service service = Service::other;
  std::string_view reason;  // "Disconnected: Inactivity"
  std::string_view detail;  // "auth failed, 2 attempts in 30 secs"
  std::string_view user;    // the last one tried; written by the client
  std::string_view method;
  IpAddress rip;
  IpAddress lip;
  std::uint32_t attempts = 0;
  std::uint32_t seconds = 0;
  bool auth_failed = false;
  bool tls = false;
  std::optional<HandshakeTrouble> trouble;  // where nobody came to try a password
  std::string_view session;
};
// One wrong try, as a password database reports it. A password that the server was told to log is
// cut off `reason`.
struct DovecotAuthFailure {
  std::string_view user;
  IpAddress rip;
  std::string_view driver;  // "pam", "sql", "passwd-file", "policy"
  std::string_view reason;
};
struct DovecotLogout {
  Service service = Service::other;
  std::string_view user;
  std::string_view session;
  std::string_view reason;
  std::uint64_t bytes_in = 0;  // from the client
  std::uint64_t bytes_out = 0;
  std::uint64_t deleted = 0;  // messages flagged (IMAP) or deleted (POP3)
  std::uint64_t expunged = 0;
  std::uint64_t hdr_count = 0;   // headers read (IMAP) or TOP (POP3)
  std::uint64_t body_count = 0;  // bodies read (IMAP) or RETR (POP3)
  std::uint64_t body_bytes = 0;
};
// A message expunged from a mailbox, or (`whole`) the mailbox deleted, as the plugin mail_log says.
struct DovecotExpunge {
  std::string_view user;
  std::string_view session;
  std::string_view mailbox;  // UTF-8; Dovecot cuts long ones
  bool whole = false;
};
enum class DeliveryAct : std::uint8_t { stored, forwarded, discarded, vacation, rejected };
struct DovecotDelivery {
  std::string_view user;
  std::string_view session;
  std::string_view message_id;  // without its angle brackets
  DeliveryAct act = DeliveryAct::stored;
  std::string_view target;  // mailbox, or the address it went on to
};

// A line of a mail program that says none of the above.
struct LogUnknown {};

using LogRecord =
    std::variant<LogUnknown, PostfixClient, PostfixMessageId, PostfixQueueActive, PostfixDelivery,
                 PostfixRemoteReply, PostfixExpired, PostfixQueueChange, PostfixBounceNotice,
                 PostfixVerdict, PostfixPickup, PostfixAuthFailure, PostfixConnect,
                 PostfixDisconnect, PostfixLostConnection, PostscreenNote, DovecotLogin,
                 DovecotLoginFailed, DovecotAuthFailure, DovecotLogout, DovecotExpunge,
                 DovecotDelivery>;

struct LogLine {
  Instant t;
  std::string_view host;     // "" in Dovecot's own log file
  std::string_view program;  // "postfix/submission/smtpd", "dovecot"
  std::string_view daemon;   // its last part: "smtpd"
  std::uint32_t pid = 0;     // 0 where none stands
  std::string_view message;  // what follows the program
  LogRecord record;
};

// Reads a line with or without its line break: RFC 3164 ("Nov 22 03:04:05 host prog[1]: …", also
// with a <priority>), RFC 3339 stamps, and Dovecot's own log_path format (stamp, then "imap-login:
// Info: …"). A line that we do not model is LogUnknown, never an error. Errors: bad_input when
// there is no time stamp or no program, or the line is too long.
[[nodiscard]] Result<LogLine> parse_log_line(std::string_view line, const LogContext& context);

// The line's stamp alone, at a fraction of the cost; nullopt where there is none.
[[nodiscard]] std::optional<Instant> log_stamp(std::string_view line, const LogContext& context);

// Stamps of many lines, each as log_stamp reads it: lines of one day share its midnight, so that
// only hours, minutes and seconds are read. One thread at a time.
class LogStamps {
 public:
  struct Stamp {
    Instant t;
    std::size_t length = 0;  // bytes of the line up to the blank behind it
  };
  [[nodiscard]] std::optional<Stamp> read(std::string_view line, const LogContext& context);

 private:
  [[nodiscard]] std::optional<Stamp> short_form(std::string_view line, const LogContext& context);
  [[nodiscard]] std::optional<Stamp> long_form(std::string_view line);
  [[nodiscard]] std::optional<Stamp> slowly(std::string_view line, const LogContext& context);

  LogContext context_;  // of day_
  char day_[6] = {};    // "Nov 22"
  std::int64_t midnight_us_ = 0;
  char date_[11] = {};  // "2026-11-22T"
  char zone_[6] = {};   // "Z", "+09:00"
  std::size_t zone_size_ = 0;
  std::int64_t date_midnight_us_ = 0;
};

// As parse_log_line, of a line whose stamp was read already.
[[nodiscard]] Result<LogLine> parse_stamped_line(std::string_view line,
                                                 const LogStamps::Stamp& stamp);

// The same into a line that is used again and again: all of it is written over. After an error its
// contents mean nothing.
[[nodiscard]] Result<void> read_stamped_line(std::string_view line, const LogStamps::Stamp& stamp,
                                             LogLine& out);

// The event that the line says by itself, its account as the log spells the login in lower case;
// the caller maps aliases, adds host and id, and does not take logins from the log where the auth
// policy already reports them:
//   DovecotLogin → login ok · DovecotLoginFailed with attempts and a user, PostfixAuthFailure with
//   a user → login bad_password · DovecotLogout → session (address and length are joined
//   elsewhere).
[[nodiscard]] std::optional<Event> to_event(const LogLine& line);

// True for a short ("4104E3D") or long ("4Xk1jd2Gz3z9sP") queue id.
[[nodiscard]] bool is_queue_id(std::string_view text);

}  // namespace sekimori::wire
