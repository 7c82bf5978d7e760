// Snapshots of the engine's state: from the newest complete one and the journal behind it the same
// state stands again.
//
// A snapshot is a directory `snapshot-<number, 20 digits>` of files, one for each part (shard), and
// a MANIFEST that names them with their sequence numbers, lengths and hashes. It is written beside
// as `….tmp`, synced and then renamed as a whole: a crash leaves either all of it or nothing. The
// last k_snapshots_kept stay, in case the newest turns out to be unreadable.
//
// One thread at a time, and only one process, the daemon, writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sekimori::store {

inline constexpr std::size_t k_snapshots_kept = 2;
// A shard of 1/64 of ten million accounts at 512 bytes is 80 MB; a file beyond this is no snapshot.
inline constexpr std::uint64_t k_snapshot_part_bytes_max = 4ULL * 1024 * 1024 * 1024;
inline constexpr std::size_t k_snapshot_parts_max = 1024;

// Writes one snapshot; destroyed without commit() it leaves nothing.
class SnapshotWriter {
 public:
  // Errors: operating.
  [[nodiscard]] static Result<SnapshotWriter> begin(const std::string& directory);
  SnapshotWriter(SnapshotWriter&& other) noexcept;
  SnapshotWriter& operator=(SnapshotWriter&&) = delete;
  ~SnapshotWriter();

  // `name`: lower-case letters, digits, '-', '_', '.'; each once. `sequence`: the last journal
  // event that is folded into these bytes. Errors: operating (then every later call fails too),
  // bad_input.
  [[nodiscard]] Result<void> add(std::string_view name, std::uint64_t sequence,
                                 std::string_view bytes);
  // Makes the snapshot durable and the newest; removes those that are too old. Errors: operating.
  [[nodiscard]] Result<void> commit();

 private:
  friend class SnapshotSet;
  struct Part {
    std::string name;
    std::uint64_t sequence = 0;
    std::uint64_t length = 0;
    std::uint64_t hash = 0;
  };
  SnapshotWriter() = default;
  std::string directory_;
  std::uint64_t number_ = 0;
  std::string temporary_;  // "" once committed or moved from
  std::vector<Part> parts_;
  bool failed_ = false;
};

// A complete snapshot whose files were all checked.
class SnapshotSet {
 public:
  // The newest one that is complete; older ones are tried when it is not (`problems` then says
  // why). Errors: not_found when there is none, operating.
  [[nodiscard]] static Result<SnapshotSet> open_newest(const std::string& directory);

  // Reads the parts in the order they were written; an error from `each` ends it and is returned.
  // Errors: operating, bad_input (changed since it was checked).
  [[nodiscard]] Result<void> read(
      const std::function<Result<void>(std::string_view name, std::uint64_t sequence,
                                       std::string_view bytes)>& each) const;
  // The journal must be replayed from this sequence number on (parts that are ahead skip what they
  // hold already).
  [[nodiscard]] std::uint64_t replay_from() const;
  [[nodiscard]] std::uint64_t number() const { return number_; }
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  // Reads and checks the manifest only.
  [[nodiscard]] static Result<SnapshotSet> check(const std::string& directory,
                                                 std::uint64_t number);
  friend Result<std::uint64_t> journal_needed_from(const std::string& directory);
  std::string path_;
  std::uint64_t number_ = 0;
  std::vector<SnapshotWriter::Part> parts_;
  std::vector<std::string> problems_;
};

// What the journal must keep: the lowest replay_from() of all complete snapshots, or 1 when there
// are fewer than k_snapshots_kept (everything may still be needed).
[[nodiscard]] Result<std::uint64_t> journal_needed_from(const std::string& directory);

}  // namespace sekimori::store
