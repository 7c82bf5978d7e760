// A rotated set of logs, given in any order, as one stream of lines in the order of their time:
// files one after the other, and side by side where several hosts wrote at the same time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "serve/log_archive.h"
#include "wire/log_line.h"

namespace sekimori::serve {

struct LogSetOptions {
  Instant now;                    // no line is later
  std::int32_t utc_offset_s = 0;  // the writers', of stamps that do not say it
};

// One thread at a time. At most k_open_max files are read at once.
class LogSet {
 public:
  // Files read at the same time: so many hosts' logs may overlap. 16 × 65 MiB for xz at its
  // largest.
  static constexpr std::size_t k_open_max = 16;
  // A file whose first lines have no stamp is no log.
  static constexpr std::size_t k_probe_lines = 200;

  // One of the set, as it was found and how far it was read.
  struct File {
    std::string name;
    std::string packed;
    Instant first;      // stamp of its first line; unset: no line has one
    Instant reference;  // what completes its stamps without a year
    std::uint64_t lines = 0;
    std::uint64_t lines_too_long = 0;
    std::string trouble;    // "" or what is wrong with it
    bool unusable = false;  // nothing of it can be read
  };
  struct Line {
    std::string_view text;         // until the next call
    Instant t;                     // its stamp, or that of the line before it
    wire::LogStamps::Stamp stamp;  // for wire::parse_stamped_line; length 0: it has none
    Instant reference;             // for wire::LogContext, and the latest time that it can have
    std::size_t file = 0;          // in files()
  };

  // Looks at the beginning of every file, so that their order is known. The year of an RFC 3164
  // stamp is taken from the file's time of last change: rotation and compression keep it, and a set
  // that crosses New Year falls into place by it. Of standard input, from `now`.
  LogSet(std::vector<LogArchive> archives, LogSetOptions options);

  // The next line of all, until the next call; null at the end.
  [[nodiscard]] const Line* next();

  // In the order in which they are read.
  [[nodiscard]] const std::vector<File>& files() const { return files_; }
  // Bytes on disk: of all, and of these that were read. 0 of 0 where nothing is known (a pipe).
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::uint64_t bytes_read() const;

 private:
  struct Open {
    std::size_t file = 0;
    Line line;
    wire::LogStamps stamps;
  };
  void probe(LogArchive& archive, File& file);
  bool advance(Open& open);
  void open_due();

  LogSetOptions options_;
  std::vector<LogArchive> archives_;  // as files_
  std::vector<File> files_;
  std::vector<Open> open_;
  std::size_t next_file_ = 0;
  bool given_ = false;  // open_.front() was handed out
  std::uint64_t bytes_ = 0;
};

}  // namespace sekimori::serve
