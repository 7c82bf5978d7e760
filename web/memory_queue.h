// A mail queue in memory, for the tests of the API.
#pragma once

#include <algorithm>
#include <map>
#include <utility>

#include "web/control_queue.h"

namespace sekimori::web {

// Threads: under its owner's lock.
class MemoryQueue {
 public:
  MemoryQueue() {
    add("4XqAAAAAAA1", QueuePart::deferred, 12);
    add("4XqAAAAAAA2", QueuePart::hold, 3);
    messages_.at("4XqAAAAAAA2").held_by_us = true;
    messages_.at("4XqAAAAAAA2").reason = {"理由", "why"};
  }
  [[nodiscard]] AccountQueue list(const QueueQuery& query) const {
    AccountQueue out;
    for (const auto& [id, message] : messages_) {
      auto& sum = out.parts[static_cast<std::size_t>(message.part)];
      ++sum.messages;
      sum.recipients += message.recipients;
      sum.bytes += message.size;
      out.oldest = message.arrival;
      if (query.part && message.part != *query.part) continue;
      if (out.total++ < query.offset || out.items.size() >= query.limit) continue;
      out.items.push_back(message);
      if (query.subjects) out.items.back().subject = "請求書";
    }
    return out;
  }
  QueueReport change(const QueueOrder& order) {
    QueueReport report;
    for (const auto& id : order.ids) report.gone += messages_.contains(id) ? 0U : 1U;
    for (auto it = messages_.begin(); it != messages_.end();) {
      auto& message = it->second;
      const bool is_meant = order.all || std::ranges::find(order.ids, it->first) != order.ids.end();
      if (!is_meant || (message.part == QueuePart::hold) != (order.action != QueueAction::hold)) {
        ++it;
        continue;
      }
      ++report.done;
      report.recipients += message.recipients;
      if (order.action == QueueAction::hold) {
        message.part = QueuePart::hold;
        ++it;
      } else {
        it = messages_.erase(it);
      }
    }
    return report;
  }

 private:
  void add(const std::string& id, QueuePart part, std::uint32_t recipients) {
    messages_[id] = {.queue_id = id,
                     .part = part,
                     .arrival = Instant{1'800'000'000'000'000},
                     .size = 2048,
                     .sender = "taro@example.jp",
                     .first_recipient = "x@away.test",
                     .recipients = recipients,
                     .reason = {},
                     .subject = {}};
  }
  std::map<std::string, QueuedMessage> messages_;
};

}  // namespace sekimori::web
