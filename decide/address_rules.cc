#include "decide/address_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <unordered_set>

#include "base/hash.h"
#include "base/mail_address.h"

namespace sekimori::decide {
namespace {

constexpr std::uint32_t k_v6_kind = 1000;  // + prefix length
constexpr std::uint32_t k_asn_kind = 2000;
constexpr std::uint32_t k_country_kind = 2001;
constexpr std::size_t k_note_max = 200;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::uint64_t word_at(const std::array<std::uint8_t, 16>& bytes, std::size_t at) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = (out << 8U) | bytes[at + i];
  return out;
}

// The account's is the narrowest.
int width(SubjectKind scope) {
  switch (scope) {
    case SubjectKind::account: return 0;
    case SubjectKind::domain: return 1;
    case SubjectKind::server: break;
  }
  return 2;
}

Result<std::uint32_t> parse_asn(std::string_view digits) {
  std::uint32_t asn = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), asn);
  if (error != std::errc() || end != digits.data() + digits.size() || asn == 0) {
    return bad_input(fmt::format("'AS{}' is no network number", digits));
  }
  return asn;
}

}  // namespace

std::string_view to_string(RuleAction action) {
  return action == RuleAction::allow ? "allow" : "deny";
}
std::optional<RuleAction> parse_rule_action(std::string_view text) {
  if (text == "allow") return RuleAction::allow;
  if (text == "deny") return RuleAction::deny;
  return std::nullopt;
}

std::string_view to_string(RuleUse use) {
  switch (use) {
    case RuleUse::receive: return "receive";
    case RuleUse::login: return "login";
    case RuleUse::both: break;
  }
  return "both";
}
std::optional<RuleUse> parse_rule_use(std::string_view text) {
  for (const auto use : {RuleUse::receive, RuleUse::login, RuleUse::both}) {
    if (text == to_string(use)) return use;
  }
  return std::nullopt;
}

std::string_view to_string(RuleTarget::Kind kind) {
  switch (kind) {
    case RuleTarget::Kind::network: return "network";
    case RuleTarget::Kind::asn: return "asn";
    case RuleTarget::Kind::country: break;
  }
  return "country";
}
std::optional<RuleTarget::Kind> parse_rule_kind(std::string_view text) {
  using enum RuleTarget::Kind;
  for (const auto kind : {network, asn, country}) {
    if (text == to_string(kind)) return kind;
  }
  return std::nullopt;
}

Result<RuleTarget> RuleTarget::parse(std::string_view text) {
  RuleTarget target;
  const std::string lower = ascii_lower(text);
  const std::string_view plain(lower);
  constexpr std::string_view k_country = "country:";
  constexpr std::string_view k_asn = "asn:";
  if (plain.starts_with(k_country)) {
    const auto code = plain.substr(k_country.size());
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (code.size() != 2 || !letter(code[0]) || !letter(code[1])) {
      return bad_input(fmt::format("'{}' is no country: two letters of ISO 3166-1, as country:JP",
                                   text.substr(0, 80)));
    }
    target.kind_ = Kind::country;
    for (std::size_t i = 0; i < 2; ++i) {
      target.country_[i] = static_cast<char>(code[i] - 'a' + 'A');
    }
    return target;
  }
  const bool is_short =
      plain.size() > 2 && plain.starts_with("as") && plain[2] >= '0' && plain[2] <= '9';
  if (is_short || plain.starts_with(k_asn)) {
    auto digits = plain.substr(is_short ? 2 : k_asn.size());
    if (!is_short && digits.starts_with("as")) digits.remove_prefix(2);
    const auto asn = parse_asn(digits.substr(0, 80));
    if (!asn) return std::unexpected(asn.error());
    target.kind_ = Kind::asn;
    target.asn_ = *asn;
    return target;
  }
  const auto network = IpNetwork::parse(text);
  if (!network) return std::unexpected(network.error());
  target.network_ = *network;
  return target;
}

bool RuleTarget::covers(const IpAddress& ip, const Place& place) const {
  switch (kind_) {
    case Kind::network: return network_.contains(ip);
    case Kind::asn: return asn_ != 0 && place.asn == asn_;
    case Kind::country: break;
  }
  return country_[0] != 0 && place.country[0] == country_[0] && place.country[1] == country_[1];
}

std::string RuleTarget::to_string() const {
  switch (kind_) {
    case Kind::network: return network_.to_string();
    case Kind::asn: return fmt::format("AS{}", asn_);
    case Kind::country: break;
  }
  return "country:" + country();
}

std::string RuleTarget::sort_key() const {
  switch (kind_) {
    case Kind::network: {
      const auto& bytes = network_.address().bytes();
      return fmt::format("{}{:016x}{:016x}{:03}", network_.address().is_v4() ? '0' : '1',
                         word_at(bytes, 0), word_at(bytes, 8), network_.bits());
    }
    case Kind::asn: return fmt::format("2{:010}", asn_);
    case Kind::country: break;
  }
  return "3" + country();
}

Result<void> check_rule(const AddressRule& rule) {
  if (rule.reason.empty()) return bad_input("'reason' is needed");
  if (rule.action == RuleAction::allow || rule.target.kind() != RuleTarget::Kind::network) {
    return {};
  }
  const IpNetwork& network = rule.target.network();
  const int least = network.address().is_v4() ? k_deny_bits_v4 : k_deny_bits_v6;
  if (network.bits() < least) {
    return bad_input(fmt::format("a range that is denied has a prefix of at least /{}", least));
  }
  return {};
}

RuleRank rank_of(const AddressRule& rule) {
  return {rule.action, rule.scope.kind, rule.target.kind(), rule.target.network().bits(), rule.id};
}
RuleRank AddressRuleSet::Entry::rank() const {
  return {action, scope_kind, target.kind(), target.network().bits(), id};
}

bool decides_before(const RuleRank& a, const RuleRank& b) {
  const auto key = [](const RuleRank& r) {
    const int bits = r.kind == RuleTarget::Kind::network ? -r.bits : 0;
    return std::tuple(r.action, width(r.scope), r.kind, bits, r.id);
  };
  return key(a) < key(b);
}

std::string_view to_string(AddressLayer layer) {
  switch (layer) {
    case AddressLayer::none: return "none";
    case AddressLayer::allow: return "allow";
    case AddressLayer::deny: return "deny";
    case AddressLayer::ban: return "ban";
    case AddressLayer::policy: break;
  }
  return "policy";
}

AddressVerdict decide_address(const AddressFacts& facts) {
  if (facts.rule && facts.rule->action == RuleAction::allow) return {AddressLayer::allow, true};
  if (facts.rule) return {AddressLayer::deny, false};
  if (facts.banned) return {AddressLayer::ban, false};
  if (facts.policy_refuses) return {AddressLayer::policy, false};
  return {};
}

Text verdict_words(const AddressVerdict& verdict, const AddressRule* rule, RuleUse use) {
  const bool receiving = use == RuleUse::receive;
  const std::string ja = receiving ? "ここからのメール" : "ここからのサインイン";
  const std::string en = receiving ? "Mail from there" : "A sign-in from there";
  switch (verdict.layer) {
    case AddressLayer::none:
      return {ja + "を止めるものはありません。", en + " is stopped by nothing."};
    case AddressLayer::allow:
    case AddressLayer::deny: {
      const bool in = verdict.layer == AddressLayer::allow;
      std::string ja_rule = "規則";
      std::string en_rule = "a rule";
      if (rule != nullptr) {
        const bool whole = rule->scope.kind == SubjectKind::server;
        ja_rule = fmt::format("規則 {}({}、{})", rule->id, rule->target.to_string(),
                              whole ? "サーバー全体" : rule->scope.id);
        en_rule = fmt::format("rule {} ({}, {})", rule->id, rule->target.to_string(),
                              whole ? "the whole server" : rule->scope.id);
      }
      return {fmt::format("{}は、{}により{}。", ja, ja_rule, in ? "許可します" : "断ります"),
              fmt::format("{} is {} by {}.", en, in ? "let in" : "refused", en_rule)};
    }
    case AddressLayer::ban:
      return {ja + "は、パスワードの推測などのため一時的に断っています。",
              en + " is refused for a time, as passwords were guessed from there."};
    case AddressLayer::policy: break;
  }
  return {ja + "は、ブラックリストや制限により断ります。",
          en + " is refused by a blacklist or a limit."};
}

// ---------------------------------------------------------------- the set

std::size_t AddressRuleSet::KeyHash::operator()(const Key& key) const {
  const std::uint64_t rest = (std::uint64_t{key.scope} << 32U) | key.kind;
  return static_cast<std::size_t>(mix64(key.high ^ mix64(key.low ^ mix64(rest + 1))));
}

AddressRuleSet::Key AddressRuleSet::key_of(const IpAddress& ip, int bits, std::uint32_t scope) {
  const bool v4 = ip.is_v4();
  const IpAddress network = ip.network(v4 ? bits : 32, v4 ? 128 : bits);
  const auto kind = static_cast<std::uint32_t>(bits) + (v4 ? 0 : k_v6_kind);
  return {word_at(network.bytes(), 0), word_at(network.bytes(), 8), scope, kind};
}

AddressRuleSet::Key AddressRuleSet::key_of(const RuleTarget& target, std::uint32_t scope) {
  switch (target.kind()) {
    case RuleTarget::Kind::network:
      return key_of(target.network().address(), target.network().bits(), scope);
    case RuleTarget::Kind::asn: return {target.asn(), 0, scope, k_asn_kind};
    case RuleTarget::Kind::country: break;
  }
  const std::string code = target.country();
  const auto number = (static_cast<std::uint64_t>(static_cast<unsigned char>(code[0])) << 8U) |
                      static_cast<unsigned char>(code[1]);
  return {number, 0, scope, k_country_kind};
}

AddressRuleSet::AddressRuleSet(const std::vector<AddressRule>& rules) {
  entries_.reserve(rules.size());
  for (const AddressRule& rule : rules) {
    Entry entry{rule.id, rule.target, 0, rule.scope.kind, rule.action, rule.use, rule.expires};
    if (rule.scope.kind != SubjectKind::server) {
      const auto next = static_cast<std::uint32_t>(scopes_.size() + 1);
      entry.scope = scopes_.try_emplace(rule.scope.id, next).first->second;
    }
    entries_.push_back(entry);
  }
  std::ranges::sort(entries_, {}, [](const Entry& entry) {
    return std::pair(key_of(entry.target, entry.scope), entry.id);
  });
  first_.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    first_.try_emplace(key_of(entry.target, entry.scope), static_cast<std::uint32_t>(i));
    Shape& shape = shapes_[static_cast<std::size_t>(entry.scope_kind)];
    switch (entry.target.kind()) {
      case RuleTarget::Kind::network: {
        const IpNetwork& network = entry.target.network();
        const auto bits = static_cast<std::size_t>(network.bits());
        if (network.address().is_v4()) {
          shape.v4.set(bits);
        } else {
          shape.v6.set(bits);
        }
        break;
      }
      case RuleTarget::Kind::asn: shape.asn = wants_place_ = true; break;
      case RuleTarget::Kind::country: shape.country = wants_place_ = true; break;
    }
  }
}

std::uint32_t AddressRuleSet::scope_of(SubjectKind kind, std::string_view id) const {
  if (kind == SubjectKind::server) return 0;
  const auto at = scopes_.find(id);
  return at == scopes_.end() ? UINT32_MAX : at->second;
}

template <class Take>
void AddressRuleSet::each_of(const Key& key, const AddressQuestion& question,
                             const Take& take) const {
  const auto at = first_.find(key);
  if (at == first_.end()) return;
  for (std::size_t i = at->second; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (i != at->second && key_of(entry.target, entry.scope) != key) return;
    const bool over = entry.expires.is_set() && entry.expires <= question.now;
    if (!over && is_for(entry.use, question.use)) take(entry);
  }
}

template <class Take>
void AddressRuleSet::each(const AddressQuestion& question, const Take& take) const {
  if (entries_.empty() || !question.ip.is_set()) return;
  const std::array<std::pair<SubjectKind, std::string_view>, 3> scopes = {
      std::pair{SubjectKind::account, question.account},
      std::pair{SubjectKind::domain, question.domain},
      std::pair{SubjectKind::server, std::string_view()}};
  const bool v4 = question.ip.is_v4();
  for (const auto& [kind, id] : scopes) {
    const Shape& shape = shapes_[static_cast<std::size_t>(kind)];
    const bool empty = shape.v4.none() && shape.v6.none() && !shape.asn && !shape.country;
    if (empty || (kind != SubjectKind::server && id.empty())) continue;
    const std::uint32_t scope = scope_of(kind, id);
    if (scope == UINT32_MAX) continue;
    for (int bits = v4 ? 32 : 128; bits >= 0; --bits) {
      const auto at = static_cast<std::size_t>(bits);
      if (v4 ? !shape.v4.test(at) : !shape.v6.test(at)) continue;
      each_of(key_of(question.ip, bits, scope), question, take);
    }
    if (shape.asn && question.place.asn != 0) {
      each_of({question.place.asn, 0, scope, k_asn_kind}, question, take);
    }
    if (shape.country && question.place.has_country()) {
      const auto byte = [&](int i) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(question.place.country[i]));
      };
      each_of({(byte(0) << 8U) | byte(1), 0, scope, k_country_kind}, question, take);
    }
  }
}

const AddressRuleSet::Entry* AddressRuleSet::best(const AddressQuestion& question) const {
  const Entry* found = nullptr;
  each(question, [&](const Entry& entry) {
    if (found == nullptr || decides_before(entry.rank(), found->rank())) found = &entry;
  });
  return found;
}

std::vector<const AddressRuleSet::Entry*> AddressRuleSet::all(
    const AddressQuestion& question) const {
  std::vector<const Entry*> found;
  each(question, [&](const Entry& entry) { found.push_back(&entry); });
  std::ranges::sort(
      found, [](const Entry* a, const Entry* b) { return decides_before(a->rank(), b->rank()); });
  return found;
}

// ---------------------------------------------------------------- many at once

RuleLines parse_rule_lines(std::string_view text) {
  constexpr std::size_t k_shown = 80;
  RuleLines out;
  std::unordered_set<std::string> seen;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (++number > k_rule_lines_max) {
      out.errors.push_back({number, "", fmt::format("more than {} lines", k_rule_lines_max)});
      break;
    }
    const auto mark = std::min(whole.find_first_of("#;"), whole.size());
    const std::string_view word = trim(whole.substr(0, mark));
    if (word.empty()) continue;
    const auto target = RuleTarget::parse(word);
    if (!target) {
      out.errors.push_back({number, std::string(word.substr(0, k_shown)), target.error().text});
      continue;
    }
    if (!seen.insert(target->to_string()).second) {
      ++out.repeated;
      continue;
    }
    std::string_view note = mark < whole.size() ? trim(whole.substr(mark + 1)) : std::string_view();
    out.good.push_back({number, *target, std::string(note.substr(0, k_note_max))});
  }
  return out;
}

}  // namespace sekimori::decide
