#include "detect/away.h"

#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

constexpr double k_steps = 4;  // of a stranger, as kept
constexpr double k_half_life_hours = 48;
constexpr double k_message_max = 1.5, k_hour_max = 3, k_known_mail = 0.25, k_from_home = 1;
constexpr unsigned k_question_hours = 72, k_strangers_a_question = 25;

unsigned hours_since(const AccountModel& m, Instant t) {
  return static_cast<std::uint16_t>(hour16(t) - m.away_hour);
}

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
  const double this_hour = same_hour ? m.away_gain / k_steps : 0;
  const double gain =
      std::min({static_cast<double>(strangers), k_message_max, k_hour_max - this_hour});
  m.away_strangers = kept(before + gain - (strangers == 0 ? k_known_mail : 0));
  m.away_gain = kept(this_hour + gain);
  m.away_hour = hour16(t);
  const unsigned more = asked ? 1 + strangers / k_strangers_a_question : 0;
  m.away_asked = static_cast<std::uint8_t>(std::min(questions + more, 255U));
}

void note_strangers_from_home(AccountModel& m) {
  m.away_strangers = kept(m.away_strangers / k_steps - k_from_home);
}

unsigned away_questions(const AccountModel& m, Instant t) {
  return hours_since(m, t) < k_question_hours ? m.away_asked : 0;
}

}  // namespace sekimori::detect
