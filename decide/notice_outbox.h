// Where notices wait until they are delivered. Implementation: store/notice_store; tests bring
// their own, which fail on purpose.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/notice.h"

namespace sekimori::decide {

// When the same notice to the same place is a new row.
enum class Repeat : std::uint8_t {
  never,      // the key says all (a round of a timed notice is part of it)
  on_change,  // when that place was told something else about this subject since
};

// How often one recipient was written to lately.
struct Sendings {
  std::size_t count = 0;
  Instant last;  // unset: none
};

// Mail that waits for a closed mailbox (decide/waiting_mail.h), as far as people are told of it.
struct WaitingMail {
  std::string account;
  std::uint64_t senders = 0;  // distinct envelope senders
  Instant oldest;             // the first try of the one that waits longest
  Instant warn_at;            // from then on it is soon lost
  Instant gives_up;           // when the first is given up
};

struct NoticeCounts {
  std::uint64_t waiting = 0;
  std::uint64_t failed = 0;
  std::uint64_t calls = 0;  // people to be telephoned
  Instant oldest_waiting;   // unset: none waits
};

// Any thread; calls are served one at a time. Errors: operating (retry), uncertain (retry: every
// write is idempotent by key or id).
class NoticeOutbox {
 public:
  virtual ~NoticeOutbox() = default;
  // All or none, durable when it returns; returns how many were new. `key` names what is told to
  // whom; on_change adds the turn to it. Errors also: operating, when too many wait already.
  [[nodiscard]] virtual Result<std::size_t> put(std::span<const NoticeRow> rows, Repeat) = 0;
  // Waiting and due, oldest first.
  [[nodiscard]] virtual Result<std::vector<NoticeRow>> due(Instant now, std::size_t max) = 0;
  // All that waits for one recipient, oldest first, due or not.
  [[nodiscard]] virtual Result<std::vector<NoticeRow>> waiting_for(NoticeChannel,
                                                                   const std::string& to,
                                                                   std::size_t max) = 0;
  [[nodiscard]] virtual Result<std::optional<Instant>> next_due() = 0;
  // Stores state, tries, changed, due and detail of rows that are there.
  [[nodiscard]] virtual Result<void> update(std::span<const NoticeRow> rows) = 0;
  // The same, and one sending to `to` at `now`, in one transaction.
  [[nodiscard]] virtual Result<void> sent(std::span<const NoticeRow> rows, const std::string& to,
                                          Instant now) = 0;
  [[nodiscard]] virtual Result<Sendings> sendings(const std::string& to, Instant since) = 0;
  // Newest first.
  [[nodiscard]] virtual Result<std::vector<NoticeRow>> rows(const NoticeFilter&) = 0;
  [[nodiscard]] virtual Result<NoticeCounts> counts() = 0;
};

}  // namespace sekimori::decide
