#include "app/state_writer.h"

#include <fmt/format.h>

#include <chrono>

#include "decide/standing.h"

namespace sekimori::app {
namespace {
constexpr std::chrono::milliseconds k_retry_first{50};
constexpr std::chrono::milliseconds k_retry_most{5000};
// How long a stopping daemon goes on trying to write what waits; the journal holds it all anyway.
constexpr std::chrono::seconds k_stop_grace{3};
}  // namespace

StateWriter::StateWriter(decide::StateStore& state, decide::GuardStore& guard,
                         StateWriterOptions options)
    : state_(state), guard_(guard), options_(std::move(options)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

StateWriter::~StateWriter() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::uint64_t StateWriter::enqueue(Item item) {
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
      // Holds can be found again in Postfix's queue; a standing cannot be found anywhere else.
      for (auto it = queue_.begin() + 1; it < queue_.end(); ++it) {
        if (!std::holds_alternative<decide::StandingNews>(*it)) {
          queue_.erase(it);
          ++written_;
          dropped_.fetch_add(1);
          break;
        }
      }
    }
    queue_.push_back(std::move(item));
    ticket = ++enqueued_;
  }
  changed_.notify_all();
  return ticket;
}

std::uint64_t StateWriter::put(const decide::Applied& applied) {
  std::uint64_t ticket = 0;
  // The incident first: standings and holds name it.
  for (const auto& incident : applied.incidents) ticket = enqueue(incident);
  for (const auto& news : applied.standings) ticket = enqueue(news);
  for (const auto& hold : applied.holds) ticket = enqueue(hold);
  return ticket;
}
std::uint64_t StateWriter::put(const decide::StandingNews& news) { return enqueue(news); }
std::uint64_t StateWriter::put(const decide::HeldMessage& hold) { return enqueue(hold); }
std::uint64_t StateWriter::put(const decide::AuditEntry& entry) { return enqueue(entry); }
std::uint64_t StateWriter::put(const decide::Incident& incident) { return enqueue(incident); }

Result<void> StateWriter::wait(std::uint64_t ticket, int timeout_ms) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&] { return written_ >= ticket; })) {
    return {};
  }
  return uncertain_write(fmt::format(
      "it is in force, but the database has not taken it yet ({}); it is tried again by itself",
      trouble_.empty() ? "busy" : trouble_));
}

std::size_t StateWriter::waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::string StateWriter::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

Result<void> StateWriter::write(const Item& item) {
  if (const auto* news = std::get_if<decide::StandingNews>(&item)) {
    if (news->mode == decide::Mode::observe) {
      if (news->change.open_incident) {
        if (auto done = state_.put_incident(*news->change.open_incident); !done) return done;
      }
      return state_.append_audit(news->change.audit);
    }
    // Durable first, then enforced by the mail servers themselves; the outbox repeats the second.
    if (auto done = state_.apply(news->change); !done) return done;
    return guard_.put(decide::guard_row(news->change.record, options_.portal_url));
  }
  if (const auto* incident = std::get_if<decide::Incident>(&item)) {
    return state_.put_incident(*incident);
  }
  if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) return state_.put_hold(*hold);
  return state_.append_audit(std::get<decide::AuditEntry>(item));
}

void StateWriter::announce(const Item& item) {
  if (const auto* news = std::get_if<decide::StandingNews>(&item)) {
    if (options_.on_standing) options_.on_standing(*news);
  } else if (const auto* incident = std::get_if<decide::Incident>(&item)) {
    if (options_.on_incident) options_.on_incident(*incident);
  } else if (const auto* hold = std::get_if<decide::HeldMessage>(&item)) {
    if (options_.on_hold) options_.on_hold(*hold);
  }
}

void StateWriter::run(const std::stop_token& stop) {
  auto pause = k_retry_first;
  std::chrono::steady_clock::time_point stop_by{};
  while (true) {
    Item item;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !queue_.empty(); });
      if (queue_.empty()) return;  // asked to stop, nothing left
      item = queue_.front();
    }
    const auto done = write(item);
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
    announce(item);
    {
      const std::lock_guard lock(mutex_);
      if (!trouble_.empty() && options_.log) options_.log("state database: well again");
      trouble_.clear();
      if (!queue_.empty()) queue_.pop_front();
      ++written_;
    }
    changed_.notify_all();
  }
}

}  // namespace sekimori::app
