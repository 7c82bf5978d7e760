// An enumeration and its words: the n-th word stands for the value n. For to_string() and its
// parser.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sekimori {

template <class Enum, std::size_t N>
[[nodiscard]] std::string_view word_of(const std::array<std::string_view, N>& words, Enum value) {
  return words[static_cast<std::size_t>(value)];
}

// nullopt where the word is none of them.
template <class Enum, std::size_t N>
[[nodiscard]] std::optional<Enum> value_of(const std::array<std::string_view, N>& words,
                                           std::string_view word) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace sekimori
