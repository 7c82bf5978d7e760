// Chance, trace and faults of one simulated world. Everything random comes from the seed, so that a
// seed is a whole scenario and can be run again under a debugger.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/hash.h"
#include "base/result.h"

namespace sekimori::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mix64(seed)) {}
  std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1.0p-53 < p; }

 private:
  std::uint64_t state_;
};

// What happened, as a hash over all of it and its last lines for people.
class Trace {
 public:
  void say(std::string line) {
    for (const char c : line) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    hash_ = mix64(hash_);
    lines_.push_back(std::move(line));
    if (lines_.size() > k_kept) lines_.pop_front();
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::string tail() const {
    std::string out;
    for (const auto& line : lines_) out += "  " + line + "\n";
    return out;
  }

 private:
  static constexpr std::size_t k_kept = 200;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::deque<std::string> lines_;
};

// Thrown where the process dies; nothing of the product catches it.
struct Crash {};

// How often a call to the world ends otherwise than well.
struct FaultRates {
  double fail = 0;       // nothing was done
  double uncertain = 0;  // done or not, and nobody can tell
  double crash = 0;      // the process dies before or after it was done
};

class Faults {
 public:
  Faults(std::uint64_t seed, Trace& trace) : random_(seed), trace_(trace) {}

  bool on = true;
  FaultRates rates;

  // Does `effect` as one call to the world, with the luck of the seed.
  template <class Effect>
  auto call(std::string_view name, Effect effect) -> decltype(effect()) {
    if (!on) return effect();
    if (random_.chance(rates.fail)) {
      trace_.say("fail " + std::string(name));
      return operating_failure(std::string(name) + " is down");
    }
    if (random_.chance(rates.uncertain)) {
      const bool done = random_.chance(0.5);
      if (done) (void)effect();
      trace_.say((done ? "uncertain, done: " : "uncertain, not done: ") + std::string(name));
      return uncertain_write(std::string(name) + " did not answer");
    }
    if (random_.chance(rates.crash)) {
      const bool done = random_.chance(0.5);
      if (done) (void)effect();
      trace_.say((done ? "crash after " : "crash before ") + std::string(name));
      throw Crash{};
    }
    return effect();
  }

 private:
  Random random_;
  Trace& trace_;
};

}  // namespace sekimori::sim
