// What of an account's mail still stands in Postfix's queue, and what people do about it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/text.h"

namespace sekimori::web {

// Where in the queue. What pickup or smtpd is still writing has no place yet.
enum class QueuePart : std::uint8_t { incoming, active, deferred, hold, count_ };
inline constexpr std::size_t k_queue_parts = static_cast<std::size_t>(QueuePart::count_);
[[nodiscard]] std::string_view to_string(QueuePart);
[[nodiscard]] std::optional<QueuePart> parse_queue_part(std::string_view);

struct QueuedMessage {
  std::string queue_id;
  QueuePart part = QueuePart::deferred;
  Instant arrival;
  std::uint64_t size = 0;  // bytes
  std::string sender;      // of the envelope
  std::string first_recipient;
  std::uint32_t recipients = 0;
  bool held_by_us = false;             // we know why it is held
  Text reason;                         // of the hold; empty unless held_by_us
  std::optional<std::string> subject;  // asked for, and allowed by the settings
};

struct QueueSum {
  std::uint64_t messages = 0;
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
};

struct QueueQuery {
  std::optional<QueuePart> part;  // of the list; the sums are of all
  std::size_t offset = 0;
  std::size_t limit = 100;  // ≤ k_page_max
  bool subjects = false;    // of at most k_subjects_max messages
};
// One postcat for each message, some 10 ms.
inline constexpr std::size_t k_subjects_max = 100;

struct AccountQueue {
  std::array<QueueSum, k_queue_parts> parts;
  Instant oldest;                    // unset: nothing is queued
  std::uint64_t not_looked_at = 0;   // of unknown login: asking again finds more
  std::vector<QueuedMessage> items;  // oldest first
  std::uint64_t total = 0;           // of the list, without offset and limit
};

enum class QueueAction : std::uint8_t { hold, release, remove };
[[nodiscard]] std::string_view to_string(QueueAction);

// The named messages, or all. All to be released are those that are held and that we know the
// reason of: what a content filter put into the hold queue stays there unless it is named.
struct QueueOrder {
  QueueAction action = QueueAction::hold;
  std::vector<std::string> ids;  // ≤ k_queue_ids_max
  bool all = false;
  std::string reason;
};
inline constexpr std::size_t k_queue_ids_max = 1000;

struct QueueReport {
  std::uint64_t done = 0;        // messages
  std::uint64_t recipients = 0;  // of them
  std::uint64_t gone = 0;        // named, but not there any more, or not of this account
  std::uint64_t failed = 0;      // still as they were
  std::uint64_t remaining = 0;   // not tried yet: ask again
};

}  // namespace sekimori::web
