// One log file as lines, whatever it was compressed with (gzip, xz, zstd, bzip2, lz4, compress),
// and also where it is systemd's journal as `journalctl -o export` or `-o json` prints it: told by
// its content and not by its name. Nothing is unpacked to disk and no program is run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sekimori::serve {

// One thread at a time. Memory: a block of 256 KiB, a line, and what the compression needs (xz -9:
// 65 MiB) between begin() and end().
class LogArchive {
 public:
  // "-" is standard input. Only opens the file, so that rights given up later still suffice.
  // Errors: not_found, operating, bad_input (a folder), each with the name.
  [[nodiscard]] static Result<LogArchive> open(const std::string& path);
  LogArchive(LogArchive&&) noexcept;
  LogArchive& operator=(LogArchive&&) noexcept;
  ~LogArchive();

  // Reads from the first line on; a second time only where can_rewind(). Errors: operating.
  [[nodiscard]] Result<void> begin();
  // The next line without its line break, valid until the next call; nullopt at the end. Lines
  // longer than wire::k_log_line_max are left out and counted. What stands behind the last line
  // break is a line unless the file is broken there.
  [[nodiscard]] std::optional<std::string_view> next();
  // Frees what decompressing needs.
  void end();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool can_rewind() const { return regular_; }
  // As the file's status says; of standing input, when it was opened.
  [[nodiscard]] Instant modified() const { return modified_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }  // bytes on disk; 0: not known
  [[nodiscard]] std::uint64_t consumed() const;               // bytes of these that were read
  // How its content was packed: "none", "gzip", "xz", "zstd", …; known after begin().
  [[nodiscard]] const std::string& packed() const { return packed_; }
  // "" or why the file ended before its end ("truncated gzip input"): the lines before it stand.
  [[nodiscard]] const std::string& broken() const { return broken_; }
  [[nodiscard]] std::uint64_t lines_too_long() const { return too_long_; }
  // Of a journal, those without a time or a message that were read since begin(); 0 behind end().
  [[nodiscard]] std::uint64_t entries_passed_over() const;

 private:
  LogArchive() = default;
  bool fill();
  void take(std::size_t had);
  struct Reader;
  std::string name_;
  int fd_ = -1;
  bool owned_ = false;
  bool regular_ = false;
  Instant modified_;
  std::uint64_t size_ = 0;
  std::uint64_t consumed_ = 0;
  std::uint64_t too_long_ = 0;
  std::string packed_;
  std::string broken_;
  std::unique_ptr<Reader> reader_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace sekimori::serve
