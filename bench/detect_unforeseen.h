// Attacks that no table, line or family of the judge was made for: what it does against thieves who
// do something else. Nothing in detect/ may be tuned to them.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/detect_thief.h"

namespace sekimori::bench {

// Writes one such attack down, from time t (seconds since 1970) on.
void play_unforeseen(Thief& thief, Random& r, AttackKind kind, double t);

// The victim with what only this kind of thief looks up: who wrote to it, whom the house writes to,
// before the event number `from`.
[[nodiscard]] Victim know_more(const World& benign, Victim victim, std::uint32_t from,
                               AttackKind kind);

// The accounts of one thief, who uses them at the same time: AttackKind::swarm; false else.
class Swarm {
 public:
  static constexpr std::uint32_t k_none = UINT32_MAX;
  Swarm(const World& benign, const SentIndex& sent, AttackKind kind);
  explicit operator bool() const { return on_; }
  // The account's newest message before the swarm begins, or k_none: not ten messages, or the last
  // one two months ago.
  [[nodiscard]] std::uint32_t last_mail_of(std::size_t account) const;
  // Seconds since 1970 when the thief signs in to the next account.
  [[nodiscard]] double begin(Random& r) const;
  void join(Thief& thief);

 private:
  const World& benign_;
  const SentIndex& sent_;
  bool on_;
  double t_ = 0;
  double base_size_ = 0;
  std::vector<Sighting> botnet_;
};

}  // namespace sekimori::bench
