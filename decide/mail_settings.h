// "Wrong server name or port", of what decide/diagnosis answers: what of it this server can know.
// What went to another name never came here; what came and broke off before anybody signed in, the
// log tells (base/handshake.h); and who sends but never reads has the right password in a program
// whose incoming server is wrong. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/event.h"
#include "base/handshake.h"
#include "base/instant.h"
#include "base/time_zone.h"
#include "decide/diagnosis.h"

namespace sekimori::decide {

// Connections that broke off before anybody signed in, of the asking network's last 24 h.
struct HandshakeFact {
  HandshakeTrouble trouble = HandshakeTrouble::certificate_refused;
  Service service = Service::other;  // of the last
  std::uint64_t tries = 0;
  Instant last;
  bool operator==(const HandshakeFact&) const = default;
};

// What belongs into a mail program's settings, as the provider says.
struct ServerToUse {
  Service service = Service::imap;
  std::string host;
  std::uint16_t port = 0;
  bool tls = true;  // encrypted from the beginning; else STARTTLS
};

struct MailSettingsFacts {
  ZoneRule zone;         // by whose clock times are told
  Instant last_sending;  // the last sign-in to SMTP within seven days; unset: none
  std::vector<HandshakeFact> handshakes;
  std::vector<ServerToUse> servers;  // none: the provider has set none
};

// Looks at one of the account's events, in any order.
void see_sending(MailSettingsFacts& facts, const Event& event, Instant now);

// Adds what the facts say, and to whoever should compare their settings the names to compare with.
// The gravest still come first.
void add_mail_settings(std::vector<Finding>& findings, const MailSettingsFacts& facts);

}  // namespace sekimori::decide
