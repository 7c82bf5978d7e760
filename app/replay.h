// `sekimori replay`: folds a file of events through the engine, on the events' own clock, exactly
// as the daemon would, and writes down every decision (docs/events.md, replay_run.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/engine.h"

namespace sekimori::app {

struct ReplayOptions {
  std::vector<std::string> events;  // event_source.h: files, "-", folders of journals
  std::string decisions;            // path; "" or "-": standard output
  decide::EngineSettings settings;  // with the mode already set
  std::function<Place(const IpAddress&)>
      place;  // fills places that the file does not give; optional
  // Decided anew is what lies in [from, until); what is before it is folded as it happened, what is
  // behind it is left out. Unset: all of it.
  Instant from, until;
  Language language = Language::en;
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
