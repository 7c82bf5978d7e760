// The SMTP transactions that Postfix is asking about, keyed by (host, instance): what was asked at
// RCPT, promised at DATA and answered at END-OF-MESSAGE, so that a repeated question (a second
// check_policy_service line, a retry on a new connection) gets the same answer and counts once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"

namespace sekimori::serve {

// A set of 64-bit hashes, open addressing: a recipient costs 16 bytes or less.
class HashSet {
 public:
  // False when it was there already.
  bool insert(std::uint64_t hash);
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory() const { return slots_.capacity() * sizeof(std::uint64_t); }
  void clear();

 private:
  std::vector<std::uint64_t> slots_;  // 0 = free
  std::size_t size_ = 0;
};

struct Transaction {
  std::uint64_t key = 0;
  Instant touched;
  std::uint64_t login = 0;  // hash of the login as Postfix spells it, to know when it changes
  std::string account;      // whom it means
  std::string recipients;   // in RCPT order, each followed by '\n'
  HashSet asked;            // the same, by hash, once they are many
  std::uint32_t recipients_kept = 0;
  std::uint32_t reserved = 0;  // held in the ReservationTable under `account`
  std::uint32_t data_count = 0;
  bool data_answered = false;
  bool warned = false;           // observe mode said its word at RCPT
  std::string standing_refusal;  // not "": a recipient was refused for the account's standing
  std::string data_answer;       // bytes as they were sent
  std::string final_answer;      // not "": END-OF-MESSAGE was answered with these bytes

  // True when this recipient was not asked about before in this transaction.
  bool note_recipient(std::string_view recipient, std::uint64_t hash);
  // As new, for another transaction; keeps small buffers.
  void reset();
  [[nodiscard]] std::size_t memory() const {
    return sizeof(Transaction) + account.capacity() + recipients.capacity() + asked.memory() +
           standing_refusal.capacity() + data_answer.capacity() + final_answer.capacity();
  }
};

// Any thread. Bounded in entries and in bytes; when full, the one that was asked about longest ago
// is forgotten (its message is then judged from what END-OF-MESSAGE alone tells). Entries live in
// chunks and are used again, so that a busy server allocates nothing for a question.
class TransactionTable {
 public:
  struct Bounds {
    std::size_t entries = 200'000;            // 20,000 smtpds with ten transactions an hour
    std::size_t bytes = 256UL * 1024 * 1024;  // a thousand long recipients on 4,000 of them
  };
  explicit TransactionTable(Bounds bounds)
      : entries_max_(bounds.entries / k_shards + 1), bytes_max_(bounds.bytes / k_shards) {}

  // Calls `use(Transaction&)` under the shard's lock, for a new transaction or the one known by
  // this key. `dropped(Transaction&)` is called for each that had to go (to give back
  // reservations).
  template <class Use, class Dropped>
  void with(std::uint64_t key, Instant now, Use&& use, Dropped&& dropped) {
    Shard& shard = shards_[key % k_shards];
    const std::lock_guard lock(shard.mutex);
    std::uint32_t at = find(shard, key);
    if (at == k_none) {
      while (shard.size >= entries_max_ || (shard.size > 0 && shard.bytes > bytes_max_)) {
        dropped(entry(shard, shard.oldest));
        drop(shard, shard.oldest);
      }
      at = add(shard, key);
    } else {
      unlink(shard, at);
      link_newest(shard, at);
    }
    Entry& e = entry(shard, at);
    e.touched = now;
    use(e);
    const std::size_t bytes = e.memory();
    shard.bytes += bytes - e.counted;
    e.counted = bytes;
  }

  // Forgets what nobody asked about since `before`; calls `stale(Transaction&)` for the older ones
  // that stay, down to `stale_before`. Returns how many were dropped.
  template <class Dropped, class Stale>
  std::size_t expire(Instant before, Instant stale_before, Dropped&& dropped, Stale&& stale) {
    std::size_t n = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      while (shard.oldest != k_none && entry(shard, shard.oldest).touched < before) {
        dropped(entry(shard, shard.oldest));
        drop(shard, shard.oldest);
        ++n;
      }
      for (std::uint32_t at = shard.oldest; at != k_none; at = entry(shard, at).newer) {
        if (!(entry(shard, at).touched < stale_before)) break;
        stale(entry(shard, at));
      }
    }
    return n;
  }

  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t k_shards = 256;
  static constexpr std::uint32_t k_none = 0xffffffffU;
  static constexpr std::uint32_t k_chunk = 32;
  struct Entry : Transaction {
    std::size_t counted = 0;  // bytes of it in the shard's sum
    std::uint32_t older = k_none;
    std::uint32_t newer = k_none;  // for a free entry: the next free one
  };
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t at = k_none;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::vector<std::unique_ptr<std::array<Entry, k_chunk>>> chunks;
    std::vector<Slot> slots;  // open addressing, at most half full
    std::uint32_t free = k_none;
    std::uint32_t oldest = k_none;
    std::uint32_t newest = k_none;
    std::size_t size = 0;
    std::size_t bytes = 0;
  };
  static Entry& entry(Shard& shard, std::uint32_t at) {
    return (*shard.chunks[at / k_chunk])[at % k_chunk];
  }
  // The low bits choose the shard; these choose the slot within it.
  static std::size_t home(const Shard& shard, std::uint64_t key) {
    return (key / k_shards) & (shard.slots.size() - 1);
  }
  static std::uint32_t find(const Shard& shard, std::uint64_t key);
  static std::uint32_t add(Shard& shard, std::uint64_t key);
  static void drop(Shard& shard, std::uint32_t at);
  static void unlink(Shard& shard, std::uint32_t at);
  static void link_newest(Shard& shard, std::uint32_t at);
  static void put_slot(Shard& shard, std::uint64_t key, std::uint32_t at);
  static void remove_slot(Shard& shard, std::uint64_t key);

  std::size_t entries_max_;  // per shard
  std::size_t bytes_max_;
  std::array<Shard, k_shards> shards_;
};

}  // namespace sekimori::serve
