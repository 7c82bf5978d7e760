#include "app/waiting_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

namespace sekimori::app {
namespace {

// Half a second of a flood; what is beyond comes again, since it was put off.
constexpr std::size_t k_inbox_max = 50'000;
constexpr std::chrono::milliseconds k_pace{100};
constexpr Duration k_sweep = seconds(30);

}  // namespace

WaitingClock::WaitingClock(store::WaitingStore& store, decide::WaitingRules rules,
                           std::function<Instant()> now, std::function<void(std::string_view)> log)
    : store_(store), now_(std::move(now)), log_(std::move(log)), book_(rules) {}

Result<std::unique_ptr<WaitingClock>> WaitingClock::open(
    store::WaitingStore& store, decide::WaitingRules rules, std::function<Instant()> now,
    std::function<void(std::string_view)> log) {
  auto kept = store.all();
  if (!kept) return std::unexpected(kept.error());
  auto clock =
      std::unique_ptr<WaitingClock>(new WaitingClock(store, rules, std::move(now), std::move(log)));
  for (auto& message : *kept) clock->book_.load(std::move(message));
  return clock;
}

WaitingClock::~WaitingClock() { stop(); }

void WaitingClock::enqueue(Heard heard) {
  const std::lock_guard lock(inbox_mutex_);
  if (inbox_.size() >= k_inbox_max) {
    dropped_.fetch_add(1);
    return;
  }
  inbox_.push_back(std::move(heard));
}

void WaitingClock::put_off(decide::WaitingTry attempt) { enqueue(std::move(attempt)); }
void WaitingClock::delivered(decide::MailboxDelivery delivery) { enqueue(std::move(delivery)); }

void WaitingClock::requeued(std::string_view queue_id) { enqueue(Requeued{std::string(queue_id)}); }

void WaitingClock::take_in() {
  std::vector<Heard> heard;
  {
    const std::lock_guard lock(inbox_mutex_);
    heard.swap(inbox_);
  }
  for (const Heard& one : heard) {
    if (const auto* attempt = std::get_if<decide::WaitingTry>(&one)) {
      book_.put_off(*attempt);
    } else if (const auto* moved = std::get_if<Requeued>(&one)) {
      book_.requeued(moved->queue_id);
    } else {
      book_.delivery(std::get<decide::MailboxDelivery>(one));
    }
  }
}

decide::WaitingView WaitingClock::view(std::string_view account) {
  const std::lock_guard lock(book_mutex_);
  take_in();
  return book_.view(account);
}

std::vector<decide::WaitingView> WaitingClock::all() {
  const std::lock_guard lock(book_mutex_);
  take_in();
  return book_.all();
}

std::vector<decide::WaitingMail> WaitingClock::warnings() {
  std::vector<decide::WaitingMail> out;
  for (const decide::WaitingView& view : all()) {
    if (view.waiting == 0) continue;
    decide::WaitingMail mail;
    mail.account = view.account;
    std::set<std::string_view> senders;
    for (const decide::WaitingMessage& message : view.messages) {
      if (message.state != decide::WaitingState::waiting) continue;
      senders.insert(message.sender);
      if (!mail.oldest.is_set() || message.first < mail.oldest) mail.oldest = message.first;
    }
    mail.senders = senders.size();
    mail.gives_up = view.gives_up;
    mail.warn_at = view.gives_up - book_.rules().warn_before;
    out.push_back(std::move(mail));
  }
  return out;
}

void WaitingClock::queue_says(std::string_view account,
                              const std::vector<decide::QueueEntry>& entries) {
  std::vector<decide::MailboxDelivery> lies_there;
  for (const decide::QueueEntry& entry : entries) {
    lies_there.push_back({std::string(account), entry.queue_id, entry.sender, entry.size,
                          DeliveryStatus::deferred, entry.arrival});
  }
  const std::lock_guard lock(book_mutex_);
  take_in();
  book_.queue_says(account, lies_there, now_());
}

void WaitingClock::keep() {
  const std::lock_guard turn(keep_mutex_);
  decide::WaitingBook::Changes changes;
  {
    const std::lock_guard lock(book_mutex_);
    take_in();
    const Instant now = now_();
    if (now >= next_sweep_ || next_sweep_ - now > k_sweep) {
      book_.sweep(now);
      next_sweep_ = now + k_sweep;
    }
    changes = book_.take_changes();
  }
  if (changes.empty()) return;
  auto kept = store_.keep(changes);
  if (!kept) {
    const std::lock_guard lock(book_mutex_);
    book_.put_back(std::move(changes));
  }
  if (!kept && !in_trouble_) log_(fmt::format("waiting mail: {}", kept.error().text));
  in_trouble_ = !kept;
}

void WaitingClock::start() {
  thread_.start("waiting mail", [this](bool) {
    keep();
    return act::WorkerThread::Clock::now() + k_pace;
  });
}

void WaitingClock::stop() { thread_.stop(); }

}  // namespace sekimori::app
