// A blocking SMTP client (RFC 5321) with STARTTLS (RFC 3207), AUTH PLAIN (RFC 4954) and, where the
// server permits it, Postfix's XCLIENT: the drill's mail programs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/drill_stream.h"
#include "base/result.h"
#include "base/secret.h"

namespace sekimori::app {

struct SmtpReply {
  int code = 0;
  std::string text;  // all lines joined by blanks, the enhanced code included
  [[nodiscard]] bool ok() const { return code >= 200 && code < 400; }
  // "525 5.7.13 sending is …"
  [[nodiscard]] std::string whole() const { return std::to_string(code) + " " + text; }
};

// What came of one message, recipient by recipient.
struct SmtpSent {
  std::size_t accepted = 0;        // recipients of a message that was taken
  std::vector<SmtpReply> refused;  // of MAIL, RCPT or DATA, in order
  std::string queue_id;            // Postfix's, when it was taken
};

struct SmtpMessage {
  std::string from;  // envelope
  std::vector<std::string> to;
  std::string content;  // header and body with CRLF or LF; dots are stuffed here
};

// One thread at a time. Errors are operating: the connection is of no use any more.
class SmtpDialogue {
 public:
  // Connects, reads the greeting, says EHLO; speaks for `client_ip` where that is not "" and the
  // server permits XCLIENT (speaks_for_others() tells).
  [[nodiscard]] static Result<SmtpDialogue> open(const MailEndpoint& to,
                                                 const std::string& client_ip);

  [[nodiscard]] Result<SmtpReply> command(std::string_view line);
  // STARTTLS and EHLO again. Errors: also when the server does not offer it.
  [[nodiscard]] Result<void> start_tls();
  // 235 or why not.
  [[nodiscard]] Result<SmtpReply> auth(std::string_view login, const Secret& password);
  [[nodiscard]] Result<SmtpSent> send(const SmtpMessage& message);
  void quit();
  [[nodiscard]] bool speaks_for_others() const { return spoke_for_other_; }

 private:
  explicit SmtpDialogue(LineStream stream) : stream_(std::move(stream)) {}
  [[nodiscard]] Result<SmtpReply> reply();
  [[nodiscard]] Result<void> hello();
  [[nodiscard]] bool offers(std::string_view keyword) const;

  LineStream stream_;
  std::vector<std::string> extensions_;
  bool spoke_for_other_ = false;
};

// Lines end in CRLF and a leading dot is doubled (RFC 5321 §4.5.2); the final dot line is added.
[[nodiscard]] std::string smtp_data(std::string_view content);

}  // namespace sekimori::app
