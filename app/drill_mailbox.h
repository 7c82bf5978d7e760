// Reading a mailbox as a mail program does: as much of IMAP (RFC 3501) and POP3 (RFC 1939) as the
// drill needs.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "app/drill_stream.h"
#include "base/secret.h"

namespace sekimori::app {

// How a login ended. `words` are the server's.
struct LoginOutcome {
  bool in = false;
  std::string words;
};

// A signed-in IMAP session with INBOX selected. One thread at a time. Errors are operating.
class ImapSession {
 public:
  // Signs in, speaking for `client_ip` where that is not "" (Dovecot believes it from
  // login_trusted_networks only). A refusal is in `outcome`, and nullopt returned.
  [[nodiscard]] static Result<std::optional<ImapSession>> open(const MailEndpoint& to,
                                                               std::string_view login,
                                                               const Secret& password,
                                                               const std::string& client_ip,
                                                               LoginOutcome& outcome);
  // How many messages have this text in their subject.
  [[nodiscard]] Result<std::size_t> count_subject(std::string_view text);
  // Deletes them for good.
  [[nodiscard]] Result<void> remove_subject(std::string_view text);
  // Did the server end the session within this time? Asks with NOOP.
  [[nodiscard]] bool ended(std::chrono::milliseconds within);
  void logout();

 private:
  explicit ImapSession(LineStream stream) : stream_(std::move(stream)) {}
  struct Answer {
    std::string status;    // "OK", "NO", "BAD"
    std::string words;     // behind it
    std::string untagged;  // lines, literals included
  };
  [[nodiscard]] Result<Answer> command(std::string_view text);

  LineStream stream_;
  unsigned tag_ = 0;
};

// One POP3 login and QUIT.
[[nodiscard]] Result<LoginOutcome> pop3_login(const MailEndpoint& to, std::string_view login,
                                              const Secret& password, const std::string& client_ip);

}  // namespace sekimori::app
