// The directory in force, replaced as a whole by whoever reads the account store, read by every
// server thread without a shared lock per question.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "decide/directory.h"

namespace sekimori::serve {

// Any thread.
class DirectoryCell {
 public:
  DirectoryCell() : current_(std::make_shared<const decide::Directory>()) {}

  void set(std::shared_ptr<const decide::Directory> directory) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(directory);
    version_.fetch_add(1, std::memory_order_release);
  }
  [[nodiscard]] std::shared_ptr<const decide::Directory> get() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const decide::Directory> current_;
  std::atomic<std::uint64_t> version_{1};
};

// One per thread; takes the cell's lock only when the directory was replaced.
class DirectoryReader {
 public:
  explicit DirectoryReader(const DirectoryCell& cell) : cell_(cell) {}
  // Valid until the next call on this reader.
  [[nodiscard]] const decide::Directory& get() {
    if (const std::uint64_t version = cell_.version(); version != version_) {
      directory_ = cell_.get();
      version_ = version;
    }
    return *directory_;
  }

 private:
  const DirectoryCell& cell_;
  std::shared_ptr<const decide::Directory> directory_;
  std::uint64_t version_ = 0;
};

}  // namespace sekimori::serve
