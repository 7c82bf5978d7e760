#include "password/rules.h"

#include <zxcvbn.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/mail_address.h"
#include "password/characters.h"
#include "password/japanese_words.h"

namespace sekimori::password {
namespace {

// Every password of this many characters that zxcvbn finds weak there stays weak enough to refuse;
// behind them only the length limit counts.
constexpr std::size_t k_scored_bytes_max = 64;

// zxcvbn's own scale (Wheeler, USENIX Security 2016): guesses below 10^3, 10^6, 10^8, 10^10, in
// bits.
constexpr std::array<double, 4> k_score_bits{9.966, 19.932, 26.575, 33.219};

// A dictionary word of at most so many bits stands among the first thousand of its list.
constexpr double k_common_bits = 10;

// With fewer digits and symbols around it, a common word is what everyone makes of the rules (a
// birthday and a symbol or two), whatever zxcvbn counts for them.
constexpr std::size_t k_common_rest = 8;

struct Estimate {
  double bits = 0;
  int score = 0;
  bool common = false;
};

// The letters of `text` that lie outside [begin, end).
bool letters_outside(std::string_view text, std::size_t begin, std::size_t end) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((i < begin || i >= end) && is_letter(text[i])) return true;
  }
  return false;
}

bool is_japanese(std::string_view word) {
  const Secret lower(ascii_lower(word));
  const Secret plain(without_leet(word));
  return std::ranges::any_of(japanese_words(), [&](std::string_view known) {
    return known == lower.reveal() || known == plain.reveal();
  });
}

Estimate estimate(std::string_view password, const std::vector<PersonWord>& person) {
  // A C string, and none of the string's bytes may end it early.
  std::string text(password.substr(0, k_scored_bytes_max));
  std::erase(text, '\0');
  const Secret scored(std::move(text));
  // The owner's own words first: zxcvbn takes the order for the order of trying.
  std::vector<const char*> dictionary;
  dictionary.reserve(person.size() + japanese_words().size() + 1);
  for (const PersonWord& word : person) dictionary.push_back(word.text.c_str());
  dictionary.insert(dictionary.end(), japanese_words().begin(), japanese_words().end());
  dictionary.push_back(nullptr);
  const std::string_view given = scored.reveal();
  ZxcMatch_t* parts = nullptr;
  Estimate result;
  // given.data() ends with NUL: it is a std::string's.
  result.bits = ZxcvbnMatch(given.data(), dictionary.data(), &parts);
  for (const ZxcMatch_t* part = parts; part != nullptr; part = part->Next) {
    const auto begin = static_cast<std::size_t>(part->Begin);
    const auto length = static_cast<std::size_t>(part->Length);
    if (length < 4 || length + k_common_rest < given.size()) continue;
    if (letters_outside(given, begin, begin + length)) continue;
    const int type = part->Type % MULTIPLE_MATCH;
    const bool english = type == DICTIONARY_MATCH || type == DICT_LEET_MATCH;
    const bool given_words = type == USER_MATCH || type == USER_LEET_MATCH;
    result.common |= (english && part->Entrpy <= k_common_bits) ||
                     (given_words && is_japanese(given.substr(begin, length)));
  }
  ZxcvbnFreeInfo(parts);
  result.score = static_cast<int>(
      std::ranges::count_if(k_score_bits, [&](double bits) { return result.bits >= bits; }));
  return result;
}

Text strength_of(int score) {
  switch (score) {
    case 0:
      return {"とても弱いパスワードです。すぐに推測されます。", "Very weak: guessed at once."};
    case 1:
      return {"弱いパスワードです。短い時間で推測されます。", "Weak: guessed within a short time."};
    case 2:
      return {"やや弱いパスワードです。もう少し長くすると安心です。",
              "Somewhat weak: a little longer would be safer."};
    case 3: return {"十分な強さのパスワードです。", "Strong enough."};
    default: return {"とても強いパスワードです。", "Very strong."};
  }
}

std::size_t byte_limit(const PasswordRules& rules) {
  return std::min(rules.max_bytes, k_max_bytes);
}

}  // namespace

bool Verdict::has(Problem problem) const {
  return std::ranges::find(findings, problem, &Finding::problem) != findings.end();
}

Verdict judge(const Secret& candidate, const PasswordRules& rules, const PersonWords& person,
              const JudgeOptions& options) {
  const std::string_view given = candidate.reveal();
  const bool too_long = given.size() > byte_limit(rules);
  const Folded folded = fold(given.substr(0, k_max_bytes));
  const std::string_view text = folded.text.reveal();
  const std::vector<PersonWord> words = person_words(person);
  const Estimate strength = estimate(text, words);
  std::array<bool, static_cast<std::size_t>(Problem::count_)> found{};
  const auto find = [&](Problem problem, bool is) {
    found[static_cast<std::size_t>(problem)] |= is;
  };

  find(Problem::too_short, folded.characters < rules.min_length || text.empty());
  find(Problem::too_long, too_long);
  find(Problem::leading_blank, folded.leading_blank);
  find(Problem::trailing_blank, folded.trailing_blank);
  find(Problem::full_width, folded.full_width);
  // The cut at k_max_bytes may have halved a character; too_long says enough then.
  find(Problem::non_ascii, folded.non_ascii && given.size() <= k_max_bytes);
  find(Problem::control, folded.invisible);
  // Of nothing there is nothing more to say.
  if (!text.empty()) {
    find(Problem::no_upper, rules.need_upper && std::ranges::none_of(text, is_upper));
    find(Problem::no_lower, rules.need_lower && std::ranges::none_of(text, is_lower));
    find(Problem::no_digit, rules.need_digit && std::ranges::none_of(text, is_digit));
    find(Problem::no_symbol, rules.need_symbol && std::ranges::none_of(text, is_symbol));
    const bool weak = strength.score < rules.min_score;
    find(Problem::common, rules.min_score > 0 && strength.common);
    find(Problem::guessable, weak && !strength.common);
    for (const PersonWord& word : words) {
      const bool name = word.source == WordSource::name;
      find(name ? Problem::contains_name : Problem::contains_address, holds(text, word));
    }
  }

  Verdict verdict;
  Likeness likeness = Likeness::different;
  if (options.old_password != nullptr) likeness = compare(*options.old_password, candidate);
  const bool storable = !given.empty() && !too_long && !folded.invisible;
  if (likeness != Likeness::same && options.fits_stored && storable) {
    const auto stored =
        compare_with_stored(candidate, options.fits_stored, options.stored_checks_max);
    if (stored) {
      likeness = std::max(likeness, *stored);
    } else {
      verdict.old_not_checked = stored.error();
    }
  }
  find(Problem::same_as_old, likeness == Likeness::same);
  find(Problem::like_old, likeness == Likeness::alike);

  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) continue;
    const auto problem = static_cast<Problem>(i);
    verdict.findings.push_back({problem, words_for(problem, rules, folded.wide_blank)});
  }
  verdict.score = strength.score;
  verdict.bits = strength.bits;
  verdict.strength = strength_of(strength.score);
  return verdict;
}

}  // namespace sekimori::password
