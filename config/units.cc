#include "config/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace sekimori::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t size;
};
// Largest first, so that printing takes the first that divides.
constexpr std::array k_time_units{Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000},
                                  Unit{"m", 60'000'000}, Unit{"s", 1'000'000}, Unit{"ms", 1'000}};
constexpr std::array k_byte_units{Unit{"TiB", 1LL << 40}, Unit{"GiB", 1LL << 30},
                                  Unit{"MiB", 1LL << 20}, Unit{"KiB", 1LL << 10}, Unit{"B", 1}};
constexpr std::int64_t k_duration_max_us = 100LL * 366 * 86'400'000'000;
constexpr std::int64_t k_bytes_max = 1LL << 50;

// quantity ::= 1*DIGIT unit, the unit one of `units`. -1 where it does not read.
template <class Units>
std::int64_t read_quantity(std::string_view text, const Units& units, std::int64_t max) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  if (text.empty() || text.front() < '0' || text.front() > '9') return -1;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return -1;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : units) {
    if (unit.name == name) return number > max / unit.size ? -1 : number * unit.size;
  }
  return -1;
}

template <class Units>
std::string print_quantity(std::int64_t value, const Units& units, std::string_view zero) {
  if (value == 0) return std::string(zero);
  for (const Unit& unit : units) {
    if (value % unit.size == 0) return fmt::format("{}{}", value / unit.size, unit.name);
  }
  return fmt::format("{}{}", value / units.back().size, units.back().name);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const std::int64_t us = read_quantity(text, k_time_units, k_duration_max_us);
  if (us < 0) {
    return bad_input(
        fmt::format("'{}' is no length of time such as 30s, 10m, 4h or 7d", text.substr(0, 40)));
  }
  return Duration{us};
}

std::string print_duration(Duration duration) {
  return print_quantity(duration.us, k_time_units, "0s");
}

Result<ByteCount> parse_byte_count(std::string_view text) {
  const std::int64_t bytes = read_quantity(text, k_byte_units, k_bytes_max);
  if (bytes < 0) {
    return bad_input(
        fmt::format("'{}' is no size such as 64KiB, 10MiB or 2GiB", text.substr(0, 40)));
  }
  return ByteCount{bytes};
}

std::string print_byte_count(ByteCount count) {
  return print_quantity(count.bytes, k_byte_units, "0B");
}

Result<Duration> parse_utc_offset(std::string_view text) {
  if (text == "Z") return Duration{};
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && digit(1) && digit(2) &&
      text[3] == ':' && digit(4) && digit(5)) {
    const int h = (text[1] - '0') * 10 + (text[2] - '0');
    const int m = (text[4] - '0') * 10 + (text[5] - '0');
    if (h <= 14 && m <= 59) {  // Kiribati is the farthest, 14 hours ahead
      const Duration offset = minutes(h * 60 + m);
      return text[0] == '-' ? Duration{-offset.us} : offset;
    }
  }
  return bad_input(fmt::format("'{}' is no distance from UTC such as +09:00", text.substr(0, 40)));
}

}  // namespace sekimori::config
