#include "app/state_queue.h"

#include <utility>

#include "decide/standing.h"

namespace sekimori::app {

Result<void> write_item(decide::StateStore& state, decide::GuardStore& guard,
                        std::string_view portal_url, const StateItem& item) {
  if (const auto* news = std::get_if<decide::StandingNews>(&item)) {
    if (news->mode == decide::Mode::observe) {
      if (news->change.open_incident) {
        if (auto done = state.put_incident(*news->change.open_incident); !done) return done;
      }
      return state.append_audit(news->change.audit);
    }
    // Durable first, then enforced by the mail servers themselves; the outbox repeats the second.
    if (auto done = state.apply(news->change); !done) return done;
    for (const auto& hold : news->holds) {
      if (auto done = state.put_hold(hold); !done) return done;
    }
    return guard.put(decide::guard_row(news->change.record, portal_url));
  }
  if (const auto* incident = std::get_if<decide::Incident>(&item)) {
    return state.put_incident(*incident);
  }
  if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) return state.put_hold(*hold);
  return state.append_audit(std::get<decide::AuditEntry>(item));
}

bool StateQueue::make_room() {
  const auto drop_first = [this](auto&& wanted) {
    // The first one is being written.
    for (auto it = waiting_.begin() + 1; it < waiting_.end(); ++it) {
      if (!wanted(it->item)) continue;
      waiting_.erase(it);
      ++dropped_;
      return true;
    }
    return false;
  };
  return drop_first(
             [](const StateItem& i) { return std::holds_alternative<decide::HeldMessage>(i); }) ||
         drop_first(
             [](const StateItem& i) { return !std::holds_alternative<decide::StandingNews>(i); });
}

std::uint64_t StateQueue::push(StateItem item) {
  ++given_;
  if (waiting_.size() >= max_ && !waiting_.empty() && !make_room() &&
      !std::holds_alternative<decide::StandingNews>(item)) {
    ++dropped_;
    return given_;
  }
  waiting_.push_back({given_, std::move(item)});
  return given_;
}

std::uint64_t StateQueue::push(const decide::Applied& applied) {
  std::uint64_t ticket = 0;
  // The incident first: standings and holds name it.
  for (const auto& incident : applied.incidents) ticket = push(StateItem(incident));
  for (const auto& news : applied.standings) ticket = push(StateItem(news));
  for (const auto& hold : applied.holds) ticket = push(StateItem(hold));
  return ticket;
}

}  // namespace sekimori::app
