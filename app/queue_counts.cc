#include "app/queue_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace sekimori::app {
namespace {

// A count younger than this is shown as it is.
constexpr std::chrono::seconds k_fresh{8};
// One older than this is not shown any more.
constexpr std::chrono::minutes k_shown_for{2};
// Listing takes at most this part of the time: Postfix has other work.
constexpr int k_rest_for_each_listing = 10;
// A short queue is counted within this; nobody waits longer for a long one.
constexpr std::chrono::milliseconds k_wait{400};

}  // namespace

void QueueCounts::start() {
  thread_.start("queue-counts", [this](bool) { return work(); });
}

void QueueCounts::stop() { thread_.stop(); }

std::shared_ptr<const web::QueuedMail> QueueCounts::get() {
  std::unique_lock lock(mutex_);
  const auto now = Clock::now();
  const bool is_known = last_ != nullptr && now < counted_ + k_shown_for;
  if (is_known && now < counted_ + k_fresh) return last_;
  if (!is_wanted_) {
    is_wanted_ = true;
    lock.unlock();
    thread_.wake();
    lock.lock();
    // Only whoever asked first waits, and only where there is nothing to show.
    if (!is_known && now >= not_before_) {
      changed_.wait_for(lock, k_wait, [this] { return !is_wanted_; });
    }
  }
  return last_ != nullptr && Clock::now() < counted_ + k_shown_for ? last_ : nullptr;
}

std::optional<QueueCounts::Clock::time_point> QueueCounts::work() {
  {
    const std::lock_guard lock(mutex_);
    if (!is_wanted_) return std::nullopt;
    if (Clock::now() < not_before_) return not_before_;
  }
  const auto begin = Clock::now();
  auto counted = count();
  const auto end = Clock::now();
  const std::lock_guard lock(mutex_);
  last_ = std::move(counted);
  counted_ = end;
  not_before_ = end + k_rest_for_each_listing * (end - begin);
  is_wanted_ = false;
  changed_.notify_all();
  return std::nullopt;
}

std::shared_ptr<const web::QueuedMail> QueueCounts::count() {
  const auto found = queue_.find({decide::SubjectKind::server, ""}, false);
  if (found.has_value() == is_failing_) {
    is_failing_ = !found;
    if (!found) log_(fmt::format("the queue cannot be counted: {}", found.error().text));
  }
  if (!found) return nullptr;
  auto out = std::make_shared<web::QueuedMail>();
  for (const auto& [id, queued] : found->theirs) {
    if (const auto account = queue_.account_of(id); account && !account->empty()) {
      ++out->messages[*account];
    }
  }
  return out;
}

}  // namespace sekimori::app
