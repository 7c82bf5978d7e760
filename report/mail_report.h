// What a mail says that came back because of one that went out: a bounce (RFC 3464 and the forms
// that are no standard), a feedback report (RFC 5965), an automatic reply (RFC 3834). Pure: bytes
// in, values out; any thread. Nothing of a message's body is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sekimori::report {

// What is read of a mail. A report stands in front of the mail it returns, so that of a returned
// film only the beginning matters.
inline constexpr std::size_t k_report_bytes_max = 256 * 1024;
// Recipients of one report. Postfix puts 50 into one delivery
// (default_destination_recipient_limit).
inline constexpr std::size_t k_report_recipients_max = 200;
// The words of a remote server: an SMTP reply has at most a few lines of 512 bytes.
inline constexpr std::size_t k_diagnostic_max = 1000;
inline constexpr std::size_t k_received_max = 30;

enum class ReportKind : std::uint8_t {
  not_a_report,
  bounce,      // it will not arrive
  delay,       // it has not arrived yet
  delivered,   // it arrived, or went on to where no more is known (RFC 3464 §2.3.3: relayed)
  feedback,    // a person or a machine complains (RFC 5965)
  auto_reply,  // nobody at home (RFC 3834)
};

enum class BounceReason : std::uint8_t {
  undefined,
  auth_failure,    // SPF, DKIM, DMARC
  bad_reputation,  // of the sending server or network
  blocked,         // the sending address is refused
  content_error,   // cannot be read, or is in a form that is refused
  delivered,       // no failure
  expired,         // tried until it was too old
  filtered,        // refused by the recipient's own filter
  has_moved,       // the recipient is elsewhere
  host_unknown,    // the domain does not exist
  mailbox_full,    //
  mailer_error,    // a program behind the mailbox failed
  too_big,         //
  network_error,   // no route, no DNS, loops
  no_relaying,     //
  not_accept,      // a domain that takes no mail (RFC 7504, 7505)
  not_compliant,   // against RFC 5321 or 5322
  on_hold,         // for a reason that nobody gave
  policy,          // a local rule
  rejected,        // the sender's address is refused
  require_ptr,     // no reverse DNS of the sending server
  security,        //
  spam,            //
  too_fast,        // too much in a time
  suspended,       // the mailbox is closed for now
  syntax,          // a command was not understood
  system_error,    //
  system_full,     //
  too_many_connections,
  user_unknown,
  virus,
  count_
};
// The word that operators and expected results know: "userunknown", "mailboxfull", …
[[nodiscard]] std::string_view to_string(ReportKind);
[[nodiscard]] std::string_view to_string(BounceReason);

// What is said of one recipient.
struct RecipientReport {
  std::string final_recipient;     // lower case; "" where it is not named
  std::string original_recipient;  // before aliases and forwards; ""
  std::string action;              // "failed", "delayed", "delivered", "relayed", "expanded"; ""
  std::string status;              // RFC 3463; "" where nobody gave one
  std::string reply_code;          // "550"; ""
  std::string diagnostic;          // UTF-8, one line, at most k_diagnostic_max bytes
  std::string remote_mta;
  BounceReason reason = BounceReason::undefined;
  // Not to be tried again: the address or the domain does not exist, or wants no mail.
  bool hard = false;
};

// RFC 5965 §3.
struct Feedback {
  std::string type;  // "abuse", "fraud", "virus", "opt-out", "not-spam", "auth-failure", "other"
  std::string user_agent;
  std::string original_mail_from;
  std::vector<std::string> original_rcpt_to;
  std::string source_ip;
  std::string reported_domain;
};

// One Received line of the returned message (RFC 5321 §4.4), newest first as it stands there.
struct ReceivedHop {
  std::string from;
  std::string by;
  std::string id;
};

// The mail that came back, as far as its headers were returned with it.
struct OriginalMessage {
  bool found = false;
  std::string message_id;  // without < >
  std::string from;        // an address
  std::string to;          // the first one
  std::string date;        // as it stands there
  std::string return_path;
  std::string stamp;  // our own header, see stamp.h; ""
  std::vector<ReceivedHop> received;
};

struct MailReport {
  ReportKind kind = ReportKind::not_a_report;
  std::string to;    // whom the report came to: the account that is taken for the sender
  std::string from;  // who reports
  std::string subject;
  std::string message_id;
  bool null_sender = false;   // Return-Path: <>
  std::string reporting_mta;  // without "dns;"
  std::string queue_id;       // X-Postfix-Queue-ID: of the server that reports
  std::string envelope_id;    // RFC 3464 §2.2.1
  std::vector<RecipientReport> recipients;
  Feedback feedback;
  OriginalMessage original;
};

// Reads any mail; what is no report is one of kind not_a_report. Of bytes beyond
// k_report_bytes_max nothing is read. Errors: bad_input for what is no mail at all (empty).
[[nodiscard]] Result<MailReport> read_report(std::string_view mail);

// The status that was given, or one that names the reason where none was given or 5.0.0 says
// nothing: "5.0.911" (user unknown), "4.0.947" (expired), … These stand-ins (the 900s of class x.0)
// are sisimai's, so that figures of both can be compared; no server sends them.
[[nodiscard]] std::string status_or_stand_in(const RecipientReport&);

}  // namespace sekimori::report
