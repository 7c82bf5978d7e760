// Inside of GuessGuard (guessing*.cc): figures that several of its parts share.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace sekimori::decide {

// What is left of a budget when the sketches of who was tried are begun anew.
inline constexpr float k_guess_calm = 0.25F;

// Linear counting (Whang, Vander-Zanden, Taylor 1990) over `bits` bits of which `set` are set.
[[nodiscard]] inline std::uint32_t estimate_marks(int set, int bits) {
  if (set >= bits) set = bits - 1;
  return static_cast<std::uint32_t>(
      std::lround(-bits * std::log(1.0 - static_cast<double>(set) / bits)));
}
[[nodiscard]] inline std::uint32_t estimate_marks(std::uint64_t sketch) {
  return estimate_marks(std::popcount(sketch), 64);
}

}  // namespace sekimori::decide
