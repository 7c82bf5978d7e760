// Lines of a file or of standard input, of any length up to a bound, without a copy per line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sekimori::app {

class LineReader {
 public:
  // "-" is standard input. Errors: not_found or operating, with the name.
  [[nodiscard]] static Result<LineReader> open(const std::string& path, std::size_t line_max);
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  // The next line without its '\n', valid until the next call; nullopt at the end. A line longer
  // than the bound comes as its first bytes, and too_long() is true for it.
  [[nodiscard]] std::optional<std::string_view> next();
  [[nodiscard]] bool too_long() const { return too_long_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }  // of the last line, from 1

 private:
  LineReader(int fd, std::size_t line_max);
  bool fill();
  int fd_ = -1;
  bool owned_ = true;
  std::size_t line_max_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool eof_ = false;
  bool too_long_ = false;
  std::uint64_t number_ = 0;
};

}  // namespace sekimori::app
