#include "bench/detect_unforeseen.h"

#include <algorithm>
#include <set>

namespace sekimori::bench {
namespace {

double pause(Random& r, double per_hour) { return exponential(r) * 3600 / per_hour; }

// One message after the other, to whom `recipient` names.
template <class F>
void one_by_one(Thief& thief, Random& r, double t, double per_hour, std::size_t total,
                F recipient) {
  for (std::size_t i = 0; i < total; ++i) {
    thief.send(t, {recipient()});
    t += pause(r, per_hour);
  }
}

std::vector<std::string> strangers(Thief& thief, std::size_t n) {
  std::vector<std::string> to;
  for (std::size_t i = 0; i < n; ++i) to.push_back(thief.unknown());
  return to;
}

std::size_t between(Random& r, double a, double b) {
  return static_cast<std::size_t>(log_uniform(r, a, b));
}

}  // namespace

void play_unforeseen(Thief& thief, Random& r, AttackKind kind, double t) {
  const auto stranger = [&] { return thief.unknown(); };
  switch (kind) {
    case AttackKind::threads:  // answers to those who wrote first, and to friends
      one_by_one(thief, r, t, log_uniform(r, 5, 60), between(r, 40, 200), [&] {
        return uniform(r) < .7 ? thief.one_of(thief.victim().correspondents) : thief.contact();
      });
      break;
    case AttackKind::fat_message:
      for (int i = 0; i < 3; ++i, t += uniform(r, 5, 600))
        thief.send(t, strangers(thief, between(r, 200, 2000)));
      break;
    case AttackKind::slow_contacts: {
      auto all = thief.contacts();
      std::ranges::shuffle(all, r);
      if (all.size() > 100) all.resize(100);
      for (const std::string& to : all) {
        thief.send(t, {to});
        t += pause(r, 2);
      }
      break;
    }
    case AttackKind::swarm:  // a few strangers of each account
      for (std::size_t i = 0, n = between(r, 5, 20); i < n; ++i, t += pause(r, 20)) {
        thief.move_in_botnet();
        thief.send(t, strangers(thief, 1));
      }
      break;
    case AttackKind::sleeper: {
      for (int day = 0; day < 14; ++day) {
        thief.login(t + 86400.0 * day + uniform(r, 0, 36000));
        if (uniform(r) < .3) thief.read(t + 86400.0 * day + uniform(r, 36000, 40000));
      }
      thief.set_forward(t + 86400.0 * 3);
      const double rate = log_uniform(r, 60, 600);
      one_by_one(thief, r, t + 86400.0 * 14, rate, static_cast<std::size_t>(rate), stranger);
      break;
    }
    case AttackKind::sips:  // a few at once, then nothing for a day or two
      for (int i = 0; i < 7; ++i, t += 86400 * uniform(r, 1, 2)) {
        double u = t;
        for (std::size_t n = between(r, 8, 20); n > 0; --n, u += uniform(r, 2, 20))
          thief.send(u, strangers(thief, 1));
      }
      break;
    case AttackKind::domain_walk: {
      const double rate = log_uniform(r, 10, 60);
      one_by_one(thief, r, t, rate, 200, [&] {
        return fmt::format("w{}@{}", r() % 10'000'000, domain_of(thief.contact()));
      });
      break;
    }
    case AttackKind::no_address:
    case AttackKind::own_computer:
      one_by_one(thief, r, t, log_uniform(r, 30, 600), between(r, 100, 1000), stranger);
      break;
    case AttackKind::doubling:
      for (std::size_t n = 1; n <= 64; n *= 2, t += 86400)
        for (std::size_t i = 0; i < n; ++i) thief.send(t + uniform(r, 0, 36000), {stranger()});
      break;
    case AttackKind::newcomer: {
      const double rate = log_uniform(r, 5, 500);
      one_by_one(thief, r, t, rate, std::min<std::size_t>(300, 3 * static_cast<std::size_t>(rate)),
                 stranger);
      break;
    }
    case AttackKind::house_contacts:  // the customers of all the house
      one_by_one(thief, r, t, log_uniform(r, 20, 200), 200,
                 [&] { return thief.one_of(thief.victim().of_the_house); });
      break;
    case AttackKind::next_door: {  // a proxy in the owner's own town, at the owner's hours
      const double rate = log_uniform(r, 6, 20);
      for (int i = 0; i < 75; ++i, t += pause(r, rate)) {
        if (i % 10 == 9) t = thief.in_office_hours(t + 3600);
        thief.send(t, {thief.contact(), thief.unknown()});
      }
      break;
    }
    default: break;
  }
}

Victim know_more(const World& benign, Victim victim, std::uint32_t from, AttackKind kind) {
  const std::string& account = benign.accounts[victim.account];
  if (kind == AttackKind::threads) {
    std::set<std::string> wrote;
    for (std::uint32_t i = 0; i < from; ++i) {
      const auto* mail = std::get_if<Received>(&benign.events[i].event.body);
      if (mail != nullptr && benign.events[i].event.account == account) wrote.insert(mail->from);
    }
    victim.correspondents.assign(wrote.begin(), wrote.end());
  }
  if (kind == AttackKind::house_contacts) {
    constexpr std::uint32_t k_looked_at = 20'000;
    std::set<std::string> all;
    for (std::uint32_t i = from > k_looked_at ? from - k_looked_at : 0; i < from; ++i) {
      const auto* mail = std::get_if<Submission>(&benign.events[i].event.body);
      if (mail != nullptr) all.insert(mail->to.begin(), mail->to.end());
    }
    victim.of_the_house.assign(all.begin(), all.end());
  }
  return victim;
}

Swarm::Swarm(const World& benign, const SentIndex& sent, AttackKind kind)
    : benign_(benign), sent_(sent), on_(kind == AttackKind::swarm) {
  if (benign.events.empty()) return;
  // In the middle of the data.
  t_ = static_cast<double>(benign.events[benign.events.size() / 2].event.t.us) / 1e6;
}

std::uint32_t Swarm::last_mail_of(std::size_t account) const {
  constexpr double k_lately = 60 * 86400;
  std::uint32_t last = k_none;
  std::size_t before = 0;
  for (const std::uint32_t m : sent_[account]) {
    const double t = static_cast<double>(benign_.events[m].event.t.us) / 1e6;
    if (t >= t_) break;
    ++before;
    last = t >= t_ - k_lately ? m : k_none;
  }
  return before >= 10 ? last : k_none;
}

double Swarm::begin(Random& r) const { return t_ + uniform(r, 0, 6 * 3600); }

void Swarm::join(Thief& thief) {
  if (!on_) return;
  if (botnet_.empty()) {
    botnet_ = thief.botnet();
    base_size_ = thief.base_size();
  }
  thief.share(base_size_, .05, botnet_);
}

}  // namespace sekimori::bench
