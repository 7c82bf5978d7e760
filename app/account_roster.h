// All accounts' addresses and names in memory, so that a list of a million is searched, sorted and
// paged in some milliseconds: PostfixAdmin's table has no index for any of that, and is not ours to
// give one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/worker_thread.h"
#include "base/result.h"

namespace sekimori::app {

// Immutable; accounts are numbered in the order of their addresses (bytes).
class Roster {
 public:
  // Addresses and names as they come, in any order; an address that comes twice counts once. Some
  // 50 bytes each.
  class Builder {
   public:
    void add(std::string_view address, std::string_view name);
    [[nodiscard]] Roster build() &&;

   private:
    std::string text_;
    std::vector<std::size_t> begins_;
  };

  using Counts = std::map<std::string, std::uint64_t, std::less<>>;
  // How many accounts each domain has; domains without any are not there.
  [[nodiscard]] const Counts& by_domain() const { return by_domain_; }
  [[nodiscard]] std::uint32_t size() const {
    return static_cast<std::uint32_t>(begins_.size() - 1);
  }
  [[nodiscard]] std::string_view address(std::uint32_t number) const;  // lower case
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view address) const;
  // Accounts with `search` in address or name (ASCII letters of any case; "": all) of this domain
  // ("": all), ascending.
  [[nodiscard]] std::vector<std::uint32_t> matching(std::string_view search,
                                                    std::string_view domain) const;
  // Would matching() have this one?
  [[nodiscard]] bool matches(std::uint32_t number, std::string_view search,
                             std::string_view domain) const;

 private:
  [[nodiscard]] std::string_view line(std::uint32_t number) const;

  std::string text_;                    // "address\tname\n" of each, in lower case
  std::vector<std::size_t> begins_{0};  // of the lines, and the end
  Counts by_domain_;
};

// Keeps a roster while somebody looks at lists. Any thread.
class AccountRoster {
 public:
  using Each = std::function<void(std::string_view address, std::string_view name)>;
  // Calls Each with every account there is.
  using Read = std::function<Result<void>(const Each&)>;
  explicit AccountRoster(Read read) : read_(std::move(read)) {}

  // Read anew for each call where that takes no time; where it does, in the background, so that
  // reading takes a twentieth of the time at most. The first call waits. Errors: the store's.
  [[nodiscard]] Result<std::shared_ptr<const Roster>> get();

 private:
  using Clock = act::WorkerThread::Clock;
  Result<std::shared_ptr<const Roster>> read_all();

  Read read_;
  std::mutex reading_;  // one reading at a time; taken before mutex_
  std::mutex mutex_;
  std::shared_ptr<const Roster> roster_;
  Clock::duration cost_{};
  Clock::time_point read_at_;
  Clock::time_point used_at_;
  std::once_flag started_;
  act::WorkerThread thread_;  // last: it uses all of the above
};

}  // namespace sekimori::app
