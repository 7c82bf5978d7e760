#include "app/state_writer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>

namespace sekimori::app {
namespace {
constexpr std::chrono::milliseconds k_retry_first{50};
// Holds and audit entries of one transaction: a release of thousands is a few commits, and a change
// of standing behind them waits some milliseconds.
constexpr std::size_t k_together_max = 500;
constexpr std::chrono::milliseconds k_retry_most{5000};
// How long a stopping daemon goes on trying to write what waits; the journal holds it all anyway.
constexpr std::chrono::seconds k_stop_grace{3};
}  // namespace

StateWriter::StateWriter(decide::StateStore& state, decide::GuardStore& guard,
                         StateWriterOptions options)
    : state_(state), guard_(guard), options_(std::move(options)), queue_(options_.queue_max) {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "state-writer");  // for top -H
    run(stop);
  });
}

StateWriter::~StateWriter() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t StateWriter::enqueue(StateItem item) {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = queue_.push(std::move(item));
  }
  changed_.notify_all();
  return ticket;
}

std::uint64_t StateWriter::put(const decide::Applied& applied) {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = queue_.push(applied);
  }
  changed_.notify_all();
  return ticket;
}
std::uint64_t StateWriter::put(const decide::StandingNews& news) { return enqueue(news); }
std::uint64_t StateWriter::put(const decide::HeldMessage& hold) { return enqueue(hold); }
std::uint64_t StateWriter::put(const decide::AuditEntry& entry) { return enqueue(entry); }
std::uint64_t StateWriter::put(const decide::Incident& incident) { return enqueue(incident); }

Result<void> StateWriter::wait(std::uint64_t ticket, int timeout_ms) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&] { return queue_.written() >= ticket; })) {
    return {};
  }
  return uncertain_write(fmt::format(
      "it is in force, but the database has not taken it yet ({}); it is tried again by itself",
      trouble_.empty() ? "busy" : trouble_));
}

void StateWriter::catch_up(int timeout_ms) {
  std::unique_lock lock(mutex_);
  const auto ticket = queue_.last_ticket();
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [&] { return queue_.written() >= ticket || !trouble_.empty(); });
}

std::uint64_t StateWriter::last_ticket() const {
  const std::lock_guard lock(mutex_);
  return queue_.last_ticket();
}

std::uint64_t StateWriter::dropped() const {
  const std::lock_guard lock(mutex_);
  return queue_.dropped();
}

std::size_t StateWriter::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::string StateWriter::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void StateWriter::announce(const StateItem& item) {
  if (const auto* news = std::get_if<decide::StandingNews>(&item)) {
    if (options_.on_standing) options_.on_standing(*news);
    if (options_.on_hold) std::ranges::for_each(news->holds, options_.on_hold);
    if (options_.on_approval) std::ranges::for_each(news->approvals, options_.on_approval);
  } else if (const auto* incident = std::get_if<decide::Incident>(&item)) {
    if (options_.on_incident) options_.on_incident(*incident);
  } else if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) {
    if (options_.on_hold) options_.on_hold(*hold);
  } else if (const auto* approval = std::get_if<decide::Approval>(&item)) {
    if (options_.on_approval) options_.on_approval(*approval);
  }
}

std::chrono::milliseconds StateWriter::try_while_idle() {
  const auto done = options_.try_write();
  const auto again = done ? options_.try_every
                          : std::min<std::chrono::milliseconds>(options_.try_every, k_retry_most);
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    is_new = trouble_.empty() == !done;
    trouble_ = done ? "" : done.error().text;
    changed_.notify_all();
  }
  if (is_new && options_.log) {
    options_.log(fmt::format("state database: {}", done ? "well again" : done.error().text));
  }
  return again;
}

void StateWriter::run(const std::stop_token& stop) {
  auto pause = k_retry_first;
  std::chrono::steady_clock::time_point stop_by{};
  std::size_t apart = 0;  // so many are written one by one, since one of them is refused
  std::chrono::milliseconds idle(0);
  while (true) {
    std::vector<StateItem> items;
    {
      std::unique_lock lock(mutex_);
      const auto is_something = [&] { return !queue_.is_empty(); };
      if (!options_.try_write) {
        changed_.wait(lock, stop, is_something);
      } else if (!changed_.wait_for(lock, stop, idle, is_something) && !stop.stop_requested()) {
        lock.unlock();
        idle = try_while_idle();
        continue;
      }
      if (queue_.is_empty()) return;  // asked to stop, nothing left
      items = queue_.next(apart > 0 ? 1 : k_together_max);
    }
    const auto done = items.size() > 1
                          ? write_items(state_, items)
                          : write_item(state_, guard_, options_.portal_url, items.front());
    if (!done && done.error().kind == ErrorKind::bad_input && items.size() > 1) {
      apart = items.size();
      continue;
    }
    if (!done && done.error().kind == ErrorKind::bad_input) {
      // It would never be taken: say so and go on, so that one bad row does not dam up the rest.
      if (options_.log)
        options_.log(fmt::format("state database refused a row: {}", done.error().text));
    } else if (!done) {
      if (stop.stop_requested()) {
        const auto now = std::chrono::steady_clock::now();
        if (stop_by == std::chrono::steady_clock::time_point{}) stop_by = now + k_stop_grace;
        if (now > stop_by) return;
      }
      bool first = false;
      {
        std::unique_lock lock(mutex_);
        first = trouble_.empty();
        trouble_ = done.error().text;
        if (first) changed_.notify_all();  // catch_up() waits no longer
        // Sleeps, but wakes for the end (after which it tries on at the shortest pause).
        if (stop.stop_requested()) {
          changed_.wait_for(lock, k_retry_first);
        } else {
          std::stop_callback wake(stop, [this] { changed_.notify_all(); });
          (void)changed_.wait_for(lock, pause, [&] { return stop.stop_requested(); });
        }
      }
      if (first && options_.log) options_.log(fmt::format("state database: {}", done.error().text));
      pause = std::min(pause * 2, k_retry_most);
      continue;
    }
    pause = k_retry_first;
    if (apart > 0) --apart;
    if (done) {
      for (const StateItem& item : items) announce(item);
    }
    {
      const std::lock_guard lock(mutex_);
      if (!trouble_.empty() && options_.log) options_.log("state database: well again");
      trouble_.clear();
      queue_.done_with(items.size());
    }
    changed_.notify_all();
  }
}

}  // namespace sekimori::app
