#include "detect/fleet.h"

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "detect/near_duplicates.h"

namespace sekimori::detect {
namespace {

// Comparing sketches takes the square of their number: a few milliseconds for so many.
constexpr std::size_t k_sketches_max = 2048;

template <class Pattern>
auto place_of(const Pattern& p) {
  return std::pair(p.kind, p.key);
}

// Distinct accounts behind one pattern; the first three are named.
struct Group {
  FleetPattern pattern;
  std::size_t accounts = 0;
};
Group group_of(FleetKind kind, std::uint64_t key, std::vector<std::uint32_t>& accounts) {
  std::ranges::sort(accounts);
  accounts.erase(std::unique(accounts.begin(), accounts.end()), accounts.end());
  Group g{{key, {}, kind}, accounts.size()};
  std::copy_n(accounts.begin(), std::min(accounts.size(), g.pattern.accounts.size()),
              g.pattern.accounts.begin());
  return g;
}

bool two_others(const FleetPattern& p, std::uint32_t account) {
  return std::ranges::count_if(p.accounts,
                               [&](std::uint32_t a) { return a != 0 && a != account; }) >= 2;
}

}  // namespace

MessagePatterns patterns_of(const Submission& s, std::uint32_t recipients, std::uint32_t strangers,
                            std::uint32_t network, bool known_network) {
  MessagePatterns out;
  const auto add = [&](FleetKind kind, std::uint64_t key) {
    out.at[out.count++] = {key, 0, 0, kind};
  };
  if (s.sketch && *s.sketch != 0) add(FleetKind::sketch, *s.sketch);
  // Colleagues' short notes to each other have one size and one office network.
  if (s.size > 0 && network != 0 && strangers > 0) {
    add(FleetKind::pattern,
        mix64(std::uint64_t{size_pattern_of(s.size, recipients)} << 32 | network));
  }
  if (network != 0 && !known_network) add(FleetKind::network, mix64(network));
  return out;
}

void RaisedPatterns::note(Instant t, std::uint32_t account, const MessagePatterns& patterns) {
  for (std::size_t i = 0; i < patterns.count; ++i) {
    RaisedPattern p = patterns.at[i];
    p.account = account;
    p.t_us = t.us;
    const auto same = std::ranges::find_if(raised_, [&](const RaisedPattern& r) {
      return r.account == account && place_of(r) == place_of(p);
    });
    if (same != raised_.end()) {
      // Seen again: it lives on. Told as a change once an hour at most.
      if (p.t_us - same->t_us >= hours(1).us) ++version_;
      p.t_us = std::max(p.t_us, same->t_us);
      raised_.erase(same);
      raised_.push_back(p);
      continue;
    }
    ++version_;
    const auto mine = [&](const RaisedPattern& r) { return r.account == account; };
    if (std::ranges::count_if(raised_, mine) >= static_cast<std::ptrdiff_t>(k_max_per_account)) {
      raised_.erase(std::ranges::find_if(raised_, mine));
    } else if (raised_.size() >= k_max) {
      raised_.erase(raised_.begin());
    }
    raised_.push_back(p);
  }
}

void RaisedPatterns::forget(std::uint32_t account) {
  if (std::erase_if(raised_, [&](const RaisedPattern& r) { return r.account == account; }) > 0) {
    ++version_;
  }
}

std::uint64_t RaisedPatterns::hash() const {
  return hash_bytes(
      {reinterpret_cast<const char*>(raised_.data()), raised_.size() * sizeof(RaisedPattern)});
}

FleetSet::FleetSet(std::vector<FleetPattern> patterns) : patterns_(std::move(patterns)) {
  std::ranges::sort(patterns_, {}, place_of<FleetPattern>);
}

float FleetSet::nats_of(std::uint32_t account, const MessagePatterns& message) const {
  float nats = 0;
  for (std::size_t i = 0; i < message.count; ++i) {
    const RaisedPattern& p = message.at[i];
    if (p.kind == FleetKind::sketch) {
      for (const FleetPattern& known : patterns_) {
        if (known.kind != FleetKind::sketch) break;
        if (alike(known.key, p.key) && two_others(known, account)) nats = k_fleet_nats;
      }
      continue;
    }
    const auto at = std::ranges::lower_bound(patterns_, place_of(p), {}, place_of<FleetPattern>);
    if (at == patterns_.end() || place_of(*at) != place_of(p) || !two_others(*at, account))
      continue;
    nats = std::max(nats, p.kind == FleetKind::pattern ? k_fleet_nats : k_fleet_network_nats);
  }
  return nats;
}

std::uint64_t FleetSet::hash() const {
  return hash_bytes(
      {reinterpret_cast<const char*>(patterns_.data()), patterns_.size() * sizeof(FleetPattern)});
}

std::vector<FleetPattern> shared_patterns(std::vector<RaisedPattern> raised, Instant now) {
  std::erase_if(raised,
                [&](const RaisedPattern& r) { return now.us - r.t_us > k_fleet_memory.us; });
  std::ranges::sort(raised, {}, [](const RaisedPattern& r) {
    return std::tuple(r.kind, r.key, r.account, r.t_us);
  });
  std::vector<Group> groups;
  const auto first_other = std::ranges::find_if(
      raised, [](const RaisedPattern& r) { return r.kind != FleetKind::sketch; });
  std::vector<std::uint32_t> accounts;
  // Near sketches: each one that is not yet taken takes its neighbours along.
  std::vector<RaisedPattern> sketches(raised.begin(), first_other);
  if (sketches.size() > k_sketches_max) sketches.resize(k_sketches_max);
  std::vector<bool> taken(sketches.size());
  for (std::size_t i = 0; i < sketches.size(); ++i) {
    if (taken[i]) continue;
    accounts.clear();
    for (std::size_t k = i; k < sketches.size(); ++k) {
      if (taken[k] || !alike(sketches[i].key, sketches[k].key)) continue;
      taken[k] = true;
      accounts.push_back(sketches[k].account);
    }
    groups.push_back(group_of(FleetKind::sketch, sketches[i].key, accounts));
  }
  for (auto from = first_other; from != raised.end();) {
    auto to = from;
    accounts.clear();
    while (to != raised.end() && place_of(*to) == place_of(*from))
      accounts.push_back((to++)->account);
    groups.push_back(group_of(from->kind, from->key, accounts));
    from = to;
  }
  std::erase_if(groups, [](const Group& g) { return g.accounts < 2; });
  std::ranges::sort(groups, [](const Group& a, const Group& b) {
    return a.accounts != b.accounts ? a.accounts > b.accounts
                                    : place_of(a.pattern) < place_of(b.pattern);
  });
  if (groups.size() > k_fleet_patterns_max) groups.resize(k_fleet_patterns_max);
  std::vector<FleetPattern> out;
  out.reserve(groups.size());
  for (const Group& g : groups) out.push_back(g.pattern);
  std::ranges::sort(out, {}, place_of<FleetPattern>);
  return out;
}

}  // namespace sekimori::detect
