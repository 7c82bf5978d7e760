// What this server sent, for as long as it may come back: message ids and queue ids as keyed
// hashes, with the account. Fed by the mail log, so that it costs the decision path nothing; kept
// in a file that is appended to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "base/instant.h"
#include "base/result.h"

namespace sekimori::serve {

// Any thread. At most `max_entries`; the oldest goes first. Sixty bytes an entry: the default of
// 500,000 is 30 MB; a message is two entries and one for each recipient.
class SentIndex {
 public:
  struct Options {
    std::string path;  // "" keeps it in memory only
    HashKey key{};
    std::size_t max_entries = 500'000;
    // Postfix gives up after five days, others after a week; its bounce comes then.
    Duration keep = days(10);
  };
  explicit SentIndex(Options options) : options_(std::move(options)) {}

  // Reads the file and writes it anew without what is too old. Errors: operating; the index is
  // empty then, and remembers from now on.
  [[nodiscard]] Result<void> load(Instant now);
  // `message_id` without < >, may be "". `account` "": it passed this server, and nobody signed in
  // for it.
  void note(std::string_view queue_id, std::string_view message_id, std::string_view account,
            Instant t);
  // It was delivered to this recipient, as the log says.
  void note_delivery(std::string_view queue_id, std::string_view to, std::string_view account,
                     Instant t);
  // Appends what is new to the file; call every second or so. Errors: operating, and it is tried
  // again.
  [[nodiscard]] Result<void> flush();

  // Was it sent by this account? (account "": did it pass this server at all?)
  [[nodiscard]] bool knows_message_id(std::string_view message_id, std::string_view account) const;
  [[nodiscard]] bool knows_queue_id(std::string_view queue_id, std::string_view account) const;
  [[nodiscard]] bool knows_delivery(std::string_view queue_id, std::string_view to,
                                    std::string_view account) const;
  // Everything since then is remembered; unset: nothing was noted yet.
  [[nodiscard]] Instant since(Instant now) const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Record {
    std::uint64_t name = 0;  // of the message id or queue id
    std::uint64_t account = 0;
    std::int64_t t_us = 0;
  };
  [[nodiscard]] std::uint64_t name_of(char kind, std::string_view text) const;
  [[nodiscard]] std::uint64_t delivery_name(std::string_view queue_id, std::string_view to) const;
  [[nodiscard]] bool knows(std::uint64_t name, std::string_view account) const;
  void add(const Record& record);  // under the lock: what is new
  void put(const Record& record);  // under the lock
  void forget_before(Instant t);   // under the lock

  Options options_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint64_t> accounts_;
  std::deque<Record> order_;  // oldest first
  std::deque<Record> unwritten_;
  Instant begun_;    // the first that was ever noted
  Instant dropped_;  // the last that had to make room
};

}  // namespace sekimori::serve
