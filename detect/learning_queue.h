// What was sent in the last day and is not yet learnt: records in arrival order, a day behind. What
// an attacker sends is thrown away here before it can pass for habit.
//
// The new recipients of waiting records form the "pending" set: an address written to twice within
// the delay is new only once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "detect/bytes.h"
#include "detect/detector.h"
#include "detect/features.h"
#include "detect/flat_map.h"

namespace sekimori::detect {

// A recipient, hashed once: everything else is derived by mixing.
struct RecipientKey {
  std::uint64_t address = 0;
  std::uint64_t domain = 0;  // bit 0 says: new to the account when it was written to
  [[nodiscard]] bool fresh() const { return (domain & 1U) != 0; }
};

struct LearningRecord {
  std::int64_t t_us = 0;
  std::uint64_t queue_key = 0;      // 0: none
  std::uint64_t recipients_at = 0;  // running number in the ring of recipients
  AccountIndex account = 0;
  std::uint32_t recipients = 0;
  std::uint32_t fresh = 0;
  std::uint32_t size = 0;  // bytes, at most 4 GiB
  float added_log_r = 0;
  std::uint8_t dead = 0;        // dropped or withdrawn
  std::uint8_t suspicious = 0;  // ln R stood at or above the learning line
  std::uint8_t held = 0;
  std::uint8_t released = 0;
  Bins bins;
  std::uint32_t due_second = 0;  // when it is looked at
};
static_assert(sizeof(LearningRecord) == 64);

class LearningQueue {
 public:
  [[nodiscard]] std::size_t size() const { return tail_ - head_; }
  [[nodiscard]] bool empty() const { return tail_ == head_; }
  [[nodiscard]] LearningRecord& front() { return records_[head_ & (records_.size() - 1)]; }
  [[nodiscard]] LearningRecord& at(std::uint64_t number) {
    return records_[number & (records_.size() - 1)];
  }
  [[nodiscard]] const LearningRecord& at(std::uint64_t number) const {
    return records_[number & (records_.size() - 1)];
  }
  [[nodiscard]] std::uint64_t first() const { return head_; }
  [[nodiscard]] std::uint64_t last() const { return tail_; }
  [[nodiscard]] const RecipientKey& recipient(const LearningRecord& r, std::uint32_t i) const {
    return recipients_[(r.recipients_at + i) & (recipients_.size() - 1)];
  }

  // `pair_salt` is the account's part of the pair keys.
  void push(LearningRecord record, std::span<const RecipientKey> recipients,
            std::uint64_t pair_salt);
  // Forgets the front; its new recipients leave the pending set.
  void pop(std::uint64_t pair_salt);
  // Marks a record dead at once: its new recipients are new again.
  void drop(std::uint64_t number, std::uint64_t pair_salt);
  // The number of the newest live record with that queue key, or no value.
  [[nodiscard]] std::optional<std::uint64_t> find(std::uint64_t queue_key) const;
  [[nodiscard]] bool pending(std::uint64_t pair) const { return pending_.contains(pair); }

  // Fetch what at(number) and recipient() of it will look at.
  void prefetch_record(std::uint64_t number) const { __builtin_prefetch(&at(number)); }
  void prefetch_recipients(const LearningRecord& r) const {
    __builtin_prefetch(&recipients_[r.recipients_at & (recipients_.size() - 1)]);
  }
  void prefetch_pair(std::uint64_t pair) const { pending_.prefetch(pair); }
  void prefetch_queue_key(std::uint64_t key) const { by_queue_.prefetch(key); }

  void save(std::string& out) const;
  // `salt_of(account)` gives the pair salt, to rebuild the pending set.
  template <class SaltOf>
  bool load(ByteReader& in, SaltOf salt_of);
  [[nodiscard]] std::uint64_t hash_of(const LearningRecord& r) const;

 private:
  void unmark(const LearningRecord& r, std::uint64_t pair_salt);
  void mark(std::uint64_t number, std::uint64_t pair_salt);
  BigVector<LearningRecord> records_ = BigVector<LearningRecord>(64);
  BigVector<RecipientKey> recipients_ = BigVector<RecipientKey>(256);
  std::uint64_t head_ = 0, tail_ = 0;                        // records, running numbers
  std::uint64_t recipients_head_ = 0, recipients_tail_ = 0;  // recipients, running numbers
  FlatMap pending_{1024};                                    // pair → record number that owns it
  FlatMap by_queue_{1024};                                   // queue key → record number
};

[[nodiscard]] inline std::uint64_t pair_key(std::uint64_t salt, std::uint64_t address) {
  const std::uint64_t key = mix64(salt ^ address);
  return key == 0 ? 1 : key;
}

template <class SaltOf>
bool LearningQueue::load(ByteReader& in, SaltOf salt_of) {
  const auto count = in.get<std::uint64_t>();
  std::vector<RecipientKey> keys;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    auto record = in.get<LearningRecord>();
    keys.clear();
    for (std::uint32_t k = 0; k < record.recipients && in.ok(); ++k) {
      keys.push_back(in.get<RecipientKey>());
    }
    if (!in.ok()) return false;
    const auto salt = salt_of(record.account);
    if (!salt) return false;
    push(record, keys, *salt);
  }
  return in.ok();
}

}  // namespace sekimori::detect
