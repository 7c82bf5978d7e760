#include "decide/guessing.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <unordered_set>

#include "decide/guessing_figures.h"

namespace sekimori::decide {
namespace {

// A memory is so many times as long as the median time between tries: a guesser at any steady pace
// comes to k_memory/ln 2 = 46 counts, a person who errs now and then to one or two.
constexpr double k_memory = 32;
constexpr Duration k_memory_max = days(3);
constexpr std::uint8_t k_gap_max = 80;  // twelve days
constexpr int k_gap_steps = 4;          // to a doubling
// A network is more than one bad machine in it.
constexpr std::uint32_t k_network_addresses = 4;
// Wrong passwords of a pair before its answers come slowly.
constexpr float k_pair_free = 3;
// The same wrong password so often is a program, not a finger.
constexpr std::uint16_t k_forgotten_repeats = 5;
constexpr std::uint32_t k_forgotten_pause = 3 * 86400;  // seconds; then it is counted anew

constexpr std::size_t k_accounts_tracked = 1U << 18U;
constexpr std::size_t k_places_tracked = 3U << 17U;

double gap_seconds(std::uint8_t gap) { return std::exp2(static_cast<double>(gap) / k_gap_steps); }

// The median of the times between events, one quarter of a doubling a step: half of them are
// shorter, half longer, whatever single pauses there are.
void note_gap(std::uint8_t& gap, std::uint32_t seconds) {
  if (static_cast<double>(seconds) >= gap_seconds(gap)) {
    if (gap < k_gap_max) ++gap;
  } else if (gap > 0) {
    --gap;
  }
}

// What an account knows of an address, asked for when it matters; a name without an account knows
// nobody.
class AskedOnce {
 public:
  AskedOnce(const SignInTry& t, const Acquainted& acquainted) : try_(t), acquainted_(acquainted) {}
  const Acquaintance& operator()() {
    if (!asked_ && try_.exists) told_ = acquainted_();
    asked_ = true;
    return told_;
  }

 private:
  const SignInTry& try_;
  const Acquainted& acquainted_;
  bool asked_ = false;
  Acquaintance told_;
};

}  // namespace

GuessGuard::GuessGuard(GuessSettings settings, const HashKey& key, BanTable& bans)
    : settings_(std::move(settings)),
      key_(key),
      bans_(bans),
      addresses_(settings_.addresses_max),
      networks_(settings_.addresses_max / 2),
      wider_(settings_.addresses_max / 16),
      pairs_(settings_.addresses_max),
      accounts_(k_accounts_tracked),
      good_(k_places_tracked),
      homes_(settings_.accounts_max * 2),
      owners_(settings_.accounts_max) {}

IpNetwork GuessGuard::network_of(const IpAddress& ip, Level level) {
  const int bits = level_bits(ip.is_v4(), level);
  auto network = IpNetwork::parse(fmt::format("{}/{}", ip.network(bits, bits).to_string(), bits));
  return network ? *network : IpNetwork();
}

std::uint64_t GuessGuard::key_of(const IpAddress& ip, Level level) const {
  const int bits = level_bits(ip.is_v4(), level);
  const IpAddress network = ip.network(bits, bits);
  std::array<std::uint8_t, 17> name{};
  std::ranges::copy(network.bytes(), name.begin());
  name[16] = static_cast<std::uint8_t>(level);
  return keyed_hash(key_, std::span<const std::uint8_t>(name));
}

bool GuessGuard::is_own(const IpAddress& ip) const {
  return !ip.is_set() || ip.is_loopback() ||
         std::ranges::any_of(settings_.own,
                             [&](const IpNetwork& network) { return network.contains(ip); });
}

float GuessGuard::decayed(float weight, std::uint32_t seen, std::uint8_t gap,
                          std::uint32_t now) const {
  if (now <= seen || weight == 0) return weight;
  const double memory = std::clamp(k_memory * gap_seconds(gap), settings_.half_life.seconds(),
                                   k_memory_max.seconds());
  return static_cast<float>(weight * std::exp2(-static_cast<double>(now - seen) / memory));
}

Duration GuessGuard::ban_time(std::uint8_t times) const {
  double time = settings_.ban_first.seconds();
  for (int i = 1; i < times && time < settings_.ban_max.seconds(); ++i) {
    time *= settings_.ban_factor;
  }
  return seconds(static_cast<std::int64_t>(std::min(time, settings_.ban_max.seconds())));
}

std::uint32_t GuessGuard::collateral_at(std::uint64_t key, Instant now) const {
  const std::uint32_t oldest = (now - settings_.collateral_window).seconds32();
  std::uint32_t count = 0;
  good_.look(key, [&](const Good& good) {
    for (std::size_t i = 0; i < Good::k_accounts; ++i) {
      if (good.accounts[i] != 0 && good.seconds[i] >= oldest) ++count;
    }
  });
  return count;
}

std::uint32_t GuessGuard::collateral(const IpNetwork& network, Instant now) const {
  const std::uint32_t oldest = (now - settings_.collateral_window).seconds32();
  std::unordered_set<std::uint32_t> accounts;
  good_.each([&](const Good& good) {
    if (good.level != 0) return;
    const IpAddress there = IpAddress::from_bytes(good.network);
    // An IPv6 place stands for its /64, so a single address of it is asked about as that.
    if (!network.contains(there) && (there.is_v4() || network.address().is_v4() ||
                                     network.address().network(32, 64) != there)) {
      return;
    }
    for (std::size_t i = 0; i < Good::k_accounts; ++i) {
      if (good.accounts[i] != 0 && good.seconds[i] >= oldest) accounts.insert(good.accounts[i]);
    }
  });
  return static_cast<std::uint32_t>(accounts.size());
}

bool GuessGuard::is_closed(const Account& account, std::uint32_t now) const {
  // Opened again at half of what closed it, or an attacker's pauses would ring the bell all day.
  return account.since != 0 &&
         decayed(account.weight, account.seen, account.gap, now) >= settings_.account_failures / 2;
}

// ---------------------------------------------------------------- before the password

GuessAnswer GuessGuard::ask(const SignInTry& t, const Acquainted& acquainted) {
  GuessAnswer out;
  if (is_own(t.ip)) return out;
  AskedOnce acquaintance(t, acquainted);
  const auto slow = [&](int wait) {
    wait = std::min(wait, static_cast<int>(settings_.delay_max.seconds()));
    if (wait <= out.seconds) return;
    out.action = GuessAnswer::Action::delay;
    out.seconds = wait;
    out.rule = "slow";
  };
  const std::uint32_t now = t.now.seconds32();
  const int longest = static_cast<int>(settings_.delay_max.seconds());

  if (const auto ban = bans_.find(t.ip, t.now)) {
    const bool lives_here =
        acquaintance().known || (acquaintance().seen && acquaintance().right_hash);
    if (!lives_here) {
      bans_.hit(t.ip, t.now);
      out.ban = ban->id;
      if (ban->reach != BanReach::delay) {
        out.action = GuessAnswer::Action::refuse;
        out.rule = "ban";
        out.message = {
            "この接続元では誤ったパスワードが続いたため、サインインを一時的に止めています。しばらく待つか、"
            "いつもの場所からお試しください。",
            "Too many wrong passwords came from this network, so sign-ins from it are paused. "
            "Please try again later, or from a place you usually use."};
        return out;
      }
      slow(longest);
    }
  }
  const std::uint64_t account = keyed_hash(key_, t.account);
  if (t.exists && settings_.account_failures > 0) {
    bool closed = false;
    accounts_.look(account, [&](const Account& a) { closed = is_closed(a, now); });
    if (closed && !acquaintance().known) {
      const bool likely_owner =
          acquaintance().right_hash && (acquaintance().seen || acquaintance().near);
      if (acquaintance().has_places && !likely_owner) {
        out.action = GuessAnswer::Action::refuse;
        out.rule = "strangers";
        out.message = {
            "このアカウントのパスワードが各地から試されているため、いまは、これまで使われた場所からのサインインだけを"
            "受け付けています。",
            "This account's password is being guessed from many places, so for now it can be used "
            "only from places it was used from before."};
        return out;
      }
      slow(longest);  // nobody's home is known, or it looks like the owner in a new place
    }
  }
  pairs_.look(mix64(account) ^ key_of(t.ip, Level::address), [&](const Pair& pair) {
    const float weight = decayed(pair.weight, pair.seen, 0, now);
    if (weight >= k_pair_free) slow(1 + static_cast<int>(weight - k_pair_free));
  });
  if (settings_.address_failures > 0) {
    addresses_.look(key_of(t.ip, Level::address), [&](const Track& track) {
      const double spent =
          decayed(track.weight, track.seen, track.gap, now) / settings_.address_failures;
      if (spent > 0.5) slow(static_cast<int>(std::lround((spent - 0.5) * 2 * longest)));
    });
  }
  return out;
}

// ---------------------------------------------------------------- afterwards

void GuessGuard::banned(const SignInTry& t, Level level, GuessNews& out, Ban ban) {
  ban.network = network_of(t.ip, level);
  ban.collateral = collateral_at(key_of(t.ip, level), t.now);
  // Somebody who was away for longer than the window finds no dropped packets at home either.
  const bool lived_in = good_.look(key_of(t.ip, level), [](const Good&) {});
  ban.reach = !lived_in                                    ? BanReach::packets
              : ban.collateral <= settings_.collateral_max ? BanReach::sign_ins
                                                           : BanReach::delay;
  ban.since = t.now;
  // Where nobody is refused there is nothing to grow.
  ban.until = t.now + ban_time(ban.reach == BanReach::delay ? std::uint8_t{1}
                                                            : static_cast<std::uint8_t>(ban.times));
  ban.place = t.place;
  ban.last_account = std::string(t.account.substr(0, 320));
  ban.by = "machine";
  out.bans.push_back(std::move(ban));
}

void GuessGuard::count_address(const SignInTry& t, std::uint64_t account, float count,
                               GuessNews& out) {
  const std::uint32_t now = t.now.seconds32();
  const auto add = [&](Track& track, bool fresh, float added) {
    if (fresh) {
      track.gap = k_gap_start;
    } else {
      track.weight = decayed(track.weight, track.seen, track.gap, now);
      note_gap(track.gap, now > track.seen ? now - track.seen : 0);
    }
    if (track.weight < k_guess_calm) track.parts = track.names = 0;
    track.weight += added;
    track.seen = std::max(track.seen, now);
  };
  // Banned: counts begin anew, at half, so that a guesser who goes on afterwards meets the next and
  // longer ban sooner.
  const auto ban_times = [&](Track& track) {
    const std::uint32_t forget = static_cast<std::uint32_t>(settings_.forget.seconds());
    if (track.banned_at != 0 && now > track.banned_at + forget) track.times = 0;
    if (track.times < UINT8_MAX) ++track.times;
    track.banned_at = now;
    track.weight /= 2;
    track.parts = track.names = 0;
    return track.times;
  };

  std::optional<Ban> ban;
  const std::uint64_t address_key = key_of(t.ip, Level::address);
  addresses_.with(address_key, now, [&](Track& track, bool fresh) {
    add(track, fresh, count);
    track.parts |= std::uint64_t{1} << (account >> 58U);
    if (!t.exists) track.names |= std::uint64_t{1} << (account >> 58U);
    if (settings_.address_failures <= 0) return;
    const std::uint32_t accounts = estimate_marks(track.parts);
    const std::uint32_t names = estimate_marks(track.names);
    Ban made;
    if (settings_.unknown_names > 0 && names >= settings_.unknown_names) {
      made.kind = BanKind::unknown_names;
    } else if (settings_.spray_accounts > 0 && accounts >= settings_.spray_accounts) {
      made.kind = BanKind::spraying;
    } else if (track.weight < settings_.address_failures) {
      return;
    }
    made.failures = static_cast<std::uint32_t>(std::lround(track.weight));
    made.accounts = accounts;
    made.unknown = names;
    made.times = ban_times(track);
    ban = std::move(made);
  });
  const bool address_banned = ban.has_value();
  if (ban) banned(t, Level::address, out, std::move(*ban));
  ban.reset();

  if (settings_.network_failures > 0) {
    networks_.with(key_of(t.ip, Level::network), now, [&](Track& track, bool fresh) {
      add(track, fresh, count);
      track.parts |= std::uint64_t{1} << (address_key >> 58U);
      const std::uint32_t addresses = estimate_marks(track.parts);
      if (track.weight < settings_.network_failures || addresses < k_network_addresses) return;
      ban.emplace();
      ban->kind = BanKind::network;
      ban->failures = static_cast<std::uint32_t>(std::lround(track.weight));
      ban->parts = addresses;
      ban->times = ban_times(track);
    });
  }
  const bool network_banned = ban.has_value();
  if (ban) banned(t, Level::network, out, std::move(*ban));
  ban.reset();

  if (!address_banned && !network_banned) return;
  if (settings_.wider_networks == 0) return;
  wider_.with(key_of(t.ip, Level::wider), now, [&](Track& track, bool fresh) {
    add(track, fresh, 1);
    const auto& bytes = t.ip.bytes();
    // The sixteen /24 of a /20, and, of a /48, sixty-four classes of its /56.
    const unsigned part = t.ip.is_v4() ? bytes[14] & 15U : bytes[6] & 63U;
    track.parts |= std::uint64_t{1} << part;
    const auto networks = static_cast<std::uint32_t>(std::popcount(track.parts));
    if (networks < settings_.wider_networks) return;
    ban.emplace();
    ban->kind = BanKind::wider;
    ban->parts = networks;
    ban->times = ban_times(track);
  });
  if (!ban) return;
  // What is only near guessers is shut out where nobody lives.
  if (collateral_at(key_of(t.ip, Level::wider), t.now) == 0) {
    banned(t, Level::wider, out, std::move(*ban));
  }
}

AccountGuessed GuessGuard::told(std::string_view name, const Account& account, bool begun) const {
  AccountGuessed out;
  out.account = std::string(name);
  out.begun = begun;
  out.failures = static_cast<std::uint32_t>(std::lround(account.weight));
  out.addresses = account.addresses;
  out.networks =
      estimate_marks(std::popcount(account.networks[0]) + std::popcount(account.networks[1]), 128);
  out.pace = Duration{static_cast<std::int64_t>(gap_seconds(account.gap) * 1e6)};
  out.since = Instant{static_cast<std::int64_t>(account.since) * 1'000'000};
  return out;
}

void GuessGuard::count_account(const SignInTry& t, std::uint64_t account, bool new_pair,
                               GuessNews& out) {
  if (settings_.account_failures <= 0) return;
  const std::uint32_t now = t.now.seconds32();
  const std::uint64_t network = key_of(t.ip, Level::network);
  accounts_.with(account, now, [&](Account& a, bool fresh) {
    const bool was_closed = a.since != 0;
    const bool still = is_closed(a, now);
    if (fresh) {
      a.gap = k_gap_start;
    } else {
      a.weight = decayed(a.weight, a.seen, a.gap, now);
      note_gap(a.gap, now > a.seen ? now - a.seen : 0);
    }
    if (a.weight < k_guess_calm) {
      a.networks = {};
      a.addresses = 0;
    }
    a.weight += 1;
    a.seen = std::max(a.seen, now);
    if (new_pair) ++a.addresses;
    a.networks[network >> 63U] |= std::uint64_t{1} << ((network >> 57U) & 63U);
    if (was_closed && !still) {
      a.since = 0;
      out.accounts.push_back(told(t.account, a, false));
    }
    const std::uint32_t networks =
        estimate_marks(std::popcount(a.networks[0]) + std::popcount(a.networks[1]), 128);
    if (a.since == 0 && a.weight >= settings_.account_failures &&
        networks >= settings_.account_networks) {
      a.since = std::max(now, 1U);
      out.accounts.push_back(told(t.account, a, true));
    }
  });
}

void GuessGuard::wrong(const SignInTry& t, bool refused, const Acquainted& acquainted,
                       GuessNews& out) {
  if (is_own(t.ip)) return;
  const std::uint32_t now = t.now.seconds32();
  const std::uint64_t account = keyed_hash(key_, t.account);
  // What a ban refused is counted as its hit.
  if (const auto ban = bans_.find(t.ip, t.now); refused && ban && ban->reach != BanReach::delay) {
    return;
  }
  AskedOnce acquaintance(t, acquainted);
  if (refused && t.pwhash != 0 && acquaintance().right_hash) return;  // the owner, elsewhere
  bool counts = true;
  bool new_pair = false;
  std::uint16_t repeats = 0;
  pairs_.with(mix64(account) ^ key_of(t.ip, Level::address), now, [&](Pair& pair, bool fresh) {
    new_pair = fresh;
    pair.weight = decayed(pair.weight, pair.seen, 0, now);
    if (now > pair.seen && now - pair.seen > k_forgotten_pause) pair.repeats = 0;
    pair.seen = std::max(pair.seen, now);
    if (t.pwhash != 0 && std::ranges::find(pair.hashes, t.pwhash) != pair.hashes.end()) {
      counts = false;
      if (pair.repeats < UINT16_MAX) ++pair.repeats;
      const auto day = static_cast<std::uint8_t>(1 + now / 86400 % 255);
      if (pair.repeats >= k_forgotten_repeats && pair.told != day) {
        pair.told = day;  // once a day
        repeats = pair.repeats;
      }
      return;
    }
    if (t.pwhash != 0) {
      pair.hashes[pair.next] = t.pwhash;
      pair.next = static_cast<std::uint8_t>((pair.next + 1) % pair.hashes.size());
    }
    pair.weight += 1;
  });
  if (!counts) {
    if (repeats > 0 && t.exists) {
      ForgottenSetting forgotten;
      forgotten.account = std::string(t.account);
      forgotten.service = t.service;
      forgotten.ip = t.ip;
      forgotten.place = t.place;
      forgotten.known = acquaintance().known || acquaintance().seen;
      forgotten.repeats = repeats;
      forgotten.pwhash = t.pwhash;
      out.forgotten.push_back(std::move(forgotten));
    }
    return;
  }
  // Where the account lives its owner may err: answers come slowly, and nothing is held against
  // the house.
  if (t.exists && acquaintance().known) return;
  count_address(t, account, 1, out);
  if (t.exists) count_account(t, account, new_pair, out);
}

std::size_t GuessGuard::bytes() const {
  return addresses_.bytes() + networks_.bytes() + wider_.bytes() + pairs_.bytes() +
         accounts_.bytes() + good_.bytes() + homes_.bytes() + owners_.bytes();
}

std::uint64_t GuessGuard::hash() const {
  return addresses_.hash(key_) ^ (networks_.hash(key_) * 3) ^ (wider_.hash(key_) * 5) ^
         (pairs_.hash(key_) * 7) ^ (accounts_.hash(key_) * 11) ^ (good_.hash(key_) * 13) ^
         (homes_.hash(key_) * 17) ^ (owners_.hash(key_) * 19);
}

}  // namespace sekimori::decide
