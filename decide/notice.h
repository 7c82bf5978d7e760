// What people are told, and what became of it: one row a recipient and channel, kept until it is
// delivered (an outbox that survives a kill).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/text.h"
#include "decide/records.h"

namespace sekimori::decide {

enum class NoticeChannel : std::uint8_t {
  mail,
  webhook,
  call,  // nothing can be sent: a person telephones (call sheet)
};
[[nodiscard]] std::string_view to_string(NoticeChannel);
[[nodiscard]] std::optional<NoticeChannel> parse_notice_channel(std::string_view);

enum class NoticeAudience : std::uint8_t {
  owner,         // at an address outside this server, known from before the incident
  mailbox,       // the owner, in the mailbox itself: nothing secret in it
  domain_admin,  // PostfixAdmin's admins of the domain
  operators,     // the provider's
};
[[nodiscard]] std::string_view to_string(NoticeAudience);
[[nodiscard]] std::optional<NoticeAudience> parse_notice_audience(std::string_view);

enum class NoticeState : std::uint8_t {
  waiting,       // to be tried, now or again
  sent,          // taken by the channel (Postfix, the webhook's 2xx); a call: on the list
  acknowledged,  // a person says that they know it
  failed,        // given up: the channel refused it for good
};
[[nodiscard]] std::string_view to_string(NoticeState);
[[nodiscard]] std::optional<NoticeState> parse_notice_state(std::string_view);

struct NoticeRow {
  std::uint64_t id = 0;  // given by the store
  // Unique: the same notice to the same place is one row, however often it is asked for.
  std::string key;
  std::string kind;  // "restricted", "suspended", "still_contained", "restored", "again", …
  Subject subject;
  std::uint64_t incident = 0;
  NoticeChannel channel = NoticeChannel::mail;
  NoticeAudience audience = NoticeAudience::operators;
  std::string to;  // the address or the webhook's name; "" for a call
  Text summary;    // one sentence: why
  NoticeState state = NoticeState::waiting;
  std::uint32_t tries = 0;
  Instant created;
  Instant changed;
  Instant due;         // when it is tried (again)
  std::string detail;  // the last failure, or who acknowledged it
  bool operator==(const NoticeRow&) const = default;
};

struct NoticeFilter {
  std::optional<NoticeState> state;
  std::optional<Subject> subject;
  std::optional<NoticeChannel> channel;
  std::size_t offset = 0;
  std::size_t limit = 100;  // ≤ 1000
};

// For whoever telephones the owner.
struct CallSheet {
  std::string account;
  std::string customer_number;  // the domain's or the mailbox's description where it has one; ""
  std::string name;
  std::string phone;         // registered before the incident; "" = none known
  bool phone_is_old = true;  // unchanged since before the incident
  std::uint64_t incident = 0;
  Standing standing = Standing::normal;
  Instant since;
  Text what_happened;  // to be said, in plain words
  Text what_to_say;    // the whole call, step by step
};

}  // namespace sekimori::decide
