// Why a mail was not delivered, from the words of whoever refused it.
#pragma once

#include <string_view>

#include "report/mail_report.h"

namespace sekimori::report {

// Which SMTP command was refused, where the text says so.
enum class SmtpPhase : std::uint8_t { unknown, connection, mail_from, rcpt_to, data };
[[nodiscard]] SmtpPhase phase_in(std::string_view lower_text);

// The reason that the words name; undefined where they name none. `lower_text`: ASCII in lower
// case, white space collapsed.
[[nodiscard]] BounceReason reason_in(std::string_view lower_text);
// What a status alone says (RFC 3463 and the registry of RFC 5248).
[[nodiscard]] BounceReason reason_of_status(std::string_view status);
// The digits of the stand-in status: "911".
[[nodiscard]] std::string_view stand_in_of(BounceReason);

// The last RFC 3463 status in the text, "" without one.
[[nodiscard]] std::string status_in(std::string_view text);
// The SMTP reply code in the text (RFC 5321 §4.2.3), "" without one.
[[nodiscard]] std::string reply_code_in(std::string_view text);

}  // namespace sekimori::report
