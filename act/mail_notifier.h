// Notices by mail: to the operators, and into the mailbox of an owner who can still read it.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "act/curl_handle.h"
#include "decide/ports.h"

namespace sekimori::act {

struct MailNotifierSettings {
  std::string smtp = "127.0.0.1:25";   // host:port of the local Postfix
  std::string from;                    // "" = no mail is sent, notices are logged only
  std::vector<std::string> operators;  // addresses; those that are none are logged and left out
  bool owners = true;                  // tell owners, too
  std::string server_name;             // in the subject and Message-ID
  std::string portal_url;              // where an owner begins the way back; "" = not mentioned
  std::string panel_url;               // for operators; "" = not mentioned
  Duration timeout = seconds(20);
  Duration repeat_interval = hours(1);  // the same notice is not sent again sooner
  std::function<Instant()> now;
  std::function<void(std::string_view)> log = {};
};

// Threads: any, one notice at a time. A notice whose mail failed is an operating error: telling
// again sends only what was not sent. Postfix took a mail = told; what becomes of it then is
// Postfix's.
class MailNotifier : public decide::Notifier {
 public:
  explicit MailNotifier(MailNotifierSettings settings);
  [[nodiscard]] Result<void> tell(const decide::Notice&) override;

 private:
  enum class Audience : std::uint8_t { operators, owner };
  using Key = std::tuple<std::uint64_t, std::string, decide::Subject, Audience>;
  [[nodiscard]] Result<void> send(const decide::Notice&, Audience,
                                  const std::vector<std::string>& to, Instant now);

  MailNotifierSettings settings_;
  std::mutex mutex_;
  CurlHandle curl_;
  std::map<Key, Instant> sent_;  // emptied of what is older than repeat_interval; at most 10,000
};

// The whole message (headers and body, CRLF), UTF-8 in base64, both languages; Auto-Submitted, so
// that no vacation reply comes back. `for_owner` chooses the words. Pure.
struct NoticeMail {
  std::string from;
  std::vector<std::string> to;
  std::string server_name;
  std::string portal_url;
  std::string panel_url;
  bool for_owner = false;
  Instant now;
};
[[nodiscard]] std::string notice_message(const decide::Notice&, const NoticeMail&);

// "=?UTF-8?B?…?=" words of at most 75 characters, never cutting a character in two (RFC 2047 §2,
// §5).
[[nodiscard]] std::string encoded_header(std::string_view utf8);

}  // namespace sekimori::act
