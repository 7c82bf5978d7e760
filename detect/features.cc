#include "detect/features.h"

#include <bit>

#include "base/hash.h"

namespace sekimori::detect {

Shape shape_of(std::uint32_t recipients, std::uint32_t fresh, std::uint32_t strangers) {
  if (strangers == 0) {
    if (fresh > 0) return Shape::wrote_first;
    return recipients <= 1 ? Shape::known_1 : recipients <= 9 ? Shape::known_2_9 : Shape::known_10;
  }
  if (strangers == 1) return Shape::new_1;
  if (strangers <= 3) return Shape::new_2_3;
  if (strangers <= 9) return Shape::new_4_9;
  if (strangers <= 24) return Shape::new_10_24;
  return strangers <= 99 ? Shape::new_25_99 : Shape::new_100;
}

std::uint8_t gap_of(Duration since_last) {
  constexpr std::array limits{seconds(3),  seconds(15), minutes(1), minutes(5),
                              minutes(30), hours(4),    days(1)};
  std::uint8_t bin = 0;
  while (bin < limits.size() && since_last >= limits[bin]) ++bin;
  return bin;
}

std::uint8_t level_of(std::uint32_t distinct) {
  std::uint8_t level = 0;
  while (level + 1U < k_levels && distinct >= k_level_from[level + 1U]) ++level;
  return level;
}

std::uint8_t repeat_bin(std::uint32_t earlier) {
  return earlier == 0 ? 0 : earlier == 1 ? 1 : earlier <= 4 ? 2 : earlier <= 19 ? 3 : 4;
}

std::uint8_t size_bin(std::uint64_t bytes) {
  const int width = std::bit_width(bytes >> 10);
  return static_cast<std::uint8_t>(
      width >= static_cast<int>(k_sizes) ? k_sizes - 1 : static_cast<std::size_t>(width));
}

std::uint32_t size_pattern_of(std::uint64_t bytes, std::uint32_t recipients) {
  // 32 steps per factor of two: neighbours within about 2–3 % share a step.
  const int width = std::bit_width(bytes | 1U);
  const std::uint64_t mantissa = width > 6 ? (bytes >> (width - 6)) & 31U : bytes & 31U;
  const std::uint32_t fan =
      recipients <= 1 ? 0 : static_cast<std::uint32_t>(std::bit_width(recipients));
  const std::uint64_t mixed = mix64(static_cast<std::uint64_t>(width) << 16 | mantissa << 8 | fan);
  const auto out = static_cast<std::uint32_t>(mixed >> 32);
  return out == 0 ? 1 : out;
}

}  // namespace sekimori::detect
