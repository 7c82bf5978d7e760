#include "password/similar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "base/mail_address.h"
#include "password/characters.h"

namespace sekimori::password {
namespace {

constexpr std::size_t k_compared_max = 128;
// Below this a common part is chance, not habit.
constexpr std::size_t k_common_min = 4;

// Levenshtein's distance in one row; both are at most k_compared_max long.
std::size_t edits(std::string_view a, std::string_view b) {
  std::array<std::size_t, k_compared_max + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

bool mostly_equal(std::string_view a, std::string_view b) {
  return edits(a, b) * 3 <= std::max(a.size(), b.size());
}

std::string_view without_ends(std::string_view text) {
  while (!text.empty() && !is_letter(text.front())) text.remove_prefix(1);
  while (!text.empty() && !is_letter(text.back())) text.remove_suffix(1);
  return text;
}

// Every run of digits as one '0': tokyo2020x → tokyo0x.
Secret without_numbers(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 1);
  for (const char c : text) {
    if (!is_digit(c)) {
      out += c;
    } else if (out.empty() || out.back() != '0') {
      out += '0';
    }
  }
  return Secret(std::move(out));
}

bool contains(std::string_view whole, std::string_view part) {
  return part.size() >= k_common_min && whole.find(part) != std::string_view::npos;
}

// A number in a password: its digits and what stands around.
struct Numbered {
  std::string_view stem;
  std::string_view digits;
  std::string_view tail;  // symbols behind the digits
};

Numbered split(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && !is_letter(text[end - 1]) && !is_digit(text[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && is_digit(text[begin - 1])) --begin;
  return {text.substr(0, begin), text.substr(begin, end - begin), text.substr(end)};
}

// The number so much later, as wide as it was (09 + 1 = 10, 10 - 1 = 09); empty where it would be
// negative or is longer than 9 digits.
std::string counted(std::string_view digits, int step) {
  if (digits.empty() || digits.size() > 9) return {};
  long value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  value += step;
  if (value < 0) return {};
  std::string out = std::to_string(value);
  if (out.size() < digits.size()) out.insert(0, digits.size() - out.size(), '0');
  return out;
}

std::string with_first_case_changed(std::string_view text) {
  std::string out(text);
  const auto letter = std::ranges::find_if(out, is_letter);
  if (letter != out.end()) *letter = static_cast<char>(*letter ^ 0x20);
  return out;
}

class Candidates {
 public:
  Candidates(std::string_view fresh, std::size_t max) : fresh_(fresh), max_(max) {}

  void add(std::string text) {
    Secret candidate(std::move(text));
    if (!candidate.is_set() || candidate.reveal() == fresh_ || found_.size() >= max_) return;
    const auto same = [&](const Secret& s) { return s.reveal() == candidate.reveal(); };
    if (std::ranges::none_of(found_, same)) found_.push_back(std::move(candidate));
  }
  void add(std::string_view a, std::string_view b, std::string_view c = {}) {
    std::string text;
    text.reserve(a.size() + b.size() + c.size() + 1);
    text.append(a).append(b).append(c);
    add(std::move(text));
  }

  std::vector<Secret> take() && { return std::move(found_); }

 private:
  std::string_view fresh_;
  std::size_t max_;
  std::vector<Secret> found_;
};

// Digits for letters undone inside the word. Where the number begins is open when the word ends in
// such a digit (s4kur477 is sakur477 or sakura77), so both are tried.
void add_without_leet(Candidates& all, const Numbered& parts) {
  const auto& [stem, digits, tail] = parts;
  const Secret lower(ascii_lower(stem));
  if (stem.empty() || Secret(without_leet(stem)).reveal() == lower.reveal()) return;
  for (std::size_t taken = 0; taken <= std::min<std::size_t>(digits.size(), 1); ++taken) {
    const Secret word(std::string(stem) + std::string(digits.substr(0, taken)));
    const Secret plain(without_leet(word.reveal()));
    const std::string_view number = digits.substr(taken);
    // The capital at the beginning was one before, too, or was not.
    if (is_upper(stem.front())) {
      const std::string_view first = stem.substr(0, 1);
      all.add(first, std::string(plain.reveal().substr(1)) + std::string(number), tail);
      all.add(first, plain.reveal().substr(1));
    }
    all.add(plain.reveal(), number, tail);
    all.add(plain.reveal(), {});
  }
}

}  // namespace

Likeness compare(const Secret& old, const Secret& fresh) {
  const Folded before = fold(old.reveal());
  const Folded after = fold(fresh.reveal());
  if (!before.text.is_set()) return Likeness::different;
  if (before.text.reveal() == after.text.reveal()) return Likeness::same;
  if (!after.text.is_set()) return Likeness::different;

  const Secret a(ascii_lower(before.text.reveal().substr(0, k_compared_max)));
  const Secret b(ascii_lower(after.text.reveal().substr(0, k_compared_max)));
  const std::string_view x = a.reveal();
  const std::string_view y = b.reveal();
  if (x == y || contains(x, y) || contains(y, x) || mostly_equal(x, y)) return Likeness::alike;
  const std::string_view core_x = without_ends(x);
  const std::string_view core_y = without_ends(y);
  if (core_x.size() >= k_common_min && core_x == core_y) return Likeness::alike;
  if (core_x.size() >= k_common_min && without_numbers(x).reveal() == without_numbers(y).reveal()) {
    return Likeness::alike;
  }
  const Secret plain_x(without_leet(x));
  const Secret plain_y(without_leet(y));
  if (mostly_equal(plain_x.reveal(), plain_y.reveal())) return Likeness::alike;
  const Secret reversed(std::string(x.rbegin(), x.rend()));
  if (reversed.reveal() == y) return Likeness::alike;
  if (x.size() == y.size() && x.size() >= k_common_min) {
    const Secret twice(std::string(x) + std::string(x));
    if (twice.reveal().find(y) != std::string_view::npos) return Likeness::alike;
  }
  return Likeness::different;
}

std::vector<Secret> likely_predecessors(const Secret& fresh, std::size_t max) {
  const std::string_view text = fresh.reveal();
  Candidates all(text, std::min(max, k_stored_checks_max));
  if (text.empty() || text.size() > k_compared_max) return std::move(all).take();
  const auto [stem, digits, tail] = split(text);

  // What rules of composition drive people to: the number counted up, then something put behind.
  if (!digits.empty()) all.add(stem, counted(digits, -1), tail);
  if (!digits.empty()) all.add(stem, tail);
  if (!tail.empty()) all.add(stem, digits);
  all.add(std::string(stem));
  add_without_leet(all, {stem, digits, tail});
  all.add(with_first_case_changed(text));
  if (!tail.empty()) all.add(with_first_case_changed(text.substr(0, text.size() - tail.size())));
  if (!digits.empty()) all.add(with_first_case_changed(stem));
  if (!digits.empty()) {
    all.add(with_first_case_changed(std::string(stem) + counted(digits, -1) + std::string(tail)));
    if (const std::string two = counted(digits, -2); !two.empty()) all.add(stem, two, tail);
    all.add(stem, counted(digits, 1), tail);
    // 12 → 1: the next digit was put behind.
    if (digits.size() > 1) all.add(stem, digits.substr(0, digits.size() - 1), tail);
    // 07 was 6 or 7 before someone minded the width; 10 was 9.
    if (const std::string less = counted(digits, -1); less.size() > 1 && less.front() == '0') {
      all.add(stem,
              less.substr(less.find_first_not_of('0') == std::string::npos
                              ? less.size() - 1
                              : less.find_first_not_of('0')),
              tail);
    }
    if (digits.size() == 4) {  // a year
      if (const std::string three = counted(digits, -3); !three.empty()) all.add(stem, three, tail);
      all.add(stem, digits.substr(2), tail);
    }
  }
  all.add(ascii_lower(text));
  all.add(text.substr(0, text.size() - 1), {});
  all.add(text.substr(1), {});
  if (digits.empty()) {
    all.add(stem, "1", tail);
  } else {
    // Taro!2024 was Taro2024!: the symbol moved inside.
    const std::size_t word = stem.find_last_not_of("!?#@.-_*+$%&");
    if (word != std::string_view::npos && word + 1 < stem.size()) {
      all.add(stem.substr(0, word + 1), digits, stem.substr(word + 1));
    }
    all.add(stem, tail, digits);
    all.add(stem, "1", tail);
    all.add(digits, stem, tail);
  }
  // Another symbol behind; ! is what most people add first.
  for (const std::string_view symbol : {"!", "?", "#", "@", ".", "-"}) {
    if (!tail.empty()) all.add(stem, digits, symbol);
  }
  // A number in front of the word.
  if (const auto first = std::ranges::find_if_not(text, is_digit); first != text.begin()) {
    const std::size_t length = static_cast<std::size_t>(first - text.begin());
    all.add(text.substr(length), {});
    all.add(counted(text.substr(0, length), -1), text.substr(length));
  }
  all.add(std::string(text.rbegin(), text.rend()));
  std::string upper(text);
  for (char& c : upper) {
    if (is_lower(c)) c = static_cast<char>(c ^ 0x20);
  }
  all.add(std::move(upper));
  return std::move(all).take();
}

Result<Likeness> compare_with_stored(const Secret& fresh, const StoredCheck& check,
                                     std::size_t checks_max) {
  if (checks_max == 0 || !fresh.is_set()) return Likeness::different;
  const Result<bool> same = check(fresh);
  if (!same) return std::unexpected(same.error());
  if (*same) return Likeness::same;
  for (const Secret& likely : likely_predecessors(fresh, checks_max - 1)) {
    const Result<bool> fits = check(likely);
    if (!fits) return std::unexpected(fits.error());
    if (*fits) return Likeness::alike;
  }
  return Likeness::different;
}

}  // namespace sekimori::password
