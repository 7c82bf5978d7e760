// The attack families of docs/detection.md, on accounts of the owners' world.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/hash.h"
#include "base/mail_address.h"
#include "bench/detect_people.h"
#include "bench/detect_world.h"

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
                                               "white box"};
  return names[static_cast<std::size_t>(k)];
}

namespace {

// What an attack knows of its victim.
struct Victim {
  std::size_t account;
  std::vector<std::string> contacts;   // of the past, sorted
  std::vector<std::int64_t> day_time;  // seconds of the day of the owner's past messages
};

// One attack's plan while it is written down.
class Thief {
 public:
  Thief(World& out, const World& benign, Random& r, const WorldOptions& o, Victim victim,
        AttackKind kind)
      : out_(out),
        benign_(benign),
        r_(r),
        o_(o),
        victim_(std::move(victim)),
        account_(benign.accounts[victim_.account]),
        own_domain_(domain_of(account_)),
        id_(static_cast<std::int32_t>(out.attacks.size())),
        borrowed_(draw_person(r)),
        complainers_(complainers_of(o, kind, out.attacks.size())) {
    out.attacks.push_back({victim_.account, kind, 0, {}});
    base_size_ = static_cast<double>(size_of(r, borrowed_.size_mu));
    alike_ = log_uniform(r, .005, .5);
    bounce_share_ = uniform(r, .05, .3);
    const auto addresses = static_cast<std::size_t>(log_uniform(r, 50, 400));
    const auto countries = static_cast<std::size_t>(log_uniform(r, 5, k_countries));
    std::vector<std::size_t> from;
    for (std::size_t i = 0; i < countries; ++i) from.push_back(pick(r, k_countries));
    for (std::size_t i = 0; i < addresses; ++i) {
      const std::size_t op =
          uniform(r) < .33 ? home_op() : 3 * from[pick(r, countries)] + pick(r, 3);
      botnet_.push_back({address_of(op, pick(r, 4000), pick(r, 200)), place_of(op)});
    }
    move(false);
  }
  // A new address: of the victim's providers (a third, or always when `local`), else anywhere.
  void move(bool local) {
    const std::size_t op = local || uniform(r_) < .33 ? home_op() : pick(r_, k_operators);
    seen_ = {address_of(op, pick(r_, 4000), pick(r_, 200)), place_of(op)};
  }
  void move_in_botnet() { seen_ = botnet_[pick(r_, botnet_.size())]; }
  void login(double t) {
    if (!o_.logins) return;
    Login l;
    l.ip = seen_.ip;
    if (o_.places) l.place = seen_.place;
    push(t, l);
  }
  void set_forward(double t) {
    if (o_.logins) push(t, SettingsChange{SettingKind::forward, ""});
  }
  // All of the mailbox is read, as a new telephone would.
  void read(double t) {
    const Session s = read_all(r_, seen_);
    if (o_.logins) push(t + s.seconds, s);
  }
  // Somebody who never wrote to this mailbox writes to it.
  void prime(double t, const std::string& from) { push(t, Received{from}); }
  // Nobody's or anybody's address, in a mail domain that owners write to.
  std::string unknown() {
    const double u = uniform(r_);
    if (u < .1) return benign_.addresses[pick(r_, benign_.addresses.size())];
    if (u < (o_.split ? .15 : .4)) return fmt::format("q{}@{}", r_() % 10'000'000, own_domain_);
    std::string_view domain = own_domain_;
    for (int tries = 0; domain == own_domain_ && tries < 50; ++tries)
      domain = domain_of(benign_.addresses[pick(r_, benign_.addresses.size())]);
    if (u > .97 || domain == own_domain_)
      return fmt::format("v{}@new{}.example", r_() % 10'000'000, r_() % 1000);
    return fmt::format("v{}@{}", r_() % 10'000'000, domain);
  }
  std::string colleague() {
    return uniform(r_) < .5 ? benign_.accounts[pick(r_, benign_.accounts.size())]
                            : fmt::format("staff{}@{}", r_() % 3000, own_domain_);
  }
  std::string contact() {
    return victim_.contacts.empty() ? unknown()
                                    : victim_.contacts[pick(r_, victim_.contacts.size())];
  }
  void send(double t, std::vector<std::string> to) {
    Submission s = submission(r_, borrowed_, account_, seen_, o_);
    // One text for all, more or less personal.
    if (!o_.bare)
      s.size = static_cast<std::uint64_t>(base_size_ * uniform(r_, 1 - alike_, 1 + alike_));
    const auto number =
        static_cast<std::uint32_t>(benign_.benign_messages + ++out_.benign_messages);
    s.queue_id = fmt::format("A{}", number);
    s.to = std::move(to);
    auto& attack = out_.attacks[static_cast<std::size_t>(id_)];
    attack.recipients += s.to.size();
    if (!attack.first.is_set() || at(t) < attack.first) attack.first = at(t);
    for (const std::string& rcpt : s.to) {
      const bool known = std::ranges::binary_search(victim_.contacts, rcpt);
      if (uniform(r_) >= (known ? .005 : bounce_share_)) continue;
      const double later = uniform(r_, 2, 300);
      if (o_.bounces) push(t + later, unknown_user(s.queue_id, rcpt), number);
    }
    for (const std::string& rcpt : s.to) {
      const auto later = complainers_.next();
      if (later && o_.bounces) push(t + *later, complaint(s.queue_id, rcpt), number);
    }
    push(t, std::move(s), number);
  }
  // The nearest later moment at a time of day when the owner writes.
  double in_office_hours(double t) {
    const auto tod = static_cast<double>(victim_.day_time[pick(r_, victim_.day_time.size())]);
    const double moment = std::floor(t / 86400) * 86400 + tod;
    return moment < t ? moment + 86400 : moment;
  }
  [[nodiscard]] const std::vector<std::string>& contacts() const { return victim_.contacts; }

 private:
  static Complainers complainers_of(const WorldOptions& o, AttackKind kind, std::size_t number) {
    const std::uint64_t seed = mix64(o.seed * 1009 + static_cast<unsigned>(kind) * 65'537 + number);
    Random r(seed);
    constexpr auto k_share = Complainers::k_of_spam;
    return {seed + 1, log_uniform(r, k_share[0], k_share[1])};
  }
  [[nodiscard]] std::size_t home_op() {
    const auto& owner = benign_.owners[victim_.account];
    return uniform(r_) < .7 ? owner.op : owner.mobile_op;
  }
  void push(double t, EventBody body, std::uint32_t message = 0) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = account_;
    e.event.body = std::move(body);
    e.attack = id_;
    e.message = message;
    out_.events.push_back(std::move(e));
  }
  World& out_;
  const World& benign_;
  Random& r_;
  const WorldOptions& o_;
  Victim victim_;
  std::string account_, own_domain_;
  std::int32_t id_;
  Person borrowed_;
  Complainers complainers_;
  Sighting seen_;
  std::vector<Sighting> botnet_;
  double base_size_ = 0, alike_ = 0, bounce_share_ = 0;
};

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
      u += -std::log(1 - uniform(r)) * 3600 * static_cast<double>(n) / per_hour;
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
    case AttackKind::count_: break;
  }
}

}  // namespace

World attacks_on(const World& benign, const SentIndex& sent, const WorldOptions& o, AttackKind kind,
                 std::size_t victims, unsigned half) {
  World out;
  Random r(o.seed * 1009 + static_cast<unsigned>(kind));
  // Candidates: accounts that sent at least 20 messages; an attack begins after the tenth.
  std::vector<std::size_t> candidates;
  for (std::size_t a = half; a < benign.accounts.size(); a += 2) {
    if (sent[a].size() >= 20) candidates.push_back(a);
  }
  std::ranges::shuffle(candidates, r);
  if (candidates.size() > victims) candidates.resize(victims);
  for (const std::size_t a : candidates) {
    const auto& mails = sent[a];
    const std::uint32_t from = mails[10 + pick(r, mails.size() - 12)];
    const double t0 =
        static_cast<double>(benign.events[from].event.t.us) / 1e6 + uniform(r, 0, 6 * 3600);
    std::set<std::string> contacts;  // of the past only
    Victim victim{a, {}, {}};
    for (const std::uint32_t m : mails) {
      if (m > from) break;
      victim.day_time.push_back(benign.events[m].event.t.us / 1'000'000 % 86400);
      for (const auto& to : std::get<Submission>(benign.events[m].event.body).to)
        contacts.insert(to);
    }
    victim.contacts.assign(contacts.begin(), contacts.end());
    Thief thief(out, benign, r, o, std::move(victim), kind);
    const bool local = kind == AttackKind::f8_local || kind == AttackKind::white_box;
    if (local) thief.move(true);
    thief.login(t0);
    const bool curious = kind == AttackKind::f5_contacts || kind == AttackKind::f6_bec;
    if (uniform(r) < (curious ? .6 : .3)) thief.read(t0 + uniform(r, 10, 600));
    const double dwell = uniform(r) < .2 ? uniform(r, 60, 1800) : log_uniform(r, 1800, 7 * 86400);
    // An odd hour must not give every attack away: colleagues are written to while they work.
    const bool office =
        kind == AttackKind::f4_lateral || kind == AttackKind::f6_bec || local || uniform(r) < .5;
    const double begin = t0 + dwell;
    play(thief, r, o, kind, office && dwell > 1800 ? thief.in_office_hours(begin) : begin, local);
  }
  std::ranges::stable_sort(out.events, {}, [](const WorldEvent& e) { return e.event.t; });
  return out;
}

}  // namespace sekimori::bench
