// A right password: whether it came behind wrong ones, whom it vouches for, where people live.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "decide/guessing.h"
#include "decide/guessing_figures.h"

namespace sekimori::decide {
namespace {

// Wrong passwords of one address for one account: a few may be slips of an owner in a new place,
// many are none.
constexpr float k_pair_noted = 3;
constexpr float k_pair_suspicious = 8;

Text words_of(const GuessesBefore& guesses, bool restricts, const IpAddress& ip) {
  const std::string from = ip.to_string();
  if (!restricts) {
    return {
        fmt::format(
            "各地の {} 個のアドレスからパスワードが試されている最中に、{} から正しいパスワードで入られました。",
            guesses.addresses, from),
        fmt::format("Signed in from {} with the right password while it was being guessed from "
                    "{} addresses.",
                    from, guesses.addresses)};
  }
  if (guesses.accounts != 0) {
    return {
        fmt::format(
            "約 {} 個のアカウントに誤ったパスワードを試した {} から、正しいパスワードで入られました。",
            guesses.accounts, from),
        fmt::format("Signed in from {}, which had tried wrong passwords for about {} "
                    "accounts.",
                    from, guesses.accounts)};
  }
  return {fmt::format("{} から {} 通りの誤ったパスワードのあとに、正しいパスワードで入られました。",
                      from, guesses.own),
          fmt::format("Signed in from {} after {} different wrong passwords.", from, guesses.own)};
}

}  // namespace

GuessGuard::Behind GuessGuard::behind(const SignInTry& t, std::uint64_t account,
                                      const Acquainted& acquainted) const {
  Behind out;
  const std::uint32_t now = t.now.seconds32();
  const std::uint64_t address = key_of(t.ip, Level::address);
  pairs_.look(mix64(account) ^ address,
              [&](const Pair& pair) { out.own = decayed(pair.weight, pair.seen, 0, now); });
  Track spray;
  const bool tried = addresses_.look(address, [&](const Track& track) { spray = track; });
  const float weight = decayed(spray.weight, spray.seen, spray.gap, now);
  std::uint32_t others = tried && weight >= k_guess_calm ? estimate_marks(spray.parts) : 0;
  // A ban begins its sketches anew; that there was one says as much.
  const bool lately_banned =
      tried && spray.banned_at != 0 && now - spray.banned_at < settings_.ban_max.seconds();
  bool closed = false;
  accounts_.look(account, [&](const Account& a) { closed = is_closed(a, now); });
  // Where many people live, others' slips say nothing about this one.
  const bool crowd = collateral_at(address, t.now) > settings_.collateral_max;
  if (crowd) others = 0;
  const bool spraying = settings_.spray_accounts > 0 && others >= settings_.spray_accounts / 2;
  const bool by_many = spraying || (!crowd && lately_banned);
  if (!by_many && !closed && out.own < k_pair_noted) return out;
  const Acquaintance who = acquainted();
  if (who.known) return out;
  // An account that was never used from anywhere has an owner who is new, too.
  out.restricts = by_many || (who.has_places && out.own >= k_pair_suspicious);
  // Guessed at by others all over the world while an owner travels: that alone is no suspicion of
  // somebody whose provider the account knows.
  const bool among_strangers = closed && !who.seen && !who.near;
  out.stranger = out.restricts || among_strangers;
  if (!out.stranger && (who.seen || !who.has_places)) return out;
  if (out.own >= k_pair_noted) {
    out.guesses.own = static_cast<std::uint32_t>(std::lround(out.own));
  }
  if (by_many) out.guesses.accounts = std::max(others, 1U);
  if (among_strangers) out.guesses.addresses = this->account(t.account, t.now).addresses;
  return out;
}

GuessesBefore GuessGuard::right(const SignInTry& t, bool remembered, const Acquainted& acquainted,
                                GuessNews& out) {
  if (is_own(t.ip) || !t.exists) return {};
  const std::uint32_t now = t.now.seconds32();
  const std::uint64_t account = keyed_hash(key_, t.account);
  Behind behind;
  if (!remembered) behind = this->behind(t, account, acquainted);
  if (behind.stranger) {
    GuessedRight found;
    found.account = std::string(t.account);
    found.restricts = behind.restricts;
    found.how = t;
    found.how.account = {};
    found.why = words_of(behind.guesses, behind.restricts, t.ip);
    out.right.push_back(std::move(found));
    return behind.guesses;  // it vouches for no place
  }
  // Whoever signs in has shown that the tries before were slips: a place of their own is not banned
  // for them.
  if (behind.own > 0) {
    const std::uint64_t address = key_of(t.ip, Level::address);
    // Not its repeats: another device behind the same line may be the one that forgets.
    pairs_.with(mix64(account) ^ address, now, [](Pair& pair, bool) { pair.weight = 0; });
    addresses_.with(address, now, [&](Track& track, bool) {
      track.weight = std::max(0.0F, track.weight - behind.own);
    });
  }
  note_home(t, account);
  note_lived(t, account);
  return behind.guesses;
}

void GuessGuard::note_lived(const SignInTry& t, std::uint64_t account) {
  const std::uint32_t now = t.now.seconds32();
  for (const Level level : {Level::address, Level::network, Level::wider}) {
    good_.with(key_of(t.ip, level), now, [&](Good& good, bool fresh) {
      if (fresh) {
        const int bits = level_bits(t.ip.is_v4(), level);
        good.network = t.ip.network(bits, bits).bytes();
        good.level = static_cast<std::uint32_t>(level);
      }
      const auto name = static_cast<std::uint32_t>(account >> 32U) | 1U;
      std::size_t slot = 0;
      for (std::size_t i = 0; i < Good::k_accounts; ++i) {
        if (good.accounts[i] == name) {
          slot = i;
          break;
        }
        if (good.seconds[i] < good.seconds[slot]) slot = i;
      }
      good.accounts[slot] = name;
      good.seconds[slot] = std::max(good.seconds[slot], now);
      good.seen = std::max(good.seen, now);
    });
  }
}

}  // namespace sekimori::decide
