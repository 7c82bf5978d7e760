// File descriptors and durable writing, for the journal and the snapshots. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/secret.h"

namespace sekimori::store {

// Owns one file descriptor (or none, -1).
class FileHandle {
 public:
  FileHandle() = default;
  explicit FileHandle(int fd) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC, so that no child process inherits it. Errors: operating, with the path.
[[nodiscard]] Result<FileHandle> open_file(const std::string& path, int flags,
                                           unsigned mode = 0640);

// Writes all bytes, going on after short writes and signals. Errors: operating; how much was
// written is then unknown.
[[nodiscard]] Result<void> write_all(int fd, std::string_view bytes, const std::string& path);

// Makes names created, renamed or removed in `directory` durable. Errors: operating.
[[nodiscard]] Result<void> sync_directory(const std::string& directory);

// Makes `directory` and its missing parents, mode 0750. Being there already is success.
[[nodiscard]] Result<void> make_directory(const std::string& directory);

// The whole file. Errors: operating; bad_input when it is longer than `bytes_max`.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

// The first line of a file that holds a secret, without its line break. Errors: operating (cannot
// be read, empty, or readable by everybody, which is refused as the secret is none then), never
// with the content.
[[nodiscard]] Result<Secret> read_secret(const std::string& path);

// "cannot <what> <path>: No space left on device", from errno.
[[nodiscard]] std::unexpected<Error> errno_failure(std::string_view what, const std::string& path);

}  // namespace sekimori::store
