// One event of Dovecot's event exporter (format=json, one object a POST), from 2.3 and from 2.4.
// The exporter never retries: what comes is evidence, never the counter of record. Pure; any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/result.h"

namespace sekimori::wire {

// cmd_args of a long UID list is the largest field there is.
inline constexpr std::size_t k_dovecot_event_max = 256 * 1024;

// Fields that were not sent are "", 0 or nullopt. Text is valid UTF-8.
struct DovecotEvent {
  std::string name;  // "auth_request_finished"
  std::string hostname;
  Instant start;  // unset when missing or unreadable
  Instant end;
  std::vector<std::string> categories;
  std::string user;
  std::string service;  // `service` (2.3) or `protocol` (2.4): "imap", "pop3", "lmtp", "sieve", …
  std::string session;
  std::string mechanism;
  std::string error;  // what went wrong, "" when nothing did
  IpAddress remote_ip;
  // auth_request_finished: a failed login has no such field in 2.3.19, so a missing one there is
  // false.
  std::optional<bool> success;
  std::string policy_result;
  std::uint64_t bytes_in = 0;  // from the client: `bytes_in` or `net_in_bytes`
  std::uint64_t bytes_out = 0;
  std::uint64_t fetched = 0;  // messages whose bodies were read
  std::uint64_t deleted = 0;
  std::string cmd_name;  // "FETCH", "SETACTIVE"
  std::string cmd_args;
  std::string reply_state;  // "OK", "NO", "BAD"
  std::string action_name;  // sieve: "redirect"
  std::string redirect_target;
  std::string script_name;
  std::string mail_from;  // `mail_from`, else `message_from`
  std::string rcpt_to;
  std::string message_id;
  std::uint64_t message_size = 0;
};

// Unknown keys and fields are skipped; a field of an unexpected type counts as missing. Errors:
// bad_input when the body is no JSON object, is too long, or names no event.
[[nodiscard]] Result<DovecotEvent> parse_dovecot_event(std::string_view body);

// The event of ours that this says by itself, with the account as Dovecot names the user (lower
// case; the caller maps aliases and adds host and id):
//   mail_user_session_finished (imap, pop3, sieve, smtp)       → session
//   sieve_script_activated; managesieve PUTSCRIPT that succeeded → settings: filter
//   mail_delivery_finished with a sender and no error           → received
// auth_request_finished gives none: the auth policy report is the record of a login, and counting
// it here too would count it twice.
[[nodiscard]] std::optional<Event> to_event(const DovecotEvent& event);

}  // namespace sekimori::wire
