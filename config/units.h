// The spellings of lengths of time, sizes, addresses and networks in the settings.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sekimori::config {

// A number of bytes.
struct ByteCount {
  std::int64_t bytes = 0;
  auto operator<=>(const ByteCount&) const = default;
};
[[nodiscard]] constexpr ByteCount kib(std::int64_t n) { return {n << 10}; }
[[nodiscard]] constexpr ByteCount mib(std::int64_t n) { return {n << 20}; }
[[nodiscard]] constexpr ByteCount gib(std::int64_t n) { return {n << 30}; }
[[nodiscard]] constexpr Duration milliseconds(std::int64_t n) { return {n * 1000}; }

// Reads "100ms", "30s", "10m", "4h", "7d": one whole number and its unit, at most 100 years.
// Errors: bad_input.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// Writes the same, in the largest unit that divides it. parse(print(d)) == d for whole
// milliseconds.
[[nodiscard]] std::string print_duration(Duration duration);

// Reads "512B", "64KiB", "10MiB", "2GiB", "1TiB": at most 1 PiB. Errors: bad_input.
[[nodiscard]] Result<ByteCount> parse_byte_count(std::string_view text);
[[nodiscard]] std::string print_byte_count(ByteCount count);

// Reads "+09:00", "-03:30", "Z" as the distance from UTC. Errors: bad_input.
[[nodiscard]] Result<Duration> parse_utc_offset(std::string_view text);

}  // namespace sekimori::config
