#include "app/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sekimori::app {
namespace {
constexpr std::size_t k_chunk = 1 << 20;
}

Result<LineReader> LineReader::open(const std::string& path, std::size_t line_max) {
  if (path == "-") {
    LineReader reader(STDIN_FILENO, line_max);
    reader.owned_ = false;
    return reader;
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    std::string text = fmt::format("{}: {}", path, std::strerror(error));
    if (error == ENOENT) return not_found(std::move(text));
    return operating_failure(std::move(text));
  }
  return LineReader(fd, line_max);
}

LineReader::LineReader(int fd, std::size_t line_max) : fd_(fd), line_max_(line_max) {
  buffer_.resize(k_chunk);
}

LineReader::LineReader(LineReader&& o) noexcept
    : fd_(std::exchange(o.fd_, -1)),
      owned_(o.owned_),
      line_max_(o.line_max_),
      buffer_(std::move(o.buffer_)),
      begin_(o.begin_),
      end_(o.end_),
      eof_(o.eof_),
      too_long_(o.too_long_),
      number_(o.number_) {}

LineReader::~LineReader() {
  if (fd_ >= 0 && owned_) ::close(fd_);
}

// Brings more bytes behind end_, moving or growing the buffer where needed. False at the end.
bool LineReader::fill() {
  if (eof_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  while (true) {
    const ssize_t n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      eof_ = true;
      return false;
    }
    end_ += static_cast<std::size_t>(n);
    return true;
  }
}

std::optional<std::string_view> LineReader::next() {
  too_long_ = false;
  std::size_t searched = 0;
  while (true) {
    const char* from = buffer_.data() + begin_ + searched;
    const void* found = std::memchr(from, '\n', end_ - begin_ - searched);
    if (found != nullptr) {
      const auto length =
          static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
      std::string_view line(buffer_.data() + begin_, length);
      begin_ += length + 1;
      ++number_;
      if (length > line_max_) {
        too_long_ = true;
        line = line.substr(0, line_max_);
      }
      return line;
    }
    searched = end_ - begin_;
    if (searched > line_max_) {
      // Keep the first bytes, skip to the end of the line in bounded memory.
      too_long_ = true;
      ++number_;
      std::string head(buffer_.data() + begin_, line_max_);
      while (true) {
        begin_ = end_;
        if (!fill()) break;
        const void* end = std::memchr(buffer_.data() + begin_, '\n', end_ - begin_);
        if (end != nullptr) {
          begin_ = static_cast<std::size_t>(static_cast<const char*>(end) - buffer_.data()) + 1;
          break;
        }
      }
      // The head goes in front of what was read, so that the view stays valid.
      buffer_.insert(0, head);
      begin_ += head.size();
      end_ += head.size();
      return std::string_view(buffer_.data(), head.size());
    }
    if (!fill()) {
      if (end_ == begin_) return std::nullopt;
      std::string_view line(buffer_.data() + begin_, end_ - begin_);
      begin_ = end_;
      ++number_;
      return line;
    }
  }
}

}  // namespace sekimori::app
