// The self-audit: for owners' mail the mean of e^nats of every channel must be at most 1, or the
// bound on false alarms does not hold. Where it is above 1 with confidence, the channel's weight is
// lowered by itself at the next epoch; it comes back slowly. Lives in the shared priors, so that
// the same journal gives the same weights.
#pragma once

#include <array>
#include <cstdint>

#include "detect/detector.h"

namespace sekimori::detect {

// Integers (2^-16), so that the order in which shards add does not matter.
struct AuditSums {
  std::uint64_t samples = 0;
  std::array<std::uint64_t, k_channels> sum{};     // of e^nats
  std::array<std::uint64_t, k_channels> square{};  // of (e^nats)²
  std::array<std::int64_t, k_channels> beside{};   // of e^nats − 1, evidence between messages
  // One message, as each family's tempered nats weighted by the families' weights.
  void message(const std::array<double, k_channels>& ratio);
  // Evidence that came between messages (a sign-in, a bounce): counted as the messages' share.
  void between(Channel, double ratio);
  void add(const AuditSums&);
};

// Every so many messages of an account one is a sample: neighbours resemble each other.
inline constexpr std::uint32_t k_audit_every = 16;

struct Damping {
  struct Window {
    std::uint64_t samples = 0, sum = 0, square = 0;
    std::int64_t beside = 0;
    [[nodiscard]] double mean() const;
    [[nodiscard]] double standard_error() const;
  };
  std::array<Window, k_channels> windows{};
  std::array<float, k_channels> factor = full();  // of the channel's η, 0.25 … 1

  // An hour's sums come in.
  void step(const AuditSums&);
  [[nodiscard]] static std::array<float, k_channels> full();
};

}  // namespace sekimori::detect
