#include "app/timers.h"

#include <fmt/format.h>

#include <utility>

#include "app/health.h"
#include "app/installation.h"
#include "app/routine.h"
#include "detect/epoch.h"
#include "store/snapshot.h"

namespace sekimori::app {
namespace {
// Listing a queue of 100,000 messages takes Postfix a second or two: not every minute.
constexpr Duration k_look_for_missing = minutes(5);
constexpr Duration k_health_pace = minutes(1);
// A look may hang on a lever for some seconds; twice missed, and nobody looked.
constexpr Duration k_health_pause = minutes(3);

// Is it time? A clock that was set back must not keep work waiting for the lost time.
bool is_due(Instant now, Instant next, Duration pace) { return now >= next || next - now > pace; }
}  // namespace

Timers::Timers(World& world, serve::PolicyDesk& desk) : world_(world), desk_(desk) {
  const Instant now = system_now();
  next_epoch_ = now + detect::k_epoch;
  next_snapshot_ = now + world.settings.snapshot.interval;
  next_directory_ = now + world.settings.accounts.refresh_interval;
  next_retention_ = now + minutes(5);
  next_look_ = now + seconds(30);
  every(world.settings.journal.fsync_interval, "journal sync", [this] {
    auto synced = world_.journal->sync();
    const std::string text = synced ? "" : synced.error().text;
    if (!synced && world_.journal_trouble.get().empty()) world_.log("journal: " + text);
    world_.journal_trouble.set(text);
  });
  every(seconds(1), "holds", [this] { end_holds(); });
  every(seconds(1), "each second", [this] { second(); });
  every(decide::Engine::k_fleet_pace, "epochs", [this] { hourly(); });
  every(k_health_pace, "health", [this] { note_health(); });
}

Timers::~Timers() { stop(); }

void Timers::stop() {
  for (act::WorkerThread& thread : threads_) thread.stop();
}

void Timers::every(Duration pace, const char* name, std::function<void()> work) {
  threads_.emplace_back().start(name, [pace, work = std::move(work), first = true](bool) mutable {
    if (!std::exchange(first, false)) work();
    return act::WorkerThread::Clock::now() + std::chrono::microseconds(pace.us);
  });
}

void Timers::end_holds() {
  release_due_holds(
      *world_.engine, *world_.hands, system_now(),
      [this](const decide::Applied& applied) { world_.remember(applied); }, world_.log);
}

void Timers::end_missing() {
  end_missing_holds(
      *world_.engine, *world_.hands, system_now(),
      [this](const decide::Applied& applied) { world_.remember(applied); }, world_.log);
}

void Timers::end_probations() {
  end_due_probations(*world_.engine, world_.settings.standing.probation, system_now(),
                     [this](const decide::StandingNews& news) { world_.writer->put(news); });
}

void Timers::second() {
  const Instant now = system_now();
  const std::int64_t reached = world_.log_reached_us.load();
  desk_.sweep(now, world_.settings.maillog.follow && reached != 0
                       ? std::optional<Instant>(Instant{reached})
                       : std::nullopt);
  std::uint64_t asked = 0;
  for (const auto& counter : world_.metrics.policy_requests) asked += counter.get();
  static thread_local std::uint64_t asked_before = 0;
  if (asked != asked_before) world_.last_policy_request_us = now.us;
  asked_before = asked;
  // The panic handle may be pulled on guard.db by a command line that could not reach us.
  if (auto on = world_.guard->bypass(); on && *on != world_.engine->bypass()) {
    world_.engine->set_bypass(*on);
    world_.log(*on ? "bypass is on: nothing is stopped" : "bypass is off");
  }
  if (auto kept = world_.sent->flush(); !kept && world_.sent_trouble.get().empty()) {
    world_.log(fmt::format("reports: {}", kept.error().text));
    world_.sent_trouble.set(kept.error().text);
  } else if (kept) {
    world_.sent_trouble.set("");
  }
  if (is_due(now, next_hits_, seconds(5))) {
    world_.rules->write_hits();
    next_hits_ = now + seconds(5);
  }
  if (is_due(now, next_directory_, world_.settings.accounts.refresh_interval)) {
    world_.refresh_directory();
    next_directory_ = now + world_.settings.accounts.refresh_interval;
  }
}

// How each lever was, for whoever asks later: was the server away when the mail did not come?
void Timers::note_health() {
  const auto report = health_report(world_);
  std::vector<store::HealthSpan> spans;
  for (const auto& item : report.items) {
    spans.push_back(
        {item.name, std::string(web::to_string(item.level)), report.now, report.now, item.verdict});
  }
  spans.push_back({"daemon", "ok", report.now, report.now, {"動いています。", "It is running."}});
  if (auto kept = world_.policy_rows->note_health(spans, k_health_pause); !kept) {
    world_.log(fmt::format("state database: {}", kept.error().text));
  }
}

void Timers::watch_breaker(Instant now) {
  const auto state = world_.engine->breaker(now);
  if (state.open == breaker_open_) return;
  breaker_open_ = state.open;
  world_.tell_of_breaker(state);
}

void Timers::hourly() {
  const Instant now = system_now();
  if (is_due(now, next_epoch_, detect::k_epoch)) {
    world_.engine->next_epoch(now);
    next_epoch_ = now + detect::k_epoch;
    end_probations();
    world_.rules->reload();
  }
  (void)world_.engine->next_fleet(now);
  watch_breaker(now);
  if (is_due(now, next_snapshot_, world_.settings.snapshot.interval)) {
    if (auto done = world_.snapshot(); !done) {
      world_.log(fmt::format("snapshot: {}", done.error().text));
    }
    next_snapshot_ = now + world_.settings.snapshot.interval;
  }
  if (is_due(now, next_look_, k_look_for_missing)) {
    end_missing();
    next_look_ = now + k_look_for_missing;
  }
  if (is_due(now, next_retention_, hours(1))) {
    if (auto needed = store::journal_needed_from(world_.settings.snapshot.directory)) {
      if (auto gone = world_.journal->remove_old(now - world_.settings.journal.retention, *needed);
          !gone) {
        world_.log(fmt::format("journal: {}", gone.error().text));
      }
    }
    if (auto pruned = world_.state->prune(now - world_.settings.store.retention); !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    if (auto pruned = world_.outbox->prune(now - world_.settings.store.retention, now); !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    if (auto pruned = world_.returned->prune(now - world_.settings.store.retention); !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    if (auto pruned = world_.cases->prune(now - world_.settings.store.retention); !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    world_.rules->prune(now - world_.settings.store.retention);
    if (auto pruned = world_.damage->prune(); !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    if (auto pruned = world_.policy_rows->prune_health(now - world_.settings.store.retention);
        !pruned) {
      world_.log(fmt::format("state database: {}", pruned.error().text));
    }
    next_retention_ = now + hours(1);
  }
}

}  // namespace sekimori::app
