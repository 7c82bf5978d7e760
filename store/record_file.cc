#include "store/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace sekimori::store {

Result<std::string> RecordFile::read(std::size_t bytes_max) const {
  std::error_code missing;
  if (!std::filesystem::exists(path_, missing)) return std::string();
  return read_file(path_, bytes_max);
}

Result<void> RecordFile::append(std::string_view bytes) {
  if (!file_.is_open()) {
    auto opened = open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (!opened) return std::unexpected(opened.error());
    file_ = std::move(*opened);
    struct stat facts{};
    bytes_ = ::fstat(file_.get(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
  }
  if (auto done = write_all(file_.get(), bytes, path_); !done) return done;
  bytes_ += bytes.size();
  dirty_ = true;
  return {};
}

Result<void> RecordFile::sync() {
  if (!dirty_ || !file_.is_open()) return {};
  if (::fdatasync(file_.get()) != 0) return errno_failure("sync", path_);
  dirty_ = false;
  return {};
}

Result<void> RecordFile::begin(std::string_view head) {
  const std::string name = path_ + ".new";
  auto opened = open_file(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0640);
  if (!opened) return std::unexpected(opened.error());
  next_ = std::move(*opened);
  next_bytes_ = 0;
  return add(head);
}

Result<void> RecordFile::add(std::string_view bytes) {
  next_bytes_ += bytes.size();
  return write_all(next_.get(), bytes, path_ + ".new");
}

Result<void> RecordFile::commit() {
  if (::fdatasync(next_.get()) != 0) return errno_failure("sync", path_ + ".new");
  if (::rename((path_ + ".new").c_str(), path_.c_str()) != 0) {
    return errno_failure("rename", path_ + ".new");
  }
  file_ = std::move(next_);
  bytes_ = next_bytes_;
  dirty_ = false;
  return sync_directory(std::filesystem::path(path_).parent_path().string());
}

}  // namespace sekimori::store
