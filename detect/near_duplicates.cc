#include "detect/near_duplicates.h"

#include <bit>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

// The model has room for half of a sketch: 2 of 32 bits are about 4 of 64 (Manku et al. 2007 take 3
// of 64); two unrelated messages come so near once in 8 million pairs.
constexpr int k_half_bits_apart = 2;

bool same(std::uint32_t a, std::uint32_t b, bool sketched) {
  return a == b || (sketched && a != 0 && std::popcount(a ^ b) <= k_half_bits_apart);
}

bool is_sketched(const Submission& s) { return s.sketch && *s.sketch != 0; }

}  // namespace

bool alike(std::uint64_t a, std::uint64_t b) { return std::popcount(a ^ b) <= k_sketch_bits_apart; }

std::uint32_t likeness_of(const Submission& s, std::uint32_t recipients) {
  if (is_sketched(s)) {
    const auto half = static_cast<std::uint32_t>(*s.sketch >> 16);
    return half == 0 ? 1 : half;
  }
  return s.size > 0 ? size_pattern_of(s.size, recipients) : 0;
}

std::uint32_t like_it_today(const AccountModel& m, Instant t, const Submission& s,
                            std::uint32_t likeness) {
  if (m.pattern_day != day16(t)) return 0;
  std::uint32_t most = 0;
  for (std::size_t i = 0; i < k_patterns; ++i) {
    if (same(m.pattern[i], likeness, is_sketched(s))) {
      most = std::max<std::uint32_t>(most, m.pattern_count[i]);
    }
  }
  return most;
}

void note_likeness(AccountModel& m, Instant t, const Submission& s, std::uint32_t likeness) {
  if (likeness == 0) return;
  if (m.pattern_day != day16(t)) {
    m.pattern_day = day16(t);
    m.pattern_count.fill(0);
    m.pattern.fill(0);
  }
  std::size_t slot = 0;
  for (std::size_t i = 0; i < k_patterns; ++i) {
    if (same(m.pattern[i], likeness, is_sketched(s))) {
      slot = i;
      break;
    }
    if (m.pattern_count[i] < m.pattern_count[slot]) slot = i;
  }
  if (!same(m.pattern[slot], likeness, is_sketched(s))) {
    m.pattern[slot] = likeness;
    m.pattern_count[slot] = 0;
  }
  if (m.pattern_count[slot] < UINT8_MAX) ++m.pattern_count[slot];
}

}  // namespace sekimori::detect
