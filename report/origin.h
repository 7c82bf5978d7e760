// Was the mail that came back sent by this server, or did a stranger write our user's address on
// it? Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/text.h"
#include "report/mail_report.h"

namespace sekimori::report {

enum class Origin : std::uint8_t { ours, forged, unknown };
[[nodiscard]] std::string_view to_string(Origin);

// What this installation knows of the mail that is said to have been returned.
struct SentEvidence {
  bool stamped = false;         // our stamp stands on it, and it is good
  bool queue_id_known = false;  // a Received line of ours names a queue id that was the account's
  bool message_id_known = false;
  bool passed = false;  // it passed this server, without the account's having signed in
  // Everything sent since then is remembered; unset: nothing is.
  Instant remembered_since;
  // Every mail of the account has carried a stamp since then; unset: it does not.
  Instant stamped_since;
};

struct OriginVerdict {
  Origin origin = Origin::unknown;
  // The server that took the mail in first, as the returned headers say; "" where they say none.
  std::string first_hop;
  Text why;  // one sentence, for people who know mail
};

// `own_hosts`: names under which this server writes Received lines, lower case.
[[nodiscard]] OriginVerdict judge_origin(const MailReport& report, const SentEvidence& evidence,
                                         const std::vector<std::string>& own_hosts, Instant now);

// The queue ids that Received lines of these hosts name.
[[nodiscard]] std::vector<std::string> own_queue_ids(const MailReport& report,
                                                     const std::vector<std::string>& own_hosts);
// RFC 5322 §3.3; nullopt where the text is no date.
[[nodiscard]] std::optional<Instant> parse_mail_date(std::string_view text);

}  // namespace sekimori::report
