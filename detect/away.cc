#include "detect/away.h"

#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr double k_steps = 4;  // of a stranger, as kept
constexpr double k_half_life_hours = 48;
constexpr double k_hour_max = 3, k_known_mail = 0.25, k_from_home = 1;
constexpr unsigned k_question_stands_hours = 72, k_strangers_a_question = 25;

unsigned hours_since(const AccountModel& m, Instant t) {
  return static_cast<std::uint16_t>(hour16(t) - m.away_hour);
}

// AccountModel::away_gain: the gain, 4 bits (at most k_hour_max · k_steps); question hours, 3 bits;
// whether this hour is one of them.
constexpr std::uint8_t k_gain_bits = 0x0f, k_hour_is_one = 0x80;
constexpr unsigned k_hours_shift = 4, k_hours_max = 7;
static_assert(k_hour_max * k_steps <= k_gain_bits);

std::uint8_t kept(double strangers) {
  return static_cast<std::uint8_t>(std::clamp(strangers * k_steps, 0.0, 255.0));
}

}  // namespace

double away_level(const AccountModel& m, Instant t) {
  if (m.away_strangers == 0) return 0;
  return m.away_strangers / k_steps * std::exp2(-(hours_since(m, t) / k_half_life_hours));
}

void note_away(AccountModel& m, Instant t, std::uint32_t strangers, bool asked) {
  const double before = away_level(m, t);
  const unsigned questions = away_questions(m, t);
  const bool same_hour = m.away_hour == hour16(t);
  const double this_hour = same_hour ? (m.away_gain & k_gain_bits) / k_steps : 0;
  const bool known_hour = same_hour && (m.away_gain & k_hour_is_one) != 0;
  const unsigned question_hours =
      std::min(away_question_hours(m, t) + (asked && !known_hour ? 1U : 0U), k_hours_max);
  const double gain = std::min(static_cast<double>(strangers), k_hour_max - this_hour);
  m.away_strangers = kept(before + gain - (strangers == 0 ? k_known_mail : 0));
  m.away_gain = static_cast<std::uint8_t>(kept(this_hour + gain) | question_hours << k_hours_shift |
                                          (asked || known_hour ? k_hour_is_one : 0U));
  m.away_hour = hour16(t);
  const unsigned more = asked ? 1 + strangers / k_strangers_a_question : 0;
  m.away_asked = static_cast<std::uint8_t>(std::min(questions + more, 255U));
}

void note_strangers_from_home(AccountModel& m) {
  m.away_strangers = kept(m.away_strangers / k_steps - k_from_home);
}

bool strangers_this_hour(const AccountModel& m, Instant t) {
  return m.away_hour == hour16(t) && (m.away_gain & k_gain_bits) != 0;
}

unsigned away_questions(const AccountModel& m, Instant t) {
  return hours_since(m, t) < k_question_stands_hours ? m.away_asked : 0;
}

bool asked_of_late(const AccountModel& m, Instant t) {
  return hours_since(m, t) <= 1 && m.away_asked > 0;
}

unsigned away_question_hours(const AccountModel& m, Instant t) {
  return hours_since(m, t) < k_question_stands_hours ? m.away_gain >> k_hours_shift & k_hours_max
                                                     : 0;
}

}  // namespace sekimori::detect
