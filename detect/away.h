// Strangers that an account writes to from networks which do not vouch for it yet. The owner's mail
// and a thief's come from different networks, and the account's mail from home goes on meanwhile:
// so this is counted apart from ln R, which the owner's own mail calms.
#pragma once

#include "base/instant.h"
#include "detect/account_model.h"

namespace sekimori::detect {

// At this level the account is stopped, given some suspicion: six strangers within about two days
// to whom nothing but single messages went from a network on trial.
inline constexpr double k_away_level = 6;

// From this level on a network becomes no habit: it must not vouch for who writes to strangers from
// it by being calm, since R does not rise where the account writes to strangers anyway.
inline constexpr double k_away_no_habit_level = 3;

// An account with fewer learnt messages vouches for no network either.
inline constexpr std::uint32_t k_newcomer_messages = 5;

// The level at `t`, strangers; halves in two days.
[[nodiscard]] double away_level(const AccountModel& m, Instant t);

// A message from a network on trial: strangers add (an hour at most 3: a newsletter is one
// sitting), mail to known people takes a quarter off. `asked`: it waits for a person.
void note_away(AccountModel& m, Instant t, std::uint32_t strangers, bool asked);

// A message to strangers from a network that vouches: the owner is writing to strangers these days.
void note_strangers_from_home(AccountModel& m);

// Did a message to strangers come from a network on trial within this hour?
[[nodiscard]] bool strangers_this_hour(const AccountModel& m, Instant t);

// Messages from networks on trial that wait for a person, within three days of the last of them;
// every 25 strangers of one count once more.
[[nodiscard]] unsigned away_questions(const AccountModel& m, Instant t);
// Does such a message wait, and came the last mail from there within this hour or the one before?
[[nodiscard]] bool asked_of_late(const AccountModel& m, Instant t);
// Different hours that these came in, at most 7.
[[nodiscard]] unsigned away_question_hours(const AccountModel& m, Instant t);

}  // namespace sekimori::detect
