// The ways of MemoryControl, for the tests of this folder.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "web/control.h"

namespace sekimori::web {

class MemoryWays {
 public:
  // One forward to elsewhere, paused, and one script that was changed, open.
  MemoryWays(std::string account, Instant now) : now_(now) {
    decide::WayView forward;
    forward.change.id = 1;
    forward.change.account = account;
    forward.change.key = "collector@thief.example";
    forward.change.after = "collector@thief.example";
    forward.change.looked = forward.change.seen = forward.change.changed = now;
    forward.change.is_external = true;
    forward.change.state = decide::WayState::paused;
    forward.change.by = "machine";
    forward.after = decide::shown(forward.change.kind, forward.change.after);
    forward.targets = {"collector@thief.example"};
    views_[1] = forward;
    decide::WayView script;
    script.change.id = 2;
    script.change.account = std::move(account);
    script.change.kind = decide::WayKind::sieve_script;
    script.change.key = "main";
    script.change.before = "keep;\r\n";
    script.change.after = "discard;\r\n";
    script.change.seen = now;
    script.before = decide::shown(script.change.kind, script.change.before);
    script.after = decide::shown(script.change.kind, script.change.after);
    views_[2] = script;
  }

  [[nodiscard]] std::vector<decide::WayView> list() const {
    std::vector<decide::WayView> out;
    for (const auto& [id, view] : views_) out.push_back(view);
    return out;
  }
  Result<decide::WayView> answer(std::uint64_t id, bool keep, const std::string& reason,
                                 const std::string& who) {
    const auto at = views_.find(id);
    if (at == views_.end()) return not_found("no such change");
    auto& change = at->second.change;
    change.state = keep ? decide::WayState::kept : decide::WayState::reverted;
    change.reason = reason;
    change.by = who;
    change.changed = now_;
    return at->second;
  }
  [[nodiscard]] decide::AccountWays in_force(std::string_view account) const {
    decide::AccountWays out;
    out.account = std::string(account);
    out.looked = now_;
    out.is_live = true;
    decide::WayInForce way;
    way.key = "home@far.example";
    way.content = {"home@far.example", "home@far.example"};
    way.is_external = true;
    way.targets = {"home@far.example"};
    out.ways.push_back(std::move(way));
    return out;
  }

 private:
  Instant now_;
  std::map<std::uint64_t, decide::WayView> views_;
};

}  // namespace sekimori::web
