#include "bench/detect_people.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/complaint.h"

namespace sekimori::bench {
namespace {

// ISO 3166-1 code and the middle of the country, degrees. The first is home.
struct Country {
  const char* code;
  double latitude, longitude;
};
constexpr std::array<Country, k_countries> k_country{{
    {"JP", 36, 138}, {"US", 39, -98},  {"DE", 51, 10},   {"FR", 46, 2},    {"BR", -10, -55},
    {"VN", 16, 107}, {"NG", 9, 8},     {"IN", 22, 79},   {"GB", 54, -2},   {"KR", 36, 128},
    {"RU", 60, 90},  {"TR", 39, 35},   {"ID", -2, 118},  {"MX", 23, -102}, {"PL", 52, 19},
    {"ZA", -29, 25}, {"EG", 27, 30},   {"AR", -34, -64}, {"TH", 15, 101},  {"ES", 40, -4},
    {"IT", 43, 12},  {"CA", 57, -106}, {"AU", -25, 134}, {"CN", 35, 104},  {"TW", 24, 121},
    {"UA", 49, 32},  {"RO", 46, 25},   {"NL", 52, 5},    {"SE", 62, 15},   {"CZ", 50, 15},
    {"GR", 39, 22},  {"PT", 39, -8},   {"CO", 4, -73},   {"CL", -33, -71}, {"PE", -10, -76},
    {"PH", 13, 122}, {"MY", 3, 102},   {"PK", 30, 70},   {"BD", 24, 90},   {"IR", 32, 53},
    {"KE", 1, 38},   {"MA", 32, -6},   {"SA", 24, 45},   {"AE", 24, 54},   {"KZ", 48, 68},
}};

}  // namespace

double log_uniform(Random& r, double a, double b) { return a * std::pow(b / a, uniform(r)); }

double normal(Random& r) {
  return std::sqrt(-2 * std::log(1 - uniform(r))) * std::cos(6.283185307 * uniform(r));
}

Instant at(double seconds_since_1970) {
  return {static_cast<std::int64_t>(std::floor(seconds_since_1970)) * 1'000'000};
}

Place place_of(std::size_t op) {
  Place p;
  const char* c = k_country[op / 3 % k_countries].code;
  p.country[0] = c[0];
  p.country[1] = c[1];
  p.asn = static_cast<std::uint32_t>(1000 + op);
  p.hosting = op % 3 == 2;
  return p;
}

IpAddress address_of(std::size_t op, std::size_t net, std::size_t host) {
  const std::size_t first = 20 + op + (op >= 107 ? 1 : 0);  // 127 is the machine itself
  return *IpAddress::parse(
      fmt::format("{}.{}.{}.{}", first, net / 250 % 250, net % 250, 1 + host % 250));
}

double distance_km(const Place& a, const Place& b) {
  const auto find = [](const Place& p) {
    return std::ranges::find_if(k_country, [&](const Country& c) {
      return c.code[0] == p.country[0] && c.code[1] == p.country[1];
    });
  };
  const auto *const x = find(a), *const y = find(b);
  if (x == k_country.end() || y == k_country.end() || x == y) return 0;
  constexpr double k_radians = 3.14159265358979 / 180, k_earth_km = 6371;
  const double p = x->latitude * k_radians, q = y->latitude * k_radians;
  const double u = std::sin((q - p) / 2),
               v = std::sin((y->longitude - x->longitude) * k_radians / 2);
  return 2 * k_earth_km * std::asin(std::sqrt(u * u + std::cos(p) * std::cos(q) * v * v));
}

std::string outside_domain(std::uint64_t hash) {
  return hash % 10 < 6 ? fmt::format("mail{}.example", hash / 10 % 5)
                       : fmt::format("firm{}.example", hash / 10 % 300);
}

Person draw_person(Random& r) {
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
  p.report_size = size_of(r, p.size_mu);
  p.reads_mu = uniform(r, 1, 4.5);
  p.next_sync = -1;
  p.looks_a_day = log_uniform(r, .1, 2);
  for (std::size_t& exit : p.exits) exit = 3 * pick(r, k_countries) + 2;
  return p;
}

std::uint64_t size_of(Random& r, double mu) {
  return static_cast<std::uint64_t>(std::clamp(
      std::exp(mu + .5 * normal(r) + (uniform(r) < .15 ? uniform(r, 1, 5) : 0)), 600.0, 3e7));
}

Sighting where(Random& r, Person& p, double t) {
  if (p.next_trip < 0) p.next_trip = t + 86400 * uniform(r, 5, 300);
  if (t >= p.next_lease) {
    p.home_net = pick(r, 4000);
    p.next_lease = t + p.lease_days * 86400 * uniform(r, .5, 1.5);
    if (uniform(r) < .03) p.op = pick(r, 2);  // another provider
  }
  if (t >= p.next_trip) {
    p.trip_until = p.next_trip + 86400 * uniform(r, 1, 8);
    p.next_trip = t + 86400 * uniform(r, 60, 300);
    p.trip_op = 3 * pick(r, uniform(r) < .2 ? 1 : k_countries) + pick(r, 2);
    p.trip_net = pick(r, 4000);
  }
  std::size_t op = 0, net = 0;
  const double u = uniform(r);
  if (p.vpn && uniform(r) < .3) {
    // The exit at home, or another country's.
    op = uniform(r) < .6 ? p.op / 3 * 3 + 2 : p.exits[pick(r, 3)];
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

Session read_all(Random& r, const Sighting& from) {
  Session s;
  s.service = Service::imap;
  s.ip = from.ip;
  s.fetched = static_cast<std::uint64_t>(log_uniform(r, 300, 30'000));
  s.bytes_out = s.fetched * static_cast<std::uint64_t>(log_uniform(r, 10'000, 200'000));
  s.seconds = std::floor(log_uniform(r, 300, 7200));
  return s;
}

Session read_by(Random& r, Person& p, double t, const Sighting& from) {
  if (p.next_sync < 0) p.next_sync = t + 86400 * uniform(r, 20, 500);
  if (t >= p.next_sync) {
    p.next_sync = t + 86400 * uniform(r, 150, 900);
    return read_all(r, from);
  }
  Session s;
  s.service = Service::imap;
  s.ip = from.ip;
  s.fetched = static_cast<std::uint64_t>(std::exp(p.reads_mu + .8 * normal(r)));
  s.bytes_out = s.fetched * static_cast<std::uint64_t>(log_uniform(r, 4000, 200'000));
  s.seconds = std::floor(log_uniform(r, 60, 28'800));
  return s;
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
  const bool script = p.scripts && uniform(r) < .5;
  s.message_id = script || uniform(r) < .002 ? "" : "<x@org.example>";
  // What a script reports is nearly as long each time.
  s.size =
      script
          ? static_cast<std::uint64_t>(static_cast<double>(p.report_size) * uniform(r, .97, 1.03))
          : size_of(r, p.size_mu);
  if (o.bare) {
    s.from.clear();
    s.message_id.reset();
    s.size = 0;
  }
  return s;
}

Delivery unknown_user(const std::string& queue_id, const std::string& to) {
  Delivery bounce;
  bounce.queue_id = queue_id;
  bounce.to = to;
  bounce.status = DeliveryStatus::bounced;
  bounce.dsn = "5.1.1";
  return bounce;
}

Delivery complaint(const std::string& queue_id, const std::string& to) {
  Delivery report;
  report.queue_id = queue_id;
  report.to = to;
  report.status = DeliveryStatus::bounced;
  report.reply = std::string(k_complaint_reply) + "abuse";
  return report;
}

}  // namespace sekimori::bench
