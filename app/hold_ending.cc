#include "app/hold_ending.h"

#include <utility>

namespace sekimori::app {

using decide::HeldMessage;
using decide::HoldState;

Result<std::vector<HeldMessage>> HoldEnding::release(std::vector<HeldMessage> holds,
                                                     const std::string& by, int wait_ms) {
  if (holds.empty()) return holds;
  decide::Applied asked;
  std::vector<std::string> ids;
  const Instant now = parts_.now();
  for (const HeldMessage& hold : holds) {
    HeldMessage one = hold;
    one.ended_by = by;
    one.ended_at = now;
    asked.holds.push_back(std::move(one));
    ids.push_back(hold.queue_id);
  }
  if (auto kept = parts_.keep(asked, wait_ms); !kept) return std::unexpected(kept.error());
  if (auto done = parts_.hands.release(ids); !done) return std::unexpected(done.error());
  return ended(std::move(holds), by, true, wait_ms);
}

Result<std::vector<HeldMessage>> HoldEnding::remove(std::vector<HeldMessage> holds,
                                                    std::span<const decide::QueueTarget> targets,
                                                    const std::string& by, int wait_ms) {
  if (auto done = parts_.hands.remove(targets); !done) return std::unexpected(done.error());
  return ended(std::move(holds), by, false, wait_ms);
}

Result<std::vector<HeldMessage>> HoldEnding::ended(std::vector<HeldMessage> holds,
                                                   const std::string& by, bool released,
                                                   int wait_ms) {
  if (holds.empty()) return holds;
  decide::Applied all;
  decide::Applied one;
  const Instant now = parts_.now();
  for (HeldMessage& hold : holds) {
    parts_.engine.hold_ended(hold.account, now, hold.queue_id, by, released, one);
    if (one.holds.empty()) {
      hold.state = released ? HoldState::released : HoldState::deleted;
      hold.ended_by = by;
      hold.ended_at = now;
      all.holds.push_back(std::move(hold));
    } else {
      all.holds.push_back(std::move(one.holds.front()));
    }
  }
  if (auto kept = parts_.keep(all, wait_ms); !kept) return std::unexpected(kept.error());
  return std::move(all.holds);
}

}  // namespace sekimori::app
