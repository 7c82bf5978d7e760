// What the engine's tests share: a journal in memory, and settings that act.
#pragma once

#include <vector>

#include "decide/engine.h"

namespace sekimori::decide {

// Keeps what was appended, with sequence numbers; can fail on demand.
class MemoryJournal : public EventJournal {
 public:
  Result<std::uint64_t> append(const Event& event) override {
    if (failing) return operating_failure("no space left on device");
    events.push_back(event);
    return events.size();
  }
  std::vector<Event> events;
  bool failing = false;
};

inline EngineSettings enforcing() {
  EngineSettings s;
  s.mode = Mode::enforce;
  s.portal_url = "https://portal.example.jp/";
  return s;
}

}  // namespace sekimori::decide
