// What suspicious accounts of one installation have in common: the same content, the same size and
// fan-out from one network, or one network that is new to each. Every shard notes what its raised
// accounts send; the engine gathers the notes, and what two or more accounts share becomes known to
// all at one place in the journal (FleetMark), so that the same journal gives the same state.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/event.h"
#include "detect/account_model.h"
#include "detect/bytes.h"

namespace sekimori::detect {

// A campaign is over, or has changed, after a day.
inline constexpr Duration k_fleet_memory = hours(24);
// The same content or size from the same network is rare by chance; a shared network alone (a
// carrier's, a hotel's) less so.
inline constexpr float k_fleet_nats = 3.0F, k_fleet_network_nats = 1.5F;

// One pattern of one raised account.
struct RaisedPattern {
  std::uint64_t key = 0;
  std::int64_t t_us = 0;
  std::uint32_t account = 0;
  FleetKind kind = FleetKind::sketch;
};
static_assert(sizeof(RaisedPattern) == 24 && sizeof(FleetPattern) == 24);

// An account's name in patterns; never 0.
[[nodiscard]] inline std::uint32_t fleet_name(const AccountModel& m) {
  return static_cast<std::uint32_t>(m.name_hash >> 32) | 1U;
}
// The patterns of a message, at most three.
struct MessagePatterns {
  std::array<RaisedPattern, 3> at;
  std::size_t count = 0;
};
// `strangers` of `recipients` are new; `network` is known_network when the account used it before.
[[nodiscard]] MessagePatterns patterns_of(const Submission&, std::uint32_t recipients,
                                          std::uint32_t strangers, std::uint32_t network,
                                          bool known_network);

// What the raised accounts of one shard sent of late; part of the shard's state.
class RaisedPatterns {
 public:
  // 64 shards keep 4,096 together; a raised account is stopped or calm within a few messages.
  static constexpr std::size_t k_max = 64;
  static constexpr std::size_t k_max_per_account = 8;
  void note(Instant t, std::uint32_t account, const MessagePatterns&);
  // A person said that the account is its owner's.
  void forget(std::uint32_t account);
  [[nodiscard]] std::span<const RaisedPattern> all() const { return raised_; }
  // Grows with every change; not part of the state.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  void save(std::string& out) const { put(out, raised_); }
  void load(ByteReader& in) { in.get_into(raised_); }
  [[nodiscard]] std::uint64_t hash() const;

 private:
  std::vector<RaisedPattern> raised_;  // oldest first
  std::uint64_t version_ = 0;
};

// What is known to all: immutable, in a fixed order.
class FleetSet {
 public:
  FleetSet() = default;
  explicit FleetSet(std::vector<FleetPattern> patterns);
  [[nodiscard]] const std::vector<FleetPattern>& patterns() const { return patterns_; }
  // Nats of a message of this account: 0 unless two others sent the like.
  [[nodiscard]] float nats_of(std::uint32_t account, const MessagePatterns&) const;
  [[nodiscard]] std::uint64_t hash() const;

 private:
  std::vector<FleetPattern> patterns_;  // by kind, then key
};

// What at least two accounts share, of patterns not older than k_fleet_memory at `now`. The order
// of `raised` does not matter. At most k_fleet_patterns_max, those of most accounts.
[[nodiscard]] std::vector<FleetPattern> shared_patterns(std::vector<RaisedPattern> raised,
                                                        Instant now);

}  // namespace sekimori::detect
