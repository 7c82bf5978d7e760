// Inside of the engine: what a shard learns from old logs. Not for other folders.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "decide/recent_ids.h"
#include "detect/detector.h"

namespace sekimori::decide {

// A run folds the past into a detector of its own, on the past's clock; end_history() merges it
// into the living one. The ids stay, so that the same log teaches nothing twice.
struct Past {
  // Since the run began.
  struct Counts {
    Instant from, until;
    std::uint64_t logins = 0, messages = 0, recipients = 0, received = 0;
  };

  // Apart from the ids of live events, which a large log would push out. Sixteen million at most in
  // all shards, 256 MiB then; no log, no memory.
  static constexpr std::size_t k_ids_max = 131'072;
  RecentIds ids{k_ids_max};
  std::optional<detect::Detector> detector;  // while a run lasts
  // Accounts that would have been contained, and when they last looked so: what they send is not
  // learnt until a week of calm has passed.
  std::map<detect::AccountIndex, Instant> doubted;
  Counts counts;

  [[nodiscard]] bool empty() const { return !detector && ids.size() == 0; }
  [[nodiscard]] std::uint64_t hash() const;
  void save(std::string& out) const;
  // `live` makes the detector. Errors: bad_input.
  [[nodiscard]] Result<void> load(std::string_view bytes, const detect::Detector& live);
};

}  // namespace sekimori::decide
