#include "app/dry_runs.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

namespace sekimori::app {
namespace {

web::DryRunSide side_of(const Outcome& outcome) {
  web::DryRunSide side;
  side.reached = outcome.reached;
  side.refused = outcome.refused;
  side.held = outcome.held;
  side.held_accounts = outcome.held > 0 ? 1 : 0;
  side.restricted = outcome.contained() ? 1 : 0;
  side.suspended = outcome.suspended.is_set() ? 1 : 0;
  side.held_minutes = outcome.held_minutes;
  return side;
}

void take_over(const Comparison& from, web::DryRun& to) {
  to.events = from.events;
  to.first = from.first;
  to.last = from.last;
  to.accounts = from.accounts;
  to.seconds = from.seconds;
  to.cut_short = from.cut_short;
  to.before = side_of(from.a);
  to.after = side_of(from.b);
  to.before.held_accounts = from.held_accounts_a;
  to.after.held_accounts = from.held_accounts_b;
  to.before.restricted = from.restricted_a;
  to.after.restricted = from.restricted_b;
  to.before.suspended = from.suspended_a;
  to.after.suspended = from.suspended_b;
  to.differing_count = from.differing_count;
  for (const auto& one : from.differing) {
    if (to.differing.size() == web::k_dry_run_accounts_max) break;
    to.differing.push_back({one.account, side_of(one.a), side_of(one.b)});
  }
}

}  // namespace

DryRuns::~DryRuns() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

Result<web::DryRun> DryRuns::begin(web::DryRun run, decide::EngineSettings before,
                                   decide::EngineSettings after) {
  const std::lock_guard lock(mutex_);
  if (!runs_.empty() && runs_.back().state == web::DryRunState::running) {
    return bad_input("another dry run is under way; please wait for it");
  }
  run.id = ++last_;
  run.started = parts_.now();
  run.state = web::DryRunState::running;
  runs_.push_back(run);
  if (runs_.size() > k_kept) runs_.pop_front();
  CompareOptions options;
  options.events = {parts_.journal_directory};
  options.a = std::move(before);
  options.b = std::move(after);
  options.place = parts_.place;
  options.from = run.started - days(run.order.days);
  // The one before has ended: its state says so.
  if (thread_.joinable()) thread_.join();
  thread_ = std::jthread([this, id = run.id, options = std::move(options)](
                             const std::stop_token& stop) { work(stop, id, options); });
  return run;
}

Result<web::DryRun> DryRuns::find(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(runs_, id, &web::DryRun::id);
  if (found == runs_.end()) return not_found(fmt::format("there is no dry run {}", id));
  return *found;
}

void DryRuns::change(std::uint64_t id, const std::function<void(web::DryRun&)>& how) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(runs_, id, &web::DryRun::id);
  if (found != runs_.end()) how(*found);
}

void DryRuns::work(const std::stop_token& stop, std::uint64_t id, CompareOptions options) {
  // Of this thread alone (Linux); answers to mail servers go first.
  (void)setpriority(PRIO_PROCESS, 0, 10);
  const auto until = std::chrono::steady_clock::now() + parts_.most;
  options.go_on = [&] {
    return !stop.stop_requested() && std::chrono::steady_clock::now() < until;
  };
  options.progress = [&](std::uint64_t events, Instant t) {
    change(id, [&](web::DryRun& run) {
      run.events = events;
      run.last = t;
    });
  };
  const auto found = compare(options);
  change(id, [&](web::DryRun& run) {
    run.state = found ? web::DryRunState::done : web::DryRunState::failed;
    if (found) {
      take_over(*found, run);
    } else {
      run.error = found.error().text;
    }
  });
}

}  // namespace sekimori::app
