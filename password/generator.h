// A password to hand out: easy to type on a telephone, easy to read out over one. Pure but for the
// system's entropy; any thread.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "password/rules.h"

namespace sekimori::password {

// A number in [0, upper), each as likely. The default of generate() is libsodium's.
using Random = std::function<std::uint32_t(std::uint32_t upper)>;

// Two groups of three syllables and five digits: Kamine-resuta-48275. Letters and digits nobody
// mistakes for another: no 0, 1, c, l, o, q, v, x; one capital, at the beginning, where telephones
// set it by themselves; the symbol is the hyphen, beside the digits.
//
// Entropy: a syllable is one of 16 consonants and one of 4 vowels (6 bits), a digit one of 8
// (3 bits): 6 · 6 + 5 · 3 = 51 bits. Drawing again where a rude word came out, or where the rules
// refuse the word, costs less than half a bit of them.
inline constexpr double k_generated_bits = 50.5;

// Longer rules lengthen it by further groups. Never returns what judge() refuses. Errors: bad_input
// where these rules cannot be met (min_length above max_bytes or above 64).
[[nodiscard]] Result<Secret> generate(const PasswordRules& rules, const PersonWords& person,
                                      const Random& random = {});

// How to say it aloud, group by group: 大文字で、京都のケー。小文字で、アメリカのエー、… / capital
// Kilo; small alpha, mike, … Any bytes; what is no printable ASCII is named as such. As secret as
// the password itself.
[[nodiscard]] Text reading(const Secret& password);

}  // namespace sekimori::password
