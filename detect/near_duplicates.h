// Near-duplicates of the day: the same content again and again to other people. By the message's
// sketch where the mail server gives one (opt-in), else by its size and fan-out.
#pragma once

#include "base/event.h"
#include "detect/account_model.h"

namespace sekimori::detect {

// What later messages are compared with; 0: nothing to compare.
[[nodiscard]] std::uint32_t likeness_of(const Submission&, std::uint32_t recipients);
// How many of the account's messages of this day were like it.
[[nodiscard]] std::uint32_t like_it_today(const AccountModel&, Instant t, const Submission&,
                                          std::uint32_t likeness);
void note_likeness(AccountModel&, Instant t, const Submission&, std::uint32_t likeness);

// Two sketches (64-bit, near content has near bits) of one template.
inline constexpr int k_sketch_bits_apart = 4;
[[nodiscard]] bool alike(std::uint64_t a, std::uint64_t b);

}  // namespace sekimori::detect
