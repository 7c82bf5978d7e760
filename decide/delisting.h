// What the operator of a blacklist asks before taking an address off: which address, since when,
// why, what was done, how much. Composed of known facts only; what is not known says so. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/text.h"
#include "decide/records.h"

namespace sekimori::decide {

// What the account sent from the incident's onset until it was over, as the journal says.
struct IncidentTraffic {
  bool known = false;  // the journal reaches back to the onset
  Instant first;       // suspicious message
  Instant last;
  std::uint64_t messages = 0;    // let out
  std::uint64_t recipients = 0;  // of those
  std::uint64_t held = 0;        // messages, before they left
  std::uint64_t refused = 0;     // messages
  std::uint64_t delivered = 0;   // recipients
  std::uint64_t deferred = 0;    // recipients whose last word was "later"
  std::uint64_t bounced = 0;     // recipients
};

struct DelistingAction {
  Instant t;
  std::string what;  // "contained", "sessions_ended", "queue_held", "password_changed", "restored"
  std::uint64_t count = 0;  // 0: not a matter of numbers
  bool operator==(const DelistingAction&) const = default;
};

struct Delisting {
  Incident incident;
  std::string server;                  // HELO name
  std::vector<std::string> addresses;  // of the server; empty: not configured
  std::string account;                 // redacted, unless it was asked for
  std::string contact;                 // ""
  IncidentTraffic traffic;
  std::uint64_t complaints = 0;
  std::vector<DelistingAction> actions;  // oldest first
  Text text;                             // the whole letter
};

// "t***@example.jp": enough for us to find it by, nothing for anybody else.
[[nodiscard]] std::string redacted(const std::string& address);
// From the incident's steps and the audit of its subject.
[[nodiscard]] std::vector<DelistingAction> actions_of(const Incident& incident,
                                                      const std::vector<Step>& steps,
                                                      const std::vector<AuditEntry>& audit,
                                                      const std::vector<HeldMessage>& holds);
[[nodiscard]] Text delisting_text(const Delisting& facts);

}  // namespace sekimori::decide
