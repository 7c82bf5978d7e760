#include "bench/detect_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/mail_address.h"
#include "bench/detect_people.h"

namespace sekimori::bench {

std::string_view to_string(CaseKind k) {
  static constexpr std::string_view names[] = {"newsletter, first run",  "newsletter, repeated",
                                               "invitations one by one", "travel",
                                               "VPN toggling",           "CGNAT hopping",
                                               "role account",           "client migration",
                                               "invoice runs",           "company's new provider",
                                               "back after 90 days"};
  return names[static_cast<std::size_t>(k)];
}

namespace {

constexpr double k_day = 86400;
constexpr Duration k_sitting = hours(1);  // a network stays the same within one

double seconds_of(Instant t) { return static_cast<double>(t.us) / 1e6; }

class Maker {
 public:
  Maker(const World& benign, const SentIndex& sent, const WorldOptions& o, CaseKind kind,
        std::size_t n, unsigned half)
      : sent_(sent),
        o_(o),
        r_(o.seed * 4001 + static_cast<unsigned>(kind)),
        sorted_(benign.events.size()) {
    out_.world = benign;
    std::vector<std::size_t> candidates;
    for (std::size_t a = half; a < benign.accounts.size(); a += 2) {
      if (sent[a].size() >= 20 && !benign.owners[a].blaster) candidates.push_back(a);
    }
    std::ranges::shuffle(candidates, r_);
    if (candidates.size() > n && kind != CaseKind::provider_change) candidates.resize(n);
    if (kind == CaseKind::provider_change) {
      change_provider(candidates);
      return;
    }
    for (const std::size_t a : candidates) {
      account_ = a;
      play(kind, seconds_of(event(sent[a][10 + pick(r_, sent[a].size() - 12)]).event.t) + 60);
    }
    std::erase_if(out_.world.events, [](const WorldEvent& e) { return e.event.account.empty(); });
    std::ranges::stable_sort(out_.world.events, {}, [](const WorldEvent& e) { return e.event.t; });
  }
  CaseWorld take() { return std::move(out_); }

 private:
  WorldEvent& event(std::uint32_t i) { return out_.world.events[i]; }
  void add_case(double from, double to) { out_.cases.push_back({account_, at(from), at(to)}); }

  WorldEvent& push(double t, EventBody body) {
    WorldEvent e;
    e.event.t = at(t);
    e.event.account = out_.world.accounts[account_];
    e.event.body = std::move(body);
    out_.world.events.push_back(std::move(e));
    return out_.world.events.back();
  }

  // From where the account last sent before `t`: runs start at the usual desk.
  Sighting usual(double t) {
    Sighting s;
    for (const std::uint32_t i : sent_[account_]) {
      const auto& mail = std::get<Submission>(event(i).event.body);
      if (s.ip.place_key() != 0 && seconds_of(event(i).event.t) > t) break;
      s = {mail.ip, mail.place};
    }
    return s;
  }

  void send(double t, std::vector<std::string> to, std::uint64_t size, const Sighting& from,
            double bounce_share, bool approved = false) {
    Submission s;
    s.ip = from.ip;
    s.place = from.place;
    if (!o_.bare) {
      s.from = out_.world.accounts[account_];
      s.message_id = "<x@org.example>";
      s.size = size;
    }
    const auto number = static_cast<std::uint32_t>(++out_.world.benign_messages);
    s.queue_id = fmt::format("C{}", number);
    s.to = std::move(to);
    for (const std::string& rcpt : s.to) {
      if (uniform(r_) >= bounce_share || !o_.bounces) continue;
      Delivery bounce;
      bounce.queue_id = s.queue_id;
      bounce.to = rcpt;
      bounce.status = DeliveryStatus::bounced;
      bounce.dsn = "5.1.1";
      push(t + uniform(r_, 2, 300), std::move(bounce)).message = number;
    }
    WorldEvent& e = push(t, std::move(s));
    e.message = number;
    e.approved = approved;
  }

  std::vector<std::string> strangers(std::size_t n) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < n; ++i) {
      const std::string& neighbour = out_.world.addresses[pick(r_, out_.world.addresses.size())];
      out.push_back(fmt::format("l{}@{}", r_() % 100'000'000, domain_of(neighbour)));
    }
    return out;
  }

  double blast(double t, const std::vector<std::string>& list, std::size_t per_message,
               double gap_max, double bounce_share, bool approved = false) {
    const Sighting from = usual(t);
    const auto size = static_cast<double>(size_of(r_, 9.5));
    const double alike = log_uniform(r_, .005, .5);
    for (std::size_t i = 0; i < list.size(); i += per_message) {
      send(t,
           {list.begin() + static_cast<long>(i),
            list.begin() + static_cast<long>(std::min(i + per_message, list.size()))},
           static_cast<std::uint64_t>(size * uniform(r_, 1 - alike, 1 + alike)), from, bounce_share,
           approved);
      t += uniform(r_, 1, gap_max);
    }
    return t;
  }

  // The account's mail between two times comes from where `next` says, once a sitting.
  void move(double from, double to, Duration sitting, const std::function<Sighting(double)>& next) {
    Sighting now;
    Instant last;
    for (const std::uint32_t i : sent_[account_]) {
      const double t = seconds_of(event(i).event.t);
      if (t < from || t > to) continue;
      if (!last.is_set() || event(i).event.t - last > sitting) {
        now = next(t);
        Login login;
        login.ip = now.ip;
        login.place = now.place;
        login.service = Service::imap;
        if (o_.logins) push(t - uniform(r_, 1, 60), login);
      }
      last = event(i).event.t;
      auto& mail = std::get<Submission>(event(i).event.body);
      mail.ip = now.ip;
      mail.place = now.place;
    }
    // The sign-ins of the world as it was would be of two places at once.
    drop_logins(from, to);
    add_case(from, to);
  }

  void drop_logins(double from, double to) {
    const std::string& name = out_.world.accounts[account_];
    const auto& events = out_.world.events;
    const auto sorted_end = events.begin() + static_cast<long>(sorted_);
    auto i = std::ranges::lower_bound(events.begin(), sorted_end, at(from), {},
                                      [](const WorldEvent& e) { return e.event.t; }) -
             events.begin();
    for (; i < static_cast<long>(sorted_); ++i) {
      WorldEvent& e = out_.world.events[static_cast<std::size_t>(i)];
      if (seconds_of(e.event.t) > to) break;
      if (e.event.account == name && std::holds_alternative<Login>(e.event.body))
        dropped_.push_back(static_cast<std::size_t>(i));
    }
    for (const std::size_t d : dropped_) out_.world.events[d].event.account.clear();
    dropped_.clear();
  }

  Sighting anywhere(std::size_t op) {
    return {address_of(op, pick(r_, 4000), pick(r_, 200)), place_of(op)};
  }

  void play(CaseKind kind, double t) {
    switch (kind) {
      case CaseKind::newsletter_first: {
        const auto list = strangers(static_cast<std::size_t>(log_uniform(r_, 50, 5000)));
        const double end =
            blast(t, list, static_cast<std::size_t>(log_uniform(r_, 1, 200)), 20, .03);
        add_case(t, end + 1);
        break;
      }
      case CaseKind::newsletter_repeat: {
        auto list = strangers(static_cast<std::size_t>(log_uniform(r_, 50, 5000)));
        const auto per_message = static_cast<std::size_t>(log_uniform(r_, 1, 200));
        const double every = k_day * log_uniform(r_, 7, 30);
        double end = blast(t, list, per_message, 20, .03, true);
        const double from = end + 1;
        for (std::size_t i = 0, n = 2 + pick(r_, 3); i < n; ++i) {
          t += every * uniform(r_, .9, 1.1);
          const auto fresh = strangers(list.size());
          for (std::size_t k = 0; k < list.size(); ++k)
            if (uniform(r_) < .03) list[k] = fresh[k];
          end = blast(t, list, per_message, 20, .005);
        }
        add_case(from, end + 1);
        break;
      }
      case CaseKind::invitations: {
        const auto list = strangers(static_cast<std::size_t>(log_uniform(r_, 20, 200)));
        const double end = blast(t, list, 1, log_uniform(r_, 5, 300), .02);
        add_case(t, end + 1);
        break;
      }
      case CaseKind::invoice_run: {
        auto list = strangers(static_cast<std::size_t>(log_uniform(r_, 30, 300)));
        const double gap_max = log_uniform(r_, 2, 30);
        const double from = t;
        double end = t;
        for (int month = 0; month < 4; ++month) {
          end = blast(t, list, 1, gap_max, .005);
          const auto fresh = strangers(list.size());
          for (std::size_t k = 0; k < list.size(); ++k)
            if (uniform(r_) < .1) list[k] = fresh[k];
          t += 30.4 * k_day;
        }
        add_case(from, end + 1);
        break;
      }
      case CaseKind::travel: {
        const std::size_t op = 3 * (1 + pick(r_, k_countries - 1)) + pick(r_, 2);
        const Sighting hotel = anywhere(op);
        move(t, t + k_day * uniform(r_, 3, 14), k_sitting,
             [&](double) { return uniform(r_) < .7 ? hotel : anywhere(op / 3 * 3 + pick(r_, 2)); });
        break;
      }
      case CaseKind::vpn: {
        std::size_t exits[5];
        for (std::size_t& exit : exits) exit = 3 * pick(r_, k_countries) + 2;
        const Sighting home = usual(t);
        move(t, t + 14 * k_day, minutes(20),
             [&](double) { return uniform(r_) < .5 ? home : anywhere(exits[pick(r_, 5)]); });
        break;
      }
      case CaseKind::cgnat: {
        const std::size_t op = out_.world.owners[account_].mobile_op;
        move(t, t + 14 * k_day, {}, [&](double) { return anywhere(op); });
        break;
      }
      case CaseKind::role_account: {
        std::vector<Person> people;
        for (std::size_t i = 0, n = 3 + pick(r_, 6); i < n; ++i) people.push_back(draw_person(r_));
        move(t, t + 60 * k_day, minutes(20),
             [&](double u) { return where(r_, people[pick(r_, people.size())], u); });
        break;
      }
      case CaseKind::migration: {
        const Sighting phone = anywhere(pick(r_, 2)), home = usual(t);
        if (o_.logins) push(t + 30, SettingsChange{SettingKind::app_password, ""});
        const bool no_id = uniform(r_) < .3;
        const double factor = log_uniform(r_, .4, 2.5);
        for (const std::uint32_t i : sent_[account_]) {
          if (seconds_of(event(i).event.t) < t || o_.bare) continue;
          auto& mail = std::get<Submission>(event(i).event.body);
          if (no_id) mail.message_id = "";
          mail.size = static_cast<std::uint64_t>(static_cast<double>(mail.size) * factor);
        }
        move(t, t + 14 * k_day, k_sitting, [&](double) { return uniform(r_) < .5 ? phone : home; });
        break;
      }
      case CaseKind::return_90_days: {
        for (const std::uint32_t i : sent_[account_]) {
          WorldEvent& e = event(i);
          const double u = seconds_of(e.event.t);
          if (u > t - 90 * k_day && u < t) e.event.account.clear();
        }
        drop_logins(t - 90 * k_day, t);
        add_case(t, t + 14 * k_day);
        break;
      }
      case CaseKind::provider_change:
      case CaseKind::count_: break;
    }
  }

  // The cable is cut over on one day; the two weeks after it count.
  void change_provider(const std::vector<std::size_t>& candidates) {
    const Instant first = out_.world.events.front().event.t;
    const double t = seconds_of(first) + uniform(r_, .3, .7) * (out_.world.last - first).seconds();
    Place office = place_of(0);
    office.asn = 1999;
    for (WorldEvent& e : out_.world.events) {
      if (e.event.t < at(t)) continue;
      if (auto* mail = std::get_if<Submission>(&e.event.body)) {
        rewire(mail->ip, mail->place, office);
      } else if (auto* login = std::get_if<Login>(&e.event.body)) {
        rewire(login->ip, login->place, office);
      }
    }
    for (const std::size_t a : candidates) {
      account_ = a;
      add_case(t, t + 14 * k_day);
    }
  }

  // The office's four networks are those of operator 0 with numbers below 4.
  static void rewire(IpAddress& ip, Place& place, const Place& office) {
    const std::string text = ip.to_string();
    if (!text.starts_with("20.0.") || text.size() < 7 || text[6] != '.' || text[5] > '3') return;
    ip = *IpAddress::parse("200.7." + text.substr(5));
    place = office;
  }

  const SentIndex& sent_;
  const WorldOptions& o_;
  Random r_;
  CaseWorld out_;
  std::size_t sorted_ = 0;  // events that were there from the start
  std::size_t account_ = 0;
  std::vector<std::size_t> dropped_;
};

}  // namespace

CaseWorld case_world(const World& benign, const SentIndex& sent, const WorldOptions& o,
                     CaseKind kind, std::size_t n, unsigned half) {
  return Maker(benign, sent, o, kind, n, half).take();
}

}  // namespace sekimori::bench
