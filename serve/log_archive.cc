#include "serve/log_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "wire/journal_text.h"
#include "wire/log_line.h"

namespace sekimori::serve {
namespace {

constexpr std::size_t k_block = 256UL * 1024;

}  // namespace

struct LogArchive::Reader {
  Reader() : handle(::archive_read_new()) {}
  ~Reader() { ::archive_read_free(handle); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ::archive* handle;
  bool ended = false;
  bool skipping = false;  // within a line that is too long
  bool told = false;      // whether it is a journal
  std::optional<wire::JournalText> journal;
};

LogArchive::LogArchive(LogArchive&& other) noexcept { *this = std::move(other); }

LogArchive& LogArchive::operator=(LogArchive&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(regular_, other.regular_);
  std::swap(modified_, other.modified_);
  std::swap(size_, other.size_);
  std::swap(consumed_, other.consumed_);
  std::swap(too_long_, other.too_long_);
  std::swap(packed_, other.packed_);
  std::swap(broken_, other.broken_);
  std::swap(reader_, other.reader_);
  std::swap(buffer_, other.buffer_);
  std::swap(at_, other.at_);
  return *this;
}

LogArchive::~LogArchive() {
  reader_.reset();
  if (owned_ && fd_ >= 0) ::close(fd_);
}

Result<LogArchive> LogArchive::open(const std::string& path) {
  LogArchive out;
  out.name_ = path;
  if (path == "-") {
    out.fd_ = STDIN_FILENO;
  } else {
    out.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (out.fd_ < 0) {
      const int why = errno;
      auto text = fmt::format("{}: {}", path, std::strerror(why));
      if (why == ENOENT) return not_found(std::move(text));
      return operating_failure(std::move(text));
    }
    out.owned_ = true;
  }
  struct stat s{};
  if (::fstat(out.fd_, &s) != 0) {
    return operating_failure(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (S_ISDIR(s.st_mode)) return bad_input(fmt::format("{}: is a folder, no file", path));
  out.regular_ = S_ISREG(s.st_mode) && ::lseek(out.fd_, 0, SEEK_SET) == 0;
  if (out.regular_) {
    out.size_ = static_cast<std::uint64_t>(s.st_size);
    out.modified_ =
        Instant{static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000 + s.st_mtim.tv_nsec / 1000};
  }
  return out;
}

Result<void> LogArchive::begin() {
  end();
  buffer_.clear();
  at_ = 0;
  consumed_ = 0;
  too_long_ = 0;
  broken_.clear();
  if (regular_ && ::lseek(fd_, 0, SEEK_SET) < 0) {
    return operating_failure(fmt::format("{}: {}", name_, std::strerror(errno)));
  }
  auto reader = std::make_unique<Reader>();
  ::archive* a = reader->handle;
  const auto failed = [&]() -> Result<void> {
    const char* why = a == nullptr ? "out of memory" : ::archive_error_string(a);
    return operating_failure(fmt::format("{}: {}", name_, why == nullptr ? "cannot be read" : why));
  };
  if (a == nullptr) return failed();
  // By name, since "all" would also run programs that are found on the path.
  ::archive_read_support_filter_gzip(a);
  ::archive_read_support_filter_bzip2(a);
  ::archive_read_support_filter_xz(a);
  ::archive_read_support_filter_lzma(a);
  ::archive_read_support_filter_zstd(a);
  ::archive_read_support_filter_lz4(a);
  ::archive_read_support_filter_compress(a);
  ::archive_read_support_format_raw(a);
  ::archive_read_support_format_empty(a);
  if (::archive_read_open_fd(a, fd_, k_block) != ARCHIVE_OK) return failed();
  ::archive_entry* entry = nullptr;
  const int done = ::archive_read_next_header(a, &entry);
  if (done == ARCHIVE_EOF) {
    reader->ended = true;
  } else if (done < ARCHIVE_WARN) {
    return failed();
  }
  const char* packed = ::archive_filter_name(a, 0);
  packed_ = packed == nullptr ? "none" : packed;
  reader_ = std::move(reader);
  return {};
}

void LogArchive::end() {
  if (reader_) consumed_ = consumed();
  reader_.reset();
  buffer_.clear();
  buffer_.shrink_to_fit();
  at_ = 0;
}

std::uint64_t LogArchive::consumed() const {
  if (!reader_) return consumed_;
  const auto bytes = ::archive_filter_bytes(reader_->handle, -1);
  return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
}

// More bytes behind what buffer_ holds; false at the end.
bool LogArchive::fill() {
  if (!reader_ || reader_->ended) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const std::size_t had = buffer_.size();
  la_ssize_t n = 0;
  // No zeros first: they would be written for nobody.
  buffer_.resize_and_overwrite(had + k_block, [&](char* bytes, std::size_t) {
    n = ::archive_read_data(reader_->handle, bytes + had, k_block);
    return had + static_cast<std::size_t>(std::max<la_ssize_t>(n, 0));
  });
  if (n > 0) {
    take(had);
    return true;
  }
  reader_->ended = true;
  if (n < 0) {
    const char* why = ::archive_error_string(reader_->handle);
    broken_ = why == nullptr ? "the file cannot be read to its end" : why;
  }
  take(had);
  return buffer_.size() > had;
}

// The bytes of buffer_ from `had` on are new: a journal's become lines.
void LogArchive::take(std::size_t had) {
  if (!reader_->told) {
    had = 0;  // a pipe may have brought less than the beginning
    if (buffer_.size() < wire::JournalText::k_beginning && !reader_->ended) return;
    reader_->told = true;
    const auto form = wire::JournalText::form_of(buffer_);
    if (form != wire::JournalText::Form::none) reader_->journal.emplace(form);
  }
  if (!reader_->journal) return;
  const std::string raw = buffer_.substr(had);
  buffer_.resize(had);
  reader_->journal->feed(raw, buffer_);
  // A broken file's last entry is a part of one.
  if (reader_->ended && broken_.empty()) reader_->journal->finish(buffer_);
}

std::uint64_t LogArchive::entries_passed_over() const {
  return reader_ && reader_->journal ? reader_->journal->incomplete() : 0;
}

std::optional<std::string_view> LogArchive::next() {
  while (reader_) {
    if (!reader_->told && fill()) continue;
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const auto end = rest.find('\n');
    const bool whole = end != std::string_view::npos;
    if (!whole && rest.size() > wire::k_log_line_max) {
      if (!reader_->skipping) ++too_long_;
      reader_->skipping = true;
      at_ = buffer_.size();
    }
    if (!whole && fill()) continue;
    if (!whole) {
      // The end. A broken file's last line is a part of one.
      const std::string_view last = std::string_view(buffer_).substr(at_);
      at_ = buffer_.size();
      if (last.empty() || reader_->skipping || !broken_.empty()) return std::nullopt;
      return last;
    }
    at_ += end + 1;
    if (std::exchange(reader_->skipping, false)) continue;
    if (end > wire::k_log_line_max) {
      ++too_long_;
      continue;
    }
    std::string_view line = rest.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
  }
  return std::nullopt;
}

}  // namespace sekimori::serve
