// Keyed 64-bit hashes (SipHash-2-4 from libsodium). Keyed, so that nobody can choose addresses that
// collide in our tables and filters.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sekimori {

// The secret of one installation (generated once, kept with the state). Replay uses the zero key,
// so that the same input gives the same output everywhere.
using HashKey = std::array<std::uint8_t, 16>;

[[nodiscard]] std::uint64_t keyed_hash(const HashKey& key, std::string_view text);
[[nodiscard]] std::uint64_t keyed_hash(const HashKey& key, std::span<const std::uint8_t> bytes);

// A good mixer of one 64-bit word (splitmix64's finaliser, Steele et al. 2014); a bijection.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace sekimori
