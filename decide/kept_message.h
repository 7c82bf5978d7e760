// A message as the journal is told of it: the event with what was answered. Its strings keep their
// room from one message to the next, so that the decision path asks nothing of the heap.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/event.h"

namespace sekimori::decide {

class KeptMessage {
 public:
  // Strings kept for messages with more recipients than the last one. A rare message to thousands
  // gives back what is above: 64 shards × 256 × some 64 bytes are a megabyte.
  static constexpr std::size_t k_spare_max = 256;

  // `event` is a Submission. Valid until the next call.
  [[nodiscard]] const Event& with(const Event& event, Fate fate, std::uint64_t approval) {
    const auto& from = std::get<Submission>(event.body);
    if (!std::holds_alternative<Submission>(event_.body)) event_.body.emplace<Submission>();
    auto& mail = std::get<Submission>(event_.body);
    event_.t = event.t;
    event_.host = event.host;
    event_.id = event.id;
    event_.account = event.account;
    event_.history = event.history;
    mail.ip = from.ip;
    mail.place = from.place;
    mail.helo = from.helo;
    mail.from = from.from;
    copy_recipients(from.to, mail.to);
    mail.size = from.size;
    mail.queue_id = from.queue_id;
    mail.message_id = from.message_id;
    mail.sketch = from.sketch;
    mail.fate = fate;
    mail.approval = approval;
    return event_;
  }

 private:
  void copy_recipients(const std::vector<std::string>& from, std::vector<std::string>& to) {
    while (to.size() > from.size()) {
      if (spare_.size() < k_spare_max) spare_.push_back(std::move(to.back()));
      to.pop_back();
    }
    while (to.size() < from.size()) {
      if (spare_.empty()) {
        to.emplace_back();
      } else {
        to.push_back(std::move(spare_.back()));
        spare_.pop_back();
      }
    }
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = from[i];
  }

  Event event_;
  std::vector<std::string> spare_;
};

}  // namespace sekimori::decide
