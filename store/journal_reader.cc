#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "store/files.h"
#include "store/journal.h"
#include "wire/event_json.h"

namespace sekimori::store {
namespace {

constexpr std::string_view k_prefix = "events-";
constexpr std::string_view k_suffix = ".ndjson";
constexpr std::size_t k_digits = 20;  // of 2^64 - 1
constexpr std::string_view k_sequence_key = ",\"seq\":";
// The longest event and its sequence number.
constexpr std::size_t k_line_max = wire::k_event_line_max + 64;
// Bytes read at once: large enough that system calls do not matter, small beside the model.
constexpr std::size_t k_chunk = 4 * 1024 * 1024;

// Walks the lines of one segment.
class SegmentReader {
 public:
  SegmentReader(const JournalSegment& segment, JournalReading& reading)
      : segment_(segment),
        name_(std::filesystem::path(segment.path).filename().string()),
        reading_(reading) {}

  // Calls each(line) for every finished line; false from it ends the walk.
  template <class Each>
  Result<bool> lines(const Each& each) {
    auto file = open_file(segment_.path, O_RDONLY);
    if (!file) return std::unexpected(file.error());
    std::string buffer;
    std::size_t used = 0;   // bytes of `buffer` that begin an unfinished line
    bool overlong = false;  // inside a line that is longer than any event
    for (;;) {
      if (buffer.size() < used + k_chunk) buffer.resize(used + k_chunk);
      const ssize_t n = ::read(file->get(), buffer.data() + used, k_chunk);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_failure("read", segment_.path);
      if (n == 0) break;
      const char* line = buffer.data();
      const char* scan = buffer.data() + used;
      const char* const end = scan + n;
      while (const char* stop = static_cast<const char*>(
                 std::memchr(scan, '\n', static_cast<std::size_t>(end - scan)))) {
        ++number_;
        if (overlong)
          problem("the line is too long");
        else if (!each(std::string_view(line, static_cast<std::size_t>(stop - line))))
          return false;
        overlong = false;
        line = scan = stop + 1;
      }
      used = static_cast<std::size_t>(end - line);
      if (overlong || used > k_line_max) {
        overlong = true;
        used = 0;
      } else {
        std::memmove(buffer.data(), line, used);
      }
    }
    reading_.torn_tail = overlong || used > 0;
    return true;
  }

  void problem(std::string_view what) {
    ++reading_.skipped;
    if (reading_.problems.size() < JournalReading::k_problems_max) {
      reading_.problems.push_back(fmt::format("{}:{}: {}", name_, number_, what));
    }
  }

 private:
  const JournalSegment& segment_;
  std::string name_;
  JournalReading& reading_;
  std::uint64_t number_ = 0;
};

}  // namespace

std::uint64_t line_sequence(std::string_view line) {
  if (line.size() < 2 || line.front() != '{' || line.back() != '}') return 0;
  line.remove_suffix(1);
  // Looked for near the end only: 20 digits and the key.
  const std::size_t window = std::min(line.size(), k_digits + k_sequence_key.size());
  const std::string_view tail = line.substr(line.size() - window);
  const std::size_t at = tail.rfind(k_sequence_key);
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = tail.substr(at + k_sequence_key.size());
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() ? value : 0;
}

Result<std::vector<JournalSegment>> journal_segments(const std::string& directory) {
  std::vector<JournalSegment> segments;
  std::error_code error;
  std::filesystem::directory_iterator at(directory, error);
  if (error == std::errc::no_such_file_or_directory) return segments;
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.size() != k_prefix.size() + k_digits + k_suffix.size() ||
        !name.starts_with(k_prefix) || !name.ends_with(k_suffix)) {
      continue;
    }
    JournalSegment segment;
    const char* digits = name.data() + k_prefix.size();
    const auto parsed = std::from_chars(digits, digits + k_digits, segment.first);
    if (parsed.ec != std::errc{} || parsed.ptr != digits + k_digits) continue;
    segment.path = at->path().string();
    std::error_code gone;  // removed by retention while we look: not there
    segment.bytes = at->file_size(gone);
    if (!gone) segments.push_back(std::move(segment));
  }
  if (error) {
    return operating_failure(fmt::format("cannot read {}: {}", directory, error.message()));
  }
  std::ranges::sort(segments, {}, &JournalSegment::first);
  return segments;
}

Result<JournalReading> read_journal(
    const std::string& directory, std::uint64_t from,
    const std::function<bool(std::uint64_t sequence, const Event&)>& each,
    const std::function<bool(std::string_view line)>& wanted) {
  const auto segments = journal_segments(directory);
  if (!segments) return std::unexpected(segments.error());
  JournalReading reading;
  std::uint64_t expected = 0;  // 0: not known yet
  for (std::size_t i = 0; i < segments->size(); ++i) {
    if (i + 1 < segments->size() && (*segments)[i + 1].first <= from) continue;
    SegmentReader reader((*segments)[i], reading);
    auto done = reader.lines([&](std::string_view line) {
      const std::uint64_t sequence = line_sequence(line);
      if (sequence == 0) {
        reader.problem("no sequence number at the end of the line");
        return true;
      }
      if (sequence < from) return true;
      if (expected != 0 && sequence < expected) {
        reader.problem(fmt::format("sequence number {} comes again or too late", sequence));
        return true;
      }
      if (expected != 0) reading.missing += sequence - expected;
      expected = sequence + 1;
      if (wanted && !wanted(line)) return true;
      auto event = wire::parse_event(line);
      if (!event) {
        reader.problem(event.error().text);
        return true;
      }
      ++reading.events;
      reading.last_sequence = sequence;
      reading.stopped = !each(sequence, *event);
      return !reading.stopped;
    });
    if (!done) return std::unexpected(done.error());
    if (!*done) break;
  }
  return reading;
}

Result<JournalPlace> journal_place(const std::string& directory, Instant t) {
  const auto segments = journal_segments(directory);
  if (!segments) return std::unexpected(segments.error());
  JournalPlace place;
  for (const JournalSegment& segment : *segments) {
    std::optional<Instant> begins;
    JournalReading reading;
    SegmentReader reader(segment, reading);
    auto done = reader.lines([&](std::string_view line) {
      if (const auto event = wire::parse_event(line)) begins = event->t;
      return !begins;
    });
    // Removed by retention while we look: it is not there.
    if (!done || !begins) continue;
    if (!place.first.is_set()) place.first = *begins;
    if (*begins > t) break;
    place.from = segment.first;
  }
  return place;
}

}  // namespace sekimori::store
