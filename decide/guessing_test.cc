#include "decide/guessing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "base/wall_text.h"

namespace sekimori::decide {
namespace {

constexpr Instant k_start{1'790'000'000'000'000};

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
// The n-th of many addresses, each in a /24 of its own.
IpAddress far(unsigned n) {
  return ip(fmt::format("{}.{}.{}.7", 20 + n / 65536 % 80, n / 256 % 256, n % 256));
}

// A guard, its bans, and accounts that know home.
struct Town {
  explicit Town(GuessSettings settings = small()) : guard(std::move(settings), HashKey{}, bans) {}
  static GuessSettings small() {
    GuessSettings settings;
    settings.addresses_max = 40'000;
    settings.accounts_max = 10'000;
    return settings;
  }

  SignInTry attempt(std::string_view account, const IpAddress& from, std::uint16_t password) {
    SignInTry t;
    t.account = account;
    t.exists = !account.starts_with("nobody");
    t.service = Service::imap;
    t.ip = from;
    t.pwhash = password == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(password | 0x1000U);
    t.now = now;
    return t;
  }
  Acquaintance who(const IpAddress& from, std::uint16_t password) const {
    Acquaintance a;
    a.has_places = true;
    a.known = from == home;
    a.near = from == carrier;
    a.right_hash = password == right;
    return a;
  }
  GuessAnswer ask(std::string_view account, const IpAddress& from, std::uint16_t password = 1) {
    return guard.ask(attempt(account, from, password), [&] { return who(from, password); });
  }
  // As Dovecot does: asks, and reports how it ended. Bans come into force at once.
  GuessAnswer guess(std::string_view account, const IpAddress& from, std::uint16_t password) {
    const GuessAnswer answer = ask(account, from, password);
    const bool refused = answer.action == GuessAnswer::Action::refuse;
    guard.wrong(
        attempt(account, from, password), refused, [&] { return who(from, password); }, news);
    take();
    return answer;
  }
  GuessesBefore sign_in(std::string_view account, const IpAddress& from) {
    const GuessesBefore behind =
        guard.right(attempt(account, from, right), false, [&] { return who(from, right); }, news);
    take();
    return behind;
  }
  void take() {
    for (; taken < news.bans.size(); ++taken) {
      Ban ban = news.bans[taken];
      ban.id = taken + 1;
      bans.put(ban);
    }
  }

  static constexpr std::uint16_t right = 0x777;
  IpAddress home = ip("192.0.2.10");
  IpAddress carrier = ip("198.51.100.4");
  Instant now = k_start;
  BanTable bans{HashKey{}};
  GuessGuard guard;
  GuessNews news;
  std::size_t taken = 0;
};

constexpr auto k_pass = GuessAnswer::Action::pass;
constexpr auto k_delay = GuessAnswer::Action::delay;
constexpr auto k_refuse = GuessAnswer::Action::refuse;

TEST(GuessPwhash, LongerHashesTellAsWell) {
  EXPECT_EQ(guess_pwhash("025a"), 0x125aU);
  EXPECT_EQ(guess_pwhash("25a"), 0x125aU);
  EXPECT_EQ(guess_pwhash("CC04"), 0x1c04U);
  EXPECT_EQ(guess_pwhash(std::string(64, 'f')), 0x1fffU);
  for (const char* none : {"", "x25a", "0x12", "-1", "12 "})
    EXPECT_EQ(guess_pwhash(none), 0U) << none;
}

TEST(Guessing, AnAddressThatGuessesIsSlowedThenBannedAndTheBanEndsByItself) {
  Town town;
  const IpAddress thief = ip("203.0.113.9");
  for (std::uint16_t i = 1; i <= 5; ++i) EXPECT_LE(town.guess("a@x.test", thief, i).seconds, 2);
  town.now = town.now + seconds(1);
  for (std::uint16_t i = 6; i <= 10; ++i) {
    EXPECT_EQ(town.guess("a@x.test", thief, i).action, k_delay) << i;
  }
  // A moment's decay: the tenth is a little less than ten.
  town.guess("a@x.test", thief, 11);
  ASSERT_EQ(town.news.bans.size(), 1U);
  const Ban& ban = town.news.bans[0];
  EXPECT_EQ(ban.network.to_string(), "203.0.113.9");
  EXPECT_EQ(ban.kind, BanKind::guessing);
  EXPECT_EQ(ban.reach, BanReach::packets);
  EXPECT_EQ(ban.until - ban.since, minutes(15));
  EXPECT_NE(ban_reason(ban).ja.find("11"), std::string::npos) << ban_reason(ban).ja;
  const GuessAnswer answer = town.ask("b@x.test", thief);
  EXPECT_EQ(answer.action, k_refuse);
  EXPECT_EQ(answer.rule, "ban");
  EXPECT_FALSE(answer.message.ja.empty());
  EXPECT_EQ(town.bans.get(ban.network)->hits, 1U);
  EXPECT_EQ(town.ask("b@x.test", ip("203.0.113.10")).action, k_pass);
  town.now = town.now + minutes(15) + seconds(1);
  EXPECT_NE(town.ask("b@x.test", thief).action, k_refuse);
}

TEST(Guessing, TheSameWrongPasswordAgainIsOneCountAndIsSaidToTheOwner) {
  Town town;
  for (int i = 0; i < 5000; ++i) {
    town.now = town.now + seconds(7);
    EXPECT_NE(town.guess("a@x.test", ip("203.0.113.9"), 0x123).action, k_refuse);
  }
  EXPECT_TRUE(town.news.bans.empty());
  ASSERT_FALSE(town.news.forgotten.empty());
  EXPECT_FALSE(town.news.forgotten[0].known);
  EXPECT_LE(town.news.forgotten.size(), 2U);  // once a day
  for (int i = 0; i < 20; ++i) town.guess("a@x.test", town.home, 0x123);
  ASSERT_TRUE(town.news.forgotten.back().known);
  EXPECT_NE(forgotten_words(town.news.forgotten.back()).en.find("One of your devices"),
            std::string::npos);
  // A device behind the owner's line is noticed though another one there signs in all the time.
  Town home;
  for (int i = 0; i < 8; ++i) {
    home.guess("a@x.test", home.home, 0x123);
    home.sign_in("a@x.test", home.home);
  }
  ASSERT_EQ(home.news.forgotten.size(), 1U);
  const ForgottenSetting& found = home.news.forgotten[0];
  EXPECT_EQ(device_of(found), "192.0.2.0/123");
  ForgottenSetting moved = found;
  moved.place.asn = 64500;
  EXPECT_EQ(device_of(moved), "AS64500/123") << "whatever address it has today";
  const ForgottenDevice device{found, home.now, home.now, {}};
  for (const Language language : {Language::ja, Language::en}) {
    const auto letter = forgotten_letter(device, "JP", "https://portal.example/", "Example",
                                         language, ZoneRule::parse("JST-9").value());
    EXPECT_FALSE(letter.subject.empty());
    for (const char* part : {"a@x.test", "192.0.2.10", "JP", "IMAP", "https://portal.example/"}) {
      EXPECT_NE(letter.body.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(letter.body.find("123"), std::string::npos) << "nothing of the password";
    const Text when = wall_time(home.now, ZoneRule::parse("JST-9").value());
    EXPECT_NE(letter.body.find(when.in(language)), std::string::npos) << letter.body;
    EXPECT_EQ(letter.body.find("UTC"), std::string::npos);
  }
  // Without a hash each one counts.
  for (int i = 0; i < 12; ++i) town.guess("a@x.test", ip("203.0.113.8"), 0);
  EXPECT_EQ(town.news.bans.size(), 1U);
}

TEST(Guessing, AnAccountAttackedFromTenThousandAddressesStaysOpenAtHome) {
  Town town;
  unsigned refused = 0;
  for (unsigned n = 0; n < 10'000; ++n) {
    town.now = town.now + Duration{200'000};
    const auto password = static_cast<std::uint16_t>(n % 4000);
    refused += town.guess("a@x.test", far(n), password).action == k_refuse ? 1 : 0;
    if (n % 100 == 0) {
      EXPECT_EQ(town.ask("a@x.test", town.home, Town::right).action, k_pass) << n;
      EXPECT_EQ(town.ask("b@x.test", far(n), Town::right).action, k_pass) << "another account";
    }
  }
  EXPECT_GT(refused, 9'900U);
  ASSERT_EQ(town.news.accounts.size(), 1U);
  EXPECT_TRUE(town.news.accounts[0].begun);
  const auto view = town.guard.account("a@x.test", town.now);
  EXPECT_TRUE(view.closed_to_strangers);
  // Those whose hash was the right one are taken for the owner, and not counted.
  EXPECT_GT(view.addresses, 9'900U);
  // The owner abroad, with the operator of a place that vouches and the right hash: slowly.
  EXPECT_EQ(town.ask("a@x.test", town.carrier, Town::right).action, k_delay);
  EXPECT_EQ(town.ask("a@x.test", town.carrier, 5).action, k_refuse);
  // It ends by itself.
  town.now = town.now + days(20);
  EXPECT_NE(town.ask("a@x.test", far(1)).action, k_refuse);
}

TEST(Guessing, AThiefWhoGuessesRightMeetsAClosedDoorAndOneWhoGotInIsTold) {
  Town town;
  for (unsigned n = 0; n < 29; ++n)
    town.guess("a@x.test", far(n), static_cast<std::uint16_t>(n + 1));
  // Before the door closed: the address tried others' accounts.
  const IpAddress thief = ip("203.0.113.9");
  for (int i = 0; i < 6; ++i) town.guess(fmt::format("c{}@x.test", i), thief, 9);
  town.sign_in("c9@x.test", thief);
  ASSERT_EQ(town.news.right.size(), 1U);
  EXPECT_EQ(town.news.right[0].account, "c9@x.test");
  EXPECT_FALSE(town.news.right[0].why.ja.empty());
  EXPECT_EQ(town.guard.collateral(IpNetwork::parse("203.0.113.9").value(), town.now), 0U);
  // The owner at home, after some slips, is nobody to speak of.
  for (std::uint16_t i = 1; i < 9; ++i) town.guess("a@x.test", town.home, i);
  town.sign_in("a@x.test", town.home);
  EXPECT_EQ(town.news.right.size(), 1U);
  EXPECT_TRUE(town.news.bans.empty());
}

// An owner is never restricted for what strangers did elsewhere; a thief is for what he did
// himself.
TEST(Guessing, WhatOthersTriedElsewhereIsNoReasonToStopAnOwner) {
  Town town;
  for (unsigned n = 0; n < 40; ++n)
    town.guess("a@x.test", far(n), static_cast<std::uint16_t>(n + 1));
  ASSERT_TRUE(town.guard.account("a@x.test", town.now).closed_to_strangers);
  // With a provider that the account knows: nothing at all.
  EXPECT_FALSE(town.sign_in("a@x.test", town.carrier).any());
  EXPECT_TRUE(town.news.right.empty());
  // From anywhere: people are told, the judge weighs it, and nobody is stopped.
  const IpAddress hotel = ip("203.0.113.77");
  const GuessesBefore behind = town.sign_in("a@x.test", hotel);
  EXPECT_GE(behind.addresses, 30U);
  EXPECT_EQ(behind.own, 0U);
  ASSERT_EQ(town.news.right.size(), 1U);
  EXPECT_FALSE(town.news.right[0].restricts);
  EXPECT_NE(town.news.right[0].why.en.find("being guessed from"), std::string::npos);
  // Three slips in a new place are evidence and nothing more; they are told once.
  const IpAddress office = ip("203.0.113.80");
  for (std::uint16_t i = 1; i <= 3; ++i) town.guess("b@x.test", office, i);
  EXPECT_EQ(town.sign_in("b@x.test", office), (GuessesBefore{3, 0, 0}));
  EXPECT_FALSE(town.sign_in("b@x.test", office).any());
  // At home they are nothing, and eight different ones elsewhere are somebody's own guessing.
  for (std::uint16_t i = 1; i <= 9; ++i) town.guess("b@x.test", town.home, i);
  EXPECT_FALSE(town.sign_in("b@x.test", town.home).any());
  EXPECT_EQ(town.news.right.size(), 1U);
  const IpAddress thief = ip("203.0.113.90");
  for (std::uint16_t i = 1; i <= 9; ++i) town.guess("d@x.test", thief, i);
  EXPECT_EQ(town.sign_in("d@x.test", thief).own, 9U);
  ASSERT_EQ(town.news.right.size(), 2U);
  EXPECT_TRUE(town.news.right[1].restricts);
}

TEST(Guessing, CountersThatLedToNoBanSurviveARestart) {
  Town before;
  const IpAddress thief = ip("203.0.113.9");
  for (std::uint16_t i = 1; i <= 9; ++i) before.guess("a@x.test", thief, i);
  std::string file{GuessGuard::head()};
  before.guard.take_changes(file, 1U << 20U);
  for (unsigned n = 0; n < 3000; ++n) {
    before.now = before.now + Duration{1000};
    before.guess("b@x.test", far(n), static_cast<std::uint16_t>(n % 1000 + 1));
  }
  // In parts as small as they get, and each change once.
  std::string changes;
  for (std::size_t had = 1; had != changes.size();) {
    had = changes.size();
    before.guard.take_changes(changes, 0);
  }
  file += changes;
  std::string none;
  before.guard.take_changes(none, 1U << 20U);
  EXPECT_TRUE(none.empty());
  ASSERT_TRUE(before.news.bans.empty());

  Town after;
  after.now = before.now;
  EXPECT_GT(after.guard.load(file, {}).value(), 6000U);
  EXPECT_EQ(after.guard.hash(), before.guard.hash());
  EXPECT_TRUE(after.guard.account("b@x.test", after.now).closed_to_strangers);
  after.guess("a@x.test", thief, 10);
  after.guess("a@x.test", thief, 11);
  EXPECT_EQ(after.news.bans.size(), 1U) << "nine before the restart count";

  std::string whole{GuessGuard::head()};
  ASSERT_TRUE(before.guard.dump([&](std::string_view part) -> Result<void> {
    whole += part;
    return {};
  }));
  Town again;
  EXPECT_TRUE(again.guard.load(whole, {}));
  EXPECT_EQ(again.guard.hash(), before.guard.hash());
  // Whatever is torn, altered or somebody else's ends there and breaks nothing.
  EXPECT_FALSE(again.guard.load("something else", {}));
  for (std::size_t cut = 0; cut < 400; ++cut) {
    Town torn;
    (void)torn.guard.load(std::string_view(file).substr(0, cut), {});
  }
  whole[whole.size() / 2] = static_cast<char>(whole[whole.size() / 2] ^ 1);
  Town altered;
  EXPECT_LT(altered.guard.load(whole, {}).value(), again.guard.load(whole, {}).value() + 1);
  EXPECT_EQ(Town().guard.load(file, before.now + days(1)).value(), 0U) << "too old";
}

TEST(Guessing, SprayingAndUnknownNamesAreSeenEarly) {
  Town town;
  for (int i = 0; i < 9; ++i) town.guess(fmt::format("c{}@x.test", i), ip("203.0.113.9"), 0x55);
  ASSERT_EQ(town.news.bans.size(), 1U);
  EXPECT_EQ(town.news.bans[0].kind, BanKind::spraying);
  for (int i = 0; i < 7; ++i) town.guess(fmt::format("nobody{}@x.test", i), ip("203.0.113.10"), 3);
  ASSERT_EQ(town.news.bans.size(), 2U);
  EXPECT_EQ(town.news.bans[1].kind, BanKind::unknown_names);
}

TEST(Guessing, ASlowGuesserIsMetWithALongMemory) {
  Town town;
  // One guess every 50 minutes: below every fixed window of half an hour.
  for (std::uint16_t i = 0; i < 60 && town.news.bans.empty(); ++i) {
    town.now = town.now + minutes(50);
    town.guess("a@x.test", ip("203.0.113.9"), static_cast<std::uint16_t>(i + 1));
  }
  EXPECT_EQ(town.news.bans.size(), 1U);
  EXPECT_LE(town.now - k_start, days(1));
  // Somebody who errs twice a day and gets it right afterwards never comes near.
  Town calm;
  for (std::uint16_t i = 0; i < 60; ++i) {
    calm.now = calm.now + hours(12);
    calm.guess("a@x.test", ip("203.0.113.9"), static_cast<std::uint16_t>(i + 1));
    calm.sign_in("a@x.test", ip("203.0.113.9"));
  }
  EXPECT_TRUE(calm.news.bans.empty());
}

TEST(Guessing, BansGrowHaveACapAndAreForgotten) {
  Town town;
  const IpAddress thief = ip("203.0.113.9");
  std::uint16_t password = 0;
  const auto next_ban = [&] {
    const std::size_t before = town.news.bans.size();
    while (town.news.bans.size() == before) {
      town.guess("a@x.test", thief, static_cast<std::uint16_t>(++password % 4000 + 1));
    }
    const Ban ban = town.news.bans.back();
    town.now = ban.until + seconds(1);
    return ban;
  };
  std::vector<Duration> times;
  for (int i = 0; i < 7; ++i) {
    const Ban ban = next_ban();
    times.push_back(ban.until - ban.since);
  }
  EXPECT_EQ(times[0], minutes(15));
  EXPECT_EQ(times[1], minutes(60));
  EXPECT_EQ(times[2], minutes(240));
  EXPECT_EQ(times[6], days(7));
  town.now = town.now + days(31);
  EXPECT_EQ(next_ban().times, 1U);
  // Remembered over a start.
  Town later;
  Ban old = town.news.bans.back();
  old.times = 3;
  old.since = later.now - hours(1);
  old.until = later.now - minutes(1);
  later.guard.remember(old);
  for (std::uint16_t i = 1; i <= 11; ++i) later.guess("a@x.test", thief, i);
  ASSERT_EQ(later.news.bans.size(), 1U);
  EXPECT_EQ(later.news.bans[0].times, 4U);
  // A person who ends it has it forgotten.
  later.guard.forgive(IpNetwork::parse("203.0.113.9").value());
  later.news = {};
  later.taken = 0;
  for (std::uint16_t i = 1; i <= 11; ++i) later.guess("b@x.test", thief, i);
  ASSERT_EQ(later.news.bans.size(), 0U) << "still banned: refused tries are its hits";
  (void)later.bans.remove(IpNetwork::parse("203.0.113.9").value());
  for (std::uint16_t i = 1; i <= 11; ++i) later.guess("b@x.test", thief, i);
  ASSERT_EQ(later.news.bans.size(), 1U);
  EXPECT_EQ(later.news.bans[0].times, 1U);
}

TEST(Guessing, WhereGoodAccountsLiveTheyGoOn) {
  Town town;
  const IpAddress office = ip("203.0.113.9");
  town.sign_in("good@x.test", office);
  const auto spray = [&](const IpAddress& from, std::uint16_t password = 0x55) {
    for (int i = 0; i < 12; ++i) town.guess(fmt::format("c{}@x.test", i), from, password);
    return town.news.bans.back();
  };
  const Ban ban = spray(office);
  EXPECT_EQ(ban.reach, BanReach::sign_ins);
  EXPECT_EQ(ban.collateral, 1U);
  EXPECT_NE(ban_effect(ban).en.find("1 account"), std::string::npos);
  EXPECT_EQ(ban_effect(ban).en.find("UTC"), std::string::npos);
  // A line of a provider that shares its addresses.
  const IpAddress shared = ip("198.51.100.77");
  for (int i = 0; i < 5; ++i) town.sign_in(fmt::format("p{}@x.test", i), shared);
  const Ban crowd = spray(shared);
  EXPECT_EQ(crowd.reach, BanReach::delay);
  EXPECT_EQ(crowd.collateral, 5U);
  EXPECT_EQ(town.ask("new@x.test", shared).action, k_delay);
  EXPECT_EQ(town.guard.collateral(IpNetwork::parse("198.51.0.0/16").value(), town.now), 5U);
  // A week later nobody lives there any more.
  town.now = town.now + days(8);
  EXPECT_EQ(town.guard.collateral(IpNetwork::parse("198.51.0.0/16").value(), town.now), 0U);
  // But somebody may come back from a journey: the firewall stays out of it.
  const Ban late = spray(office, 0x66);
  EXPECT_EQ(late.reach, BanReach::sign_ins);
  EXPECT_EQ(late.collateral, 0U);
  EXPECT_NE(ban_effect(late).en.find("before"), std::string::npos);
}

TEST(Guessing, NetworksAreLearntWider) {
  Town town;
  // Sixteen addresses of a /24, three wrong passwords each.
  for (int i = 0; i < 16; ++i) {
    for (std::uint16_t p = 1; p <= 3; ++p) {
      town.guess("a@x.test", ip(fmt::format("203.0.113.{}", 16 * i + 3)), p);
    }
  }
  ASSERT_EQ(town.news.bans.size(), 1U);
  EXPECT_EQ(town.news.bans[0].network.to_string(), "203.0.113.0/24");
  EXPECT_EQ(town.ask("b@x.test", ip("203.0.113.200")).action, k_refuse);
  Town wide;
  for (int net = 0; net < 6; ++net) {
    for (std::uint16_t p = 1; p <= 12; ++p) {
      wide.guess("a@x.test", ip(fmt::format("198.51.{}.9", 96 + 2 * net)), p);
    }
  }
  EXPECT_EQ(wide.news.bans.back().kind, BanKind::wider);
  EXPECT_EQ(wide.news.bans.back().network.to_string(), "198.51.96.0/20");
  // IPv6: one host has a whole /64.
  Town six;
  for (std::uint16_t p = 1; p <= 11; ++p) {
    six.guess("a@x.test", ip(fmt::format("2001:db8:1:2::{:x}", p)), p);
  }
  ASSERT_EQ(six.news.bans.size(), 1U);
  EXPECT_EQ(six.news.bans[0].network.to_string(), "2001:db8:1:2::/64");
  EXPECT_EQ(six.ask("b@x.test", ip("2001:db8:1:2:ffff::1")).action, k_refuse);
}

TEST(Guessing, OwnNetworksAndThisMachineAreNeverCounted) {
  GuessSettings settings = Town::small();
  settings.own.push_back(IpNetwork::parse("10.1.0.0/16").value());
  Town town(std::move(settings));
  for (std::uint16_t p = 1; p <= 200; ++p) {
    for (const char* from : {"127.0.0.1", "::1", "10.1.2.3"}) {
      EXPECT_EQ(town.guess(fmt::format("nobody{}@x.test", p), ip(from), p).action, k_pass);
    }
  }
  EXPECT_TRUE(town.news.is_empty());
  // Even a ban that a person made does not shut out what is our own.
  Ban ban;
  ban.network = IpNetwork::parse("10.0.0.0/8").value();
  town.bans.put(ban);
  EXPECT_EQ(town.ask("a@x.test", ip("10.1.2.3")).action, k_pass);
  EXPECT_EQ(town.ask("a@x.test", ip("10.2.2.3")).action, k_refuse);
}

TEST(Guessing, TheSameEventsGiveTheSameStateAndMemoryIsBounded) {
  const auto run = [](unsigned skip) {
    Town town;
    for (unsigned n = 0; n < 60'000; ++n) {
      if (n == skip) continue;
      town.now = town.now + Duration{10'000};
      town.guess(fmt::format("a{}@x.test", n % 40), far(n % 50'000),
                 static_cast<std::uint16_t>(n % 7));
    }
    EXPECT_LE(town.guard.addresses(), 40'000U * 3 / 2 + 64 * 32);
    EXPECT_LE(town.guard.bytes(), 100U << 20U);
    return town.guard.hash();
  };
  const std::uint64_t once = run(60'000);
  EXPECT_EQ(once, run(60'000));
  EXPECT_NE(once, run(59'999));
}

TEST(Guessing, ManyThreadsCountEveryGuess) {
  Town town;
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&town, k] {
      GuessNews news;
      for (unsigned n = 0; n < 2'000; ++n) {
        const IpAddress from = far(static_cast<unsigned>(k) * 2'000 + n);
        const SignInTry t = town.attempt("a@x.test", from, 5);
        town.guard.wrong(t, false, [&] { return town.who(from, 5); }, news);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(town.guard.account("a@x.test", town.now).addresses, 8'000U);
  EXPECT_EQ(town.guard.account("a@x.test", town.now).failures, 8'000U);
}

TEST(Guessing, AnAccountKnowsWhereItLives) {
  Town town;
  const auto knows = [&](const IpAddress& from, std::uint32_t asn = 0) {
    SignInTry t = town.attempt("a@x.test", from, Town::right);
    t.place.asn = asn;
    return town.guard.familiar(t);
  };
  const auto sign_in = [&](const IpAddress& from, std::uint32_t asn = 0) {
    SignInTry t = town.attempt("a@x.test", from, Town::right);
    t.place.asn = asn;
    town.guard.right(t, false, [&] { return town.guard.familiar(t); }, town.news);
  };
  EXPECT_FALSE(knows(town.home).has_places);
  sign_in(town.home, 64500);
  EXPECT_TRUE(knows(town.home).known);
  EXPECT_TRUE(knows(ip("192.0.2.200")).known) << "the same /24";
  EXPECT_FALSE(knows(ip("192.0.3.10")).known);
  EXPECT_TRUE(knows(ip("198.51.100.1"), 64500).near);
  EXPECT_FALSE(knows(ip("198.51.100.1"), 64501).near);
  // Another place is on trial for three days.
  sign_in(ip("203.0.113.4"), 64501);
  EXPECT_TRUE(knows(ip("203.0.113.4")).seen);
  EXPECT_FALSE(knows(ip("203.0.113.4")).known);
  EXPECT_FALSE(knows(ip("198.51.100.1"), 64501).near);
  town.now = town.now + days(3);
  EXPECT_FALSE(knows(ip("203.0.113.4")).known) << "time alone vouches for nobody";
  sign_in(ip("203.0.113.4"), 64501);
  EXPECT_TRUE(knows(ip("203.0.113.4")).known);
  EXPECT_TRUE(knows(ip("198.51.100.1"), 64501).near);
}

TEST(BanTable, FindsTheLongestNetworkAndTakesOutWhatIsOver) {
  BanTable table{HashKey{}, 3};
  const auto ban = [](std::string_view network, Instant until) {
    Ban made;
    made.network = IpNetwork::parse(network).value();
    made.until = until;
    return made;
  };
  EXPECT_TRUE(table.put(ban("192.0.2.0/24", k_start + hours(2))));
  EXPECT_TRUE(table.put(ban("192.0.2.7", k_start + hours(1))));
  EXPECT_TRUE(table.put(ban("2001:db8::/33", {})));
  EXPECT_FALSE(table.put(ban("10.0.0.0/8", {}))) << "full";
  EXPECT_EQ(table.find(ip("192.0.2.7"), k_start)->until, k_start + hours(1));
  EXPECT_EQ(table.find(ip("192.0.2.7"), k_start + hours(1))->until, k_start + hours(2));
  EXPECT_EQ(table.find(ip("::ffff:192.0.2.9"), k_start)->until, k_start + hours(2));
  EXPECT_FALSE(table.find(ip("192.0.3.1"), k_start));
  EXPECT_TRUE(table.find(ip("2001:db8:7fff::1"), k_start));
  EXPECT_FALSE(table.find(ip("2001:db8:8000::1"), k_start));
  table.hit(ip("192.0.2.9"), k_start);
  const auto hit = table.take_hit();
  ASSERT_EQ(hit.size(), 1U);
  EXPECT_EQ(hit[0].hits, 1U);
  EXPECT_TRUE(table.take_hit().empty());
  std::size_t over = 0;
  for (int i = 0; i < 16; ++i) over += table.take_over(k_start + hours(3)).size();
  EXPECT_EQ(over, 2U);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_TRUE(table.remove(IpNetwork::parse("2001:db8::/33").value()));
  EXPECT_FALSE(table.find(ip("2001:db8::1"), k_start));
}

TEST(NetworkList, ReadsPlainListsAndSpamhausDropAndNamesEachBadLine) {
  const auto list = parse_network_list(
      "; Spamhaus DROP List\n1.10.16.0/20 ; SBL256894\n\n# mine\n192.0.2.1\r\n"
      "192.0.2.77/8\n0.0.0.0/0\nnonsense\n2001:db8::/32 # six\n");
  ASSERT_EQ(list.networks.size(), 3U);
  EXPECT_EQ(list.networks[0].network.to_string(), "1.10.16.0/20");
  EXPECT_EQ(list.networks[0].note, "SBL256894");
  EXPECT_EQ(list.networks[1].network.to_string(), "192.0.2.1");
  EXPECT_EQ(list.networks[2].note, "six");
  ASSERT_EQ(list.errors.size(), 3U);
  EXPECT_EQ(list.errors[0].line, 6U);
  EXPECT_EQ(list.errors[1].line, 7U);
  EXPECT_EQ(list.errors[2].line, 8U);
  EXPECT_FALSE(list.errors[2].text.ja.empty());
}

TEST(NetworkList, ANoteThatIsCutEndsInNoBlanks) {  // found by ban_list_fuzz
  const auto list =
      parse_network_list("192.0.2.1 ; " + std::string(60, 'x') + std::string(60, ' ') + "end\n");
  ASSERT_EQ(list.networks.size(), 1U);
  EXPECT_EQ(list.networks[0].note, std::string(60, 'x'));
}

}  // namespace
}  // namespace sekimori::decide
