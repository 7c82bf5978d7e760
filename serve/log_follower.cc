#include "serve/log_follower.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "wire/log_line.h"

namespace sekimori::serve {
namespace {

constexpr std::size_t k_chunk = 256UL * 1024;
constexpr int k_poll_ms = 250;
// A writer that was not told of a rotation goes on in the old file; it is read until the new one
// has something, or this long when nothing is written at all.
constexpr std::int64_t k_rotation_grace_ms = 5000;
// A rotated file is looked for among this many siblings at most.
constexpr std::size_t k_siblings_max = 200;

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The hash of a file's first line (its first 512 bytes when that is longer); 0 while no whole first
// line stands there. Not a secret: the file's writer gains nothing from a collision.
std::uint64_t first_line_of(int fd) {
  std::array<char, 512> bytes{};
  const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (n <= 0) return 0;
  std::string_view text(bytes.data(), static_cast<std::size_t>(n));
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos && text.size() < bytes.size()) return 0;
  const std::uint64_t hash = keyed_hash(HashKey{}, text.substr(0, end));
  return hash == 0 ? 1 : hash;
}

std::uint64_t size_of(int fd) {
  struct stat s{};
  return ::fstat(fd, &s) == 0 ? static_cast<std::uint64_t>(s.st_size) : 0;
}

}  // namespace

std::string LogPosition::to_string() const {
  return fmt::format("{:016x} {}\n", first_line, offset);
}

Result<LogPosition> LogPosition::parse(std::string_view text) {
  LogPosition position;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const char* end = text.data() + text.size();
  const auto hash = std::from_chars(text.data(), end, position.first_line, 16);
  if (hash.ec == std::errc() && hash.ptr != end && *hash.ptr == ' ') {
    const auto offset = std::from_chars(hash.ptr + 1, end, position.offset);
    if (offset.ec == std::errc() && offset.ptr == end) return position;
  }
  return bad_input("log position: expected a hash and an offset");
}

Result<LogPosition> load_log_position(const std::string& file) {
  std::ifstream in(file);
  if (!in) return LogPosition{};
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  return LogPosition::parse(text);
}

Result<void> save_log_position(const std::string& file, const LogPosition& position) {
  // Losing the last write only means reading some lines again, under the ids they had: no fsync.
  const std::string next = file + ".new";
  {
    std::ofstream out(next, std::ios::trunc);
    out << position.to_string();
    if (!out.flush()) return operating_failure(fmt::format("cannot write {}", next));
  }
  if (::rename(next.c_str(), file.c_str()) != 0) {
    return operating_failure(fmt::format("cannot replace {}: {}", file, std::strerror(errno)));
  }
  return {};
}

LogFollower::LogFollower(LogFollowerOptions options, ServerMetrics& metrics, OnLine line,
                         OnPosition kept)
    : options_(std::move(options)),
      metrics_(metrics),
      line_(std::move(line)),
      kept_(std::move(kept)),
      position_(options_.position),
      kept_position_(options_.position) {}

LogFollower::~LogFollower() {
  stop();
  close_file();
}

void LogFollower::close_file() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  partial_.clear();
  skipping_ = false;
}

// Opens what stands at the path now. What an earlier run, or a truncation, left unread elsewhere is
// read first.
bool LogFollower::open_current() {
  const int fd = ::open(options_.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat s{};
  if (::fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) {
    ::close(fd);
    return false;
  }
  const std::uint64_t first_line = first_line_of(fd);
  const bool same = position_.first_line != 0 && first_line == position_.first_line &&
                    static_cast<std::uint64_t>(s.st_size) >= position_.offset;
  if (!same) {
    if (position_.first_line != 0) read_old_tail();
    position_ = {};
    if (first_open_ && options_.position.first_line == 0 && !options_.from_start &&
        first_line != 0) {
      // Start behind the last whole line, not within one.
      std::uint64_t end = static_cast<std::uint64_t>(s.st_size);
      char last = 0;
      while (end > 0 && ::pread(fd, &last, 1, static_cast<off_t>(end - 1)) == 1 && last != '\n')
        --end;
      position_ = {first_line, end};
    }
  }
  first_open_ = false;
  fd_ = fd;
  device_ = s.st_dev;
  inode_ = s.st_ino;
  read_offset_ = position_.offset;
  rotated_since_ms_ = 0;
  return true;
}

// The file we were in has another name now (logrotate's .1 or -20260101), or its content was copied
// there and the file truncated. What stood behind our position is read from there.
void LogFollower::read_old_tail() {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path path(options_.path);
  const std::string name = path.filename().string();
  std::size_t seen = 0;
  for (fs::directory_iterator
           it(path.parent_path().empty() ? fs::path(".") : path.parent_path(), failed),
       end;
       !failed && it != end; it.increment(failed)) {
    const std::string sibling = it->path().filename().string();
    if (sibling.size() <= name.size() || !sibling.starts_with(name) || ++seen > k_siblings_max)
      continue;
    const int fd = ::open(it->path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) continue;
    if (first_line_of(fd) == position_.first_line && size_of(fd) >= position_.offset) {
      partial_.clear();
      skipping_ = false;
      read_offset_ = position_.offset;
      while (read_from(fd, k_chunk)) {
      }
      finish_rotated();
      ::close(fd);
      return;
    }
    ::close(fd);
  }
}

// The file has ended for good: what stands behind its last line break was a line.
void LogFollower::finish_rotated() {
  if (!partial_.empty() && !skipping_) give(partial_, position_.offset);
  partial_.clear();
  skipping_ = false;
}

// Reads on in `fd`; true when there may be more.
bool LogFollower::read_from(int fd, std::size_t max_bytes) {
  static thread_local std::vector<char> chunk(k_chunk);
  std::size_t total = 0;
  while (total < max_bytes) {
    const ssize_t n = ::pread(fd, chunk.data(), chunk.size(), static_cast<off_t>(read_offset_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    if (position_.first_line == 0) {
      position_.first_line = first_line_of(fd);
      if (position_.first_line == 0) return false;  // not even one line: look again later
    }
    total += static_cast<std::size_t>(n);
    read_offset_ += static_cast<std::uint64_t>(n);
    metrics_.log_bytes.add(static_cast<std::uint64_t>(n));
    take(std::string_view(chunk.data(), static_cast<std::size_t>(n)));
  }
  return true;
}

void LogFollower::take(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      if (skipping_ || partial_.size() + bytes.size() > wire::k_log_line_max) {
        partial_.clear();
        skipping_ = true;
      } else {
        partial_ += bytes;
      }
      return;
    }
    const std::uint64_t next =
        read_offset_ - (bytes.size() - end - 1);  // read_offset_ is the end of `bytes`
    if (skipping_ || partial_.size() + end > wire::k_log_line_max) {
      metrics_.log_lines_too_long.add();
    } else if (partial_.empty()) {
      give(bytes.substr(0, end), position_.offset);
    } else {
      partial_ += bytes.substr(0, end);
      give(partial_, position_.offset);
    }
    partial_.clear();
    skipping_ = false;
    position_.offset = next;
    bytes.remove_prefix(end + 1);
  }
}

void LogFollower::give(std::string_view line, std::uint64_t offset) {
  metrics_.log_lines.add();
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  std::array<char, 64> id{};
  const auto end =
      fmt::format_to_n(id.data(), id.size(), "log:{:016x}:{}", position_.first_line, offset);
  try {
    line_(line, std::string_view(id.data(), static_cast<std::size_t>(end.out - id.data())));
  } catch (const std::exception&) {
    // One line that cannot be used must not end the reading of all others.
    metrics_.log_lines_unknown.add();
  }
}

void LogFollower::keep() {
  if (position_ == kept_position_ || !kept_) return;
  kept_position_ = position_;
  kept_(position_);
}

bool LogFollower::read_some(std::size_t max_bytes) {
  if (fd_ < 0 && !open_current()) {
    keep();
    return false;
  }
  // Truncated, or written anew from the start under our feet (copytruncate).
  const bool shorter = size_of(fd_) < read_offset_;
  if (shorter || (position_.first_line != 0 && first_line_of(fd_) != position_.first_line)) {
    metrics_.log_truncations.add();
    read_old_tail();
    partial_.clear();
    skipping_ = false;
    position_ = {};
    read_offset_ = 0;
  }
  bool more = read_from(fd_, max_bytes);
  if (!more) {
    struct stat s{};
    const bool there = ::stat(options_.path.c_str(), &s) == 0;
    const bool rotated = there && (s.st_ino != inode_ || s.st_dev != device_);
    if (rotated) {
      if (rotated_since_ms_ == 0) rotated_since_ms_ = steady_ms();
      if (s.st_size > 0 || steady_ms() - rotated_since_ms_ > k_rotation_grace_ms) {
        // Once more: the writer's last lines may have come between our read and the rename.
        while (read_from(fd_, k_chunk)) {
        }
        finish_rotated();
        close_file();
        position_ = {};
        metrics_.log_rotations.add();
        more = open_current();
      }
    }
  }
  keep();
  return more;
}

void LogFollower::start() {
  if (thread_.joinable()) return;
  wake_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void LogFollower::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_, &one, sizeof one);
  thread_.join();
  ::close(wake_);
  wake_ = -1;
}

void LogFollower::run() {
  const int watch = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const std::string folder = std::filesystem::path(options_.path).parent_path().string();
  // The folder tells of writes to the file as well as of its rotation. Without inotify: every 250
  // ms.
  if (watch >= 0) {
    ::inotify_add_watch(watch, folder.empty() ? "." : folder.c_str(),
                        IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE);
  }
  while (!stopping_) {
    bool more = false;
    try {
      more = read_some();
    } catch (const std::exception&) {
      close_file();  // out of memory or a folder that vanished: from the kept position again
      position_ = kept_position_;
    }
    if (more) continue;
    std::array<pollfd, 2> fds{pollfd{wake_, POLLIN, 0}, pollfd{watch, POLLIN, 0}};
    ::poll(fds.data(), watch >= 0 ? 2 : 1, k_poll_ms);
    std::array<char, 8192> events{};
    while (watch >= 0 && ::read(watch, events.data(), events.size()) > 0) {
    }
  }
  if (watch >= 0) ::close(watch);
}

}  // namespace sekimori::serve
