// The sliding windows of an account.
#include <algorithm>
#include <bit>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr std::uint32_t k_hour_step = 300, k_day_step = 7200, k_byte_step = 28800;

// Sum of the slots that still lie within the window at slot number `now`.
template <class Array>
std::uint32_t sum_slots(const Array& slots, std::uint32_t newest, std::uint32_t now) {
  const auto size = static_cast<std::uint32_t>(slots.size());
  if (now > newest && now - newest >= size) return 0;
  std::uint64_t sum = 0;
  for (const auto s : slots) sum += s;
  // Those that have slid out since: their places are the ones that come next.
  for (std::uint32_t n = newest + 1; n <= now; ++n) sum -= slots[n % size];
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

template <class Array>
void roll(Array& slots, std::uint32_t newest, std::uint32_t now) {
  const auto size = static_cast<std::uint32_t>(slots.size());
  if (now <= newest) return;
  if (now - newest >= size) {
    slots.fill(0);
    return;
  }
  for (std::uint32_t n = newest + 1; n <= now; ++n) slots[n % size] = 0;
}

}  // namespace

Counts counts_at(const AccountModel& m, Instant t) {
  const std::uint32_t hour = t.seconds32() / k_hour_step;
  const std::uint32_t day = t.seconds32() / k_day_step;
  Counts c;
  c.recipients_hour = sum_slots(m.hour_recipients, m.hour_slot, hour);
  c.messages_hour = sum_slots(m.hour_messages, m.hour_slot, hour);
  c.new_hour = sum_slots(m.hour_new, m.hour_slot, hour);
  c.recipients_day = sum_slots(m.day_recipients, day_slot_of(m), day);
  c.messages_day = sum_slots(m.day_messages, day_slot_of(m), day);
  c.new_day = sum_slots(m.day_new, day_slot_of(m), day);
  c.bytes_day = 1024ULL * sum_slots(m.day_kib, day_slot_of(m) * k_day_step / k_byte_step,
                                    t.seconds32() / k_byte_step);
  return c;
}

void roll_windows(AccountModel& m, Instant t) {
  const std::uint32_t hour = t.seconds32() / k_hour_step;
  const std::uint32_t day = t.seconds32() / k_day_step;
  roll(m.hour_recipients, m.hour_slot, hour);
  roll(m.hour_messages, m.hour_slot, hour);
  roll(m.hour_new, m.hour_slot, hour);
  roll(m.day_recipients, day_slot_of(m), day);
  roll(m.day_messages, day_slot_of(m), day);
  roll(m.day_new, day_slot_of(m), day);
  roll(m.day_kib, day_slot_of(m) * k_day_step / k_byte_step, t.seconds32() / k_byte_step);
  m.hour_slot = std::max(m.hour_slot, hour);
}

std::uint32_t distinct_in(const std::array<std::uint64_t, 2>& bitmap) {
  static const auto k_by_set = [] {
    std::array<std::uint16_t, 129> out{};
    for (int set = 0; set < 127; ++set) {
      out[static_cast<std::size_t>(set)] =
          static_cast<std::uint16_t>(std::lround(-128.0 * std::log1p(-set / 128.0)));
    }
    out[127] = out[128] = 600;
    return out;
  }();
  return k_by_set[static_cast<std::size_t>(std::popcount(bitmap[0]) + std::popcount(bitmap[1]))];
}

}  // namespace sekimori::detect
