// A file of counters: what changed is appended, the whole is written anew now and then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "store/files.h"

namespace sekimori::store {

// A file that grows by records and is written anew when it has grown too much. One thread.
class RecordFile {
 public:
  explicit RecordFile(std::string path) : path_(std::move(path)) {}

  // The whole file, "" where there is none. Errors: operating; bad_input when it is longer than
  // `bytes_max`.
  [[nodiscard]] Result<std::string> read(std::size_t bytes_max) const;
  // One write(2) at the end, so that what is there survives the process. Errors: operating.
  [[nodiscard]] Result<void> append(std::string_view bytes);
  // Durable against a power cut. Nothing where nothing was appended since.
  [[nodiscard]] Result<void> sync();
  // A new file beside the old one, which takes its place with commit(), durable.
  [[nodiscard]] Result<void> begin(std::string_view head);
  [[nodiscard]] Result<void> add(std::string_view bytes);
  [[nodiscard]] Result<void> commit();
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::string path_;
  FileHandle file_;
  FileHandle next_;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_bytes_ = 0;
  bool dirty_ = false;
};

}  // namespace sekimori::store
