// Rules that people wrote for addresses: who is let in and who is refused, and which of several
// rules decides.
//
// A rule is {an address, a range, a network's number (ASN) or a country} × {the server, a domain,
// an account} × {receiving, signing in, both} × {allow, deny}. Precedence, here and nowhere else:
//
//   1. allow beats deny beats ban beats policy (limits, blacklists, judgements)
//   2. within allow, and within deny: the account's rule before the domain's before the server's
//   3. then the longer prefix; any range before an ASN before a country
//   4. then the older rule
//
// A closed account stays closed: standing is no matter of addresses, and no rule opens it.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <bitset>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "base/instant.h"
#include "base/ip_network.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/records.h"

namespace sekimori::decide {

enum class RuleAction : std::uint8_t { allow, deny };
[[nodiscard]] std::string_view to_string(RuleAction);
[[nodiscard]] std::optional<RuleAction> parse_rule_action(std::string_view);

// What a rule is for: mail from outside, sign-ins (and sending after one), or both.
enum class RuleUse : std::uint8_t { receive, login, both };
[[nodiscard]] std::string_view to_string(RuleUse);
[[nodiscard]] std::optional<RuleUse> parse_rule_use(std::string_view);
[[nodiscard]] constexpr bool is_for(RuleUse rule, RuleUse question) {
  return rule == RuleUse::both || question == RuleUse::both || rule == question;
}

// Whom a rule is about.
class RuleTarget {
 public:
  // In the order in which they decide.
  enum class Kind : std::uint8_t { network, asn, country };

  RuleTarget() = default;
  explicit RuleTarget(const IpNetwork& network) : network_(network) {}
  // Reads "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "AS64500" or "asn:64500", "country:KP"
  // (ISO 3166-1 alpha-2, any case). Errors: bad_input.
  [[nodiscard]] static Result<RuleTarget> parse(std::string_view text);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const IpNetwork& network() const { return network_; }  // of Kind::network
  [[nodiscard]] std::uint32_t asn() const { return asn_; }             // of Kind::asn
  [[nodiscard]] std::string country() const { return std::string(country_.data(), 2); }
  [[nodiscard]] bool covers(const IpAddress& ip, const Place& place) const;
  // "192.0.2.0/24", "AS64500", "country:KP": parse() reads it back.
  [[nodiscard]] std::string to_string() const;
  // Text that sorts as the addresses do: IPv4 before IPv6, then ASNs, then countries.
  [[nodiscard]] std::string sort_key() const;
  bool operator==(const RuleTarget&) const = default;

 private:
  Kind kind_ = Kind::network;
  std::array<char, 2> country_{};
  std::uint32_t asn_ = 0;
  IpNetwork network_;
};
[[nodiscard]] std::string_view to_string(RuleTarget::Kind);
[[nodiscard]] std::optional<RuleTarget::Kind> parse_rule_kind(std::string_view);

// One rule. There is one for a target, scope and use: a second one replaces it.
struct AddressRule {
  std::uint64_t id = 0;  // given by the store, never twice
  RuleTarget target;
  Subject scope{SubjectKind::server, ""};
  RuleUse use = RuleUse::login;
  RuleAction action = RuleAction::deny;
  std::string reason;
  std::string by;
  Instant created;
  Instant expires;  // unset: never
  std::uint64_t hits = 0;
  Instant last_hit;
  bool operator==(const AddressRule&) const = default;
};

// A slip of the pen must not shut the world out: a range that is denied has at least this prefix.
inline constexpr int k_deny_bits_v4 = 8;
inline constexpr int k_deny_bits_v6 = 16;
// Errors: bad_input (a range too wide to deny, no reason).
[[nodiscard]] Result<void> check_rule(const AddressRule& rule);

// What of them a list shows. Everything given must hold.
struct RuleFilter {
  std::string search;  // part of the target, the reason, who made it or whose it is; any case
  std::optional<RuleAction> action;
  std::optional<RuleUse> use;  // rules for both are among them
  std::optional<RuleTarget::Kind> kind;
  std::optional<SubjectKind> scope;
  std::optional<Subject> subject;  // of exactly this domain or account
  std::string within;              // of this domain or one of its accounts
  std::string target;              // exactly this
  enum class Sort : std::uint8_t { target, created, expires, hits } sort = Sort::target;
  bool descending = false;
  std::size_t offset = 0;
  std::size_t limit = 100;
};
struct RulePage {
  std::vector<AddressRule> items;
  std::uint64_t total = 0;  // without offset and limit
};

// ---- which of several decides ----

// What of a rule its precedence hangs on.
struct RuleRank {
  RuleAction action = RuleAction::deny;
  SubjectKind scope = SubjectKind::server;
  RuleTarget::Kind kind = RuleTarget::Kind::network;
  int bits = 0;  // of a network: 0 to 32, or 0 to 128
  std::uint64_t id = 0;
};
[[nodiscard]] RuleRank rank_of(const AddressRule& rule);
// Does `a` decide where `b` matches as well? A strict order, and total among rules of one address.
[[nodiscard]] bool decides_before(const RuleRank& a, const RuleRank& b);

// A ban in force, as whoever keeps bans tells of it.
struct BanFound {
  Text reason;
  Instant since;
  Instant until;
  bool operator==(const BanFound&) const = default;
};

// Everything that is known of an address when a question is answered.
struct AddressFacts {
  std::optional<RuleRank> rule;  // the first of those that match, by decides_before()
  bool banned = false;           // by guessing, until its time is over
  bool policy_refuses = false;   // what the policy would answer: a blacklist, a limit
};
// What decided.
enum class AddressLayer : std::uint8_t { none, allow, deny, ban, policy };
[[nodiscard]] std::string_view to_string(AddressLayer);
struct AddressVerdict {
  AddressLayer layer = AddressLayer::none;
  bool let_in = true;
  bool operator==(const AddressVerdict&) const = default;
};
// Allow beats deny beats ban beats policy.
[[nodiscard]] AddressVerdict decide_address(const AddressFacts& facts);
// The verdict in words for operators; `rule` where one decided.
[[nodiscard]] Text verdict_words(const AddressVerdict& verdict, const AddressRule* rule,
                                 RuleUse use);

// ---- all rules, for the decision path ----

struct AddressQuestion {
  IpAddress ip;
  Place place;
  std::string_view account;  // "" where nobody's is known
  std::string_view domain;   // "" likewise
  RuleUse use = RuleUse::login;
  Instant now;
};

// More rules than this are a zone for a name server, not rules that a person keeps.
inline constexpr std::size_t k_address_rules_max = 500'000;

// An immutable set. A look-up probes a hash table once for each prefix length that occurs in a
// scope: about a microsecond, however many rules there are. Any thread.
class AddressRuleSet {
 public:
  struct Entry {
    std::uint64_t id = 0;
    RuleTarget target;
    std::uint32_t scope = 0;  // 0: the server
    SubjectKind scope_kind = SubjectKind::server;
    RuleAction action = RuleAction::deny;
    RuleUse use = RuleUse::login;
    Instant expires;
    [[nodiscard]] RuleRank rank() const;
  };

  AddressRuleSet() = default;
  explicit AddressRuleSet(const std::vector<AddressRule>& rules);

  // The rule that decides; nullptr: none matches.
  [[nodiscard]] const Entry* best(const AddressQuestion& question) const;
  // All that match, the one that decides first.
  [[nodiscard]] std::vector<const Entry*> all(const AddressQuestion& question) const;
  // Does an answer hang on the place of the address?
  [[nodiscard]] bool wants_place() const { return wants_place_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Of an entry of this set: 0 to size() - 1.
  [[nodiscard]] std::size_t index_of(const Entry& entry) const {
    return static_cast<std::size_t>(&entry - entries_.data());
  }
  [[nodiscard]] const Entry& entry(std::size_t index) const { return entries_[index]; }

 private:
  struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint32_t scope = 0;
    std::uint32_t kind = 0;  // a prefix length of its family, or what else the target is
    auto operator<=>(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  // Which prefix lengths occur in one scope's rules, and whether others do.
  struct Shape {
    std::bitset<33> v4;
    std::bitset<129> v6;
    bool asn = false;
    bool country = false;
  };
  [[nodiscard]] static Key key_of(const RuleTarget& target, std::uint32_t scope);
  [[nodiscard]] static Key key_of(const IpAddress& ip, int bits, std::uint32_t scope);
  [[nodiscard]] std::uint32_t scope_of(SubjectKind kind, std::string_view id) const;
  template <class Take>
  void each(const AddressQuestion& question, const Take& take) const;
  template <class Take>
  void each_of(const Key& key, const AddressQuestion& question, const Take& take) const;

  std::vector<Entry> entries_;  // by key, so that those of one key stand together
  boost::unordered_flat_map<Key, std::uint32_t, KeyHash> first_;
  boost::unordered_flat_map<std::string, std::uint32_t, TextHash, std::equal_to<>> scopes_;
  std::array<Shape, 3> shapes_{};  // by SubjectKind
  bool wants_place_ = false;
};

// ---- many at once ----

// One line of a pasted list that is no rule.
struct RuleLineError {
  std::size_t line = 0;  // from 1
  std::string text;      // the line, cut at 80 bytes
  std::string what;
  bool operator==(const RuleLineError&) const = default;
};
struct RuleLines {
  struct Line {
    std::size_t line = 0;
    RuleTarget target;
    std::string note;  // what stood behind '#' or ';'
  };
  std::vector<Line> good;  // each target once
  std::vector<RuleLineError> errors;
  std::size_t repeated = 0;  // targets that stood in an earlier line
};
// Reads one target a line; what follows '#' or ';' is a note (as in Spamhaus' DROP), empty lines
// are skipped. At most k_rule_lines_max lines: what comes behind is one error.
inline constexpr std::size_t k_rule_lines_max = 100'000;
[[nodiscard]] RuleLines parse_rule_lines(std::string_view text);

}  // namespace sekimori::decide
