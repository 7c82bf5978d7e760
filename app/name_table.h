// Names with what is counted of each, bounded: strangers choose many of the names. No I/O. One
// thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/mail_address.h"
#include "detect/flat_map.h"

namespace sekimori::app {

// Value: default-constructible, `weight()` and `operator+=`. When more than `max` names were seen,
// those of the least weight are added up in others() and forgotten, until half the room is free:
// the heavy ones stay, and a forgotten one that comes back counts from nothing.
template <class Value>
class NameTable {
 public:
  struct Row {
    std::string name;
    Value value;
  };
  NameTable(const HashKey& key, std::size_t max) : key_(key), max_(max) {}

  // Until the next call.
  Value& of(std::string_view name) {
    const std::uint64_t hash = keyed_hash(key_, name) | 1;
    if (const auto* at = index_.find(hash)) return rows_[*at].value;
    if (rows_.size() >= max_) prune();
    index_.put(hash, rows_.size());
    hashes_.push_back(hash);
    rows_.push_back({std::string(name), {}});
    return rows_.back().value;
  }
  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }
  // What belongs to names no longer told apart, and how many these were (one that came back counts
  // again).
  [[nodiscard]] const Value& others() const { return others_; }
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  // The heaviest rows, heaviest first; of equal ones the first by name.
  template <class Less>
  [[nodiscard]] std::vector<const Row*> top(std::size_t n, Less heavier) const {
    std::vector<const Row*> out;
    out.reserve(rows_.size());
    for (const Row& row : rows_) out.push_back(&row);
    const auto before = [&](const Row* a, const Row* b) {
      if (heavier(a->value, b->value)) return true;
      if (heavier(b->value, a->value)) return false;
      return a->name < b->name;
    };
    const auto end = out.begin() + static_cast<std::ptrdiff_t>(std::min(n, out.size()));
    std::partial_sort(out.begin(), end, out.end(), before);
    out.erase(end, out.end());
    return out;
  }
  [[nodiscard]] std::vector<const Row*> top(std::size_t n) const {
    return top(n, [](const Value& a, const Value& b) { return a.weight() > b.weight(); });
  }

 private:
  void prune() {
    std::vector<std::uint64_t> weights;
    for (const Row& row : rows_) weights.push_back(row.value.weight());
    const auto middle = weights.begin() + static_cast<std::ptrdiff_t>(weights.size() / 2);
    std::ranges::nth_element(weights, middle);
    const std::uint64_t least = *middle;
    std::vector<Row> rows;
    std::vector<std::uint64_t> hashes;
    index_ = detect::FlatMap();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i].value.weight() <= least) {
        others_ += rows_[i].value;
        ++forgotten_;
        continue;
      }
      index_.put(hashes_[i], rows.size());
      hashes.push_back(hashes_[i]);
      rows.push_back(std::move(rows_[i]));
    }
    rows_ = std::move(rows);
    hashes_ = std::move(hashes);
  }

  HashKey key_;
  std::size_t max_;
  detect::FlatMap index_;
  std::vector<Row> rows_;
  std::vector<std::uint64_t> hashes_;
  Value others_{};
  std::uint64_t forgotten_ = 0;
};

struct Count {
  std::uint64_t n = 0;
  [[nodiscard]] std::uint64_t weight() const { return n; }
  Count& operator+=(const Count& more) {
    n += more.n;
    return *this;
  }
};

}  // namespace sekimori::app
