#include "detect/concurrent.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr std::uint32_t k_minutes_apart = 15;  // no train or plane crosses a border so fast
constexpr int k_days_of_habit = 7;
constexpr std::array<int, 3> k_steps{4, 8, 13};
constexpr float k_nats_a_step = 1.2F;
// Operators tell less than countries: a phone and an office are two operators all day long.
constexpr std::uint16_t k_by_operator = 0x8000;
constexpr float k_operator_share = 0.5F;

std::uint16_t where_of(const Place& place) {
  if (place.has_country()) {
    return static_cast<std::uint16_t>((static_cast<unsigned>(place.country[0]) & 31U) << 5 |
                                      (static_cast<unsigned>(place.country[1]) & 31U));
  }
  if (place.asn == 0) return 0;
  return static_cast<std::uint16_t>(k_by_operator | mix64(place.asn) >> 49);
}

int level_of_excess(int excess) {
  return static_cast<int>(std::ranges::count_if(k_steps, [&](int s) { return excess >= s; }));
}

}  // namespace

float note_whereabouts(AccountModel& m, Instant t, const Place& place, bool calm) {
  const std::uint16_t where = where_of(place);
  if (where == 0) return 0;
  const std::uint32_t minute = t.seconds32() / 60;
  const std::uint32_t since = static_cast<std::uint16_t>(minute - m.last_minute);
  const std::uint16_t before = m.last_where;
  m.last_where = where;
  m.last_minute = static_cast<std::uint16_t>(minute);
  if (before == 0) return 0;

  int today = m.switch_marks & 15, habit = m.switch_marks >> 4;
  if (minute / 1440 != (minute - since) / 1440) {
    if (calm) habit = today > habit ? today : std::max(0, habit - 1);
    today = 0;
  }
  float nats = 0;
  const bool comparable = (before & k_by_operator) == (where & k_by_operator);
  if (comparable && before != where && since <= k_minutes_apart && today < 15) {
    ++today;
    if (day16(t) - m.first_day >= k_days_of_habit &&
        level_of_excess(today - habit) > level_of_excess(today - 1 - habit)) {
      nats = (where & k_by_operator) != 0 ? k_nats_a_step * k_operator_share : k_nats_a_step;
    }
  }
  m.switch_marks = static_cast<std::uint8_t>(habit << 4 | today);
  return nats;
}

unsigned changes_of_day(const AccountModel& m, Instant t) {
  const std::uint32_t minute = t.seconds32() / 60;
  const std::uint32_t since = static_cast<std::uint16_t>(minute - m.last_minute);
  return minute / 1440 == (minute - since) / 1440 ? m.switch_marks & 15U : 0;
}

}  // namespace sekimori::detect
