#include "app/routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "decide/standing.h"

namespace sekimori::app {
namespace {
// Messages let go in one go: postsuper takes a thousand ids as quickly as one.
constexpr std::size_t k_releases_at_once = 500;
constexpr Duration k_time_to_appear = minutes(1);
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

void end_missing_holds(decide::Engine& engine, decide::Hands& hands, Instant now,
                       const std::function<void(const decide::Applied&)>& remember,
                       const std::function<void(std::string_view)>& log) {
  auto open = engine.open_holds();
  std::erase_if(
      open, [&](const decide::HeldMessage& hold) { return hold.held_at + k_time_to_appear > now; });
  if (open.empty()) return;
  // What has left the queue altogether, and what Postfix has put off: that was let go by somebody,
  // and may be tried for days. What lies elsewhere is about to be held or on its way.
  std::unordered_set<std::string> missing;
  for (const auto& hold : open) missing.insert(hold.queue_id);
  std::unordered_set<std::string> deferred;
  const auto listed = hands.list_queue([&](const decide::QueueEntry& entry) {
    if (missing.erase(entry.queue_id) > 0 && entry.queue_name == "deferred") {
      deferred.insert(entry.queue_id);
    }
    return true;
  });
  if (!listed) return;  // half a list says nothing of the other half
  decide::Applied applied;
  for (const auto& hold : open) {
    if (deferred.contains(hold.queue_id)) {
      // Of a closed account it is one that the executor is about to hold.
      const auto standing =
          engine.standing_of({decide::SubjectKind::account, hold.account}).standing;
      if (decide::forbids_sending(standing)) continue;
    } else if (!missing.contains(hold.queue_id)) {
      continue;
    }
    log(fmt::format("{} of {} is no longer in Postfix's hold queue", hold.queue_id, hold.account));
    engine.hold_ended(hold.account, now, hold.queue_id, "gone", true, applied);
    remember(applied);
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
