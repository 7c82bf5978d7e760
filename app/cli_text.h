// How the command line writes for people: aligned columns in two scripts, local times, words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace sekimori::app {

// Columns on a terminal that UTF-8 text takes; East Asian wide letters take two (UAX #11).
[[nodiscard]] std::size_t display_width(std::string_view utf8);
// As much of the beginning as fits into so many columns, cut between letters.
[[nodiscard]] std::string_view fitting(std::string_view utf8, std::size_t width);
// The text with blanks behind it up to `width` columns.
[[nodiscard]] std::string padded(std::string_view text, std::size_t width);
// Rows of cells as lines with aligned columns, two blanks between them. The first row is the head.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);
// An RFC 3339 time as this machine's local time, "2026-11-22 12:34:56"; other text as it is.
[[nodiscard]] std::string local_time(std::string_view rfc3339);
// A standing's word for people: "restricted" → "送信制限".
[[nodiscard]] std::string standing_word(std::string_view standing, Language language);
// The same of the state of an incident or a hold.
[[nodiscard]] std::string state_word(std::string_view state, Language language);
// The same of a gate on the way back: "proved" → "確認済み".
[[nodiscard]] std::string gate_word(std::string_view state, Language language);
// The same of a notice's channel and of its state, of which "waiting" means another thing.
[[nodiscard]] std::string channel_word(std::string_view channel, Language language);
[[nodiscard]] std::string notice_word(std::string_view state, Language language);
// The text in lines of at most `width` columns, broken at blanks where there are any; its own line
// ends stay. Each line begins with `indent`.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t width,
                                  std::string_view indent);
// What a person types (or pipes) must not steer the terminal: control characters become '?'.
[[nodiscard]] std::string harmless(std::string_view text);

}  // namespace sekimori::app
