// Concurrent use from distant places: the account is used in one country and within minutes in
// another, again and again. One person on a trip or behind a VPN changes place a few times; who is
// in two places all day by habit is told nothing.
#pragma once

#include "base/event.h"
#include "detect/account_model.h"

namespace sekimori::detect {

inline constexpr float k_concurrent_cap = 3.0F;  // nats since the onset

// A use (sign-in or message) at `t` from `place`; returns what it says, nats: a step each time the
// day's changes of place, less the habit of other days, pass 4, 8 and 13. Compares countries where
// both are known, else network operators; unknown places are left out. The account's first week
// only teaches the habit. `calm`: suspicion is low, so days that are over become habit.
[[nodiscard]] float note_whereabouts(AccountModel&, Instant t, const Place& place, bool calm);

// How often the place changed within minutes on the day of `t`, at most 15.
[[nodiscard]] unsigned changes_of_day(const AccountModel&, Instant t);

}  // namespace sekimori::detect
