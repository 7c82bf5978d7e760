// Follows a log file line by line through rotation (rename and create), copytruncate and restarts,
// without losing or repeating a line: the position kept is (first line's hash, offset), so a file
// is known again under whatever name it has by then.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.h"
#include "serve/server_metrics.h"

namespace sekimori::serve {

// Where reading goes on. The file is told by the hash of its first line (which begins with a time
// stamp): inodes are reused, names change.
struct LogPosition {
  std::uint64_t first_line = 0;  // 0: nothing was read yet
  std::uint64_t offset = 0;      // bytes; the start of the next unread line
  bool operator==(const LogPosition&) const = default;

  [[nodiscard]] std::string to_string() const;
  // Errors: bad_input.
  [[nodiscard]] static Result<LogPosition> parse(std::string_view text);
};
// A small state file, replaced as a whole. load: a missing file is the position of nothing read.
[[nodiscard]] Result<LogPosition> load_log_position(const std::string& file);
[[nodiscard]] Result<void> save_log_position(const std::string& file, const LogPosition& position);

struct LogFollowerOptions {
  std::string path;
  LogPosition position;  // where an earlier run ended
  bool from_start =
      false;  // without a position: from the first line, or only what comes from now on
};

// One thread at a time, except where said.
class LogFollower {
 public:
  // `line` gets each line without its line break, and an id that is the same whenever this line of
  // this file is read again. `kept` gets the new position after each batch of lines.
  using OnLine = std::function<void(std::string_view line, std::string_view id)>;
  using OnPosition = std::function<void(const LogPosition&)>;

  LogFollower(LogFollowerOptions options, ServerMetrics& metrics, OnLine line, OnPosition kept);
  ~LogFollower();  // stops
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  // Reads what is there now, at most about `max_bytes`; true when there is more. A missing file is
  // no error: it may come.
  bool read_some(std::size_t max_bytes = 4UL * 1024 * 1024);
  [[nodiscard]] LogPosition position() const { return position_; }

  // Calls read_some on a thread of its own whenever the file or its folder changes (inotify), and
  // at least every 250 ms. stop() is for any other thread.
  void start();
  void stop();

 private:
  bool open_current();
  void finish_rotated();
  void read_old_tail();
  bool read_from(int fd, std::size_t max_bytes);
  void take(std::string_view bytes);
  void give(std::string_view line, std::uint64_t offset);
  void close_file();
  void keep();
  void run();

  LogFollowerOptions options_;
  ServerMetrics& metrics_;
  OnLine line_;
  OnPosition kept_;
  int fd_ = -1;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  LogPosition position_;
  LogPosition kept_position_;
  std::uint64_t read_offset_ = 0;  // position_.offset plus what stands in partial_
  std::string partial_;            // a line whose end has not been written yet
  bool skipping_ = false;          // within a line that is too long
  bool first_open_ = true;
  std::int64_t rotated_since_ms_ = 0;

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  int wake_ = -1;
};

}  // namespace sekimori::serve
