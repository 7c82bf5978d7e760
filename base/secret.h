// A secret (password, token, key): move-only, wiped when it dies, impossible to print by accident.
#pragma once

#include <sodium.h>

#include <string>
#include <string_view>
#include <utility>

namespace sekimori {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  // The one way to the bytes; the caller must not keep or log them.
  [[nodiscard]] std::string_view reveal() const { return value_; }
  [[nodiscard]] bool is_set() const { return !value_.empty(); }

 private:
  void wipe() {
    // Up to the capacity: a moved-from short string keeps its bytes within itself.
    value_.resize(value_.capacity());
    sodium_memzero(value_.data(), value_.size());
    value_.clear();
  }
  std::string value_;
};

}  // namespace sekimori
