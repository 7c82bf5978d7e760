// What owners do by habit: networks, trips, sizes, senders. Shared by the makers of owners' mail,
// of attacks and of benign trouble, so that an attack draws from the habits that owners have.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "base/event.h"
#include "bench/detect_world.h"

namespace sekimori::bench {

using Random = std::mt19937_64;
[[nodiscard]] inline double uniform(Random& r) { return std::generate_canonical<double, 53>(r); }
[[nodiscard]] inline double uniform(Random& r, double a, double b) {
  return a + (b - a) * uniform(r);
}
// Exponentially distributed with mean 1: what a Poisson process waits.
[[nodiscard]] inline double exponential(Random& r) { return -std::log(1 - uniform(r)); }
[[nodiscard]] double log_uniform(Random& r, double a, double b);
[[nodiscard]] double normal(Random& r);
[[nodiscard]] inline std::size_t pick(Random& r, std::size_t n) {
  return static_cast<std::size_t>(r() % n);
}
// Whole seconds, as a mail log has them: fractions would give an attack away.
[[nodiscard]] Instant at(double seconds_since_1970);

// Operator n is of country n / 3; every third one is a hosting network.
inline constexpr std::size_t k_countries = 45;
inline constexpr std::size_t k_operators = 3 * k_countries;
[[nodiscard]] Place place_of(std::size_t op);
// Network `net` (0–62499) of an operator.
[[nodiscard]] IpAddress address_of(std::size_t op, std::size_t net, std::size_t host);
// Kilometres between two countries' middles.
[[nodiscard]] double distance_km(const Place& a, const Place& b);

// Six of ten outside addresses are at five large providers, the rest at 300 small domains.
[[nodiscard]] std::string outside_domain(std::uint64_t hash);

struct Sighting {
  IpAddress ip;
  Place place;
};

struct Person {
  std::size_t op = 0, home_net = 0, office_net = 0, mobile_op = 0;
  double home_share = .3, mobile_share = .15;
  double size_mu = 9.2;
  bool vpn = false, foreign_sender = false, scripts = false;
  double lease_days = 40, trip_until = 0, next_trip = 0, next_lease = 0, last_login = 0;
  std::size_t trip_op = 0, trip_net = 0, exits[3] = {};
  std::uint64_t report_size = 0;  // of a script's mail
  double looks_a_day = .5;        // at the mail, without sending any
  double last_look = 0;
  double reads_mu = 3;   // ln of messages fetched in a session
  double next_sync = 0;  // a new telephone fetches everything
  IpAddress last_ip;
};
[[nodiscard]] Person draw_person(Random& r);
// A message's size in bytes by that habit.
[[nodiscard]] std::uint64_t size_of(Random& r, double mu);
// Where the person is at a time (seconds since 1970); leases, trips and VPN go on.
[[nodiscard]] Sighting where(Random& r, Person& p, double t);
// The session that goes with a sign-in; now and then all of the mailbox.
[[nodiscard]] Session read_by(Random& r, Person& p, double t, const Sighting& from);
// All of a mailbox is fetched.
[[nodiscard]] Session read_all(Random& r, const Sighting& from);
// A message without recipients and queue id.
[[nodiscard]] Submission submission(Random& r, const Person& p, const std::string& account,
                                    const Sighting& seen, const WorldOptions& o);
// The other side knows no such recipient.
[[nodiscard]] Delivery unknown_user(const std::string& queue_id, const std::string& to);
// Recipients' complaints (feedback reports). Few mail providers send them, and few people press the
// button: of owners' mail 1 recipient in 20,000; of a newsletter 1 in 5,000 to 1 in 300 (what large
// providers bear); of spam 1 in 500 to 1 in 30. Ten minutes to two days after the message.
class Complainers {
 public:
  // Random numbers of their own: the rest of a world is the same with complaints and without.
  Complainers(std::uint64_t seed, double share) : r_(seed), share_(share) {}
  // Seconds from the message to the complaint of one recipient, or no value: none comes.
  [[nodiscard]] std::optional<double> next() {
    if (uniform(r_) >= share_) return std::nullopt;
    return log_uniform(r_, 600, 2 * 86400);
  }
  static constexpr double k_of_owners = 1.0 / 20'000;
  static constexpr std::array k_of_newsletters{1.0 / 5'000, 1.0 / 300};
  static constexpr std::array k_of_spam{1.0 / 500, 1.0 / 30};

 private:
  Random r_;
  double share_;
};
[[nodiscard]] Delivery complaint(const std::string& queue_id, const std::string& to);

}  // namespace sekimori::bench
