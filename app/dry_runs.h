// Dry runs of a policy over past traffic: two engines over the daemon's own journal, in the
// background on one thread of low priority, one at a time and for a bounded time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "app/compare.h"
#include "web/server_desk.h"

namespace sekimori::app {

struct DryRunParts {
  std::string journal_directory;
  std::function<Place(const IpAddress&)> place;
  std::function<Instant()> now;
  // A run that needs longer ends with what it has seen.
  std::chrono::seconds most{180};
};

// Any thread.
class DryRuns {
 public:
  explicit DryRuns(DryRunParts parts) : parts_(std::move(parts)) {}
  ~DryRuns();  // ends the one that runs

  // `before` and `after`: what is in force, and with the new values. bad_input: another is running.
  [[nodiscard]] Result<web::DryRun> begin(web::DryRun run, decide::EngineSettings before,
                                          decide::EngineSettings after);
  [[nodiscard]] Result<web::DryRun> find(std::uint64_t id) const;

 private:
  static constexpr std::size_t k_kept = 8;
  void work(const std::stop_token& stop, std::uint64_t id, CompareOptions options);
  void change(std::uint64_t id, const std::function<void(web::DryRun&)>& how);

  DryRunParts parts_;
  mutable std::mutex mutex_;
  std::deque<web::DryRun> runs_;  // newest last
  std::uint64_t last_ = 0;
  std::jthread thread_;
};

}  // namespace sekimori::app
