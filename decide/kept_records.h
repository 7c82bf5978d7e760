// Numbers as bytes, and a sum over bytes: what files of records are made of (counters that survive
// a restart). In this machine's order: such a file stays where it was written.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace sekimori::decide {

template <class T>
void append_number(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}
// `at` + sizeof(T) is within `bytes`.
template <class T>
[[nodiscard]] T number_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Tells a torn or altered record from a whole one.
[[nodiscard]] inline std::uint32_t record_sum(std::string_view bytes) {
  std::uint64_t sum = 0;
  while (bytes.size() >= 8) {
    sum = mix64(sum ^ number_at<std::uint64_t>(bytes, 0));
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) sum = mix64(sum ^ static_cast<unsigned char>(c));
  return static_cast<std::uint32_t>(sum);
}

}  // namespace sekimori::decide
