#include "app/hold_ending.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sekimori::app {

using decide::HeldMessage;
using decide::HoldState;

namespace {
constexpr std::size_t k_kept_at_once = 1000;
}  // namespace

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
  const Instant now = parts_.now();
  std::vector<HeldMessage> out;
  out.reserve(holds.size());
  // In portions of one transaction each: what waits to be written is bounded.
  for (std::size_t at = 0; at < holds.size();) {
    decide::Applied portion;
    decide::Applied one;
    for (const auto end = std::min(holds.size(), at + k_kept_at_once); at < end; ++at) {
      HeldMessage& hold = holds[at];
      parts_.engine.hold_ended(hold.account, now, hold.queue_id, by, released, one);
      if (one.holds.empty()) {
        hold.state = released ? HoldState::released : HoldState::deleted;
        hold.ended_by = by;
        hold.ended_at = now;
        portion.holds.push_back(std::move(hold));
      } else {
        portion.holds.push_back(std::move(one.holds.front()));
      }
    }
    if (auto kept = parts_.keep(portion, wait_ms); !kept) return std::unexpected(kept.error());
    std::ranges::move(portion.holds, std::back_inserter(out));
  }
  return out;
}

}  // namespace sekimori::app
