// What a person approved beforehand for one account: so much mail, of this size, from there, then.
// Plain values and their words; what they mean for a message is decide/approval's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/ip_network.h"
#include "base/result.h"

namespace sekimori {

// active: in force whenever its window is open. suspended: something changed at the account since a
// person looked; the next run asks. ended: a person took it back.
enum class ApprovalState : std::uint8_t { active, suspended, ended };
// once: from `from` to `until`. The others open at `start_minute` of each such day.
enum class ApprovalRepeat : std::uint8_t { once, daily, weekly, monthly };
// Why it was suspended.
enum class ApprovalCause : std::uint8_t { none, settings, new_place, contained };

struct ApprovalTerms {
  std::uint32_t recipients = 0;      // in all, each time the window opens
  std::uint32_t each = 0;            // a message
  std::uint64_t size_min = 0;        // bytes; both 0: like the first message it covers,
  std::uint64_t size_max = 0;        // from half of its size to twice of it
  std::optional<IpNetwork> network;  // nullopt: the networks this account is known from
  Instant from, until;               // until is not within
  ApprovalRepeat repeat = ApprovalRepeat::once;
  // weekly: bit 0 is Monday; monthly: bit n is the n-th, bit 0 the last day of the month.
  std::uint32_t days = 0;
  std::uint16_t start_minute = 0;  // of the local day
  std::uint16_t minutes = 0;       // how long it stays open
  std::string zone;                // as the person named it: "Asia/Tokyo", "+09:00"
  std::string zone_rule;           // what that meant then (base/time_zone.h)
  bool operator==(const ApprovalTerms&) const = default;
};

// Longest opening of a recurring one, and longest time before a person must look again: a year and
// a month, so that a yearly run is still known.
inline constexpr std::uint16_t k_approval_minutes_max = 1440;
inline constexpr Duration k_approval_life_max = days(400);
inline constexpr Duration k_approval_once_max = days(31);
// Bounds against slips of the finger: the largest list, the largest message, the longest zone name.
inline constexpr std::uint32_t k_approval_recipients_max = 1'000'000;
inline constexpr std::uint64_t k_approval_size_max = 1ULL << 32;
inline constexpr std::size_t k_zone_name_max = 64;

// Every rule that terms must keep, wherever they come from. Errors: bad_input that names the field.
[[nodiscard]] Result<void> check_terms(const ApprovalTerms&);

// "mon,fri" or "1,15,last"; "" for the other kinds. Errors of reading: bad_input.
[[nodiscard]] std::string days_text(ApprovalRepeat, std::uint32_t days);
[[nodiscard]] Result<std::uint32_t> parse_days(ApprovalRepeat, std::string_view text);
// "09:30". Errors: bad_input.
[[nodiscard]] std::string clock_text(std::uint16_t minute);
[[nodiscard]] Result<std::uint16_t> parse_clock(std::string_view text);

[[nodiscard]] std::string_view to_string(ApprovalState);
[[nodiscard]] std::string_view to_string(ApprovalRepeat);
[[nodiscard]] std::string_view to_string(ApprovalCause);
[[nodiscard]] std::optional<ApprovalState> parse_approval_state(std::string_view);
[[nodiscard]] std::optional<ApprovalRepeat> parse_approval_repeat(std::string_view);
[[nodiscard]] std::optional<ApprovalCause> parse_approval_cause(std::string_view);

}  // namespace sekimori
