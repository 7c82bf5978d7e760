// The rules an operator could set today, as scores per account: the rule restricts when the score
// passes its limit, and refuses the message that would pass it whole. Pure: each sees one account's
// events in the order of time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/detect_stats.h"
#include "bench/detect_world.h"

namespace sekimori::bench {

class Rule {
 public:
  virtual ~Rule() = default;
  // The score with this event counted; nothing where the rule does not look at such events.
  virtual std::optional<double> fold(const WorldEvent& e) = 0;
};

enum class RuleNeeds : std::uint8_t { sending, bounces, logins, content };

struct Baseline {
  std::string_view name;
  double usual_limit;      // a vendor's or a paper's
  std::string_view usual;  // whose
  RuleNeeds needs;         // what it sees besides recipients and times
  std::unique_ptr<Rule> (*make)();
};
[[nodiscard]] const std::vector<Baseline>& baselines();

// How a rule's score climbs over one account's own events and an attack's (both by time).
[[nodiscard]] std::vector<Climb> climb(Rule& rule, const std::vector<const WorldEvent*>& own,
                                       const std::vector<const WorldEvent*>& attack);

}  // namespace sekimori::bench
