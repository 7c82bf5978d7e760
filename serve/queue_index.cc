#include "serve/queue_index.h"

#include <iterator>

namespace sekimori::serve {
namespace {
constexpr std::size_t k_queue_id_max = 64;  // Postfix's long ids have 15 or so characters
constexpr std::size_t k_address_max = 320;  // RFC 5321 §4.5.3.1
}  // namespace

void QueueIndex::put(std::string_view queue_id, std::string_view account, std::string_view sender,
                     Instant now) {
  const std::lock_guard lock(mutex_);
  Entry* entry = touch(queue_id, now);
  if (entry == nullptr) return;
  if (!sender.empty()) entry->by.sender = sender.substr(0, k_address_max);
  if (account.empty()) return;
  entry->by.account = account.substr(0, k_address_max);
  entry->by.is_login_known = true;
}

void QueueIndex::put_without_login(std::string_view queue_id, Instant now) {
  const std::lock_guard lock(mutex_);
  if (Entry* entry = touch(queue_id, now)) entry->by.is_login_known = true;
}

void QueueIndex::put_size(std::string_view queue_id, std::uint64_t size, Instant now) {
  const std::lock_guard lock(mutex_);
  if (Entry* entry = touch(queue_id, now)) entry->by.size = size;
}

QueueIndex::Entry* QueueIndex::touch(std::string_view queue_id, Instant now) {
  if (queue_id.empty() || queue_id.size() > k_queue_id_max) return nullptr;
  auto found = by_id_.find(queue_id);
  if (found == by_id_.end()) {
    if (max_ == 0) return nullptr;
    if (order_.size() >= max_) drop_oldest();
    order_.push_back({std::string(queue_id), {}, now});
    found = by_id_.emplace(order_.back().queue_id, std::prev(order_.end())).first;
  } else {
    order_.splice(order_.end(), order_, found->second);
  }
  Entry& entry = *found->second;
  entry.touched = now;
  while (!order_.empty() && order_.front().touched + keep_ < now) drop_oldest();
  return &entry;
}

void QueueIndex::drop_oldest() {
  by_id_.erase(order_.front().queue_id);
  order_.pop_front();
}

void QueueIndex::erase(std::string_view queue_id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(queue_id);
  if (found == by_id_.end()) return;
  const auto entry = found->second;
  by_id_.erase(found);
  order_.erase(entry);
}

std::optional<QueuedBy> QueueIndex::find(std::string_view queue_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(queue_id);
  if (found == by_id_.end()) return std::nullopt;
  return found->second->by;
}

std::string QueueIndex::account_of(std::string_view queue_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(queue_id);
  return found == by_id_.end() ? std::string() : found->second->by.account;
}

std::size_t QueueIndex::size() const {
  const std::lock_guard lock(mutex_);
  return order_.size();
}

}  // namespace sekimori::serve
