// Who has written to whom, in about 14 bits a pair: a blocked Bloom filter (Putze, Sanders, Singler
// 2007: one cache line a question) in generations. When the newest generation is full a new one is
// begun, twice as large while the old one filled quickly; a generation whose pairs were not used
// for a long time goes, so that memory stays bounded.
//
// A false "yes" makes a stranger look known: it costs evidence and never adds a false alarm.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/big_vector.h"
#include "base/instant.h"
#include "detect/bytes.h"

namespace sekimori::detect {

class ContactFilter {
 public:
  // `bytes` is the size of the first generation (rounded up to a power of two of at least 64);
  // `bytes_max` bounds all generations together.
  ContactFilter(std::size_t bytes, std::size_t bytes_max);

  // Keys are keyed hashes already (base/hash.h).
  [[nodiscard]] bool contains(std::uint64_t key) const;
  // Adds the key to the newest generation unless it is there. `now` ages the generations.
  void insert(std::uint64_t key, Instant now);
  // Fetches the key's cache lines ahead of contains(); the one line ahead of insert().
  void prefetch(std::uint64_t key) const {
    for (const Generation& g : generations_) __builtin_prefetch(g.block(key));
  }
  void prefetch_insert(std::uint64_t key) const {
    __builtin_prefetch(generations_.back().block(key), 1);
  }

  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::uint64_t pairs() const;
  void save(std::string& out) const;
  void load(ByteReader& in);
  [[nodiscard]] std::uint64_t hash() const;
  bool operator==(const ContactFilter&) const = default;

 private:
  struct Generation {
    BigVector<std::uint64_t> words;  // blocks of a cache line
    std::uint64_t pairs = 0;
    std::int64_t since_us = 0;
    bool operator==(const Generation&) const = default;
    static constexpr std::size_t k_block_words = 8;  // 64 bytes, a cache line
    [[nodiscard]] const std::uint64_t* block(std::uint64_t key) const {
      return words.data() + (key & (words.size() / k_block_words - 1)) * k_block_words;
    }
    [[nodiscard]] bool contains(std::uint64_t key) const;
    bool add(std::uint64_t key);  // true when it was not there
  };
  void rotate(Instant now);
  std::vector<Generation> generations_;  // oldest first, never empty
  std::size_t bytes_max_;
};

}  // namespace sekimori::detect
