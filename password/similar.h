// Is the new password the old one again, or the old one with a number behind it? Two ways: against
// the old one where its owner typed it, and against its stored hash alone. Pure but for the given
// check; any thread. Both answers tell about the old password: ask only for someone who has proved
// to be the mailbox's owner, and limit how often.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace sekimori::password {

enum class Likeness : std::uint8_t { different, alike, same };

// `same` where they are equal but for blanks at the ends and full-width letters. `alike` where, not
// regarding case, one contains the other (from 4 characters on), they differ only in their digits
// (2024 → 2025) or in the digits and symbols at the ends, one is the other turned round or rotated
// (taro2024 → 2024taro), or at most a third of the characters were edited, digits for letters
// undone (a → 4). An empty old password is different from everything. Looks at 128 characters of
// each.
[[nodiscard]] Likeness compare(const Secret& old, const Secret& fresh);

// Does this password fit the stored hash? Errors as store::verify_password.
using StoredCheck = std::function<Result<bool>(const Secret&)>;

// Each check costs milliseconds (SHA512-CRYPT 2 to 5, bcrypt up to 250): so many at most.
inline constexpr std::size_t k_stored_checks_max = 24;

// What the old password likely was, if the new one was made from it by habit, the likeliest first:
// a number counted up, a digit or symbol put behind, another first letter's case, letters replaced
// by digits, turned round. Without repetition, without `fresh` itself and without the empty one; at
// most `max`. From more than 128 bytes nothing is made.
[[nodiscard]] std::vector<Secret> likely_predecessors(const Secret& fresh,
                                                      std::size_t max = k_stored_checks_max);

// Tries `fresh` (same) and its likely predecessors (alike) on the stored hash, `checks_max` checks
// in all. Errors: the first one of `check`, at once.
[[nodiscard]] Result<Likeness> compare_with_stored(const Secret& fresh, const StoredCheck& check,
                                                   std::size_t checks_max = k_stored_checks_max);

}  // namespace sekimori::password
