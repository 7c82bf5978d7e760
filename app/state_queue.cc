#include "app/state_queue.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "app/machine_words.h"
#include "decide/approval_advice.h"
#include "decide/standing.h"

namespace sekimori::app {

Result<void> write_item(decide::StateStore& state, decide::GuardStore& guard,
                        std::string_view portal_url, const StateItem& item) {
  if (const auto* news = std::get_if<decide::StandingNews>(&item)) {
    if (news->mode == decide::Mode::observe) {
      if (news->change.open_incident) {
        if (auto done = state.put_incident(*news->change.open_incident); !done) return done;
      }
      return state.append_audit(with_words(news->change.audit, news->change.record.reason));
    }
    // Durable first, then enforced by the mail servers themselves; the outbox repeats the second.
    decide::StandingChange change = news->change;
    change.audit = with_words(std::move(change.audit), change.record.reason);
    if (auto done = state.apply(change); !done) return done;
    for (const auto& hold : news->holds) {
      if (auto done = state.put_hold(hold); !done) return done;
    }
    for (const auto& approval : news->approvals) {
      if (auto done = state.put_approval(approval); !done) return done;
      if (auto done = state.append_audit(suspension_entry(approval)); !done) return done;
    }
    return guard.put(decide::guard_row(news->change.record, portal_url));
  }
  if (const auto* incident = std::get_if<decide::Incident>(&item)) {
    return state.put_incident(*incident);
  }
  if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) return state.put_hold(*hold);
  if (const auto* approval = std::get_if<decide::Approval>(&item)) {
    return state.put_approval(*approval);
  }
  return state.append_audit(std::get<decide::AuditEntry>(item));
}

decide::AuditEntry suspension_entry(const decide::Approval& approval) {
  const Text words = decide::in_words(approval.cause);
  return {.t = approval.changed,
          .who = approval.changed_by,
          .action = "approval_suspend",
          .subject = {decide::SubjectKind::account, approval.account},
          .incident = 0,
          .why = std::string(to_string(approval.cause)),
          .detail = boost::json::serialize(boost::json::object{
              {"approval", approval.id}, {"words", {{"ja", words.ja}, {"en", words.en}}}})};
}

Result<void> write_items(decide::StateStore& state, const std::vector<StateItem>& items) {
  std::vector<decide::StateStore::Record> records;
  records.reserve(items.size());
  for (const StateItem& item : items) {
    if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) {
      records.emplace_back(*hold);
    } else {
      records.emplace_back(std::get<decide::AuditEntry>(item));
    }
  }
  return state.put_records(records);
}

std::vector<StateItem> StateQueue::next(std::size_t max) {
  const auto is_record = [](const StateItem& item) {
    return std::holds_alternative<decide::HeldMessage>(item) ||
           std::holds_alternative<decide::AuditEntry>(item);
  };
  std::vector<StateItem> out{waiting_.front().item};
  if (is_record(out.front())) {
    while (out.size() < max && out.size() < waiting_.size() &&
           is_record(waiting_[out.size()].item)) {
      out.push_back(waiting_[out.size()].item);
    }
  }
  taken_ = out.size();
  return out;
}

void StateQueue::done_with(std::size_t count) {
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  taken_ = 1;
}

bool StateQueue::make_room() {
  const auto drop_first = [this](auto&& wanted) {
    // The first ones are being written.
    for (std::size_t i = taken_; i < waiting_.size(); ++i) {
      const auto it = waiting_.begin() + static_cast<std::ptrdiff_t>(i);
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
  for (const auto& approval : applied.approvals) {
    push(StateItem(approval));
    ticket = push(StateItem(suspension_entry(approval)));
  }
  return ticket;
}

}  // namespace sekimori::app
