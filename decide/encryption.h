// Sign-ins whose password crosses the network in the clear: who still does it, which domain ends it
// from when on, and who is excepted. Records and words; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/text.h"
#include "base/time_zone.h"

namespace sekimori::decide {

// A day of the server's clock as its number since 1970-01-01.
using DayNumber = std::int64_t;
[[nodiscard]] DayNumber day_of(Instant t, Duration utc_offset);
// "2026-11-22".
[[nodiscard]] std::string day_text(DayNumber day);

// What was seen of one account and service on one day.
struct PlainDay {
  std::string account;
  Service service = Service::other;
  DayNumber day = 0;
  std::uint64_t count = 0;
  Instant last;
  std::string ip;      // of the last one
  std::string client;  // the program's name for itself; "" where it says none
  bool operator==(const PlainDay&) const = default;
};

// From `from` on, unencrypted sign-ins of the domain are refused.
struct EncryptionRule {
  std::string domain;
  Instant from;
  std::string reason;
  std::string by;
  Instant created;
  bool operator==(const EncryptionRule&) const = default;
};
struct EncryptionException {
  std::string account;
  Instant until;
  std::string reason;
  std::string by;
  Instant created;
  bool operator==(const EncryptionException&) const = default;
};

struct PlainAccount {
  std::string account;
  std::vector<PlainDay> days;  // within the period, oldest first; one for each service
  std::uint64_t count = 0;
  Instant last;
  Instant told;                                  // unset: never
  std::optional<EncryptionException> exception;  // in force
  Instant enforced_from;                         // its domain's rule; unset: none
};
struct PlainFilter {
  DayNumber since = 0;
  std::string domain;  // "" = all
  std::string search;  // part of the address
  std::optional<Service> service;
  bool hit = false;  // only those that a rule would refuse: without an exception at `now`
  Instant now;
  std::size_t offset = 0;
  std::size_t limit = 100;
};
struct PlainAccounts {
  std::vector<PlainAccount> items;  // latest first
  std::uint64_t total = 0;
};

struct EncryptionTrend {
  DayNumber day = 0;
  std::uint64_t accounts = 0;
  std::uint64_t count = 0;
};
struct EncryptionDomain {
  std::string domain;
  std::uint64_t accounts = 0;
  std::uint64_t count = 0;
  Instant last;
  std::optional<EncryptionRule> rule;
};
struct EncryptionSummary {
  std::uint64_t accounts = 0;
  std::uint64_t count = 0;
  std::vector<EncryptionTrend> trend;     // every day of the period, also where nothing was
  std::vector<EncryptionDomain> domains;  // most accounts first; with every domain that has a rule
};

// How a customer's program is told to connect, as far as the settings say.
struct EncryptedWays {
  std::string imap;  // "imap.example.jp: 993 (SSL/TLS)"; "" = not offered
  std::string pop3;
  std::string smtp;
  std::string portal;  // where it is described; "" = nowhere
};
// To a person whose sign-in is refused; for SMTP `.en` is ASCII with its reply codes in front.
[[nodiscard]] Text plain_refusal(Service service, const EncryptedWays& ways);
// The letter to an owner: a subject and a body. Times are told by the clock of `zone`.
struct Letter {
  std::string subject;
  std::string body;
};
[[nodiscard]] Letter plain_letter(const PlainDay& seen, std::string_view place,
                                  const EncryptedWays& ways, Instant enforced_from,
                                  std::string_view provider, Language language,
                                  const ZoneRule& zone);

}  // namespace sekimori::decide
