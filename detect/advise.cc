// What is advised about a message: let it pass, hold it for a while, ask a person, stop the
// account. Kept apart from the evidence: here are the lines, and what a wrong answer costs.
#include <algorithm>
#include <cmath>

#include "detect/away.h"
#include "detect/concurrent.h"
#include "detect/detector_impl.h"

namespace sekimori::detect {
namespace {

// Where no network is known, what only the sending shows must be stronger by so much before it
// restricts: until then a person is asked.
constexpr double k_sending_only_nats = 2.5;
// A newcomer's first mails are held, not punished, until the day has so many strangers.
constexpr std::uint32_t k_strangers_of_newcomer = 25;
// Beside bounces or a changed setting: strangers of the day, recipients of the hour.
constexpr std::uint32_t k_recipients_beside_place = 10;
// A changed forward, filter or app password speaks of the mail of so many hours after it, and not
// of a blast to strangers: who sets a forward hides the answers of people the owner knows.
constexpr std::uint16_t k_settings_hours = 24;
constexpr std::uint32_t k_strangers_beside_deeds = 3;
// A run that waits for a person is one question, and nothing of it leaves. Questions from networks
// on trial stop the account when they go on for so many different hours without an answer (for mail
// to known people one less), or reach so many messages: most newsletters are over before.
constexpr unsigned k_question_hours = 3, k_questions_any = 200;
// Sooner where more than the sending speaks against the owner: places far away by so many nats,
// deeds, or the fleet. Mail to known people is no newsletter: for it far fewer do. Of a newcomer
// no place is far: so many messages do where several networks or countries take part.
constexpr unsigned k_questions_strangers = 25, k_questions_known = 10, k_questions_newcomer = 12;
constexpr float k_far_nats = 2.5F;
// From so many messages that wait on, with so much suspicion, the rest of the run waits too: a
// thief's mail to known people goes between that to strangers, within the hour. What goes to known
// people later is the owner's life going on while nobody answers.
constexpr unsigned k_questions_of_run = 2;
constexpr double k_run_log_r = 5;
// From so many on it waits whole, whatever R is: the messages of one sitting resemble each other,
// so that R sinks again below every line while the question is still open.
constexpr unsigned k_questions_whole_run = 25;
// Where nothing is habit yet no such messages are counted. So far above the line at which a person
// is asked, all waits that comes from there: a thief writes to the same people again, who are no
// strangers then.
constexpr double k_else_run_nats = 16.5;
// Strangers from networks on trial are asked about from this level on (away.h), whatever R is: it
// does not rise where the owner writes to strangers anyway. From the lower one on so many nats
// below the line at which a message is held.
constexpr double k_asked_level = 4, k_suspicious_level = 3, k_suspicious_nats = 4;
// Suspicion that strangers from a network on trial need beside them.
constexpr double k_away_log_r = 2;
// A burst to known people from a network on trial: recipients of an hour that the account never
// had, with so much suspicion. Once a person is asked, what goes on in this hour and the next waits
// as well: each known recipient more takes off R, until the next count of the hour is reached.
constexpr std::uint32_t k_burst_recipients = 8;
constexpr double k_burst_log_r = 6, k_burst_asked_log_r = 3;
// From a network on trial a message is held so much earlier. From one that vouches it is held so
// much later, and a person asked so much later: thieves seldom sit in the owner's network, and when
// they do R grows past these lines all the same. Where nothing is habit yet, asked so much later.
constexpr double k_away_hold_nats = 1.5, k_home_hold_nats = 3, k_home_ask_nats = 4,
                 k_else_ask_nats = 2.5;
// From one that vouches, a message to fewer strangers waits by time alone, where nothing was done
// with the account and the fleet is silent: a busy owner.
constexpr std::uint32_t k_home_ask_strangers = 4;
// Strangers one by one within an hour, from a network that vouches: held above so much more R, and
// by time alone (a mail merge goes out once it has been quiet); so is one message to many
// strangers, below so much R. Where nothing is habit yet (and nothing on trial), those one by one
// below the same R.
constexpr double k_home_episode_nats = 4, k_merge_log_r = 7;
// From elsewhere they are asked about in an hour such as the account never had, whatever R is
// (where the owner writes to strangers anyway it hardly rises): from these two counts on, with so
// much suspicion.
constexpr double k_strange_hour_log_r = 0;
constexpr std::uint32_t k_strange_hour_large = 60;
constexpr double k_strange_hour_large_log_r = -2;
// So many times hold_new_recipients strangers within an hour are asked about wherever they are
// written from and whatever R is, and as many within a day where that is so many times what the
// account writes to, or more still: a program on the owner's own computer sends from the network
// that vouches, and velocity says nothing new beyond eighty an hour, so that R sinks while it goes
// on.
constexpr std::uint64_t k_flood_lines = 4, k_flood_day_lines = 6;
constexpr float k_flood_times = 10;
// Mail to known people by the dozen, slowly (answers in old conversations): so many times
// hold_new_recipients recipients within a day from a network on trial of an operator that no habit
// knows, as many times what the account writes to, with so much suspicion.
constexpr double k_known_lines = 1.2;
constexpr float k_known_times = 8;
constexpr double k_known_day_log_r = -1;
// A newcomer's run from one network is a new customer's first newsletter: stopped as anybody's run
// is. From so many networks within a day, or places by turns so often, it is sooner.
constexpr std::uint32_t k_newcomer_networks = 3, k_newcomer_changes = 4;

// Networks that mail came from within a day, the present one included.
std::uint32_t sent_from(const AccountModel& m, Instant t, std::uint32_t present) {
  std::uint32_t networks = 1;
  for (const PlaceRecord& p : m.places) {
    const auto age = static_cast<std::uint16_t>(hour16(t) - p.last_hour);
    if (p.network != 0 && p.network != present && p.sent() && age < 24) ++networks;
  }
  return networks;
}

// Recipients a day; who writes to nobody counts as to one.
float habit_of(const AccountModel& m) { return std::max(1.0F, m.recipients_per_day); }

// More strangers than a person writes to. `line`: a blast of one message.
bool floods(const AccountModel& m, const Verdict& v, std::uint64_t line) {
  if (v.new_recipients == 0) return false;
  return v.counts.new_hour >= k_flood_lines * line ||
         v.counts.new_day >= k_flood_day_lines * line ||
         (v.counts.new_day >= k_flood_lines * line &&
          static_cast<float>(v.counts.new_day) >= k_flood_times * habit_of(m));
}

// The present network is on trial, and so is its operator.
bool far_away(const AccountModel& m, const PlaceView& place) {
  return place.away &&
         (place.operator_ == 0 || std::ranges::none_of(m.places, [&](const PlaceRecord& p) {
            return p.network != 0 && p.learnt() && p.operator_ == place.operator_;
          }));
}

bool busy_far_away(const AccountModel& m, const PlaceView& place, const Verdict& v,
                   std::uint32_t line) {
  return v.counts.recipients_day >= k_known_lines * line && v.log_r >= k_known_day_log_r &&
         static_cast<float>(v.counts.recipients_day) >= k_known_times * habit_of(m) &&
         far_away(m, place);
}

constexpr std::size_t index_of(Channel c) { return static_cast<std::size_t>(c); }

}  // namespace

bool Detector::Impl::fans_out(const Verdict& v) const {
  const std::uint32_t line = settings.hold_new_recipients;
  // One message to many strangers whatever R is; one by one only where R does not speak for the
  // owner.
  return v.new_recipients >= line ||
         (v.new_recipients > 0 && v.counts.new_hour >= line &&
          v.log_r >= settings.episode_log_r + (last_place.home ? k_home_episode_nats : 0));
}

void Detector::Impl::advise(const AccountModel& m, Instant t, Verdict& v) const {
  v.fan_out = fans_out(v);
  v.strikes = static_cast<std::uint8_t>(m.strikes + (last_place.away ? 1 : 0));
  const auto since = [&](Channel c) { return v.nats_since_onset[index_of(c)]; };
  const float place_nats =
      since(Channel::login_place) + since(Channel::places_24h) + since(Channel::concurrent);
  const bool places = place_nats >= 1.0F;
  const bool setting = since(Channel::settings) >= 1.0F &&
                       static_cast<std::uint16_t>(hour16(t) - m.settings_hour) < k_settings_hours;
  // Things done with the account, beside the sending and where it is used from.
  const bool deeds = setting || since(Channel::bounce) >= 1.0F;
  const bool in_fleet = since(Channel::fleet) >= 2.0F;
  const bool side_evidence = places || deeds || in_fleet;
  const bool to_contacts = v.family == Family::contacts_burst || v.family == Family::login_led;
  const bool risky = v.new_recipients > 0 || v.recipients >= 10 ||
                     (to_contacts && side_evidence &&
                      (deeds || v.counts.recipients_hour >= k_recipients_beside_place / 2));
  const bool experienced = m.learnt >= k_newcomer_messages;
  const bool enough = experienced || v.counts.new_day >= k_strangers_of_newcomer;
  const bool away = last_place.away;
  const bool elsewhere = last_place.network != 0 && !last_place.home && !away;

  // A burst to known people, from where the account never sent such an hour.
  const std::uint32_t before = last_bins.episode_start != 0 ? 0 : distinct_in(m.episode_bitmap);
  const std::uint32_t of_hour = before + v.recipients;
  const bool strange_burst = away && experienced && of_hour >= k_burst_recipients &&
                             v.counts.new_hour * 2 <= of_hour &&
                             m.habits.level_all[last_bins.level_all & 15U] == 0 &&
                             (v.log_r >= k_burst_asked_log_r || asked_of_late(m, t));
  const bool burst = strange_burst && v.log_r >= k_burst_log_r;
  const bool to_strangers = experienced && v.new_recipients > 0;
  const double level = away && to_strangers ? away_level(m, t) : 0;
  const std::uint8_t hour_level = level_of(v.counts.new_hour);
  const bool strange_hour =
      experienced && (away || elsewhere) && v.counts.new_hour >= settings.hold_new_recipients &&
      m.habits.level_new[hour_level] == 0 &&
      v.log_r >= (v.counts.new_hour >= k_strange_hour_large ? k_strange_hour_large_log_r
                                                            : k_strange_hour_log_r);
  const bool spray = level >= k_away_level && v.log_r >= k_away_log_r;
  const unsigned questions = away || !experienced ? away_questions(m, t) : 0;
  if (burst || spray) {
    v.may_restrict = v.pattern = true;
  } else if (last_place.network == 0) {
    v.may_restrict =
        risky && enough &&
        (side_evidence || (v.log_r >= settings.restrict_log_r + k_sending_only_nats &&
                           (v.counts.new_day >= 15 || v.counts.recipients_hour >= 50)));
  } else {
    // A restriction needs more than a hold does, since what waits for a person does not leave
    // either: a blast to strangers alone (a newsletter's first run) is asked about.
    const unsigned line = !experienced           ? k_questions_newcomer
                          : v.new_recipients > 0 ? k_questions_strangers
                                                 : k_questions_known;
    const unsigned hours_line = v.new_recipients > 0 ? k_question_hours : k_question_hours - 1;
    const bool against =
        place_nats >= k_far_nats || deeds || in_fleet ||
        (!experienced && (sent_from(m, t, last_place.network) >= k_newcomer_networks ||
                          changes_of_day(m, t) >= k_newcomer_changes));
    const bool unanswered =
        (away || !experienced) && (questions >= (against ? line : k_questions_any) ||
                                   away_question_hours(m, t) >= hours_line);
    const bool with_deeds =
        deeds && !last_place.home && v.new_recipients < k_strangers_beside_deeds;
    v.may_restrict = risky && enough && (unanswered || with_deeds);
  }
  const bool of_sitting = v.new_recipients > 0 || m.away_hour == hour16(t);
  const bool beside_strangers = v.new_recipients > 0 || strangers_this_hour(m, t);
  const bool of_run =
      (questions >= k_questions_of_run && v.log_r >= k_run_log_r && beside_strangers) ||
      (away && questions >= k_questions_whole_run && of_sitting) ||
      (elsewhere && v.log_r >= settings.ask_log_r + k_else_run_nats);
  const bool beyond_habit =
      floods(m, v, settings.hold_new_recipients) ||
      (experienced && busy_far_away(m, last_place, v, settings.hold_new_recipients));
  const bool slowly =
      level >= k_asked_level ||
      (level >= k_suspicious_level && v.log_r >= settings.hold_log_r - k_suspicious_nats);
  if (strange_burst || strange_hour || beyond_habit || of_run || slowly) {
    v.advice = HoldAdvice::asked;
    return;
  }
  if (!risky) return;
  // What a wrong "let go" costs grows with the strangers it reaches: so the lines fall with them.
  const double discount = settings.hold_slope * std::log(std::max(1U, v.new_recipients));
  const bool home = last_place.home;
  const double ask_later = away ? 0 : home ? k_home_ask_nats : k_else_ask_nats;
  const bool beside = deeds || in_fleet;
  const bool vouched_for = home && experienced && !beside;
  const bool by_time =
      vouched_for && v.new_recipients > 0 && v.new_recipients < k_home_ask_strangers;
  const double hold_later = away ? -k_away_hold_nats : home ? k_home_hold_nats : 0;
  const bool one_by_one = v.new_recipients < settings.hold_new_recipients;
  const bool quiet = v.log_r < k_merge_log_r;
  const bool merge =
      v.fan_out && (home ? one_by_one || (quiet && vouched_for) : one_by_one && quiet && elsewhere);
  if (merge && !one_by_one) ++v.strikes;  // long enough for somebody to look
  if ((v.fan_out && !merge) || (!by_time && v.log_r >= settings.ask_log_r - discount + ask_later)) {
    v.advice = HoldAdvice::asked;
  } else if (merge || v.log_r >= settings.hold_log_r - discount + hold_later) {
    // A second time something from there would be let go by time alone: a slow thief waits.
    v.advice = away && m.strikes > 0 ? HoldAdvice::asked : HoldAdvice::timed;
  }
}

}  // namespace sekimori::detect
