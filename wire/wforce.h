// weakforced's commands (PowerDNS/Open-Xchange "wforce"): what a site's programs send it today, and
// the answers they expect, letter by letter. Logins are asked and reported with the keys of
// auth_policy.h. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "wire/auth_policy.h"

namespace sekimori::wire {

enum class WforceCommand : std::uint8_t {
  unknown,
  allow,
  report,
  reset,
  add_block,
  delete_block,
  get_block,
  add_allow,
  delete_allow,
  get_allow,
  get_stats,  // getDBStats
  ping,
  stats,
};
inline constexpr std::size_t k_wforce_commands = 13;
// "addBLEntry", …; "" for unknown.
[[nodiscard]] std::string_view to_string(WforceCommand command);
// From the request line (as auth_policy_command_word). A GET asks for ping, stats and the lists, a
// POST for all else; with the other verb a command is not found, as there.
[[nodiscard]] WforceCommand parse_wforce_command(std::string_view method, std::string_view target);

// {"ip":…} or {"netmask":…} or {"login":…} or {"ip":…,"login":…}; expire_secs and reason with an
// entry to add. An address is its /32 or /128; bits behind a netmask are cut off.
struct WforceEntry {
  std::optional<IpNetwork> network;
  bool single = false;  // `network` came as one address
  std::optional<std::string> login;
  std::int64_t expire_secs = 0;
  std::string reason;
};
// At most 10 years; 0 and less is over at once.
inline constexpr std::int64_t k_wforce_expire_max = 315'360'000;
inline constexpr std::size_t k_wforce_reason_max = 512;
inline constexpr std::size_t k_wforce_login_max = 320;
// Errors: bad_input with weakforced's words where it has any.
[[nodiscard]] Result<WforceEntry> parse_wforce_entry(std::string_view body, bool adding);

// Of reset and getDBStats: one of the two at least (its caller says so). Errors: bad_input.
struct WforceKey {
  std::optional<IpAddress> ip;
  std::optional<std::string> login;
};
[[nodiscard]] Result<WforceKey> parse_wforce_key(std::string_view body);

// Of allow and report. Unlike Dovecot's, a login must be there and the address must be one.
[[nodiscard]] Result<AuthPolicyRequest> parse_wforce_login(std::string_view body);

using WforceAttributes = std::vector<std::pair<std::string, std::string>>;
// {"msg": …, "r_attrs": {…}, "status": N}
[[nodiscard]] std::string wforce_allow_answer(int status, std::string_view msg,
                                              const WforceAttributes& attributes);
inline constexpr std::string_view k_wforce_ok = R"({"status":"ok"})";
// {"status":"failure", "reason":"…"}
[[nodiscard]] std::string wforce_failure(std::string_view reason);
// "2026-Nov-22 18:49:51" in UTC, as Boost.Date_Time prints it there.
[[nodiscard]] std::string wforce_time(Instant t);
// "192.0.2.1/32": a network always with its length.
[[nodiscard]] std::string wforce_network(const IpNetwork& network);

}  // namespace sekimori::wire
