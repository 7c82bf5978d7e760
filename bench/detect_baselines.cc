#include "bench/detect_baselines.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <string>
#include <unordered_set>

#include "base/complaint.h"
#include "base/hash.h"
#include "bench/detect_people.h"

namespace sekimori::bench {
namespace {

const Submission* mail_of(const WorldEvent& e) { return std::get_if<Submission>(&e.event.body); }

// A sum over the last `span`.
class Window {
 public:
  explicit Window(Duration span) : span_(span) {}
  double add(Instant t, double n) {
    while (!entries_.empty() && entries_.front().first <= t - span_) {
      sum_ -= entries_.front().second;
      entries_.pop_front();
    }
    entries_.emplace_back(t, n);
    return sum_ += n;
  }

 private:
  Duration span_;
  std::deque<std::pair<Instant, double>> entries_;
  double sum_ = 0;
};

class RecipientsWithin : public Rule {
 public:
  explicit RecipientsWithin(Duration span) : window_(span) {}
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    return window_.add(e.event.t, static_cast<double>(mail->to.size()));
  }

 private:
  Window window_;
};

// Recipients this account never wrote to before.
class Contacts {
 public:
  double new_in(const Submission& mail) {
    double fresh = 0;
    for (const std::string& to : mail.to) {
      if (known_.insert(std::hash<std::string>{}(to)).second) ++fresh;
    }
    return fresh;
  }

 private:
  std::unordered_set<std::size_t> known_;
};

class NewRecipientsPerDay : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    return window_.add(e.event.t, contacts_.new_in(*mail));
  }

 private:
  Window window_{hours(24)};
  Contacts contacts_;
};

// Recipients fill the bucket, time empties it.
class LeakyBucket : public Rule {
 public:
  explicit LeakyBucket(double per_second) : per_second_(per_second) {}
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    if (last_.is_set())
      level_ = std::max(0.0, level_ - per_second_ * Duration{e.event.t.us - last_.us}.seconds());
    last_ = e.event.t;
    return level_ += static_cast<double>(mail->to.size());
  }

 private:
  double per_second_, level_ = 0;
  Instant last_;
};

class BouncesPerHour : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const auto* bounce = std::get_if<Delivery>(&e.event.body);
    if (bounce == nullptr || tells_of_spam(bounce->reply)) return std::nullopt;
    return window_.add(e.event.t, 1);
  }

 private:
  Window window_{hours(1)};
};

// Duan et al., INFOCOM'09: a sequential probability ratio test over a spam filter's verdicts,
// θ₁ = 0.9, θ₀ = 0.2. The verdict is simulated: the filter calls 75 % of the attack's messages spam
// (20 % of those that go to contacts one by one), and 1 % of the owner's.
class Spot : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    const double share = e.attack < 0 ? .01 : mail->to.size() == 1 ? .5 : .75;
    const double draw =
        static_cast<double>(mix64(e.message * 0x9e3779b97f4a7c15ULL + 17) >> 11) * 0x1p-53;
    sum_ += draw < share ? std::log(.9 / .2) : std::log(.1 / .8);
    if (sum_ <= std::log(.01 / .99)) sum_ = 0;  // clean: the test starts anew
    return sum_;
  }

 private:
  double sum_ = 0;
};

struct Seen {
  Instant t;
  Place place;
};
std::optional<Seen> seen_at(const WorldEvent& e) {
  if (const auto* login = std::get_if<Login>(&e.event.body)) return Seen{e.event.t, login->place};
  if (const Submission* mail = mail_of(e)) return Seen{e.event.t, mail->place};
  return std::nullopt;
}

class CountriesPerDay : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const auto seen = seen_at(e);
    if (!seen || !seen->place.has_country()) return std::nullopt;
    const std::string country = seen->place.country_text();
    std::erase_if(last_, [&](const auto& c) {
      return c.first == country || c.second <= seen->t - hours(24);
    });
    last_.emplace_back(country, seen->t);
    return static_cast<double>(last_.size());
  }

 private:
  std::vector<std::pair<std::string, Instant>> last_;
};

// Kilometres an hour between two sightings in different countries, a minute apart at least.
class TravelSpeed : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const auto seen = seen_at(e);
    if (!seen || !seen->place.has_country()) return std::nullopt;
    double speed = 0;
    if (last_.t.is_set()) {
      const double hours_between =
          std::max(Duration{seen->t.us - last_.t.us}.seconds(), 60.0) / 3600;
      speed = distance_km(last_.place, seen->place) / hours_between;
    }
    last_ = *seen;
    return speed;
  }

 private:
  Seen last_;
};

// Today's recipients against the account's own days with mail.
class DailyZScore : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    const std::int64_t day = e.event.t.us / 86'400'000'000;
    if (day != day_) {
      if (day_ != 0) {
        ++days_;
        const double from_mean = today_ - mean_;
        mean_ += from_mean / days_;
        squares_ += from_mean * (today_ - mean_);
      }
      day_ = day;
      today_ = 0;
    }
    today_ += static_cast<double>(mail->to.size());
    if (days_ < 5) return 0;  // too young for a habit
    const double deviation = std::sqrt(squares_ / (days_ - 1));
    return (today_ - mean_) / std::max(deviation, 1.0);
  }

 private:
  std::int64_t day_ = 0;
  double days_ = 0, mean_ = 0, squares_ = 0, today_ = 0;
};

// Page's CUSUM, one step a recipient: never written to before, against the account's own share of
// such recipients (Beta prior 1 : 4) and 90 % in an attack.
class CusumPerEvent : public Rule {
 public:
  std::optional<double> fold(const WorldEvent& e) override {
    const Submission* mail = mail_of(e);
    if (mail == nullptr) return std::nullopt;
    const double fresh = contacts_.new_in(*mail);
    const double known = static_cast<double>(mail->to.size()) - fresh;
    const double share = (fresh_ + 1) / (all_ + 5);
    // In the order that gives the highest sum: the rule is not to lose by the order of recipients.
    sum_ = std::max(0.0, sum_ + known * std::log(.1 / (1 - share)));
    sum_ = std::max(0.0, sum_ + fresh * std::log(.9 / share));
    fresh_ += fresh;
    all_ += fresh + known;
    return sum_;
  }

 private:
  Contacts contacts_;
  double fresh_ = 0, all_ = 0, sum_ = 0;
};

template <class R, auto... Args>
std::unique_ptr<Rule> make_rule() {
  return std::make_unique<R>(Args...);
}

}  // namespace

const std::vector<Baseline>& baselines() {
  static const std::vector<Baseline> all{
      {"recipients/hour", 100, "Plesk: 100 an hour", RuleNeeds::sending,
       [] -> std::unique_ptr<Rule> { return std::make_unique<RecipientsWithin>(hours(1)); }},
      {"recipients/day", 500, "free mailboxes: 500 a day", RuleNeeds::sending,
       [] -> std::unique_ptr<Rule> { return std::make_unique<RecipientsWithin>(hours(24)); }},
      {"new recipients/day", 30, "none sold; 30", RuleNeeds::sending,
       make_rule<NewRecipientsPerDay>},
      {"leaky bucket, 1/s", 60, "postfix-ratelimiter: burst 60", RuleNeeds::sending,
       [] -> std::unique_ptr<Rule> { return std::make_unique<LeakyBucket>(1.0); }},
      {"leaky bucket, 20/h", 100, "an operator's: burst 100", RuleNeeds::sending,
       [] -> std::unique_ptr<Rule> { return std::make_unique<LeakyBucket>(20.0 / 3600); }},
      {"bounces/hour", 5, "cPanel: 5 failed", RuleNeeds::bounces, make_rule<BouncesPerHour>},
      {"SPOT, simulated verdict", 4.59, "its paper: α = β = 0.01", RuleNeeds::content,
       make_rule<Spot>},
      {"countries/day", 2, "Schäfer: a third country", RuleNeeds::logins,
       make_rule<CountriesPerDay>},
      {"travel speed", 1000, "impossible travel: 1,000 km/h", RuleNeeds::logins,
       make_rule<TravelSpeed>},
      {"z-score a day", 3, "three deviations", RuleNeeds::sending, make_rule<DailyZScore>},
      {"CUSUM per event", 5, "Page: h = 5", RuleNeeds::sending, make_rule<CusumPerEvent>},
  };
  return all;
}

std::vector<Climb> climb(Rule& rule, const std::vector<const WorldEvent*>& own,
                         const std::vector<const WorldEvent*>& attack) {
  std::vector<Climb> out;
  std::size_t leaked = 0, i = 0, j = 0;
  bool attacked = false;
  while (i < own.size() || j < attack.size()) {
    const bool owners =
        j == attack.size() || (i < own.size() && own[i]->event.t <= attack[j]->event.t);
    const WorldEvent& e = owners ? *own[i++] : *attack[j++];
    const Submission* mail = owners ? nullptr : mail_of(e);
    if (mail != nullptr) attacked = true;
    const auto score = rule.fold(e);
    // An approved run teaches the rule its recipients but restricts nobody.
    if (score && !e.approved && (out.empty() || *score > out.back().score))
      out.push_back({*score, e.event.t, leaked, attacked});
    if (mail != nullptr) leaked += mail->to.size();
  }
  return out;
}

}  // namespace sekimori::bench
