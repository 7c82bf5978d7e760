#include "store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>
#include <system_error>

#include "base/check.h"
#include "store/files.h"
#include "wire/event_json.h"

namespace sekimori::store {
namespace {

// Segments that were filled but not yet synced. More than this means that sync() is not called; the
// appender then syncs itself, so that descriptors cannot run out.
constexpr std::size_t k_unsynced_max = 8;
// The tail is looked at backwards in steps of this size.
constexpr std::uint64_t k_tail_step = 1024 * 1024;
// A thread's line buffer is given back above this (a rare message to thousands of recipients).
constexpr std::size_t k_buffer_kept = 64 * 1024;

std::string segment_path(const std::string& directory, std::uint64_t first) {
  return fmt::format("{}/events-{:020}.ndjson", directory, first);
}

struct Tail {
  std::uint64_t good_bytes = 0;     // up to and with the line break of the last good line
  std::uint64_t last_sequence = 0;  // of that line; 0: there is none
};

// Finds the last finished line that carries a sequence number. What follows it is what a crash or a
// power cut left: half a line, or blocks of zeros.
Result<Tail> find_tail(const std::string& path, std::uint64_t size) {
  auto file = open_file(path, O_RDONLY);
  if (!file) return std::unexpected(file.error());
  std::string bytes;  // of [begin, size)
  std::uint64_t begin = size;
  for (;;) {
    // Lines that end within `bytes` and whose beginning is known, from the last to the first.
    std::size_t stop = bytes.rfind('\n');
    while (stop != std::string::npos) {
      const std::size_t before = stop == 0 ? std::string::npos : bytes.rfind('\n', stop - 1);
      if (before == std::string::npos && begin > 0) break;  // begins further in front
      const std::size_t first = before == std::string::npos ? 0 : before + 1;
      const std::string_view line = std::string_view(bytes).substr(first, stop - first);
      const std::uint64_t sequence =
          line.find('\0') == std::string_view::npos ? line_sequence(line) : 0;
      if (sequence != 0) return Tail{begin + stop + 1, sequence};
      stop = before;
    }
    if (begin == 0) return Tail{};
    const std::uint64_t step = std::min(begin, k_tail_step);
    std::string front(step, '\0');
    const ssize_t n = ::pread(file->get(), front.data(), step, static_cast<off_t>(begin - step));
    if (n < 0 && errno == EINTR) continue;
    if (n != static_cast<ssize_t>(step)) return errno_failure("read", path);
    // Only the part up to the first line break can still matter of what was read before.
    const std::size_t keep = stop == std::string::npos ? bytes.size() : stop + 1;
    bytes = front + bytes.substr(0, keep);
    begin -= step;
  }
}

}  // namespace

struct Journal::State {
  JournalSettings settings;
  FileHandle lock;

  // Guards all below; held for one write(2).
  mutable std::mutex mutex;
  FileHandle file;
  std::string path;
  std::uint64_t good_bytes = 0;  // of the current segment: whole lines
  bool torn = false;             // bytes behind good_bytes must be cut off first
  bool fresh = false;            // the directory has a name that is not durable
  bool start_new = false;        // sync failed: what this file holds on disk is unknown, leave it
  std::uint64_t last_sequence = 0;
  std::uint64_t old_bytes = 0;  // of the other segments
  std::uint64_t segments = 0;
  std::uint64_t durable = 0;
  std::uint64_t appended = 0;
  std::uint64_t failed = 0;
  std::uint64_t torn_bytes = 0;
  std::vector<FileHandle> unsynced;

  std::mutex sync_mutex;  // taken before `mutex`; one sync or removal at a time

  Result<void> begin_segment() {
    std::string next = segment_path(settings.directory, last_sequence + 1);
    auto opened = open_file(next, O_RDWR | O_CREAT | O_APPEND);
    if (!opened) {
      // The whole directory may have been deleted under us.
      if (!make_directory(settings.directory)) return std::unexpected(opened.error());
      opened = open_file(next, O_RDWR | O_CREAT | O_APPEND);
      if (!opened) return std::unexpected(opened.error());
    }
    struct stat info{};
    if (::fstat(opened->get(), &info) != 0) return errno_failure("look at", next);
    if (info.st_size != 0) {
      return operating_failure(fmt::format("{} should be empty and is not: move it away", next));
    }
    if (file.is_open()) {
      if (unsynced.size() >= k_unsynced_max) {
        if (::fdatasync(unsynced.front().get()) != 0) return errno_failure("sync", path);
        unsynced.erase(unsynced.begin());
      }
      unsynced.push_back(std::move(file));
      old_bytes += good_bytes;
    }
    file = std::move(*opened);
    path = std::move(next);
    good_bytes = 0;
    torn = false;
    start_new = false;
    fresh = true;
    ++segments;
    return {};
  }

  Result<void> cut() {
    if (::ftruncate(file.get(), static_cast<off_t>(good_bytes)) != 0) {
      return errno_failure("cut off an unfinished line of", path);
    }
    torn = false;
    return {};
  }

  Result<std::uint64_t> write(std::string& line) {
    // A file that cannot even be cut is left as it is: a reader ignores its unfinished last line.
    if (torn && !cut()) start_new = true;
    if (start_new || (good_bytes > 0 && good_bytes >= settings.segment_bytes)) {
      if (auto done = begin_segment(); !done) return std::unexpected(done.error());
    }
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, last_sequence + 1).ptr;
    line.append(digits, end).append("}\n");
    torn = true;  // until we know better
    if (auto written = write_all(file.get(), line, path); !written) {
      // A full disk takes half a line: cut it off now, or before the next line if even that fails.
      Error error = std::move(written.error());
      (void)cut();
      return std::unexpected(std::move(error));
    }
    torn = false;
    good_bytes += line.size();
    ++appended;
    return ++last_sequence;
  }
};

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}

Journal::~Journal() { (void)sync(); }

Result<std::unique_ptr<Journal>> Journal::open(JournalSettings settings) {
  auto state = std::make_unique<State>();
  state->settings = std::move(settings);
  State& s = *state;
  const std::string& directory = s.settings.directory;
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const std::string lock_path = directory + "/journal.lock";
  auto lock = open_file(lock_path, O_RDWR | O_CREAT);
  if (!lock) return std::unexpected(lock.error());
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_failure("lock", lock_path);
    return operating_failure(
        fmt::format("another process writes the journal in {}: end it first", directory));
  }
  s.lock = std::move(*lock);

  auto segments = journal_segments(directory);
  if (!segments) return std::unexpected(segments.error());
  s.segments = segments->size();
  if (segments->empty()) {
    if (auto begun = s.begin_segment(); !begun) return std::unexpected(begun.error());
  } else {
    const JournalSegment& last = segments->back();
    auto tail = find_tail(last.path, last.bytes);
    if (!tail) return std::unexpected(tail.error());
    for (const JournalSegment& segment : *segments) s.old_bytes += segment.bytes;
    s.old_bytes -= last.bytes;
    auto opened = open_file(last.path, O_RDWR | O_APPEND);
    if (!opened) return std::unexpected(opened.error());
    s.file = std::move(*opened);
    s.path = last.path;
    s.good_bytes = tail->good_bytes;
    s.last_sequence = tail->last_sequence != 0 ? tail->last_sequence : last.first - 1;
    s.torn_bytes = last.bytes - tail->good_bytes;
    if (s.torn_bytes > 0) {
      if (auto done = s.cut(); !done) return std::unexpected(done.error());
    }
    s.fresh = true;
  }
  // What is there was perhaps never synced (the process before us was killed); the first sync does
  // it.
  return std::unique_ptr<Journal>(new Journal(std::move(state)));
}

Result<std::uint64_t> Journal::append(const Event& event) {
  // Formatted before the lock is taken; the buffer is kept, so that a thread allocates once.
  thread_local std::string line;
  line.clear();
  wire::append_event(line, event);
  SEKIMORI_CHECK(line.ends_with("}\n"));
  line.resize(line.size() - 2);
  line += ",\"seq\":";
  Result<std::uint64_t> result;
  {
    const std::lock_guard guard(state_->mutex);
    result = state_->write(line);
    if (!result) ++state_->failed;
  }
  if (line.capacity() > k_buffer_kept) std::string().swap(line);
  return result;
}

Result<std::uint64_t> Journal::sync() {
  State& s = *state_;
  const std::lock_guard one_at_a_time(s.sync_mutex);
  std::vector<FileHandle> old;
  FileHandle current;
  bool fresh = false;
  std::uint64_t covered = 0;
  {
    const std::lock_guard guard(s.mutex);
    if (s.durable == s.last_sequence && !s.fresh && s.unsynced.empty()) return s.durable;
    // A second descriptor, so that a new segment may begin while this one is being synced.
    current = FileHandle(::fcntl(s.file.get(), F_DUPFD_CLOEXEC, 0));
    if (!current.is_open()) return errno_failure("sync", s.path);
    old.swap(s.unsynced);
    fresh = s.fresh;
    covered = s.last_sequence;
  }
  Result<void> done;
  for (const FileHandle& handle : old) {
    if (::fdatasync(handle.get()) != 0 && done) done = errno_failure("sync", s.settings.directory);
  }
  if (::fdatasync(current.get()) != 0 && done) done = errno_failure("sync", s.settings.directory);
  if (fresh && done) done = sync_directory(s.settings.directory);
  struct stat info{};
  if (done && ::fstat(current.get(), &info) == 0 && info.st_nlink == 0) {
    done =
        operating_failure(fmt::format("the journal in {} was deleted while in use; a new segment "
                                      "begins with the next event",
                                      s.settings.directory));
  }
  const std::lock_guard guard(s.mutex);
  if (!done) {
    // After a failed fsync Linux forgets which pages were dirty: a second one would say "all well".
    // So nothing more goes into this file.
    s.start_new = true;
    return std::unexpected(done.error());
  }
  if (fresh && s.unsynced.empty()) s.fresh = false;
  s.durable = covered;
  return covered;
}

Result<std::size_t> Journal::remove_old(Instant before, std::uint64_t needed_from) {
  State& s = *state_;
  const std::lock_guard one_at_a_time(s.sync_mutex);
  auto segments = journal_segments(s.settings.directory);
  if (!segments) return std::unexpected(segments.error());
  std::size_t removed = 0;
  for (std::size_t i = 0; i + 1 < segments->size(); ++i) {
    const JournalSegment& segment = (*segments)[i];
    if ((*segments)[i + 1].first > needed_from) break;  // its last event is still needed
    struct stat info{};
    if (::stat(segment.path.c_str(), &info) != 0) return errno_failure("look at", segment.path);
    const std::int64_t written_us =
        static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000 + info.st_mtim.tv_nsec / 1000;
    if (written_us >= before.us) break;
    if (::unlink(segment.path.c_str()) != 0) return errno_failure("remove", segment.path);
    ++removed;
    const std::lock_guard guard(s.mutex);
    s.old_bytes -= std::min(s.old_bytes, segment.bytes);
    --s.segments;
  }
  return removed;
}

JournalCounters Journal::counters() const {
  const State& s = *state_;
  const std::lock_guard guard(s.mutex);
  return {.appended = s.appended,
          .failed = s.failed,
          .torn_bytes = s.torn_bytes,
          .last_sequence = s.last_sequence,
          .durable_sequence = s.durable,
          .bytes = s.old_bytes + s.good_bytes,
          .segments = s.segments};
}

}  // namespace sekimori::store
