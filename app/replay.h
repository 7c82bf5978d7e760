// `sekimori replay`: folds a file of events through the engine, on the events' own clock, exactly
// as the daemon would, and writes down every decision (docs/events.md).
#pragma once

#include <functional>
#include <string>

#include "base/event.h"
#include "base/result.h"
#include "decide/engine.h"

namespace sekimori::app {

struct ReplayOptions {
  std::string events;               // path, or "-"
  std::string decisions;            // path; "" or "-": standard output
  decide::EngineSettings settings;  // with the mode already set
  std::function<Place(const IpAddress&)>
      place;                // fills places that the file does not give; optional
  bool print_hash = false;  // adds the state's hash to the summary
};

struct ReplaySummary {
  std::uint64_t events = 0;
  std::uint64_t skipped = 0;
  std::uint64_t accounts = 0;
  std::uint64_t restrictions = 0;
  double seconds = 0;
};

// Errors: the files cannot be opened or written. Malformed lines are reported on standard error
// with their number and skipped.
[[nodiscard]] Result<ReplaySummary> replay(const ReplayOptions& options);

}  // namespace sekimori::app
