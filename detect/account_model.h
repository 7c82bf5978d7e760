// What the judge remembers of one account: plain bytes, at most 512, no pointers, no padding (the
// state's hash is taken over them).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/big_vector.h"
#include "detect/detector.h"
#include "detect/features.h"

namespace sekimori::detect {

inline constexpr std::size_t k_places = 8;
inline constexpr std::size_t k_hour_slots = 12;  // of 5 minutes
inline constexpr std::size_t k_day_slots = 12;   // of 2 hours
inline constexpr std::size_t k_byte_slots = 3;   // of 8 hours
inline constexpr std::size_t k_patterns = 4;

// One network an account was seen at. Hours count from 1970 and wrap; only differences are used.
// A new network is on trial: it vouches for nobody until it was seen again days later in calm, and
// for sending only once it was sent from (a thief may read for a week before the first message).
struct PlaceRecord {
  std::uint32_t network = 0;    // folded place_key; 0: free
  std::uint32_t operator_ = 0;  // ASN folded to 22 bits << 10 | country, 5 bits a letter; 0 unknown
  std::uint16_t last_hour = 0;  // last seen
  std::uint16_t state = 0;  // k_learnt | k_counted | k_sent | hour of the trial's start (13 bits)
  static constexpr std::uint16_t k_learnt = 0x8000, k_counted = 0x4000, k_sent = 0x2000;
  [[nodiscard]] bool learnt() const { return (state & k_learnt) != 0; }
  [[nodiscard]] bool counted() const { return (state & k_counted) != 0; }
  [[nodiscard]] bool sent() const { return (state & k_sent) != 0; }
  [[nodiscard]] std::uint32_t trial_hours(std::uint16_t hour) const {
    return (hour - state) & 0x1fffU;
  }
};
static_assert(sizeof(PlaceRecord) == 12);

struct AccountModel {
  // Identity; not hashed with the rest (the name is hashed instead).
  std::uint64_t name_hash = 0;
  std::uint32_t name_offset = 0;
  std::uint32_t domain = 0;  // index into the shard's domains
  std::uint16_t name_length = 0;

  // State.
  std::uint16_t prior_day = 0;  // day since 1970 of prior_today
  std::uint16_t first_day = 0;  // day since 1970 of the first event
  std::uint16_t seen = 0;       // messages; wraps to 16, so that 0 says none
  std::int64_t last_message_us = 0;
  std::int64_t updated_us = 0;  // when the sums below were brought up to date
  std::int64_t onset_us = 0;
  std::array<std::uint64_t, 2> episode_bitmap{};  // the episode's recipients (linear counting)
  std::uint32_t learnt = 0;                       // messages
  std::uint32_t episode_second = 0;               // when the hour's episode began
  std::uint32_t hour_slot = 0;                    // number of the newest 5-minute slot

  std::array<float, k_families> r{};  // the Shiryaev–Roberts sums themselves (not their logarithms)
  float cusum = 0;
  float recipients_per_day = 0;  // habit, exponentially weighted over days with mail

  std::array<std::uint32_t, k_byte_slots> day_kib{};
  std::array<PlaceRecord, k_places> places{};
  std::array<std::uint32_t, k_patterns> pattern{};  // of the day's messages (near_duplicates.h)
  std::array<std::uint16_t, k_hour_slots> hour_recipients{}, hour_messages{}, hour_new{};
  std::array<std::uint16_t, k_day_slots> day_recipients{}, day_messages{}, day_new{};
  std::array<std::int16_t, k_channels> evidence{};  // nats since the onset × 1000
  std::uint16_t pattern_day = 0;
  std::uint16_t habit_day = 0;  // day recipients_today belongs to
  std::uint16_t recipients_today = 0;
  std::uint16_t place_day = 0;      // day networks_24h and place_spent belong to
  std::uint16_t settings_hour = 0;  // hour of the last charged settings change
  std::uint16_t bounce_hour = 0;
  std::uint16_t read_hour = 0;    // reading.h: the hour read_units belongs to
  std::uint16_t read_units = 0;   // of 16 KiB, messages or sessions, whichever are most
  std::uint16_t last_where = 0;   // concurrent.h: country or operator of the last use
  std::uint16_t last_minute = 0;  // when that was, since 1970, wrapping
  std::uint16_t away_hour = 0;    // of the last mail from a network on trial (away.h)
  AccountHistograms habits;
  std::array<std::uint8_t, k_patterns> pattern_count{};
  std::uint8_t prior_today = 0;       // messages given to the shared priors that day
  std::uint8_t networks_24h = 0;      // new networks that mail came from on the running day
  std::uint8_t place_spent = 0;       // evidence of places charged in the running day, nats × 32
  std::uint8_t places_level : 4 = 0;  // of places_24h, already charged in the running day
  std::uint8_t guessed : 4 = 0;  // wrong passwords before a right one, since the onset: bits of it
  std::uint8_t episode_new_level = 0;
  std::uint8_t episode_all_level = 0;
  std::uint8_t bounces_in_hour = 0;
  std::uint8_t logins = 0;  // successful, at most 255
  std::uint8_t settings_seen = 0;
  std::uint8_t away_strangers = 0;  // written to from networks on trial, fading (away.h)
  std::uint8_t away_gain = 0;       // what of it away_hour brought; hours with questions (away.cc)
  std::uint8_t away_asked = 0;      // messages from there that wait for a person
  std::uint8_t strikes : 4 = 0;     // timed holds that ran out since the onset, at most 3
  std::uint8_t complaints : 4 = 0;  // of recipients, about mail of the day, since the onset; to 15
  std::uint8_t read_habit = 0;      // busiest hours of reading, 16 steps a doubling
  std::uint8_t read_marks = 0;      // hours of reading known | charged in this hour, 4 bits each
  std::uint8_t switch_marks = 0;    // returns of the day | by habit, 4 bits each
  std::uint16_t live_hour = 0;      // of the first event that was seen live; 0: none was
};
static_assert(sizeof(AccountModel) <= 512);
static_assert(offsetof(AccountModel, live_hour) + 2 == sizeof(AccountModel));
static_assert(std::is_trivially_copyable_v<AccountModel>);
// By AccountIndex; each model fills its cache lines.
using AccountModels = BigVector<AccountModel>;
// What a right password by a stranger says behind wrong ones, nats: a few may be slips of an owner
// in a new place. `bits` as in AccountModel::guessed.
[[nodiscard]] constexpr float guess_nats(unsigned bits) {
  return bits >= 4 ? 3.0F : bits >= 2 ? 1.5F : 0.0F;
}
inline constexpr float k_place_steps = 32;  // of a nat, in AccountModel::place_spent
// Number of the newest 2-hour slot.
[[nodiscard]] inline std::uint32_t day_slot_of(const AccountModel& m) { return m.hour_slot / 24; }
inline constexpr std::size_t k_identity_bytes = offsetof(AccountModel, prior_day);

}  // namespace sekimori::detect
