#include "app/auth_tries.h"

#include <algorithm>
#include <span>

#include "base/mail_address.h"
#include "wire/json_text.h"

namespace sekimori::app {
namespace {

// A login process reports its tries when the connection ends: after three minutes at the latest,
// and the server may make a guesser wait longer.
constexpr Duration k_credit_life = minutes(10);
// Two processes' lines of one moment may stand in either order.
constexpr Duration k_debt_life = seconds(3);
constexpr Duration k_pause = hours(24);
constexpr std::size_t k_name_max = 256;
constexpr std::uint32_t k_credits_max = 10'000;

}  // namespace

std::string_view to_string(GuessKind kind) {
  switch (kind) {
    case GuessKind::few: return "few";
    case GuessKind::brute_force: return "brute_force";
    case GuessKind::slow: return "slow";
    case GuessKind::enumeration: return "enumeration";
  }
  return "few";
}

std::uint64_t AuthTries::hash_of(const IpAddress& ip) const {
  return keyed_hash(key_, std::span<const std::uint8_t>(ip.bytes()));
}

std::uint64_t AuthTries::pair_of(const IpAddress& ip, std::uint64_t name_hash) const {
  return mix64(hash_of(ip) ^ mix64(name_hash)) | 1;
}

AuthTries::Address* AuthTries::address_of(const IpAddress& ip) {
  const auto hash = hash_of(ip);
  if (const auto it = addresses_.find(hash); it != addresses_.end()) return &it->second;
  if (addresses_.size() >= k_addresses_max) return nullptr;
  Address& made = addresses_[hash];
  made.ip = ip;
  return &made;
}

void AuthTries::failed(const Try& tried) {
  if (tried.attempts == 0) return;
  const std::string name = wire::valid_utf8(ascii_lower(tried.user.substr(0, k_name_max)));
  Address* from = tried.ip.is_set() ? address_of(tried.ip) : nullptr;
  if (from == nullptr) {
    // Without an address nothing can be joined: the database's line is the one that is always
    // there where it is written at all.
    failures_ += tried.attempts;
    other_failures_ += tried.attempts;
    return;
  }
  std::uint64_t n = tried.attempts;
  if (tried.source == Source::database) {
    const std::uint64_t named = keyed_hash(key_, name);
    const std::uint64_t driver = keyed_hash(key_, tried.driver);
    if (from->credits > 0 && named == from->last_name && driver != from->last_driver &&
        tried.t - from->credit_t <= k_debt_life) {
      return;  // the next database was asked about the same try
    }
    from->last_name = named;
    from->last_driver = driver;
    if (from->debts > 0 && tried.t - from->debt_t <= k_debt_life) {
      --from->debts;
      return;
    }
    if (tried.t - from->credit_t > k_credit_life) from->credits = 0;
    from->credits = std::min(from->credits + 1, k_credits_max);
    from->credit_t = tried.t;
  } else {
    if (tried.t - from->credit_t > k_credit_life) from->credits = 0;
    const auto covered = std::min<std::uint64_t>(from->credits, n);
    from->credits -= static_cast<std::uint32_t>(covered);
    n -= covered;
    if (tried.t - from->debt_t > k_debt_life) from->debts = 0;
    from->debts =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(from->debts + n, k_credits_max));
    if (n > 0) from->debt_t = tried.t;
  }
  // The name is noted even where the try was counted already: the database's line may lack it.
  count(*from, name, n, tried.t);
}

void AuthTries::count(Address& from, std::string_view name, std::uint64_t n, Instant t) {
  failures_ += n;
  if (from.last.is_set() && t - from.last > k_pause) from.recent = 0;
  from.failures += n;
  from.recent += n;
  if (!from.first.is_set()) from.first = t;
  from.last = std::max(from.last, t);
  if (name.empty()) return;
  bool fresh = false;
  const auto hash = keyed_hash(key_, name);
  if (const auto pair = pair_of(from.ip, hash);
      pairs_.size() < k_pairs_max && !pairs_.contains(pair)) {
    pairs_.put(pair, 1);
    fresh = true;
  }
  from.accounts += fresh;
  auto it = names_.find(hash);
  if (it == names_.end()) {
    if (names_.size() >= k_names_max) return;
    it = names_.emplace(hash, Name{std::string(name), 0, 0, t, t}).first;
  }
  it->second.failures += n;
  it->second.addresses += fresh;
  it->second.last = std::max(it->second.last, t);
}

void AuthTries::succeeded(const IpAddress& ip, std::string_view account, Instant t) {
  if (!ip.is_set() || addresses_.empty()) return;
  const auto it = addresses_.find(hash_of(ip));
  if (it == addresses_.end()) return;
  Address& from = it->second;
  const std::uint64_t recent = t - from.last > k_pause ? 0 : from.recent;
  if (recent == 0) return;
  const auto hash = keyed_hash(key_, account);
  const bool named = pairs_.contains(pair_of(ip, hash));
  const auto target = names_.find(hash);
  // One of many addresses that try one account in turn needs few tries of its own.
  const bool in_turn =
      named && target != names_.end() && target->second.addresses >= k_distributed_min;
  if (recent < k_before_success && !in_turn) return;
  if (!named && from.accounts < k_names_min) return;  // another user of the same line
  if (successes_.size() < k_successes_max) {
    successes_.push_back({ip, std::string(account), t, recent, named});
  }
  from.recent = 0;
}

std::vector<AuthTries::Guesser> AuthTries::guessers() const {
  std::vector<Guesser> out;
  for (const auto& [hash, from] : addresses_) {
    if (from.failures == 0) continue;
    Guesser g{from.ip, from.failures, from.accounts, from.first, from.last, GuessKind::few};
    if (from.accounts >= k_names_min) {
      g.kind = GuessKind::enumeration;
    } else if (from.failures >= k_guesses_min) {
      const double pace =
          (from.last - from.first).seconds() / static_cast<double>(from.failures - 1);
      g.kind = pace > k_slow_pace.seconds() ? GuessKind::slow : GuessKind::brute_force;
    }
    out.push_back(g);
  }
  std::ranges::sort(out, [](const Guesser& a, const Guesser& b) {
    return a.failures != b.failures ? a.failures > b.failures : a.ip < b.ip;
  });
  return out;
}

std::vector<AuthTries::Target> AuthTries::targets() const {
  std::vector<Target> out;
  for (const auto& [hash, n] : names_) {
    if (n.failures > 0) out.push_back({n.name, n.failures, n.addresses, n.first, n.last});
  }
  std::ranges::sort(out, [](const Target& a, const Target& b) {
    return a.failures != b.failures ? a.failures > b.failures : a.name < b.name;
  });
  return out;
}

}  // namespace sekimori::app
