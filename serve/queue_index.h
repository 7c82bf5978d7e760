// Whose mail is in Postfix's queue: queue id → the login that handed it in (Postfix itself does not
// say, postcat would have to be asked for each message) and the envelope sender. Fed by policy
// questions and by the mail log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/instant.h"

namespace sekimori::serve {

struct QueuedBy {
  std::string account;     // "" for mail that came without a login, or from before our time
  std::string sender;      // "" where unknown, or the null sender
  std::uint64_t size = 0;  // bytes; 0 where unknown
  bool is_login_known = false;
};

// Any thread. At most `max_entries`; the one put or refreshed longest ago goes first. A hundred and
// fifty bytes an entry: the default of 200,000 is 30 MB, a queue far larger than a healthy one.
class QueueIndex {
 public:
  // Postfix keeps a message for five days (maximal_queue_lifetime) and its bounce a moment longer.
  explicit QueueIndex(std::size_t max_entries = 200'000, Duration keep = days(6))
      : max_(max_entries), keep_(keep) {}

  // What is "" leaves what was known. Queue ids longer than 64 bytes are no queue ids and are
  // ignored.
  void put(std::string_view queue_id, std::string_view account, std::string_view sender,
           Instant now);
  // It came without a login, for certain.
  void put_without_login(std::string_view queue_id, Instant now);
  void put_size(std::string_view queue_id, std::uint64_t size, Instant now);
  void erase(std::string_view queue_id);
  [[nodiscard]] std::optional<QueuedBy> find(std::string_view queue_id) const;
  // The account, "" when unknown or without a login.
  [[nodiscard]] std::string account_of(std::string_view queue_id) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::string queue_id;
    QueuedBy by;
    Instant touched;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using Order = std::list<Entry>;                        // oldest first
  Entry* touch(std::string_view queue_id, Instant now);  // under the lock; newest from now on
  void drop_oldest();

  mutable std::mutex mutex_;
  std::size_t max_;
  Duration keep_;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator, Hash, std::equal_to<>> by_id_;
};

}  // namespace sekimori::serve
