// The attack families of docs/detection.md, on accounts of the owners' world.
#include <algorithm>
#include <set>

#include "bench/detect_thief.h"
#include "bench/detect_unforeseen.h"

namespace sekimori::bench {

std::string_view to_string(AttackKind k) {
  static constexpr std::string_view names[] = {"F1 bulk",
                                               "F2 botnet",
                                               "F3 slow",
                                               "F4 lateral",
                                               "F5 contacts",
                                               "F6 BEC",
                                               "F7 limit rider",
                                               "F8 local",
                                               "F9 warm-up",
                                               "bursts of 50",
                                               "contact + strangers",
                                               "white box",
                                               "hijacked threads",
                                               "one fat message",
                                               "contacts over days",
                                               "swarm of accounts",
                                               "sleeper",
                                               "sips",
                                               "domain walk",
                                               "no address",
                                               "own computer",
                                               "doubling",
                                               "newcomer",
                                               "house contacts",
                                               "next door"};
  return names[static_cast<std::size_t>(k)];
}

namespace {

Victim victim_of(const World& benign, const SentIndex& sent, std::size_t a, std::uint32_t from) {
  Victim victim;
  victim.account = a;
  std::set<std::string> contacts;
  for (const std::uint32_t m : sent[a]) {
    if (m > from) break;
    const auto& mail = std::get<Submission>(benign.events[m].event.body);
    victim.day_time.push_back(benign.events[m].event.t.us / 1'000'000 % 86400);
    victim.desk = {mail.ip, mail.place};
    for (const auto& to : mail.to) contacts.insert(to);
  }
  victim.contacts.assign(contacts.begin(), contacts.end());
  return victim;
}

enum class Moving : std::uint8_t { stays, botnet, local };

void play(Thief& thief, Random& r, const WorldOptions& o, AttackKind kind, double t, bool local) {
  const auto stream = [&](double per_hour, std::size_t total, std::size_t per_message,
                          auto recipient, Moving moving) {
    double u = t;
    std::size_t sent = 0;
    while (sent < total) {
      const std::size_t n = std::min(total - sent, 1 + pick(r, per_message * 2 - 1));
      std::vector<std::string> to;
      for (std::size_t i = 0; i < n; ++i) to.push_back(recipient());
      if (moving == Moving::botnet) thief.move_in_botnet();
      if (moving == Moving::local) thief.move(true);
      thief.send(u, std::move(to));
      sent += n;
      u += exponential(r) * 3600 * static_cast<double>(n) / per_hour;
    }
  };
  const auto mostly_unknown = [&] { return uniform(r) < .98 ? thief.unknown() : thief.contact(); };
  switch (kind) {
    case AttackKind::f1_bulk: {
      const double rate = log_uniform(r, 300, 3000);
      stream(rate, static_cast<std::size_t>(rate * uniform(r, .5, 2)),
             static_cast<std::size_t>(log_uniform(r, 1, 100)), mostly_unknown, Moving::stays);
      break;
    }
    case AttackKind::f2_botnet: {
      const double rate = log_uniform(r, 30, 300);
      stream(rate, static_cast<std::size_t>(rate * uniform(r, 2, 8)),
             static_cast<std::size_t>(log_uniform(r, 1, 10)), mostly_unknown,
             local ? Moving::local : Moving::botnet);
      break;
    }
    case AttackKind::f3_slow: {
      const bool hourly = uniform(r) < .5;
      const double rate = hourly ? log_uniform(r, 2, 15) : log_uniform(r, 5, 50) / 24;
      stream(rate, static_cast<std::size_t>(std::min(rate * 24 * (hourly ? 3 : 10), 300.0)) + 1, 1,
             mostly_unknown, Moving::stays);
      break;
    }
    case AttackKind::f4_lateral:
      stream(
          log_uniform(r, 60, 1500), static_cast<std::size_t>(log_uniform(r, 50, 1500)),
          static_cast<std::size_t>(log_uniform(r, 1, 50)),
          [&] { return uniform(r) < .1 ? thief.contact() : thief.colleague(); }, Moving::stays);
      break;
    case AttackKind::f5_contacts: {
      if (uniform(r) < .7) thief.set_forward(t - uniform(r, 60, 3600));
      auto all = thief.contacts();
      std::ranges::shuffle(all, r);
      if (all.size() > 300) all.resize(300);
      const auto per = static_cast<std::size_t>(log_uniform(r, 1, 10));
      const double span = uniform(r, 15, 60) * 60;
      double u = t;
      for (std::size_t i = 0; i < all.size(); i += per) {
        thief.send(u, {all.begin() + static_cast<long>(i),
                       all.begin() + static_cast<long>(std::min(i + per, all.size()))});
        u +=
            span * static_cast<double>(per) / static_cast<double>(all.size()) * uniform(r, .5, 1.5);
      }
      break;
    }
    case AttackKind::f6_bec:
      for (std::size_t i = 0, n = 1 + pick(r, 5); i < n; ++i)
        thief.send(t + uniform(r, 0, 86400), {thief.contact()});
      break;
    case AttackKind::f7_limit: {
      const bool daily = uniform(r) < .5;
      stream(daily ? 1.0 : 80, daily ? 72 : 800, static_cast<std::size_t>(log_uniform(r, 1, 4)),
             mostly_unknown, Moving::stays);
      break;
    }
    case AttackKind::f8_local: {
      constexpr AttackKind kinds[] = {AttackKind::f1_bulk,     AttackKind::f2_botnet,
                                      AttackKind::f3_slow,     AttackKind::f4_lateral,
                                      AttackKind::f5_contacts, AttackKind::f6_bec};
      play(thief, r, o, kinds[pick(r, 6)], t, true);
      break;
    }
    case AttackKind::f9_warm_up:
      for (int day = 0; day < 14; ++day) {
        for (int i = 0; i <= day / 2; ++i) {
          const double u = t + 86400.0 * day + uniform(r, 0, 36000);
          const std::string to = mostly_unknown();
          // Half of them wrote first: the thief's own mail from outside, to be answered.
          if (uniform(r) < .5) thief.prime(u - uniform(r, 60, 7200), to);
          thief.send(u, {to});
        }
      }
      t += 14 * 86400;
      stream(100, 300, 3, mostly_unknown, Moving::stays);
      break;
    case AttackKind::burst_50: {
      double u = t;
      for (int i = 0; i < 6; ++i) {
        std::vector<std::string> to;
        for (int k = 0; k < 50; ++k) to.push_back(thief.unknown());
        thief.send(u, std::move(to));
        u += log_uniform(r, 1, 600);
      }
      break;
    }
    case AttackKind::contact_strangers: {
      double u = t;
      for (int i = 0; i < 30; ++i) {
        std::vector<std::string> to{thief.contact()};
        for (std::size_t k = 0, n = 2 + pick(r, 3); k < n; ++k) to.push_back(thief.unknown());
        thief.send(u, std::move(to));
        u += log_uniform(r, 30, 1500);
      }
      break;
    }
    case AttackKind::white_box: {
      const unsigned strangers = o.strangers == 0 ? 12 : o.strangers;
      const double step = 36000.0 / strangers;
      for (int day = 0; day < 10; ++day) {
        for (unsigned i = 0; i < strangers; ++i) {
          thief.send(t + 86400.0 * day + step * i, {thief.unknown()});
          thief.send(t + 86400.0 * day + step * i + step / 3, {thief.contact()});
        }
      }
      break;
    }
    default: play_unforeseen(thief, r, kind, t); break;
  }
}

}  // namespace

World attacks_on(const World& benign, const SentIndex& sent, const WorldOptions& o, AttackKind kind,
                 std::size_t victims, unsigned half) {
  World out;
  Random r(o.seed * 1009 + static_cast<unsigned>(kind));
  // Candidates: accounts that sent at least 20 messages; an attack begins after the tenth. A
  // newcomer's begins after the second to sixth.
  const bool early = kind == AttackKind::newcomer;
  std::vector<std::size_t> candidates;
  for (std::size_t a = half; a < benign.accounts.size(); a += 2) {
    if (sent[a].size() >= 20) candidates.push_back(a);
  }
  std::ranges::shuffle(candidates, r);
  Swarm swarm(benign, sent, kind);
  std::size_t played = 0;
  for (const std::size_t a : candidates) {
    if (played == victims) break;
    const auto& mails = sent[a];
    const std::uint32_t from = swarm   ? swarm.last_mail_of(a)
                               : early ? mails[1 + pick(r, 5)]
                                       : mails[10 + pick(r, mails.size() - 12)];
    if (from == Swarm::k_none) continue;
    ++played;
    const double t0 =
        swarm ? swarm.begin(r)
              : static_cast<double>(benign.events[from].event.t.us) / 1e6 + uniform(r, 0, 6 * 3600);
    Thief thief(out, benign, r, o, know_more(benign, victim_of(benign, sent, a, from), from, kind),
                kind);
    swarm.join(thief);
    const bool local = kind == AttackKind::f8_local || kind == AttackKind::white_box ||
                       kind == AttackKind::next_door;
    if (local) thief.move(true);
    if (kind == AttackKind::own_computer) thief.move_to_the_desk();
    if (kind == AttackKind::no_address) thief.hide();
    if (kind != AttackKind::no_address && kind != AttackKind::own_computer) thief.login(t0);
    const bool curious = kind == AttackKind::f5_contacts || kind == AttackKind::f6_bec;
    if (uniform(r) < (curious ? .6 : .3)) thief.read(t0 + uniform(r, 10, 600));
    const double dwell = uniform(r) < .2 ? uniform(r, 60, 1800) : log_uniform(r, 1800, 7 * 86400);
    // An odd hour must not give every attack away: colleagues are written to while they work.
    const bool office =
        kind == AttackKind::f4_lateral || kind == AttackKind::f6_bec || local || uniform(r) < .5;
    const double begin = swarm ? t0 + uniform(r, 60, 7200) : t0 + dwell;
    play(thief, r, o, kind, office && dwell > 1800 && !swarm ? thief.in_office_hours(begin) : begin,
         local);
  }
  std::ranges::stable_sort(out.events, {}, [](const WorldEvent& e) { return e.event.t; });
  return out;
}

}  // namespace sekimori::bench
