// Mail that came back, and complaints about mail, as people and the database know them: whose it
// was, and what it means for the account. Plain values and their words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/text.h"
#include "decide/records.h"

namespace sekimori::decide {

// ours: this server sent it. forged: a stranger wrote the address on mail of their own. unknown:
// nothing proves either.
enum class MailOrigin : std::uint8_t { ours, forged, unknown };
[[nodiscard]] std::string_view to_string(MailOrigin);
[[nodiscard]] std::optional<MailOrigin> parse_mail_origin(std::string_view);

// bounce: it will not arrive. delay: not yet. feedback: somebody complains.
enum class ReturnedKind : std::uint8_t { bounce, delay, feedback };
[[nodiscard]] std::string_view to_string(ReturnedKind);
[[nodiscard]] std::optional<ReturnedKind> parse_returned_kind(std::string_view);

// One recipient of one report. Of the mail itself nothing is kept.
struct ReturnedMail {
  std::string key;  // unique: the same report read again is one row
  Instant t;        // when it was read
  std::string account;
  ReturnedKind kind = ReturnedKind::bounce;
  MailOrigin origin = MailOrigin::unknown;
  Text why;               // of the origin
  std::string reason;     // report/mail_report.h: "userunknown", …; of feedback its type, "abuse"
  std::string status;     // RFC 3463; "" where none was given
  bool hard = false;      // not to be tried again
  std::string recipient;  // who did not get it, or complains; ""
  std::string reporter;   // the server that reports
  std::string first_hop;  // where the mail came from, as its headers say; ""
  std::string words;      // the remote side's, one line
  bool operator==(const ReturnedMail&) const = default;
};

struct ReturnedCounts {
  std::uint64_t ours = 0;
  std::uint64_t forged = 0;
  std::uint64_t unknown = 0;
  std::uint64_t feedback = 0;  // complaints about mail of ours; not counted above
  bool operator==(const ReturnedCounts&) const = default;
};
struct ReturnedDay {
  std::string day;  // "2026-11-22", UTC
  ReturnedCounts counts;
};
struct ReturnedReport {
  std::string account;
  Instant since;
  ReturnedCounts counts;
  std::vector<ReturnedDay> days;   // those with any, oldest first
  std::vector<ReturnedMail> last;  // newest first
  Text verdict;                    // one or two sentences
};

// What the counts mean, for operators and the owner alike.
[[nodiscard]] Text verdict_on(const ReturnedCounts& counts);
// The sentence of the notice to the owner of a spoofed address: how many, from where, the proof.
[[nodiscard]] Text spoofing_words(std::uint64_t forged, const std::vector<ReturnedMail>& examples);

}  // namespace sekimori::decide
