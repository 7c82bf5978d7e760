// What is advised about a message: let it pass, hold it for a while, ask a person, restrict. Kept
// apart from the evidence itself: here are the lines, and what a wrong answer costs.
#include <algorithm>
#include <cmath>

#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

// What only the sending shows, where no network is known at all, must be stronger by so much before
// it restricts: until then a person is asked.
constexpr double k_sending_only_nats = 2.5;
// A message that waits for a person needs no more suspicion than this: nothing leaves, and ln R
// must come down again within days when it was the owner (a newsletter's first run).
constexpr double k_asked_log_r_max = 9;
// So many messages asked about in one go (a large one counts for several) from a place that vouches
// for nobody: a person would have noticed, so the account is stopped. Mail to known people is no
// newsletter: for it far fewer do.
constexpr std::uint8_t k_asked_before_restriction = 60, k_asked_known_before_restriction = 10;
// A changed forward, filter or app password speaks of the mail of so many hours after it.
constexpr std::uint16_t k_settings_hours = 24;
// So long a question stays open that nobody answers: what is like it joins it.
constexpr std::uint16_t k_question_hours = 72;
// Hours of so many recipients (levels of 5, 10, 20 …) that the account never had, from a place that
// vouches for nobody: strangers, recipients of any kind.
constexpr std::uint8_t k_strange_new_level = 2, k_strange_all_level = 3;
constexpr double k_strange_log_r = 0;
// Strangers of a day that ask: from a place that vouches for nobody, and from anywhere; never fewer
// than once (twice) the recipients of the account's usual day.
constexpr double k_day_foreign = 12, k_day_foreign_log_r = 3;
constexpr double k_day_anywhere = 30, k_day_anywhere_log_r = 3;
// An hour of hold_new_recipients strangers that the account never had: asked from this ln R on.
constexpr double k_unusual_hour_log_r = 1;
constexpr std::uint32_t k_experienced = 5;  // learnt messages

constexpr std::size_t index_of(Channel c) { return static_cast<std::size_t>(c); }

}  // namespace

bool question_open(const AccountModel& m, Instant t) {
  return m.asked > 0 && static_cast<std::uint16_t>(hour16(t) - m.asked_hour) < k_question_hours;
}

// Many at once, or many one by one: whatever else is known, a person looks first.
bool Detector::Impl::fans_out(const AccountModel& m, const Verdict& v) const {
  const std::uint32_t line = settings.hold_new_recipients;
  if (line != 0 && v.new_recipients >= line) return true;
  const bool experienced = m.learnt >= k_experienced;
  const std::uint8_t all = last_bins.level_all & 15U, fresh = last_bins.level_new & 15U;
  const bool strange_place = last_place.foreign && experienced;
  if (strange_place && v.log_r >= k_strange_log_r && all >= k_strange_all_level &&
      m.habits.level_all[all] == 0) {
    return true;
  }
  if (v.new_recipients == 0) return false;
  if (line != 0 && v.counts.new_hour >= line) {
    const bool unusual = experienced && m.habits.level_new[level_of(v.counts.new_hour)] == 0;
    if (v.log_r >= (unusual ? k_unusual_hour_log_r : settings.episode_log_r)) return true;
  }
  if (strange_place && v.log_r >= k_strange_log_r && fresh >= k_strange_new_level &&
      m.habits.level_new[fresh] == 0) {
    return true;
  }
  const auto day = static_cast<double>(v.counts.new_day);
  const double usual = m.recipients_per_day;
  if (strange_place && v.log_r >= k_day_foreign_log_r && day >= std::max(k_day_foreign, usual)) {
    return true;
  }
  return experienced && v.log_r >= k_day_anywhere_log_r &&
         day >= std::max(k_day_anywhere, 2 * usual);
}

void Detector::Impl::advise(const AccountModel& m, Instant t, Verdict& v) const {
  const PlaceView& place = last_place;
  const auto since = [&](Channel c) { return v.nats_since_onset[index_of(c)]; };
  const bool login = since(Channel::login_place) + since(Channel::places_24h) >= 1.0F;
  const bool settings_lately =
      since(Channel::settings) >= 1.0F &&
      static_cast<std::uint16_t>(hour16(t) - m.settings_hour) < k_settings_hours;
  // Bounces, a change of settings, or use from many places at once: a kind of evidence that
  // no newsletter brings.
  const bool strong = since(Channel::bounce) >= 1.0F || settings_lately ||
                      since(Channel::places_24h) >= 1.0F || since(Channel::concurrent) >= 1.0F;
  const bool to_contacts = v.family == Family::contacts_burst || v.family == Family::login_led;
  const bool risky =
      v.new_recipients > 0 || v.recipients >= 10 || (to_contacts && (login || strong));
  v.fan_out = fans_out(m, v);
  v.strikes = strikes(m);
  const bool open = question_open(m, t);
  v.asked = open ? m.asked : 0;

  // A restriction needs more kinds of evidence than a hold: a question already keeps the spam back,
  // so a blast to strangers alone (a newsletter's first run) is asked about, however large it is.
  // A newcomer's first mails are held, not punished, until they are many.
  const bool enough = m.learnt >= k_experienced || v.counts.new_day >= 25;
  const bool nowhere = place.network == 0;
  if (risky && enough) {
    v.may_restrict = strong || (login && v.new_recipients == 0) ||
                     (!nowhere && (!place.home || m.learnt < k_experienced) &&
                      v.asked >= (v.new_recipients == 0 ? k_asked_known_before_restriction
                                                        : k_asked_before_restriction)) ||
                     (nowhere && v.log_r >= settings.restrict_log_r + k_sending_only_nats &&
                      (v.counts.new_day >= 15 || v.counts.recipients_hour >= 50));
  }

  // What a wrong "let go" costs grows with the strangers it reaches: so the lines fall with them.
  const double discount = settings.hold_slope * std::log(std::max(1U, v.new_recipients));
  // An open question about mail from a strange place takes in all mail from such places; any other
  // takes in all mail to strangers, except what comes from the usual place meanwhile.
  const bool joins =
      open && (asked_at_home(m) ? v.new_recipients > 0
                                : place.foreign || (v.new_recipients > 0 && !place.home));
  if (v.fan_out || (risky && v.log_r >= settings.ask_log_r - discount)) {
    v.advice = HoldAdvice::asked;
  } else if (joins) {
    v.advice = HoldAdvice::asked;
    v.joined = true;
  } else if (risky && v.log_r >= settings.hold_log_r - discount) {
    v.advice = HoldAdvice::timed;
  }
  if (v.advice == HoldAdvice::asked && !v.may_restrict && !nowhere) {
    const double over = v.log_r - std::max(v.log_r_before, k_asked_log_r_max);
    if (over > 0) {
      v.log_r -= over;
      for (double& r : v.r_family) r *= std::exp(-over);
    }
  }
}

}  // namespace sekimori::detect
