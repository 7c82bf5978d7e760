// Time as a value: microseconds since 1970-01-01T00:00:00Z. Nothing below app/ reads a clock; the
// time of an event, or "now", is always a parameter.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori {

// A length of time in microseconds.
struct Duration {
  std::int64_t us = 0;
  auto operator<=>(const Duration&) const = default;
  [[nodiscard]] constexpr double seconds() const { return static_cast<double>(us) / 1e6; }
  [[nodiscard]] constexpr double days() const { return static_cast<double>(us) / 86400e6; }
};
[[nodiscard]] constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000}; }
[[nodiscard]] constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
[[nodiscard]] constexpr Duration hours(std::int64_t n) { return seconds(n * 3600); }
[[nodiscard]] constexpr Duration days(std::int64_t n) { return seconds(n * 86400); }

// A point in time. The default (0) stands for "never".
struct Instant {
  std::int64_t us = 0;
  auto operator<=>(const Instant&) const = default;
  [[nodiscard]] constexpr bool is_set() const { return us != 0; }
  // Whole seconds since 1970, for fields of 32 bits (good until 2106).
  [[nodiscard]] constexpr std::uint32_t seconds32() const {
    return us <= 0 ? 0U : static_cast<std::uint32_t>(us / 1'000'000);
  }
};
[[nodiscard]] constexpr Instant operator+(Instant t, Duration d) { return {t.us + d.us}; }
[[nodiscard]] constexpr Instant operator-(Instant t, Duration d) { return {t.us - d.us}; }
[[nodiscard]] constexpr Duration operator-(Instant a, Instant b) { return {a.us - b.us}; }

// Reads an RFC 3339 date-time (§5.6; any offset, fraction up to 9 digits, cut to microseconds).
// Years 1970–2200 only. Errors: bad_input with what was found.
[[nodiscard]] Result<Instant> parse_instant(std::string_view text);

// Reads seconds since 1970, as an event's numeric `t`. Errors: not finite, or outside 1970–2200.
[[nodiscard]] Result<Instant> instant_from_seconds(double seconds_since_1970);

// Writes RFC 3339 in UTC: "2026-11-22T03:04:05Z", with ".123456" only where the fraction is not 0.
[[nodiscard]] std::string format_instant(Instant t);
// Appends the same to `out` without allocating otherwise.
void append_instant(std::string& out, Instant t);

}  // namespace sekimori
