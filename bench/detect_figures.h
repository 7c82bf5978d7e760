// What the report gathers, and how it becomes one JSON line a figure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/detect_baselines.h"
#include "bench/detect_cases.h"
#include "bench/detect_gate.h"
#include "bench/detect_stats.h"

namespace sekimori::bench {

// False restrictions per 10,000 calendar account-days that a rule is tuned to, on accounts that
// send no newsletters; `matched`: as many as the judge restricts or asks about; `usual`: a vendor's
// limit.
enum class Target : std::uint8_t { ten, one, third, matched, usual, count_ };
inline constexpr std::size_t k_targets = static_cast<std::size_t>(Target::count_);
inline constexpr std::array<double, 3> k_target_rates{10, 1, 0.3};
[[nodiscard]] std::string_view to_string(Target);

// One account in a run without attacks.
struct OwnerRow {
  std::uint16_t world = 0;  // set and split
  bool newsletters = false;
  double days = 0;  // on watch: until a restriction
  OwnerOutcome outcome;
};

// One attack, met by the judge or by a rule.
struct LeakRow {
  std::uint16_t world = 0;
  double leaked = 0;
  double contained_h = -1;  // hours from the first message to the restriction; < 0: never
  double asked_h = -1;      // to the first message that waited for a person
};

// One attack as the rules see it: the same climb answers for every limit.
struct ClimbRow {
  std::uint16_t world = 0;
  Instant first;          // attack message
  std::size_t total = 0;  // its recipients
  std::vector<Climb> climbs;
};

// The leaks of rule climbs at a limit; accounts restricted before their attack do not count.
[[nodiscard]] std::vector<LeakRow> leaks_at(const std::vector<ClimbRow>& rows, double limit);

struct LeakSummary {
  std::size_t n = 0;
  double p50 = 0, p95 = 0, mean_leaked = 0;
  double found_24h = 0, found_7d = 0;  // share restricted within
  double seen_24h = 0, seen_7d = 0;    // share restricted or asked about within
  double contain_minutes = 0;          // median of those restricted within 7 days
};
[[nodiscard]] LeakSummary summarise(const std::vector<LeakRow>& rows);

struct AlarmSummary {
  std::uint64_t restricted = 0, messages = 0;
  double days = 0, active_days = 0;
  Interval bootstrap;       // per 10,000 calendar account-days, by account
  double poisson_high = 0;  // exact one-sided 95 % upper bound, per 10,000
  // Messages that did not go at once; of these those that wait for a person. What is put off waits,
  // too: at its sender.
  double held_per_1000 = 0, asked_per_1000 = 0;
  double put_off_per_1000 = 0;
  double questions_per_1000 = 0;     // messages: a run that waits is one question
  double held_minutes_per_1000 = 0;  // minutes of timed holds per 1,000 messages
  double asked_days = 0;             // account-days with a message that waits for a person
  [[nodiscard]] double per_10k() const {
    return days > 0 ? static_cast<double>(restricted) / days * 1e4 : 0;
  }
  [[nodiscard]] double per_10k_active() const {
    return active_days > 0 ? static_cast<double>(restricted) / active_days * 1e4 : 0;
  }
};
enum class Whom : std::uint8_t { everybody, without_newsletters };
// `world`: of that one only, or -1.
[[nodiscard]] AlarmSummary summarise(const std::vector<OwnerRow>& rows, Whom whom, int world,
                                     unsigned rounds);

// One JSON object on one line, with fixed decimals: the same figures are the same bytes.
class Json {
 public:
  Json& text(std::string_view key, std::string_view value);
  Json& whole(std::string_view key, std::uint64_t value);
  Json& number(std::string_view key, double value, int decimals = 2);
  // `value` is JSON already.
  Json& raw(std::string_view key, std::string_view value);
  [[nodiscard]] std::string str() const { return body_ + "}"; }

 private:
  void key(std::string_view k);
  std::string body_ = "{";
};
[[nodiscard]] std::string array_of(const std::vector<std::string>& values);
[[nodiscard]] std::string json_of(const LeakSummary& s);
[[nodiscard]] std::string json_of(const AlarmSummary& s);
// The judge's own tables (detect/attack_tables.h), one line a family.
[[nodiscard]] std::vector<std::string> attack_table_lines();

}  // namespace sekimori::bench
