#include "app/queue_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <unordered_set>
#include <utility>

namespace sekimori::app {

using decide::HeldMessage;
using decide::HoldState;
using web::QueueAction;
using web::QueuePart;

namespace {

// A request works so long and then answers what remains; of a long queue, whose listing takes long
// by itself, as long as that took, so that most of the time is work. With the listing it stays
// below a proxy's usual patience of a minute.
constexpr std::chrono::seconds k_work_for{10};
constexpr std::chrono::seconds k_work_for_max{25};
// One call of postsuper, and one transaction.
constexpr std::size_t k_at_once = 500;
// Deletions: the helper looks the whole queue over for each call.
constexpr std::size_t k_deleted_at_once = 10'000;
constexpr int k_durable_wait_ms = 120'000;
// So many ids are named in the audit.
constexpr std::size_t k_audited_ids_max = 50;

std::string_view audit_action(QueueAction action) {
  switch (action) {
    case QueueAction::hold: return "hold_queued";
    case QueueAction::release: return "release";
    default: return "delete_queued";
  }
}

// Does the order mean this message at all? What is held already cannot be held, and so on.
bool is_possible(QueueAction action, const std::string& queue_name) {
  switch (action) {
    case QueueAction::hold: return queue_name != "hold";
    case QueueAction::release: return queue_name == "hold";
    default: return true;
  }
}

}  // namespace

std::uint64_t QueueDesk::incident_of(const std::string& account) const {
  return parts_.engine.standing_of({decide::SubjectKind::account, account}).incident;
}

QueueDesk::QueueDesk(QueueDeskParts parts)
    : parts_(std::move(parts)),
      ending_({.engine = parts_.engine,
               .hands = parts_.hands,
               .keep =
                   [this](const decide::Applied& applied, int wait_ms) {
                     return parts_.writer.wait(parts_.writer.put(applied), wait_ms);
                   },
               .now = parts_.now}) {}

Result<QueueDesk::Records> QueueDesk::records_of(const std::string& account) {
  Records records;
  decide::StateStore::HoldFilter filter;
  filter.account = account;
  for (const HoldState state : {HoldState::held, HoldState::releasing}) {
    filter.state = state;
    auto read = decide::each_hold(parts_.reader, filter, [&](HeldMessage& hold) {
      std::string id = hold.queue_id;
      records.insert_or_assign(std::move(id), std::move(hold));
    });
    if (!read) return std::unexpected(read.error());
  }
  return records;
}

Result<web::AccountQueue> QueueDesk::list(const std::string& account,
                                          const web::QueueQuery& query) {
  auto found = parts_.queue.find({decide::SubjectKind::account, account}, true);
  if (!found) return std::unexpected(found.error());
  web::AccountQueue out;
  out.not_looked_at = found->not_looked_at;
  std::vector<const Queued*> wanted;
  for (const auto& [id, queued] : found->theirs) {
    const auto part = web::parse_queue_part(queued.queue_name).value_or(QueuePart::incoming);
    auto& sum = out.parts[static_cast<std::size_t>(part)];
    ++sum.messages;
    sum.recipients += queued.recipients;
    sum.bytes += queued.size;
    if (!out.oldest.is_set() || queued.arrival < out.oldest) out.oldest = queued.arrival;
    if (!query.part || *query.part == part) wanted.push_back(&queued);
  }
  std::ranges::sort(wanted, {}, [](const Queued* q) {
    return std::pair(q->arrival.us, std::string_view(q->id));
  });
  out.total = wanted.size();
  const auto begin = std::min(query.offset, wanted.size());
  const auto end = std::min(wanted.size(), begin + query.limit);
  Records records;
  if (begin < end) {
    auto known = records_of(account);
    if (!known) return std::unexpected(known.error());
    records = std::move(*known);
  }
  for (std::size_t i = begin; i < end; ++i) {
    const Queued& queued = *wanted[i];
    web::QueuedMessage item{
        .queue_id = queued.id,
        .part = web::parse_queue_part(queued.queue_name).value_or(QueuePart::incoming),
        .arrival = queued.arrival,
        .size = queued.size,
        .sender = queued.sender,
        .first_recipient = queued.first_recipient,
        .recipients = queued.recipients,
        .reason = {},
        .subject = {}};
    if (const auto record = records.find(queued.id);
        record != records.end() && item.part == QueuePart::hold) {
      item.held_by_us = true;
      item.reason = record->second.reason;
    }
    if (query.subjects && out.items.size() < web::k_subjects_max) {
      auto subject = parts_.hands.subject_of(queued.id);
      if (subject) {
        item.subject = std::move(*subject);
      } else if (subject.error().kind != ErrorKind::not_found) {  // delivered meanwhile
        return std::unexpected(subject.error());
      }
    }
    out.items.push_back(std::move(item));
  }
  return out;
}

Result<web::QueueReport> QueueDesk::change(const std::string& account, const web::QueueOrder& order,
                                           const web::Caller& by) {
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  auto found = parts_.queue.find({decide::SubjectKind::account, account}, true);
  if (!found) return std::unexpected(found.error());
  const auto looked = Clock::now();
  const auto until =
      looked + std::clamp<Clock::duration>(looked - begun, k_work_for, k_work_for_max);
  Records records;
  if (order.action != QueueAction::hold) {
    auto known = records_of(account);
    if (!known) return std::unexpected(known.error());
    records = std::move(*known);
  }

  web::QueueReport report;
  report.remaining = order.all ? found->not_looked_at : 0;
  std::vector<Queued> chosen;
  if (order.all) {
    for (auto& [id, queued] : found->theirs) {
      if (!is_possible(order.action, queued.queue_name)) continue;
      if (order.action == QueueAction::release && !records.contains(id)) continue;
      chosen.push_back(std::move(queued));
    }
  } else {
    const std::unordered_set<std::string> ids(order.ids.begin(), order.ids.end());
    for (const std::string& id : ids) {
      const auto it = found->theirs.find(id);
      if (it == found->theirs.end() || !is_possible(order.action, it->second.queue_name)) {
        ++report.gone;
      } else {
        chosen.push_back(std::move(it->second));
      }
    }
  }

  boost::json::array named;
  Error first_failure;
  for (std::size_t at = 0; at < chosen.size();) {
    if (at > 0 && Clock::now() >= until) {
      report.remaining += chosen.size() - at;
      break;
    }
    const auto size = std::min(order.action == QueueAction::remove ? k_deleted_at_once : k_at_once,
                               chosen.size() - at);
    const std::vector<Queued> batch(chosen.begin() + static_cast<std::ptrdiff_t>(at),
                                    chosen.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    auto done = order.action == QueueAction::hold
                    ? hold(account, batch, order, by)
                    : end(account, batch, records, order.action == QueueAction::release, by);
    if (!done) {
      report.failed += size;
      if (first_failure.text.empty()) first_failure = done.error();
      continue;
    }
    report.done += size;
    for (const Queued& queued : batch) {
      report.recipients += queued.recipients;
      if (named.size() < k_audited_ids_max) named.emplace_back(queued.id);
    }
  }
  if (report.done == 0 && report.failed > 0) return std::unexpected(first_failure);
  if (report.done > 0) {
    boost::json::object detail{{"messages", report.done},
                               {"recipients", report.recipients},
                               {"failed", report.failed},
                               {"remaining", report.remaining},
                               {"queue_ids", std::move(named)}};
    parts_.writer.put(decide::AuditEntry{.t = parts_.now(),
                                         .who = by.who,
                                         .action = std::string(audit_action(order.action)),
                                         .subject = {decide::SubjectKind::account, account},
                                         .incident = incident_of(account),
                                         .why = order.reason,
                                         .detail = boost::json::serialize(detail)});
  }
  return report;
}

Result<void> QueueDesk::hold(const std::string& account, const std::vector<Queued>& batch,
                             const web::QueueOrder& order, const web::Caller& by) {
  const auto incident = incident_of(account);
  decide::Applied written;
  std::vector<std::string> ids;
  for (const Queued& queued : batch) {
    HeldMessage message;
    message.queue_id = queued.id;
    message.account = account;
    message.held_at = parts_.now();
    message.recipients = queued.recipients;
    message.size = queued.size;
    message.kind = decide::HoldKind::asked;
    message.incident = incident;
    message.reason = order.reason.empty()
                         ? Text{fmt::format("{}が送信待ちのメールを保留しました。", by.who),
                                fmt::format("{} held the queued mail.", by.who)}
                         : Text{order.reason, order.reason};
    ids.push_back(queued.id);
    written.holds.push_back(std::move(message));
  }
  // Written down before it is done: a message is never held with nobody knowing why.
  if (auto durable = parts_.writer.wait(parts_.writer.put(written), k_durable_wait_ms); !durable) {
    return durable;
  }
  if (auto held = parts_.hands.hold(ids); !held) {
    for (HeldMessage& message : written.holds) {
      message.state = HoldState::released;
      message.ended_by = by.who;
    }
    parts_.writer.put(written);
    return held;
  }
  for (const HeldMessage& message : written.holds) parts_.engine.load_hold(message);
  return {};
}

Result<void> QueueDesk::end(const std::string& account, const std::vector<Queued>& batch,
                            const Records& records, bool release, const web::Caller& by) {
  std::vector<HeldMessage> holds;
  std::vector<decide::QueueTarget> targets;
  for (const Queued& queued : batch) {
    targets.push_back(
        {.id = queued.id, .sender = queued.sender, .arrival = queued.arrival, .not_after = {}});
    if (const auto record = records.find(queued.id); record != records.end()) {
      holds.push_back(record->second);
    } else if (release) {
      // Held by somebody else, and named: that it is let go must be known as of any other.
      HeldMessage message;
      message.queue_id = queued.id;
      message.account = account;
      message.held_at = queued.arrival;
      message.recipients = queued.recipients;
      message.size = queued.size;
      message.kind = decide::HoldKind::asked;
      message.incident = incident_of(account);
      message.reason = {"Sekimori 以外が保留にしていました。",
                        "It was held by something else than Sekimori."};
      parts_.engine.load_hold(message);
      holds.push_back(std::move(message));
    }
  }
  auto done = release ? ending_.release(std::move(holds), by.who, k_durable_wait_ms)
                      : ending_.remove(std::move(holds), targets, by.who, k_durable_wait_ms);
  if (!done) return std::unexpected(done.error());
  return {};
}

}  // namespace sekimori::app
