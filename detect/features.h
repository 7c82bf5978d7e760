// The categories of every channel, and the histograms over them. A category is a small number, so
// that a whole account's habits fit in a few dozen counters.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace sekimori::detect {

inline constexpr std::size_t k_shapes = 10;
inline constexpr std::size_t k_gaps = 8;
inline constexpr std::size_t k_classes = 3;
inline constexpr std::size_t k_levels = 6;
inline constexpr std::size_t k_repeats = 5;
inline constexpr std::size_t k_sizes = 12;
inline constexpr std::size_t k_place_kinds = 4;
// A message whose channel could not be seen: no evidence, nothing to learn.
inline constexpr std::uint8_t k_unseen = 0xff;

// Message shape. A "stranger" is a recipient this account never wrote to and who never wrote to it.
enum class Shape : std::uint8_t {
  known_1,
  known_2_9,
  known_10,     // no strangers, so many recipients in all
  wrote_first,  // new recipients, but each of them wrote to this account before
  new_1,
  new_2_3,
  new_4_9,
  new_10_24,
  new_25_99,
  new_100
};
[[nodiscard]] Shape shape_of(std::uint32_t recipients, std::uint32_t fresh,
                             std::uint32_t strangers);
[[nodiscard]] inline bool is_novel(Shape s) { return s >= Shape::new_1; }

// Time since the account's last message: <3 s, <15 s, <1 min, <5 min, <30 min, <4 h, <1 day,
// longer.
[[nodiscard]] std::uint8_t gap_of(Duration since_last);

// Who the strangers are, by majority. The strangest wins a draw.
enum class StrangerClass : std::uint8_t {
  known_to_domain,  // of the own domain, or a colleague's contact
  domain_known,     // somebody wrote to that mail domain before
  unknown
};

// Distinct recipients of an hour: <5, 5, 10, 20, 40, 80 and more.
[[nodiscard]] std::uint8_t level_of(std::uint32_t distinct);
inline constexpr std::array<std::uint32_t, k_levels> k_level_from{0, 5, 10, 20, 40, 80};

// Messages of the same size and fan-out within 24 h before this one: 0, 1, 2–4, 5–19, 20+.
[[nodiscard]] std::uint8_t repeat_bin(std::uint32_t earlier);

// Size in steps of a factor 2 from 1 KiB: <1 KiB … ≥1 MiB.
[[nodiscard]] std::uint8_t size_bin(std::uint64_t bytes);
// The pattern near-duplicates share: size to about 3 %, and the fan-out. Never 0.
[[nodiscard]] std::uint32_t size_pattern_of(std::uint64_t bytes, std::uint32_t recipients);

// How new the network of a sign-in is to the account.
enum class PlaceKind : std::uint8_t {
  known,         // this network was learnt
  new_network,   // its operator (AS) is known, the network is not
  new_operator,  // the country is known, the operator is not; also: nothing but the network is
                 // known
  new_country
};

// Histograms of one account: counters of one byte. When a group's sum passes k_group_max, all of
// the group are halved (upwards: what was once normal stays thinkable), so the past fades.
inline constexpr std::uint32_t k_group_max = 240;
template <class T>
struct HistogramsOf {
  std::array<T, k_shapes> shape{};
  std::array<T, 2 * k_gaps> gap{};  // [novel * k_gaps + gap]
  std::array<T, k_classes> stranger{};
  std::array<T, k_levels> level_new{};  // hours that reached the level or more; [0] counts all
  std::array<T, k_levels> level_all{};
  std::array<T, k_repeats> repeat{};
  std::array<T, k_sizes> size{};
  std::array<T, 2> envelope{};    // [1]: sender is not the login
  std::array<T, 2> message_id{};  // [1]: none
  std::array<T, k_place_kinds> place{};
  bool operator==(const HistogramsOf&) const = default;
};
using AccountHistograms = HistogramsOf<std::uint8_t>;
using Histograms = HistogramsOf<float>;
static_assert(sizeof(AccountHistograms) == 66);

// The age of an account in learnt messages: its prior is that of accounts of the same age.
inline constexpr std::size_t k_bands = 3;
[[nodiscard]] inline std::size_t band_of(std::uint32_t learnt) {
  return learnt < 5 ? 0 : learnt < 30 ? 1 : 2;
}

// Everything judged of a message that is learnt later, a byte each.
struct Bins {
  std::uint8_t shape = k_unseen;
  std::uint8_t gap = k_unseen;
  std::uint8_t stranger = k_unseen;
  std::uint8_t level_new = 0;  // before << 4 | after; both 0: nothing crossed
  std::uint8_t level_all = 0;
  std::uint8_t repeat = k_unseen;
  std::uint8_t size = k_unseen;
  std::uint8_t envelope = k_unseen;
  std::uint8_t message_id = k_unseen;
  std::uint8_t episode_start = 0;  // the first message of an hour's episode
  std::uint8_t place = k_unseen;
  std::uint8_t echo = 0;  // to nobody else than the hour's messages before it
};

}  // namespace sekimori::detect
