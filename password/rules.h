// What a new password must be, and what its owner is told when it is not: everything at once, in
// plain words, never holding the password. Pure but for the given check; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/text.h"
#include "password/person.h"
#include "password/similar.h"

namespace sekimori::password {

// libcrypt's own limit (CRYPT_MAX_PASSPHRASE_SIZE): no rule allows more.
inline constexpr std::size_t k_max_bytes = 512;

struct PasswordRules {
  std::size_t min_length = 8;  // characters, not bytes
  bool need_upper = true;
  bool need_lower = true;
  bool need_digit = true;
  bool need_symbol = true;
  int min_score = 3;                    // zxcvbn's, 0 to 4; 0 asks nothing
  std::size_t max_bytes = k_max_bytes;  // more than k_max_bytes counts as k_max_bytes
};

enum class Problem : std::uint8_t {
  too_short,
  too_long,
  no_upper,
  no_lower,
  no_digit,
  no_symbol,
  common,     // one word or password everyone tries first, and at most 8 digits and symbols
  guessable,  // fewer guesses than min_score asks for
  contains_address,
  contains_name,  // the person's or the company's
  leading_blank,
  trailing_blank,
  full_width,  // Ａ １ ！ or a full-width blank inside
  non_ascii,   // other characters, or bytes that are no UTF-8
  control,     // control and invisible characters (newline, tab, zero-width blank)
  same_as_old,
  like_old,
  count_,
};
[[nodiscard]] std::string_view to_string(Problem problem);
[[nodiscard]] std::optional<Problem> parse_problem(std::string_view word);

struct Finding {
  Problem problem;
  Text words;  // for the owner: what was found and what to do
  bool operator==(const Finding&) const = default;
};

struct Verdict {
  std::vector<Finding> findings;  // in Problem's order, each problem once; empty: accepted
  int score = 0;                  // zxcvbn's, 0 to 4
  double bits = 0;                // log2 of the guesses zxcvbn expects
  Text strength;                  // one sentence for the score
  // The stored hash could not be asked (its error): whether the password is like the old one is
  // not known. No problem of the owner's: the caller decides.
  std::optional<Error> old_not_checked;

  [[nodiscard]] bool accepted() const { return findings.empty(); }
  [[nodiscard]] bool has(Problem problem) const;
};

struct JudgeOptions {
  const Secret* old_password = nullptr;  // what the owner typed as the old one, where asked
  StoredCheck fits_stored;               // where the stored hash is known; may be empty
  std::size_t stored_checks_max = k_stored_checks_max;
};

// Judges any bytes. Blanks at the ends and full-width letters are named, and everything else is
// judged as if they had been typed right, so that one correction is not followed by the next.
// zxcvbn sees the first 64 bytes only (its time grows with the square of the length: 1 ms at 64, 4
// ms at 128), the person's words and japanese_words(). The stored hash is asked last, and not at
// all for what no hash can hold (empty, too long, control characters). The C library does not wipe
// its copy of the password.
[[nodiscard]] Verdict judge(const Secret& candidate, const PasswordRules& rules,
                            const PersonWords& person, const JudgeOptions& options = {});

// The sentence for a problem under these rules. With `wide`, a blank is the full-width one.
[[nodiscard]] Text words_for(Problem problem, const PasswordRules& rules, bool wide = false);

// What is asked, in one or two sentences, to stand beside the field before anything is typed.
[[nodiscard]] Text describe(const PasswordRules& rules);

}  // namespace sekimori::password
