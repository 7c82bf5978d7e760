#include "app/routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "decide/standing.h"

namespace sekimori::app {
namespace {
// Messages let go in one go: postsuper takes a thousand ids as quickly as one.
constexpr std::size_t k_releases_at_once = 500;
}  // namespace

void release_due_holds(decide::Engine& engine, decide::Hands& hands, Instant now,
                       const std::function<void(const decide::Applied&)>& remember,
                       const std::function<void(std::string_view)>& log) {
  const auto due = engine.due_holds(now);
  for (std::size_t from = 0; from < due.size(); from += k_releases_at_once) {
    const std::size_t to = std::min(due.size(), from + k_releases_at_once);
    std::vector<std::string> ids;
    for (std::size_t i = from; i < to; ++i) ids.push_back(due[i].queue_id);
    if (auto released = hands.release(ids); !released) {
      log(fmt::format("{} held messages could not be let go yet: {}", due.size() - from,
                      released.error().text));
      for (std::size_t i = from; i < due.size(); ++i) engine.release_failed(due[i]);
      return;
    }
    decide::Applied applied;
    for (std::size_t i = from; i < to; ++i) {
      engine.hold_ended(due[i].account, now, due[i].queue_id, "time", true, applied);
      remember(applied);
    }
  }
}

void end_due_probations(decide::Engine& engine, Duration length, Instant now,
                        const std::function<void(const decide::StandingNews&)>& remember) {
  for (const auto& record : engine.standings()) {
    if (record.standing != Standing::probation || record.since + length > now) continue;
    decide::StandingRequest request;
    request.kind = decide::RequestKind::end_probation;
    request.by = "machine";
    request.reason = {"見守りの期間が終わりました。", "The time of closer watch is over."};
    request.now = now;
    if (auto news = engine.request(record.subject, request); news && news->changed) {
      remember(*news);
    }
  }
}

}  // namespace sekimori::app
