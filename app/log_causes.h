// Why mail was refused, sent back or deferred, in few words: from the reply code, the enhanced
// status code (RFC 3463) and the words that servers use. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace sekimori::app {

enum class Cause : std::uint8_t {
  unknown_user,
  mailbox_full,
  no_such_domain,
  unreachable,  // no connection, or it broke
  greylisted,
  rate_limited,
  listed,      // a block list names the client's address or domain
  reputation,  // spam or reputation, without a list
  policy,      // SPF, DKIM, DMARC, sender or recipient not allowed
  relay_denied,
  bad_helo,
  no_reverse_name,
  sender_domain,
  login_mismatch,  // the sender's address is not the login's
  content,         // a filter, virus, header or body rule
  too_large,
  loop,
  tls,
  busy,      // the server or its disk cannot take mail now
  protocol,  // the client does not speak SMTP as it should
  other,
  count_
};

// Stable word for programs, and the one for people.
[[nodiscard]] std::string_view to_string(Cause);
[[nodiscard]] const Text& words(Cause);

// Of a delivery that was deferred or sent back.
[[nodiscard]] Cause delivery_cause(std::string_view dsn, std::string_view reason);
// Of a verdict of our own server.
[[nodiscard]] Cause refusal_cause(std::string_view dsn, std::string_view text);

// The block list that a reply names ("zen.spamhaus.org"); "" where it names none.
[[nodiscard]] std::string_view block_list(std::string_view reply);

}  // namespace sekimori::app
