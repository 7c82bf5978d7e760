// A ban: an address or a network that may not sign in for a while, why, and how far it reaches.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_network.h"
#include "base/text.h"

namespace sekimori::decide {

enum class BanKind : std::uint8_t {
  guessing,       // wrong passwords for few accounts
  spraying,       // wrong passwords for many accounts
  unknown_names,  // names that no account has
  network,        // several addresses of one network
  wider,          // several networks side by side
  person,         // somebody's word
  imported        // somebody else's list
};

// What it takes away. Whoever signs in from where the account was before is let in in any case.
enum class BanReach : std::uint8_t {
  packets,   // the firewall drops them, where there is one; otherwise as sign_ins
  sign_ins,  // refused for accounts that were never there: people live behind this address
  delay      // put off by some seconds: many people live behind it
};

struct Ban {
  std::uint64_t id = 0;  // grows; given by whoever remembers bans
  IpNetwork network;
  BanKind kind = BanKind::guessing;
  BanReach reach = BanReach::packets;
  Instant since;
  Instant until;                 // unset: until a person ends it
  std::uint32_t failures = 0;    // wrong passwords, the same one again not counted
  std::uint32_t accounts = 0;    // accounts tried, about
  std::uint32_t unknown = 0;     // names among them that no account has, about
  std::uint32_t parts = 0;       // kind network: addresses; wider: networks
  std::uint32_t times = 1;       // how often it was banned of late, this time included
  std::uint32_t collateral = 0;  // accounts that signed in from there within the last days
  std::uint64_t hits = 0;        // times it was refused since
  Instant last_hit;
  Place place;
  std::string last_account;  // the last one tried
  std::string by;            // "machine", or a person's login
  std::string reason;        // a person's, or the list's own name of it ("SBL123")
  bool operator==(const Ban&) const = default;
  [[nodiscard]] bool is_over(Instant now) const { return until.is_set() && until <= now; }
};

// A ban as it is remembered.
struct BanRecord {
  Ban ban;
  Instant ended;         // unset: in force
  std::string ended_by;  // "time", or a person's login
  bool operator==(const BanRecord&) const = default;
};

struct BanFilter {
  bool ended = false;  // those that are over, instead of those in force
  std::optional<BanKind> kind = {};
  std::optional<BanReach> reach = {};
  std::string country = {};  // "JP"; "" all
  std::string search = {};   // part of the network, the account tried last, who made it, the reason
  enum class Sort : std::uint8_t { since, until, hits, network } sort = Sort::since;
  bool descending = true;
  std::size_t offset = 0;
  std::size_t limit = 100;
};

[[nodiscard]] std::string_view to_string(BanKind);
[[nodiscard]] std::string_view to_string(BanReach);
[[nodiscard]] std::optional<BanKind> parse_ban_kind(std::string_view);
[[nodiscard]] std::optional<BanReach> parse_ban_reach(std::string_view);

// Why, in one sentence with numbers.
[[nodiscard]] Text ban_reason(const Ban&);
// What it takes away and whom it would hit besides, in a sentence for operators; that it has no end
// where it has none. When it ends, whoever shows the ban tells by the reader's own clock.
[[nodiscard]] Text ban_effect(const Ban&);

// One entry of somebody else's list. RFC 4632 networks, one a line; after ';' or '#' a comment, of
// which Spamhaus' DROP makes the number of the listing ("192.0.2.0/24 ; SBL123").
struct ListedNetwork {
  IpNetwork network;
  std::string note;
};
struct ListError {
  std::size_t line = 0;  // from 1
  Text text;
};
struct NetworkList {
  std::vector<ListedNetwork> networks;
  std::vector<ListError> errors;
};
// Longer lists are for a DNSBL.
inline constexpr std::size_t k_listed_networks_max = 100'000;
// Networks shorter than this would shut out a provider: /8 and /16 (IPv6).
[[nodiscard]] bool is_too_wide(const IpNetwork&);
[[nodiscard]] NetworkList parse_network_list(std::string_view text);

}  // namespace sekimori::decide
