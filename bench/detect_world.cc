#include "bench/detect_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/hash.h"

namespace sekimori::bench {
namespace {

using Random = std::mt19937_64;
double uniform(Random& r) { return std::generate_canonical<double, 53>(r); }
double uniform(Random& r, double a, double b) { return a + (b - a) * uniform(r); }
double log_uniform(Random& r, double a, double b) { return a * std::pow(b / a, uniform(r)); }
std::size_t pick(Random& r, std::size_t n) { return static_cast<std::size_t>(r() % n); }
Instant at(double seconds_since_1970) {
  return {static_cast<std::int64_t>(std::floor(seconds_since_1970)) * 1'000'000};
}
double normal(Random& r) {
  return std::sqrt(-2 * std::log(1 - uniform(r))) * std::cos(6.283185307 * uniform(r));
}

constexpr const char* k_countries[] = {"JP", "US", "DE", "FR", "BR", "VN", "NG", "IN", "GB", "KR",
                                       "RU", "TR", "ID", "MX", "PL", "ZA", "EG", "AR", "TH", "ES"};
constexpr std::size_t k_country_count = 20;
// 60 operators; operator n is of country n / 3, every third one a hosting network.
Place place_of(std::size_t op) {
  Place p;
  const char* c = k_countries[op / 3 % k_country_count];
  p.country[0] = c[0];
  p.country[1] = c[1];
  p.asn = static_cast<std::uint32_t>(1000 + op);
  p.hosting = op % 3 == 2;
  return p;
}
// Network `net` (0–65535) of an operator.
IpAddress address_of(std::size_t op, std::size_t net, std::size_t host) {
  return *IpAddress::parse(
      fmt::format("{}.{}.{}.{}", 20 + op, net / 250 % 250, net % 250, 1 + host % 250));
}

std::string outside_domain(std::uint64_t hash) {
  // Six of ten outside addresses are at five large providers, the rest at 300 small domains.
  return hash % 10 < 6 ? fmt::format("mail{}.example", hash / 10 % 5)
                       : fmt::format("firm{}.example", hash / 10 % 300);
}

// What an owner does by habit.
struct Person {
  std::size_t op = 0, home_net = 0, office_net = 0, mobile_op = 0;
  double home_share = .3, mobile_share = .15;
  double size_mu = 9.2;
  bool vpn = false, foreign_sender = false, scripts = false;
  double lease_days = 40, trip_until = 0, next_trip = 0, next_lease = 0, last_login = 0;
  std::size_t trip_op = 0, trip_net = 0;
  IpAddress last_ip;
};

std::uint64_t size_of(Random& r, double mu) {
  return static_cast<std::uint64_t>(std::clamp(
      std::exp(mu + .5 * normal(r) + (uniform(r) < .15 ? uniform(r, 1, 5) : 0)), 600.0, 3e7));
}

struct Sighting {
  IpAddress ip;
  Place place;
};

Sighting where(Random& r, Person& p, double t) {
  if (t >= p.next_lease) {
    p.home_net = pick(r, 4000);
    p.next_lease = t + p.lease_days * 86400 * uniform(r, .5, 1.5);
  }
  if (t >= p.next_trip) {
    p.trip_until = p.next_trip + 86400 * uniform(r, 1, 8);
    p.next_trip = t + 86400 * uniform(r, 60, 300);
    p.trip_op = pick(r, 40) / 2 * 3 % 60;
    p.trip_net = pick(r, 4000);
  }
  std::size_t op = 0, net = 0;
  const double u = uniform(r);
  if (p.vpn && uniform(r) < .3) {
    op = (p.op / 3) * 3 + 2;
    net = pick(r, 30);
  } else if (t < p.trip_until) {
    op = u < .8 ? p.trip_op : p.mobile_op;
    net = u < .8 ? p.trip_net : pick(r, 40);
  } else if (u < p.home_share) {
    op = p.op;
    net = p.home_net;
  } else if (u < p.home_share + p.mobile_share) {
    op = p.mobile_op;
    net = pick(r, 25);  // carrier NAT hops
  } else {
    op = 0;
    net = p.office_net;
  }
  return {address_of(op, net, pick(r, 200)), place_of(op)};
}

struct Message {
  double t;
  std::size_t sender;
  std::vector<std::size_t> to;
};

std::vector<Message> read_messages(const std::string& file) {
  std::vector<Message> out;
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] < '0' || line[0] > '9') continue;
    std::istringstream words(line);
    Message m;
    std::string list;
    std::size_t n = 0;
    words >> m.t >> m.sender >> n >> list;
    if (m.t < 500'000'000) m.t += 1'500'000'000;
    std::istringstream ids(list);
    for (std::string id; std::getline(ids, id, ',');) m.to.push_back(std::stoul(id));
    out.push_back(std::move(m));
  }
  return out;
}

Submission submission(Random& r, const Person& p, const std::string& account, const Sighting& seen,
                      const WorldOptions& o) {
  Submission s;
  if (o.logins) {
    s.ip = seen.ip;
    if (o.places) s.place = seen.place;
  }
  s.from = p.foreign_sender && uniform(r) < .5 ? "info@org.example"
           : uniform(r) < .003                 ? "alias@org.example"
                                               : account;
  s.message_id = (p.scripts && uniform(r) < .5) || uniform(r) < .002 ? "" : "<x@org.example>";
  s.size = size_of(r, p.size_mu);
  if (o.bare) {
    s.from.clear();
    s.message_id.reset();
    s.size = 0;
  }
  return s;
}

}  // namespace

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

World benign_world(const WorldOptions& o) {
  World w;
  const auto messages = read_messages(o.data_dir + "/" + o.data_set + ".tsv");
  if (messages.empty()) return w;
  Random r(o.seed * 77 + 5);
  std::map<std::size_t, std::int64_t> account_of;  // node → account, or -1: outside
  std::map<std::size_t, std::string> address;
  std::vector<Person> people;
  std::vector<double> first_seen;
  const auto node = [&](std::size_t id) {
    const auto [it, fresh] = account_of.try_emplace(id, -1);
    if (!fresh) return it->second;
    const std::uint64_t h = mix64(id * 31 + o.seed);
    if (o.split && (h & 1U) != 0) {
      address[id] = fmt::format("n{}@{}", id, outside_domain(mix64(h)));
      return it->second;
    }
    it->second = static_cast<std::int64_t>(w.accounts.size());
    address[id] = fmt::format("u{}@org.example", id);
    w.accounts.push_back(address[id]);
    first_seen.push_back(0);
    Person p;
    p.op = pick(r, 2);
    p.mobile_op = pick(r, 2);
    p.office_net = pick(r, 4);
    p.home_net = pick(r, 4000);
    p.home_share = uniform(r, .05, .6);
    p.mobile_share = uniform(r) < .3 ? .3 : .05;
    p.size_mu = 9 + normal(r) * .6;
    p.vpn = uniform(r) < .08;
    p.foreign_sender = uniform(r) < .05;
    p.scripts = uniform(r) < .03;
    p.lease_days = log_uniform(r, 7, 200);
    p.next_trip = -1;
    people.push_back(p);
    return it->second;
  };
  double last = 0;
  std::uint64_t number = 0;
  const auto push = [&](double t, const std::string& account, EventBody body) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = account;
    e.event.body = std::move(body);
    w.events.push_back(std::move(e));
  };
  const auto send = [&](double t, std::size_t a, std::vector<std::string> to) {
    Person& p = people[a];
    if (p.next_trip < 0) p.next_trip = t + 86400 * uniform(r, 5, 300);
    const Sighting seen = where(r, p, t);
    if (o.logins &&
        (seen.ip.place_key() != p.last_ip.place_key() || t - p.last_login > 12 * 3600)) {
      Login login;
      login.ip = seen.ip;
      if (o.places) login.place = seen.place;
      login.service = Service::imap;
      push(t - uniform(r, 1, 60), w.accounts[a], login);
      p.last_ip = seen.ip;
      p.last_login = t;
    }
    Submission s = submission(r, p, w.accounts[a], seen, o);
    s.queue_id = fmt::format("B{}", ++number);
    s.to = std::move(to);
    ++w.benign_messages;
    if (o.logins) {
      for (const std::string& rcpt : s.to) {
        if (uniform(r) >= .005) continue;
        Delivery bounce;
        bounce.queue_id = s.queue_id;
        bounce.to = rcpt;
        bounce.status = DeliveryStatus::bounced;
        bounce.dsn = "5.1.1";
        push(t + uniform(r, 2, 300), w.accounts[a], bounce);
      }
    }
    push(t, w.accounts[a], std::move(s));
  };
  for (const Message& m : messages) {
    last = m.t;
    const std::int64_t a = node(m.sender);
    std::vector<std::string> to;
    for (const std::size_t id : m.to) {
      const std::int64_t b = node(id);
      to.push_back(address[id]);
      if (b >= 0) {
        if (first_seen[static_cast<std::size_t>(b)] == 0)
          first_seen[static_cast<std::size_t>(b)] = m.t;
        push(m.t + 2, address[id], Received{address[m.sender]});
      }
    }
    if (a < 0) continue;
    if (first_seen[static_cast<std::size_t>(a)] == 0) first_seen[static_cast<std::size_t>(a)] = m.t;
    send(m.t, static_cast<std::size_t>(a), std::move(to));
  }
  for (std::size_t a = 0; a < w.accounts.size(); ++a) {
    w.account_days += (last - first_seen[a]) / 86400;
    if (o.logins) {
      for (double t = first_seen[a] + 86400 * uniform(r, 0, 240); t < last;
           t += 86400 * uniform(r, 20, 400)) {
        push(t, w.accounts[a],
             SettingsChange{pick(r, 2) == 0 ? SettingKind::filter : SettingKind::forward, ""});
      }
    }
    if (!o.blasters || uniform(r) >= .04) continue;
    // A newsletter or invoice run: a list that changes a little from one time to the next.
    std::vector<std::string> list;
    const auto n = static_cast<std::size_t>(log_uniform(r, 50, 500));
    for (std::size_t i = 0; i < n; ++i)
      list.push_back(fmt::format("s{}-{}@{}", a, i, outside_domain(r())));
    const auto per_message = static_cast<std::size_t>(log_uniform(r, 1, 200));
    const double every = 86400 * log_uniform(r, 7, 60);
    for (double t = first_seen[a] + 86400 * uniform(r, 1, 200); t < last;
         t += every * uniform(r, .9, 1.1)) {
      for (std::string& rcpt : list) {
        if (uniform(r) < .03)
          rcpt = fmt::format("s{}-{}@{}", a, r() % 1'000'000, outside_domain(r()));
      }
      double u = t;
      for (std::size_t i = 0; i < list.size(); i += per_message) {
        send(u, a,
             {list.begin() + static_cast<long>(i),
              list.begin() + static_cast<long>(std::min(i + per_message, list.size()))});
        u += uniform(r, 1, 20);
      }
    }
  }
  std::ranges::stable_sort(w.events, {}, [](const WorldEvent& e) { return e.event.t; });
  return w;
}

namespace {

// One attack's plan while it is written down.
class Thief {
 public:
  Thief(World& w, Random& r, const WorldOptions& o, std::size_t account,
        std::vector<std::string> contacts, std::int32_t id, std::size_t home_op)
      : w_(w),
        r_(r),
        o_(o),
        account_(account),
        contacts_(std::move(contacts)),
        id_(id),
        home_op_(home_op) {
    borrowed_.size_mu = 9 + normal(r) * .6;
    borrowed_.foreign_sender = uniform(r) < .12;
    borrowed_.scripts = uniform(r) < .12;
    base_size_ = size_of(r, borrowed_.size_mu);
    templated_ = uniform(r) < .7;
    move(false);
  }
  // A new address: of the victim's provider (a third, or always when `local`), else anywhere.
  void move(bool local) {
    const std::size_t op = local || uniform(r_) < .33 ? home_op_ : pick(r_, 60);
    seen_ = {address_of(op, pick(r_, 4000), pick(r_, 200)), place_of(op)};
  }
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
  std::string unknown() {
    if (!o_.split && uniform(r_) < .5) return fmt::format("q{}@org.example", r_() % 10'000'000);
    return fmt::format("v{}@{}", r_() % 10'000'000, outside_domain(r_()));
  }
  std::string colleague() {
    return uniform(r_) < .5 ? w_.accounts[pick(r_, w_.accounts.size())]
                            : fmt::format("staff{}@org.example", r_() % 3000);
  }
  std::string contact() {
    return contacts_.empty() ? unknown() : contacts_[pick(r_, contacts_.size())];
  }
  void send(double t, std::vector<std::string> to) {
    Submission s = submission(r_, borrowed_, w_.accounts[account_], seen_, o_);
    if (templated_ && !o_.bare)
      s.size = static_cast<std::uint64_t>(static_cast<double>(base_size_) * uniform(r_, .97, 1.03));
    s.queue_id = fmt::format("A{}-{}", id_, ++number_);
    s.to = std::move(to);
    w_.attacks[static_cast<std::size_t>(id_)].recipients += s.to.size();
    push(t, std::move(s));
  }
  [[nodiscard]] const std::vector<std::string>& contacts() const { return contacts_; }

 private:
  void push(double t, EventBody body) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = w_.accounts[account_];
    e.event.body = std::move(body);
    e.attack = id_;
    w_.events.push_back(std::move(e));
  }
  World& w_;
  Random& r_;
  const WorldOptions& o_;
  std::size_t account_;
  std::vector<std::string> contacts_;
  std::int32_t id_;
  std::size_t home_op_;
  Person borrowed_;
  Sighting seen_;
  std::uint64_t base_size_ = 0;
  bool templated_ = false;
  std::uint64_t number_ = 0;
};

void play(Thief& thief, Random& r, AttackKind kind, double t) {
  const auto stream = [&](double per_hour, std::size_t total, std::size_t per_message,
                          auto recipient, bool moving) {
    double u = t;
    std::size_t sent = 0;
    while (sent < total) {
      const std::size_t n = std::min(total - sent, 1 + pick(r, per_message * 2 - 1));
      std::vector<std::string> to;
      for (std::size_t i = 0; i < n; ++i) to.push_back(recipient());
      if (moving) thief.move(false);
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
             static_cast<std::size_t>(log_uniform(r, 1, 100)), mostly_unknown, false);
      break;
    }
    case AttackKind::f2_botnet: {
      const double rate = log_uniform(r, 30, 300);
      stream(rate, static_cast<std::size_t>(rate * uniform(r, 2, 8)),
             static_cast<std::size_t>(log_uniform(r, 1, 10)), mostly_unknown, true);
      break;
    }
    case AttackKind::f3_slow: {
      const bool hourly = uniform(r) < .5;
      const double rate = hourly ? log_uniform(r, 2, 15) : log_uniform(r, 5, 50) / 24;
      stream(rate, static_cast<std::size_t>(std::min(rate * 24 * (hourly ? 3 : 10), 300.0)) + 1, 1,
             mostly_unknown, false);
      break;
    }
    case AttackKind::f4_lateral:
      stream(
          log_uniform(r, 60, 1500), static_cast<std::size_t>(log_uniform(r, 50, 1500)),
          static_cast<std::size_t>(log_uniform(r, 1, 50)),
          [&] { return uniform(r) < .1 ? thief.contact() : thief.colleague(); }, false);
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
             mostly_unknown, false);
      break;
    }
    case AttackKind::f8_local: {
      constexpr AttackKind kinds[] = {AttackKind::f1_bulk, AttackKind::f3_slow,
                                      AttackKind::f4_lateral, AttackKind::f5_contacts,
                                      AttackKind::f7_limit};
      play(thief, r, kinds[pick(r, 5)], t);
      break;
    }
    case AttackKind::f9_warm_up:
      for (int day = 0; day < 14; ++day) {
        for (int i = 0; i <= day / 2; ++i)
          thief.send(t + 86400.0 * day + uniform(r, 0, 36000), {mostly_unknown()});
      }
      t += 14 * 86400;
      stream(100, 300, 3, mostly_unknown, false);
      break;
    case AttackKind::burst_50: {
      for (int i = 0; i < 6; ++i) {
        std::vector<std::string> to;
        for (int k = 0; k < 50; ++k) to.push_back(thief.unknown());
        thief.send(t + i * uniform(r, 1, 600), std::move(to));
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
    case AttackKind::white_box:
      for (int day = 0; day < 10; ++day) {
        for (int i = 0; i < 12; ++i) {
          thief.send(t + 86400.0 * day + 3000.0 * i, {thief.unknown()});
          thief.send(t + 86400.0 * day + 3000.0 * i + 1000, {thief.contact()});
        }
      }
      break;
    case AttackKind::count_: break;
  }
}

}  // namespace

World attacked_world(const World& benign, const WorldOptions& o, AttackKind kind,
                     std::size_t victims, unsigned half) {
  World w = benign;
  Random r(o.seed * 1009 + static_cast<unsigned>(kind));
  // Candidates: accounts that sent at least 20 messages; an attack begins after the tenth.
  std::map<std::string, std::vector<std::size_t>> sent;
  for (std::size_t i = 0; i < benign.events.size(); ++i) {
    if (std::holds_alternative<Submission>(benign.events[i].event.body)) {
      sent[benign.events[i].event.account].push_back(i);
    }
  }
  std::vector<std::size_t> candidates;
  for (std::size_t a = half; a < w.accounts.size(); a += 2) {
    if (const auto it = sent.find(w.accounts[a]); it != sent.end() && it->second.size() >= 20)
      candidates.push_back(a);
  }
  std::ranges::shuffle(candidates, r);
  if (candidates.size() > victims) candidates.resize(victims);
  for (const std::size_t a : candidates) {
    const auto& mails = sent[w.accounts[a]];
    const std::size_t from = mails[10 + pick(r, mails.size() - 12)];
    const double t0 =
        static_cast<double>(benign.events[from].event.t.us) / 1e6 + uniform(r, 0, 6 * 3600);
    std::set<std::string> contacts;  // of the past only
    for (const std::size_t m : mails) {
      if (m > from) break;
      for (const auto& to : std::get<Submission>(benign.events[m].event.body).to)
        contacts.insert(to);
    }
    const auto id = static_cast<std::int32_t>(w.attacks.size());
    w.attacks.push_back({a, kind, 0});
    Thief thief(w, r, o, a, {contacts.begin(), contacts.end()}, id, pick(r, 2));
    if (kind == AttackKind::f8_local || kind == AttackKind::white_box) thief.move(true);
    thief.login(t0);
    const double dwell = uniform(r) < .2 ? uniform(r, 60, 1800) : log_uniform(r, 1800, 7 * 86400);
    play(thief, r, kind, t0 + dwell);
  }
  std::ranges::stable_sort(w.events, {}, [](const WorldEvent& e) { return e.event.t; });
  return w;
}

}  // namespace sekimori::bench
