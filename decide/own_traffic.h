// What the owner of an account is shown of it: where it was signed in to, what went through it each
// day, and whether that stopped after a recovery ("止まりました / 続いています"). Pure; a fold over
// the account's own events, never on the decision path.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_address.h"
#include "decide/service_senders.h"

namespace sekimori::decide {

// The network by which sign-ins are told apart and answered for: /24, /64. "" where unset.
[[nodiscard]] std::string own_network(const IpAddress& ip);

// Sign-ins from one network with one program.
struct OwnSignIn {
  std::string network;
  IpAddress last_ip;
  Place place;
  std::string client;  // the program's name for itself; "" unknown
  Service service = Service::other;
  std::uint64_t good = 0;
  std::uint64_t wrong = 0;    // wrong passwords
  std::uint64_t refused = 0;  // refused by policy
  std::uint64_t plain = 0;    // of the good ones, without encryption; 0 for SMTP (not known there)
  Instant first;
  Instant last;
  Instant last_good;
  bool operator==(const OwnSignIn&) const = default;
};
// The most groups that are told apart: guessers come from everywhere, and nobody reads more.
inline constexpr std::size_t k_own_sign_ins_max = 200;

struct OwnVolume {
  std::uint64_t messages = 0;    // sent
  std::uint64_t recipients = 0;  // of them
  std::uint64_t stopped = 0;     // messages held or refused
  std::uint64_t received = 0;
  std::uint64_t sign_ins = 0;  // good ones
  std::uint64_t sessions = 0;  // ended
  std::uint64_t bytes_in = 0;  // from the client, of these sessions
  std::uint64_t bytes_out = 0;
  void operator+=(const OwnVolume& other);
  bool operator==(const OwnVolume&) const = default;
};

// Days of the past as spans of 24 hours before now, the newest first.
inline constexpr std::size_t k_own_days = 14;

// The incident that a comparison is about.
struct OwnIncident {
  Instant onset;                      // when it began
  Instant contained;                  // when it was stopped
  Instant changed;                    // when the new password was set; unset: not yet
  std::vector<std::string> networks;  // addresses or networks from which it came
};

enum class TrafficVerdict : std::uint8_t {
  not_yet,   // no new password, or less than an hour since
  stopped,   // nothing of the incident goes on
  going_on,  // it does, with the new password
};
[[nodiscard]] std::string_view to_string(TrafficVerdict);

// Usual, during the incident, and since the new password: each by the day, over so many hours.
struct TrafficShare {
  double hours = 0;
  OwnVolume volume;
};
struct TrafficComparison {
  TrafficVerdict verdict = TrafficVerdict::not_yet;
  TrafficShare usual;
  TrafficShare incident;
  TrafficShare after;           // at most k_compared
  std::uint64_t tries = 0;      // since then in vain, from where the incident came or with a wrong
                                // password
  std::uint64_t intruders = 0;  // since then let in from where the incident came
  Instant until;                // the comparison ends
};
inline constexpr Duration k_compared = days(7);
// So long before the incident is "usual".
inline constexpr Duration k_usual = days(7);

// A service that wrote to the mailbox: its password can be reset by whoever reads that.
struct OwnServiceSeen {
  FoundService service;
  std::uint64_t messages = 0;
  std::uint64_t during = 0;  // between the incident's onset and the new password
};
inline constexpr std::size_t k_own_services_max = 300;

struct OwnHistory {
  std::vector<OwnSignIn> sign_ins;       // the newest first
  std::vector<OwnServiceSeen> services;  // those of the incident first, then by messages
  std::array<OwnVolume, k_own_days> days{};
  std::vector<TrafficComparison> comparison;  // none or one
};

class OwnTrafficFold {
 public:
  OwnTrafficFold(Instant now, OwnIncident incident) : now_(now), incident_(std::move(incident)) {}
  explicit OwnTrafficFold(Instant now) : now_(now) {}
  // Events from here on are wanted.
  [[nodiscard]] Instant from() const;
  // Events of the account only, in any order.
  void add(const Event& event);
  [[nodiscard]] OwnHistory history() const;

 private:
  [[nodiscard]] bool is_of_incident(const IpAddress& ip) const;
  OwnVolume* share_of(Instant t);
  void add_service(const std::string& sender, Instant t);

  Instant now_;
  OwnIncident incident_;
  std::map<std::string, OwnSignIn> sign_ins_;
  std::map<std::string, OwnServiceSeen> services_;
  std::array<OwnVolume, k_own_days> days_{};
  OwnVolume usual_;
  OwnVolume during_;
  OwnVolume after_;
  std::uint64_t tries_ = 0;
  std::uint64_t intruders_ = 0;
};

}  // namespace sekimori::decide
