// The event journal: what was heard, on disk before it is answered.
//
// A directory of NDJSON segments `events-<first sequence, 20 digits>.ndjson`. A line is the event
// as wire/event_json.h writes it with one more key at its end, `"seq":N`; sequence numbers grow by
// one over all segments. One process writes at a time (a lock file sees to that); anything may
// read.
//
// append() is one write(2) and returns; the bytes then outlive a kill -9 of the process. sync(),
// called by one background thread at least every 100 ms, makes them outlive a power cut.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/result.h"
#include "decide/ports.h"

namespace sekimori::store {

struct JournalSettings {
  std::string directory;
  // A new segment begins when this is exceeded: large enough that a day of a busy server is a
  // handful of files, small enough that retention and a reader's skipping work in useful steps.
  std::uint64_t segment_bytes = 64ULL * 1024 * 1024;
};

struct JournalCounters {
  std::uint64_t appended = 0;          // events, since open
  std::uint64_t failed = 0;            // appends refused because the disk was full or gone
  std::uint64_t torn_bytes = 0;        // cut off at open: an unfinished last line
  std::uint64_t last_sequence = 0;     // 0: none
  std::uint64_t durable_sequence = 0;  // known to be on disk
  std::uint64_t bytes = 0;             // of all segments
  std::uint64_t segments = 0;
};

class Journal : public decide::EventJournal {
 public:
  // Makes the directory when there is none, cuts off what a crash left unfinished at the end of the
  // last segment and goes on from the last sequence number. Errors: operating (no rights, disk, or
  // another process writes this journal).
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(JournalSettings settings);
  ~Journal() override;

  // Any thread. Errors: operating; nothing of the event is then in the journal, no sequence number
  // was used up, and the next append tries anew (a full disk heals by itself once there is room).
  [[nodiscard]] Result<std::uint64_t> append(const Event&) override;

  // Makes everything appended so far durable and returns the last sequence number covered. One
  // thread at a time; appends go on meanwhile. Errors: operating; call again.
  [[nodiscard]] Result<std::uint64_t> sync();

  // Removes whole segments last written before `before` (their files' own times) that hold nothing
  // from `needed_from` on (the sequence a recovery would begin at: SnapshotSet::replay_from of the
  // oldest snapshot kept). Never the segment being written. Returns how many went.
  [[nodiscard]] Result<std::size_t> remove_old(Instant before, std::uint64_t needed_from);

  [[nodiscard]] JournalCounters counters() const;

 private:
  struct State;
  explicit Journal(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct JournalReading {
  std::uint64_t events = 0;         // given to the callback
  std::uint64_t skipped = 0;        // malformed lines
  std::uint64_t missing = 0;        // sequence numbers that do not stand where they should
  std::uint64_t last_sequence = 0;  // of the last event given; 0: none
  bool torn_tail = false;           // the last line has no end (yet): being written, or a crash
  bool stopped = false;             // the callback returned false
  // "events-….ndjson:17: what is wrong", the first k_problems_max.
  std::vector<std::string> problems;
  static constexpr std::size_t k_problems_max = 100;
};

// Reads the events from sequence number `from` on, in order; `each` returns false to stop. A
// malformed line is reported and skipped. Safe beside a writing Journal. A directory that is not
// there is empty. Errors: operating (unreadable).
// With `wanted` a line is read as an event only where that says so of its bytes: passing over what
// is not asked for costs a tenth of reading it.
[[nodiscard]] Result<JournalReading> read_journal(
    const std::string& directory, std::uint64_t from,
    const std::function<bool(std::uint64_t sequence, const Event&)>& each,
    const std::function<bool(std::string_view line)>& wanted = nullptr);

// Where reading begins for what happened from `t` on, by the first event of each segment.
struct JournalPlace {
  std::uint64_t from = 1;  // a sequence number
  Instant first;           // the time of the first event of all; unset: there is none
};
[[nodiscard]] Result<JournalPlace> journal_place(const std::string& directory, Instant t);

// For the journal's own files; sorted by first sequence.
struct JournalSegment {
  std::uint64_t first = 0;
  std::string path;
  std::uint64_t bytes = 0;
};
[[nodiscard]] Result<std::vector<JournalSegment>> journal_segments(const std::string& directory);
// The sequence number at the end of a line (without its line break); 0 where there is none. The key
// stands last in the line and a text's quotes are escaped, so no event's content can look like it.
[[nodiscard]] std::uint64_t line_sequence(std::string_view line);

}  // namespace sekimori::store
