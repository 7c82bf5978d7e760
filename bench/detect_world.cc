#include "bench/detect_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "base/hash.h"
#include "bench/detect_people.h"

namespace sekimori::bench {
namespace {

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

// Writes the owners' world down.
class Builder {
 public:
  explicit Builder(const WorldOptions& o)
      : o_(o), r_(o.seed * 77 + 5), complainers_(o.seed * 53 + 11, Complainers::k_of_owners) {}

  World build(const std::vector<Message>& messages) {
    for (const Message& m : messages) real(m);
    w_.last = at(messages.back().t);
    for (std::size_t a = 0; a < w_.accounts.size(); ++a) {
      const double first = static_cast<double>(w_.owners[a].first.us) / 1e6;
      w_.account_days += (messages.back().t - first) / 86400;
      change_settings(a, first, messages.back().t);
      if (o_.blasters && uniform(r_) < .04) newsletter(a, first, messages.back().t);
    }
    for (const auto& [id, address] : address_) w_.addresses.push_back(address);
    std::ranges::stable_sort(w_.events, {}, [](const WorldEvent& e) { return e.event.t; });
    return std::move(w_);
  }

 private:
  // The account of a node, or -1: outside.
  std::int64_t node(std::size_t id) {
    const auto [it, fresh] = account_of_.try_emplace(id, -1);
    if (!fresh) return it->second;
    const std::uint64_t h = mix64(id * 31 + o_.seed);
    if (o_.split && (h & 1U) != 0) {
      address_[id] = fmt::format("n{}@{}", id, outside_domain(mix64(h)));
      return it->second;
    }
    it->second = static_cast<std::int64_t>(w_.accounts.size());
    // Nobody is outside: then three of ten have their mail domain elsewhere but their mailbox here,
    // or every foreign domain would be an attack's.
    const bool elsewhere = !o_.split && mix64(h + 1) % 10 < 3;
    address_[id] = fmt::format("u{}@{}", id, elsewhere ? outside_domain(mix64(h)) : "org.example");
    w_.accounts.push_back(address_[id]);
    people_.push_back(draw_person(r_));
    w_.owners.push_back({people_.back().op, people_.back().mobile_op, false, {}});
    return it->second;
  }

  void push(double t, std::size_t account, EventBody body, std::uint32_t message = 0) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = w_.accounts[account];
    e.event.body = std::move(body);
    e.message = message;
    w_.events.push_back(std::move(e));
  }

  void seen(std::size_t account, double t) {
    if (!w_.owners[account].first.is_set()) w_.owners[account].first = at(t);
  }

  void real(const Message& m) {
    const std::int64_t a = node(m.sender);
    std::vector<std::string> to;
    for (const std::size_t id : m.to) {
      const std::int64_t b = node(id);
      to.push_back(address_[id]);
      if (b < 0) continue;
      seen(static_cast<std::size_t>(b), m.t);
      push(m.t + 2, static_cast<std::size_t>(b), Received{address_[m.sender]});
    }
    if (a < 0) return;
    seen(static_cast<std::size_t>(a), m.t);
    send(m.t, static_cast<std::size_t>(a), std::move(to), 0, .005);
  }

  // A sign-in where the network is another than the last one's, or after half a day.
  void sign_in(std::size_t a, double t, const Sighting& from) {
    Person& p = people_[a];
    if (from.ip.place_key() == p.last_ip.place_key() && t - p.last_login <= 12 * 3600) return;
    Login login;
    login.ip = from.ip;
    if (o_.places) login.place = from.place;
    login.service = Service::imap;
    const double before = uniform(r_, 1, 60);
    if (o_.logins) push(t - before, a, login);
    p.last_ip = from.ip;
    p.last_login = t;
    const Session session = read_by(r_, p, t, from);
    if (o_.logins) push(t + session.seconds, a, session);
  }

  // People read more often than they write: from anywhere, and mail may come from there much later.
  void look(std::size_t a, double t) {
    constexpr int k_looks_max = 100;  // between two messages
    Person& p = people_[a];
    double u = std::max(p.last_look, static_cast<double>(w_.owners[a].first.us) / 1e6);
    for (int i = 0; i < k_looks_max; ++i) {
      u += exponential(r_) * 86400 / p.looks_a_day;
      if (u >= t) break;
      sign_in(a, u, where(r_, p, u));
    }
    p.last_look = std::max(p.last_look, t);
  }

  // `size`: 0 for the person's habit. `desk`: where a run of many is sent from; `readers`: of it.
  void send(double t, std::size_t a, std::vector<std::string> to, std::uint64_t size,
            double bounce_share, const Sighting* desk = nullptr, Complainers* readers = nullptr) {
    Person& p = people_[a];
    look(a, t);
    const Sighting from = desk != nullptr ? *desk : where(r_, p, t);
    sign_in(a, t, from);
    Submission s = submission(r_, p, w_.accounts[a], from, o_);
    if (size > 0 && !o_.bare) s.size = size;
    const auto number = static_cast<std::uint32_t>(++w_.benign_messages);
    s.queue_id = fmt::format("B{}", number);
    s.to = std::move(to);
    for (const std::string& rcpt : s.to) {
      if (uniform(r_) >= bounce_share) continue;
      const double later = uniform(r_, 2, 300);
      if (o_.bounces) push(t + later, a, unknown_user(s.queue_id, rcpt), number);
    }
    for (const std::string& rcpt : s.to) {
      const auto later = (readers != nullptr ? *readers : complainers_).next();
      if (later && o_.bounces) push(t + *later, a, complaint(s.queue_id, rcpt), number);
    }
    push(t, a, std::move(s), number);
    w_.events.back().newsletter = desk != nullptr;
  }

  void change_settings(std::size_t a, double first, double last) {
    for (double t = first + 86400 * uniform(r_, 0, 240); t < last;
         t += 86400 * uniform(r_, 20, 400)) {
      const bool filter = pick(r_, 2) == 0;
      if (o_.logins)
        push(t, a, SettingsChange{filter ? SettingKind::filter : SettingKind::forward, ""});
    }
  }

  // A newsletter or invoice run: a list that changes a little from one time to the next, one text
  // for all of a run, as alike as an attack's, sent in one sitting from one place.
  void newsletter(std::size_t a, double first, double last) {
    w_.owners[a].blaster = true;
    std::vector<std::string> list;
    const auto n = static_cast<std::size_t>(log_uniform(r_, 50, 500));
    for (std::size_t i = 0; i < n; ++i)
      list.push_back(fmt::format("s{}-{}@{}", a, i, outside_domain(r_())));
    const auto per_message = static_cast<std::size_t>(log_uniform(r_, 1, 200));
    const double every = 86400 * log_uniform(r_, 7, 60);
    const double alike = log_uniform(r_, .005, .5);
    double bounce_share = .03;
    Random of_readers(o_.seed * 97 + a);
    constexpr auto k_share = Complainers::k_of_newsletters;
    Complainers readers(o_.seed * 59 + a, log_uniform(of_readers, k_share[0], k_share[1]));
    for (double t = first + 86400 * uniform(r_, 1, 200); t < last;
         t += every * uniform(r_, .9, 1.1)) {
      for (std::string& rcpt : list) {
        if (uniform(r_) < .03)
          rcpt = fmt::format("s{}-{}@{}", a, r_() % 1'000'000, outside_domain(r_()));
      }
      const auto size = static_cast<double>(size_of(r_, people_[a].size_mu));
      double u = t;
      const Sighting desk = where(r_, people_[a], t);
      for (std::size_t i = 0; i < list.size(); i += per_message) {
        send(u, a,
             {list.begin() + static_cast<long>(i),
              list.begin() + static_cast<long>(std::min(i + per_message, list.size()))},
             static_cast<std::uint64_t>(size * uniform(r_, 1 - alike, 1 + alike)), bounce_share,
             &desk, &readers);
        u += uniform(r_, 1, 20);
      }
      bounce_share = .005;  // dead addresses leave the list after the first run
    }
  }

  const WorldOptions& o_;
  Random r_;
  Complainers complainers_;
  World w_;
  std::map<std::size_t, std::int64_t> account_of_;
  std::map<std::size_t, std::string> address_;
  std::vector<Person> people_;
};

}  // namespace

World benign_world(const WorldOptions& o) {
  const auto messages = read_messages(o.data_dir + "/" + o.data_set + ".tsv");
  if (messages.empty()) return {};
  return Builder(o).build(messages);
}

SentIndex sent_by(const World& benign) {
  std::map<std::string_view, std::size_t> index;
  for (std::size_t a = 0; a < benign.accounts.size(); ++a) index[benign.accounts[a]] = a;
  SentIndex out(benign.accounts.size());
  for (std::size_t i = 0; i < benign.events.size(); ++i) {
    if (std::holds_alternative<Submission>(benign.events[i].event.body)) {
      out[index.at(benign.events[i].event.account)].push_back(static_cast<std::uint32_t>(i));
    }
  }
  return out;
}

}  // namespace sekimori::bench
