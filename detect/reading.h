// Reading floods: far more fetched within the hour than the account ever reads. Theft of a mailbox
// shows here first; so does an owner's new phone, so it says little unless the place is new too.
#pragma once

#include "base/event.h"
#include "detect/account_model.h"

namespace sekimori::detect {

// What it may say since the onset, nats: a first full synchronisation by a new phone must stay far
// below any line, from a new place too: the new phone signs in from there itself.
inline constexpr float k_read_cap = 1.0F;
inline constexpr float k_read_cap_new_place = 1.5F;
// How much of it counts for each family: who reads first writes to what was read.
inline constexpr std::array<float, k_families> k_read_share{.3F, .3F, .6F, 1.0F, 1.0F};

// An IMAP or POP3 session in one measure: 16 KiB sent to the client, a message fetched or a session
// are one unit each, whichever are most; of a session over many hours the share of one hour.
[[nodiscard]] std::uint32_t read_units_of(const Session&);
// 16 steps a doubling.
[[nodiscard]] std::uint8_t read_level_of(std::uint32_t units);

// Counts a session that ended at `t` and returns what the hour says beyond what it said already,
// nats (0 for other services, for an account whose reading is not known yet, and by habit).
// `calm`: suspicion is low, so hours that are over become habit.
[[nodiscard]] float note_reading(AccountModel&, Instant t, const Session&, bool calm,
                                 bool new_place);

}  // namespace sekimori::detect
