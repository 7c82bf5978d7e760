// Dovecot's authentication policy (auth_policy_* settings; weakforced speaks the same): one JSON
// object a POST, one JSON object back. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/event.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sekimori::wire {

// Dovecot's own requests stay under 1 KiB; longer ones carry attributes that nobody reads here.
inline constexpr std::size_t k_auth_policy_body_max = 64 * 1024;
// What a login may show: one line of a mail client's error box, one SMTP reply line.
inline constexpr std::size_t k_auth_policy_msg_max = 400;

enum class AuthPolicyCommand : std::uint8_t { other, allow, report };

// What the request line asks for: "/?command=allow", "/any/path?x=1&command=report",
// "/command/allow".
[[nodiscard]] AuthPolicyCommand parse_auth_policy_target(std::string_view target);
// The word itself ("allow", "ping", "addBLEntry"), "" without one; a view into `target`.
[[nodiscard]] std::string_view auth_policy_command_word(std::string_view target);

// Every key may be missing, and one of an unexpected type counts as missing: a login must not hang
// on a detail. Through Postfix, tls is always false and the session and device ids are empty.
struct AuthPolicyRequest {
  std::string login;     // as the client wrote it
  std::string protocol;  // "imap", "pop3", "smtp", "sieve", "managesieve", "submission"
  std::string pwhash;    // hex of the first 12 bits of a keyed hash, "" when there is none
  std::string session_id;
  std::string device_id;
  std::string fail_type;  // 2.4: "credentials", "account", "expired", "disabled", "policy", …
  IpAddress remote;       // unset when missing or malformed
  bool tls = false;
  bool tls_told = false;        // the request says whether it was encrypted at all
  bool policy_reject = false;   // report: the refusal was ours, not a wrong password
  std::optional<bool> success;  // report only
  [[nodiscard]] Service service() const { return parse_service(protocol); }
};

// Errors: bad_input when the body is no JSON object or is too long.
[[nodiscard]] Result<AuthPolicyRequest> parse_auth_policy_request(std::string_view body);

// `status` < 0 refuses, 0 lets in, > 0 delays that many seconds. `msg` reaches the person: it is
// put on one line and cut at k_auth_policy_msg_max bytes.
struct AuthPolicyAnswer {
  int status = 0;
  std::string_view msg = {};
};
// Appends {"status":N,"msg":"…"}.
void append_auth_policy_answer(std::string& out, const AuthPolicyAnswer& answer);

}  // namespace sekimori::wire
