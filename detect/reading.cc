#include "detect/reading.h"

#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

// Hours of reading an account must have shown before it is told that one is unusual.
constexpr unsigned k_hours_known = 8;
// Below 8 MiB or 512 messages an hour nothing is a flood: the level of so many units.
constexpr int k_floor_level = 144;
// Four times the habit is a busy hour; from there on half a nat a doubling.
constexpr float k_free_doublings = 2, k_nats_a_doubling = 0.5F;
// What was charged is kept in quarters of a nat (four bits).
constexpr float k_quarter = 0.25F;

// The busiest hours are the habit: up by half of what is more, down by little.
void close_hour(AccountModel& m, bool calm) {
  if (calm && m.read_units != 0) {
    const int level = read_level_of(m.read_units);
    const int habit = m.read_habit;
    const unsigned known = m.read_marks & 15U;
    const int next = known == 0      ? level
                     : level > habit ? habit + std::max(1, (level - habit) / 2)
                                     : habit - (habit - level) / 32;
    m.read_habit = static_cast<std::uint8_t>(next);
    m.read_marks = static_cast<std::uint8_t>(std::min(known + 1, 15U));
  }
  m.read_marks &= 15U;
  m.read_units = 0;
}

}  // namespace

std::uint32_t read_units_of(const Session& s) {
  const std::uint64_t most = std::max({s.bytes_out / 16384, s.fetched, std::uint64_t{1}});
  const double hours_long = std::max(1.0, s.seconds / 3600);
  return static_cast<std::uint32_t>(
      std::min(static_cast<double>(std::min<std::uint64_t>(most, UINT32_MAX)) / hours_long,
               double{UINT16_MAX}));
}

std::uint8_t read_level_of(std::uint32_t units) {
  return static_cast<std::uint8_t>(std::min(255.0F, 16 * std::log2(1.0F + units)));
}

float note_reading(AccountModel& m, Instant t, const Session& s, bool calm, bool new_place) {
  if (s.service != Service::imap && s.service != Service::pop3) return 0;
  const std::uint16_t hour = hour16(t);
  if (m.read_hour != hour) {
    close_hour(m, calm);
    m.read_hour = hour;
  }
  m.read_units =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(m.read_units + read_units_of(s), 65535));
  if ((m.read_marks & 15U) < k_hours_known) return 0;
  const int over =
      read_level_of(m.read_units) - std::max(static_cast<int>(m.read_habit), k_floor_level);
  const float nats =
      std::clamp((static_cast<float>(over) / 16 - k_free_doublings) * k_nats_a_doubling, 0.0F,
                 new_place ? k_read_cap_new_place : k_read_cap);
  const auto quarters = static_cast<unsigned>(nats / k_quarter);
  const unsigned charged = m.read_marks >> 4;
  if (quarters <= charged) return 0;
  m.read_marks = static_cast<std::uint8_t>((m.read_marks & 15U) | quarters << 4);
  return static_cast<float>(quarters - charged) * k_quarter;
}

}  // namespace sekimori::detect
