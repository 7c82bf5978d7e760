// What the guard against guessing remembers beside its counters: places, bans of the past.
#include <algorithm>
#include <array>
#include <cmath>

#include "decide/guessing.h"

namespace sekimori::decide {
namespace {

// A place of a thief who has the password must not vouch at once; an owner is patient.
constexpr std::uint32_t k_trial_seconds = 3 * 86400;

}  // namespace

int GuessGuard::level_bits(bool v4, Level level) {
  constexpr std::array<int, 3> k_v4{32, 24, 20};
  constexpr std::array<int, 3> k_v6{64, 56, 48};
  return (v4 ? k_v4 : k_v6)[static_cast<std::size_t>(level)];
}

void GuessGuard::note_home(const SignInTry& t, std::uint64_t account) {
  const std::uint32_t now = t.now.seconds32();
  const bool has_operator = t.place.asn != 0 && !t.place.hosting;
  bool first = false;
  owners_.with(account, now, [&](Owner& owner, bool fresh) {
    first = fresh;
    owner.seen = std::max(owner.seen, now);
  });
  bool vouches = false;
  homes_.with(mix64(account) ^ key_of(t.ip, Level::network), now, [&](Home& home, bool fresh) {
    if (fresh) {
      home.first = now;
      home.vouches = first ? 1 : 0;
    }
    // What is remembered of the past need not come in the order of time.
    home.first = std::min(home.first, now);
    home.seen = std::max(home.seen, now);
    if (home.seen - home.first >= k_trial_seconds) home.vouches = 1;
    vouches = home.vouches != 0;
  });
  if (!vouches || !has_operator) return;
  owners_.with(account, now, [&](Owner& owner, bool) {
    if (std::ranges::find(owner.operators, t.place.asn) != owner.operators.end()) return;
    std::ranges::move_backward(owner.operators.begin(), owner.operators.end() - 1,
                               owner.operators.end());
    owner.operators[0] = t.place.asn;
  });
}

Acquaintance GuessGuard::familiar(const SignInTry& t) const {
  Acquaintance out;
  const std::uint64_t account = keyed_hash(key_, t.account);
  owners_.look(account, [&](const Owner& owner) {
    out.has_places = true;
    out.near = t.place.asn != 0 && !t.place.hosting &&
               std::ranges::find(owner.operators, t.place.asn) != owner.operators.end();
  });
  if (!out.has_places) return out;
  homes_.look(mix64(account) ^ key_of(t.ip, Level::network), [&](const Home& home) {
    out.seen = true;
    out.known = home.vouches != 0;
  });
  return out;
}

void GuessGuard::remember(const Ban& ban) {
  if (ban.kind == BanKind::person || ban.kind == BanKind::imported) return;
  const IpAddress& ip = ban.network.address();
  const std::uint32_t second = ban.since.seconds32();
  const auto note = [&](Track& track, bool fresh) {
    if (fresh) track.gap = k_gap_start;
    if (track.banned_at > second) return;
    track.banned_at = second;
    track.times = static_cast<std::uint8_t>(std::min(ban.times, 255U));
  };
  if (ban.kind == BanKind::network) {
    networks_.with(key_of(ip, Level::network), second, note);
  } else if (ban.kind == BanKind::wider) {
    wider_.with(key_of(ip, Level::wider), second, note);
  } else {
    addresses_.with(key_of(ip, Level::address), second, note);
  }
}

void GuessGuard::forgive(const IpNetwork& network) {
  const IpAddress& ip = network.address();
  const auto clear = [](Track& track, bool) {
    track.weight = 0;
    track.parts = track.names = 0;
    track.times = 0;
    track.banned_at = 0;
  };
  const auto least = [&](Level level) { return network.bits() >= level_bits(ip.is_v4(), level); };
  const std::uint32_t never = 0;  // a record that is made here is the first to go
  if (least(Level::address)) {
    addresses_.with(key_of(ip, Level::address), never, clear);
  } else if (least(Level::network)) {
    networks_.with(key_of(ip, Level::network), never, clear);
  } else {
    wider_.with(key_of(ip, Level::wider), never, clear);
  }
}

GuessGuard::AccountView GuessGuard::account(std::string_view account, Instant now) const {
  AccountView out;
  accounts_.look(keyed_hash(key_, account), [&](const Account& a) {
    const std::uint32_t second = now.seconds32();
    const AccountGuessed words = told(account, a, true);
    out.closed_to_strangers = is_closed(a, second);
    out.failures =
        static_cast<std::uint32_t>(std::lround(decayed(a.weight, a.seen, a.gap, second)));
    out.addresses = words.addresses;
    out.networks = words.networks;
    out.pace = words.pace;
    if (out.closed_to_strangers) out.since = words.since;
  });
  return out;
}

}  // namespace sekimori::decide
