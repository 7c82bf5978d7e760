// Plain little writers and readers for saved state. Host byte order: a state file stays on its
// machine (a fleet exchanges events, not memory).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/hash.h"

namespace sekimori::detect {

template <class T>
  requires std::is_trivially_copyable_v<T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T, class Allocator>
void put(std::string& out, const std::vector<T, Allocator>& values) {
  static_assert(std::is_trivially_copyable_v<T>);
  put(out, static_cast<std::uint64_t>(values.size()));
  out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}
inline void put(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out.append(text);
}

// Reads what put() wrote. After the first shortage every read gives zeros and ok() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }
  template <class T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (rest_.size() < sizeof value) {
      ok_ = false;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  template <class T, class Allocator>
  void get_into(std::vector<T, Allocator>& out) {
    const auto count = get<std::uint64_t>();
    if (count > rest_.size() / sizeof(T)) {
      ok_ = false;
      rest_ = {};
      return;
    }
    out.resize(count);
    if (count > 0) std::memcpy(out.data(), rest_.data(), count * sizeof(T));
    rest_.remove_prefix(count * sizeof(T));
  }
  std::string_view get_text() {
    const auto count = get<std::uint64_t>();
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view text = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return text;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// A hash over plain bytes, for state hashes and checksums (not keyed: it guards against accidents).
[[nodiscard]] inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  std::uint64_t h = mix64(seed ^ bytes.size());
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    h = mix64(h ^ word);
    bytes.remove_prefix(8);
  }
  std::uint64_t tail = 0;
  if (!bytes.empty()) std::memcpy(&tail, bytes.data(), bytes.size());
  return mix64(h ^ tail);
}

// Seals saved bytes: magic in front, checksum behind.
inline void seal(std::string& out, std::size_t from) {
  put(out, hash_bytes(std::string_view(out).substr(from)));
}
// The sealed bytes without their checksum, or "" when it does not fit them.
[[nodiscard]] inline std::string_view unseal(std::string_view bytes) {
  if (bytes.size() < 8) return {};
  std::uint64_t sum = 0;
  std::memcpy(&sum, bytes.data() + bytes.size() - 8, 8);
  bytes.remove_suffix(8);
  return hash_bytes(bytes) == sum ? bytes : std::string_view();
}

}  // namespace sekimori::detect
