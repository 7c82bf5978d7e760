#include "detect/learning_queue.h"

namespace sekimori::detect {

void LearningQueue::mark(std::uint64_t number, std::uint64_t pair_salt) {
  const LearningRecord& r = at(number);
  if (r.dead != 0) return;
  for (std::uint32_t i = 0; i < r.recipients; ++i) {
    const RecipientKey& key = recipient(r, i);
    if (key.fresh()) pending_.put(pair_key(pair_salt, key.address), number + 1);
  }
  if (r.queue_key != 0) by_queue_.put(r.queue_key, number + 1);
}

void LearningQueue::push(LearningRecord record, std::span<const RecipientKey> recipients,
                         std::uint64_t pair_salt) {
  if (tail_ - head_ == records_.size()) {
    BigVector<LearningRecord> larger(records_.size() * 2);
    for (std::uint64_t n = head_; n != tail_; ++n) larger[n & (larger.size() - 1)] = at(n);
    records_ = std::move(larger);
  }
  while (recipients_tail_ - recipients_head_ + recipients.size() > recipients_.size()) {
    BigVector<RecipientKey> larger(recipients_.size() * 2);
    for (std::uint64_t n = recipients_head_; n != recipients_tail_; ++n) {
      larger[n & (larger.size() - 1)] = recipients_[n & (recipients_.size() - 1)];
    }
    recipients_ = std::move(larger);
  }
  record.recipients_at = recipients_tail_;
  record.recipients = static_cast<std::uint32_t>(recipients.size());
  for (const RecipientKey& key : recipients) {
    recipients_[recipients_tail_++ & (recipients_.size() - 1)] = key;
  }
  at(tail_) = record;
  mark(tail_, pair_salt);
  ++tail_;
}

void LearningQueue::unmark(const LearningRecord& r, std::uint64_t pair_salt) {
  for (std::uint32_t i = 0; i < r.recipients; ++i) {
    const RecipientKey& key = recipient(r, i);
    if (key.fresh()) pending_.erase(pair_key(pair_salt, key.address));
  }
}

void LearningQueue::drop(std::uint64_t number, std::uint64_t pair_salt) {
  LearningRecord& r = at(number);
  if (r.dead != 0) return;
  unmark(r, pair_salt);
  if (r.queue_key != 0) {
    const std::uint64_t* owner = by_queue_.find(r.queue_key);
    if (owner != nullptr && *owner == number + 1) by_queue_.erase(r.queue_key);
  }
  r.dead = 1;
}

void LearningQueue::pop(std::uint64_t pair_salt) {
  drop(head_, pair_salt);
  recipients_head_ += front().recipients;
  ++head_;
}

std::optional<std::uint64_t> LearningQueue::find(std::uint64_t queue_key) const {
  const std::uint64_t* number = queue_key == 0 ? nullptr : by_queue_.find(queue_key);
  if (number == nullptr) return std::nullopt;
  return *number - 1;
}

void LearningQueue::save(std::string& out) const {
  put(out, static_cast<std::uint64_t>(size()));
  for (std::uint64_t n = head_; n != tail_; ++n) {
    const LearningRecord& r = at(n);
    put(out, r);
    for (std::uint32_t i = 0; i < r.recipients; ++i) put(out, recipient(r, i));
  }
}

std::uint64_t LearningQueue::hash_of(const LearningRecord& r) const {
  LearningRecord plain = r;
  plain.recipients_at = 0;  // running numbers differ after a load
  plain.account = 0;        // indices may differ; the caller mixes the name in
  std::uint64_t h = hash_bytes({reinterpret_cast<const char*>(&plain), sizeof plain});
  for (std::uint32_t i = 0; i < r.recipients; ++i) {
    const RecipientKey& key = recipient(r, i);
    h = mix64(h ^ key.address) ^ key.domain;
  }
  return h;
}

}  // namespace sekimori::detect
