// The SMTP transactions that Postfix is asking about, keyed by (host, instance): what was asked at
// RCPT, promised at DATA and answered at END-OF-MESSAGE, so that a repeated question (a second
// check_policy_service line, a retry on a new connection) gets the same answer and counts once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
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
  std::string login;       // as Postfix spells it, to know when it changes
  std::string account;     // whom it means
  std::string recipients;  // in RCPT order, each followed by '\n'
  HashSet asked;           // recipients we have answered with anything but a refusal
  std::uint32_t recipients_kept = 0;
  std::string standing_refusal;   // not "": a recipient was refused for the account's standing
  std::uint32_t reserved = 0;     // held in the ReservationTable under `account`
  Instant reserved_at;
  bool data_answered = false;
  std::uint32_t data_count = 0;
  std::string data_answer;  // bytes as they were sent
  bool warned = false;      // observe mode said its word at RCPT
  std::string final_answer; // not "": END-OF-MESSAGE was answered with these bytes

  [[nodiscard]] std::size_t memory() const {
    return sizeof(Transaction) + login.capacity() + account.capacity() + recipients.capacity() +
           asked.memory() + standing_refusal.capacity() + data_answer.capacity() +
           final_answer.capacity() + 64;
  }
};

// Any thread. Bounded in entries and in bytes; when full, the one that was asked about longest ago is
// forgotten (its message is then judged from what END-OF-MESSAGE alone tells).
class TransactionTable {
 public:
  struct Bounds {
    std::size_t entries = 200'000;                 // 20,000 smtpds with ten transactions an hour
    std::size_t bytes = 256UL * 1024 * 1024;       // a thousand long recipients on 4,000 of them
  };
  explicit TransactionTable(Bounds bounds) : bounds_(bounds) {}

  // Calls `use(Transaction&)` under the shard's lock, for a new transaction or the one known by this
  // key. `dropped(Transaction&)` is called for each that had to go (to give back reservations).
  template <class Use, class Dropped>
  void with(std::uint64_t key, Instant now, Use&& use, Dropped&& dropped) {
    Shard& shard = shards_[key % k_shards];
    const std::lock_guard lock(shard.mutex);
    const auto at = find_or_make(shard, key);
    at->touched = now;
    use(*at);
    account_memory(shard, *at);
    while (shard.order.size() > 1 && over(shard)) {
      dropped(shard.order.front());
      drop_oldest(shard);
    }
  }

  // Forgets what nobody asked about since `before`; calls `stale(Transaction&)` for the older ones
  // that stay, down to `stale_before`. Returns how many were dropped.
  template <class Dropped, class Stale>
  std::size_t expire(Instant before, Instant stale_before, Dropped&& dropped, Stale&& stale) {
    std::size_t n = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      while (!shard.order.empty() && shard.order.front().touched < before) {
        dropped(shard.order.front());
        drop_oldest(shard);
        ++n;
      }
      for (Entry& entry : shard.order) {
        if (!(entry.touched < stale_before)) break;
        stale(entry);
      }
    }
    return n;
  }

  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t k_shards = 256;
  struct Entry : Transaction {
    std::size_t counted = 0;  // bytes of it in the shard's sum
  };
  using Order = std::list<Entry>;  // longest unasked first
  struct Shard {
    mutable std::mutex mutex;
    Order order;
    std::unordered_map<std::uint64_t, Order::iterator> by_key;
    std::size_t bytes = 0;
  };
  static Order::iterator find_or_make(Shard& shard, std::uint64_t key);
  static void account_memory(Shard& shard, Entry& entry);
  static void drop_oldest(Shard& shard);
  [[nodiscard]] bool over(const Shard& shard) const {
    return shard.order.size() > bounds_.entries / k_shards + 1 || shard.bytes > bounds_.bytes / k_shards;
  }

  Bounds bounds_;
  std::array<Shard, k_shards> shards_;
};

}  // namespace sekimori::serve
