// How a person ends holds: the one way for the list of held mail, an account's queue and
// release-all.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "decide/engine.h"
#include "decide/ports.h"

namespace sekimori::app {

struct HoldEndingParts {
  decide::Engine& engine;
  decide::Hands& hands;
  // Durable when it returns; after `wait_ms` it is an error, and may become durable yet.
  std::function<Result<void>(const decide::Applied&, int wait_ms)> keep;
  std::function<Instant()> now;
};

// Any thread. A call lets go at most 1000 messages (one request of the helper), deletes 10,000.
class HoldEnding {
 public:
  explicit HoldEnding(HoldEndingParts parts) : parts_(std::move(parts)) {}

  // Lets them go: first it is written down who asked for it and when, so that a containment at work
  // on the same queue does not take for its own what it finds on its way; then Postfix does it;
  // then engine and database hear of the end. Returns them as they ended. Errors: they stay on the
  // list of held mail, with who asked; what Postfix let go all the same is found gone later.
  [[nodiscard]] Result<std::vector<decide::HeldMessage>> release(
      std::vector<decide::HeldMessage> holds, const std::string& by, int wait_ms);
  // Deletes the targets; `holds` are those of them that are on record.
  [[nodiscard]] Result<std::vector<decide::HeldMessage>> remove(
      std::vector<decide::HeldMessage> holds, std::span<const decide::QueueTarget> targets,
      const std::string& by, int wait_ms);

 private:
  Result<std::vector<decide::HeldMessage>> ended(std::vector<decide::HeldMessage> holds,
                                                 const std::string& by, bool released, int wait_ms);

  HoldEndingParts parts_;
};

}  // namespace sekimori::app
