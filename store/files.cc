#include "store/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace sekimori::store {

void FileHandle::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::unexpected<Error> errno_failure(std::string_view what, const std::string& path) {
  const int code = errno;
  return operating_failure(
      fmt::format("cannot {} {}: {}", what, path, std::generic_category().message(code)));
}

Result<FileHandle> open_file(const std::string& path, int flags, unsigned mode) {
  for (;;) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return FileHandle(fd);
    if (errno != EINTR) return errno_failure("open", path);
  }
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno_failure("write", path);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> sync_directory(const std::string& directory) {
  auto handle = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!handle) return std::unexpected(handle.error());
  if (::fsync(handle->get()) != 0) return errno_failure("sync", directory);
  return {};
}

Result<void> make_directory(const std::string& directory) {
  std::string path;
  std::size_t at = 0;
  while (at < directory.size()) {
    at = directory.find('/', at + 1);
    path = directory.substr(0, at);
    if (::mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
      // A parent that we may not write in (EROFS, EACCES) is no obstacle when it is there already.
      struct stat info{};
      if (::stat(path.c_str(), &info) != 0) return errno_failure("make", path);
    }
    if (at == std::string::npos) break;
  }
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return operating_failure(fmt::format("{} is no directory", directory));
  }
  return {};
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  auto handle = open_file(path, O_RDONLY);
  if (!handle) return std::unexpected(handle.error());
  struct stat info{};
  if (::fstat(handle->get(), &info) != 0) return errno_failure("read", path);
  if (static_cast<std::size_t>(info.st_size) > bytes_max) {
    return bad_input(fmt::format("{} is longer than {} bytes", path, bytes_max));
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t n = ::read(handle->get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_failure("read", path);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

Result<Secret> read_secret(const std::string& path) {
  const auto handle = open_file(path, O_RDONLY);
  if (!handle) return std::unexpected(handle.error());
  struct stat info{};
  if (::fstat(handle->get(), &info) != 0) return errno_failure("read", path);
  if ((info.st_mode & S_IROTH) != 0) {
    return operating_failure(
        fmt::format("{}: everybody can read this secret; run chmod 640 on it", path));
  }
  char buffer[4096];
  const ssize_t n = ::read(handle->get(), buffer, sizeof buffer);
  if (n < 0) return errno_failure("read", path);
  std::string text(buffer, static_cast<std::size_t>(n));
  sodium_memzero(buffer, sizeof buffer);
  if (const auto end = text.find('\n'); end != std::string::npos) text.resize(end);
  if (!text.empty() && text.back() == '\r') text.pop_back();
  Secret secret(std::move(text));
  if (!secret.is_set()) return operating_failure(fmt::format("{}: the secret is empty", path));
  return secret;
}

}  // namespace sekimori::store
