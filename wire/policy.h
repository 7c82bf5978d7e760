// Postfix policy delegation (SMTPD_POLICY_README): `name=value` lines closed by an empty line, one
// answer `action=…` and an empty line for each, strictly in turn on a connection. Pure functions of
// bytes; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::wire {

// Postfix caps what it sends far below this (its attributes are cut at 2048 bytes each, 29 to 31 of
// them); what is larger does not come from Postfix.
inline constexpr std::size_t k_policy_request_max = 64 * 1024;
inline constexpr std::size_t k_policy_line_max = 8 * 1024;
// Postfix cuts the text of an action at this many bytes (measured), so we do, where we choose.
inline constexpr std::size_t k_policy_action_max = 510;

// The stage of the SMTP dialogue that asks. BDAT counts as data; what we do not know is `other`.
enum class PolicyState : std::uint8_t {
  other,
  connect,
  ehlo,
  helo,
  mail,
  rcpt,
  data,
  end_of_message,
  vrfy,
  etrn,
};

// One question. The views point into the caller's buffer. An attribute that was not sent is "" or
// 0.
struct PolicyRequest {
  PolicyState state = PolicyState::other;
  std::uint32_t recipient_count = 0;  // non-zero only at DATA and END-OF-MESSAGE
  std::uint64_t size = 0;             // bytes; as declared until END-OF-MESSAGE
  std::string_view request;           // "smtpd_access_policy" or absent
  std::string_view protocol_state;    // the word behind `state`
  std::string_view protocol_name;
  std::string_view instance;  // unique per transaction on one host
  std::string_view queue_id;  // "" until the first recipient was accepted
  std::string_view client_address;
  std::string_view client_name;
  std::string_view reverse_client_name;
  std::string_view client_port;
  std::string_view server_address;
  std::string_view server_port;
  std::string_view helo_name;
  std::string_view sender;
  std::string_view recipient;
  std::string_view sasl_method;
  std::string_view sasl_username;
  std::string_view sasl_sender;
  std::string_view ccert_subject;
  std::string_view ccert_fingerprint;
  std::string_view encryption_protocol;
  std::string_view encryption_cipher;
  std::string_view encryption_keysize;
  std::string_view etrn_domain;
  std::string_view stress;
  std::string_view policy_context;
  std::string_view compatibility_level;
  std::string_view mail_version;
};

// Finds the end of the first request in `buffer`: the bytes up to and including its empty line.
// nullopt: more bytes are needed. "\r\n" is taken as "\n". Errors: bad_input when no end comes
// within k_policy_request_max bytes; the connection is of no use then.
[[nodiscard]] Result<std::optional<std::size_t>> find_request(std::string_view buffer);

// Reads one request as find_request cut it (its empty line may be missing). Any order, unknown
// names skipped, the last of a repeated name wins. Errors: bad_input for a line without '=', a line
// longer than k_policy_line_max, a number that is none, another `request`, or nothing at all.
[[nodiscard]] Result<PolicyRequest> parse_policy_request(std::string_view request);

// What we tell Postfix (access(5)). HOLD concerns the whole message, with all its recipients;
// PREPEND is refused by Postfix at END-OF-MESSAGE; WARN and INFO only write to the log.
enum class PolicyAction : std::uint8_t { dunno, hold, reject, defer, warn, info, prepend, bcc };

struct PolicyAnswer {
  PolicyAction action = PolicyAction::dunno;
  // For reject and defer: the reply code, "525 5.7.13" or "450". "" leaves Postfix its own
  // (554 5.7.1, 450 4.7.1), and so does anything that is no 4xx or 5xx code.
  std::string_view code = {};
  // Words for the person or the log; for prepend the header line, for bcc an address. Made safe: a
  // character outside printable ASCII becomes '?', and the action is cut at k_policy_action_max
  // bytes.
  std::string_view text = {};
};

// Appends "action=…\n\n".
void append_policy_answer(std::string& out, const PolicyAnswer& answer);

// Writes a request as Postfix does (every non-empty attribute, then the empty line): for tests,
// benchmarks and the drill. Values must not hold line breaks.
void append_policy_request(std::string& out, const PolicyRequest& request);

}  // namespace sekimori::wire
