#include "bench/detect_figures.h"

#include <fmt/format.h>

#include "detect/attack_tables.h"

namespace sekimori::bench {

std::string_view to_string(Target t) {
  static constexpr std::array<std::string_view, k_targets> names{"10", "1", "0.3", "matched",
                                                                 "usual"};
  return names[static_cast<std::size_t>(t)];
}

std::vector<LeakRow> leaks_at(const std::vector<ClimbRow>& rows, double limit) {
  std::vector<LeakRow> out;
  for (const ClimbRow& row : rows) {
    const Climb* hit = first_above(row.climbs, limit);
    if (hit != nullptr && !hit->attacked) continue;
    LeakRow leak;
    leak.world = row.world;
    leak.leaked = static_cast<double>(hit == nullptr ? row.total : hit->leaked);
    if (hit != nullptr) leak.contained_h = (hit->t - row.first).seconds() / 3600;
    out.push_back(leak);
  }
  return out;
}

LeakSummary summarise(const std::vector<LeakRow>& rows) {
  LeakSummary s;
  s.n = rows.size();
  if (rows.empty()) return s;
  std::vector<double> leaked, minutes_taken;
  const auto within = [](double h, double limit) { return h >= 0 && h <= limit; };
  for (const LeakRow& r : rows) {
    leaked.push_back(r.leaked);
    if (within(r.contained_h, 168)) minutes_taken.push_back(r.contained_h * 60);
    s.found_24h += within(r.contained_h, 24) ? 1 : 0;
    s.found_7d += within(r.contained_h, 168) ? 1 : 0;
    s.seen_24h += within(r.contained_h, 24) || within(r.asked_h, 24) ? 1 : 0;
    s.seen_7d += within(r.contained_h, 168) || within(r.asked_h, 168) ? 1 : 0;
  }
  const auto n = static_cast<double>(s.n);
  for (double* share : {&s.found_24h, &s.found_7d, &s.seen_24h, &s.seen_7d}) *share /= n;
  s.p50 = quantile(leaked, .5);
  s.p95 = quantile(leaked, .95);
  s.mean_leaked = mean(leaked);
  s.contain_minutes = quantile(minutes_taken, .5);
  return s;
}

AlarmSummary summarise(const std::vector<OwnerRow>& rows, Whom whom, int world, unsigned rounds) {
  AlarmSummary s;
  std::vector<Cluster> clusters;
  double timed = 0, asked = 0, put_off = 0, questions = 0, minutes_held = 0;
  for (const OwnerRow& r : rows) {
    if (world >= 0 && r.world != world) continue;
    if (whom == Whom::without_newsletters && r.newsletters) continue;
    const OwnerOutcome& o = r.outcome;
    s.restricted += o.restricted.is_set() ? 1 : 0;
    s.messages += o.messages;
    s.days += r.days;
    s.active_days += o.active_days;
    s.asked_days += o.asked_days;
    timed += o.held_timed;
    asked += o.held_asked;
    put_off += o.put_off;
    questions += o.questions;
    minutes_held += o.held_minutes;
    clusters.push_back({o.restricted.is_set() ? 1e4 : 0, r.days});
  }
  s.bootstrap = bootstrap_rate(clusters, rounds, 42);
  s.poisson_high = s.days > 0 ? poisson_upper(s.restricted, .95) / s.days * 1e4 : 0;
  const double thousands = static_cast<double>(s.messages) / 1000;
  if (thousands > 0) {
    s.held_per_1000 = (timed + asked + put_off) / thousands;
    s.asked_per_1000 = (asked + put_off) / thousands;
    s.questions_per_1000 = questions / thousands;
    s.put_off_per_1000 = put_off / thousands;
    s.held_minutes_per_1000 = minutes_held / thousands;
  }
  return s;
}

void Json::key(std::string_view k) {
  body_ += fmt::format("{}\"{}\":", body_.size() > 1 ? "," : "", k);
}
// Names of families, sets and rules: none has a quote or a backslash.
Json& Json::text(std::string_view k, std::string_view value) {
  key(k);
  body_ += fmt::format("\"{}\"", value);
  return *this;
}
Json& Json::whole(std::string_view k, std::uint64_t value) {
  key(k);
  body_ += fmt::format("{}", value);
  return *this;
}
Json& Json::number(std::string_view k, double value, int decimals) {
  key(k);
  body_ += fmt::format("{:.{}f}", value, decimals);
  return *this;
}
Json& Json::raw(std::string_view k, std::string_view value) {
  key(k);
  body_ += value;
  return *this;
}

std::string array_of(const std::vector<std::string>& values) {
  return fmt::format("[{}]", fmt::join(values, ","));
}

std::string json_of(const LeakSummary& s) {
  return Json()
      .whole("n", s.n)
      .number("p50", s.p50, 0)
      .number("p95", s.p95, 0)
      .number("mean", s.mean_leaked, 1)
      .number("found_24h", s.found_24h)
      .number("found_7d", s.found_7d)
      .number("seen_24h", s.seen_24h)
      .number("seen_7d", s.seen_7d)
      .number("contain_minutes_p50", s.contain_minutes, 1)
      .str();
}

std::string json_of(const AlarmSummary& s) {
  return Json()
      .whole("restricted", s.restricted)
      .number("days", s.days, 0)
      .number("active_days", s.active_days, 0)
      .number("per_10k", s.per_10k())
      .number("low", s.bootstrap.low)
      .number("high", s.bootstrap.high)
      .number("poisson_high", s.poisson_high)
      .number("per_10k_active", s.per_10k_active())
      .whole("messages", s.messages)
      .number("held_per_1000", s.held_per_1000)
      .number("asked_per_1000", s.asked_per_1000)
      .number("put_off_per_1000", s.put_off_per_1000)
      .number("questions_per_1000", s.questions_per_1000)
      .number("held_minutes_per_1000", s.held_minutes_per_1000, 1)
      .number("asked_days_per_10k", s.days > 0 ? s.asked_days / s.days * 1e4 : 0)
      .str();
}

std::vector<std::string> attack_table_lines() {
  std::vector<std::string> out;
  const auto row = [](const auto& cells) {
    double sum = 0;
    for (const double c : cells) sum += c;
    std::vector<std::string> shares;
    for (const double c : cells) shares.push_back(fmt::format("{:.3f}", c / sum));
    return array_of(shares);
  };
  for (std::size_t f = 0; f < detect::k_families; ++f) {
    const detect::AttackTable& a = detect::k_attacks[f];
    out.push_back(Json()
                      .text("bench", "detect")
                      .text("figure", "attack_table")
                      .text("family", detect::to_string(static_cast<detect::Family>(f)))
                      .number("weight", a.weight)
                      .number("own_mail", a.own_mail)
                      .raw("shape", row(a.shape))
                      .raw("gap_known", row(a.gap_known))
                      .raw("gap_novel", row(a.gap_novel))
                      .raw("stranger", row(a.stranger))
                      .number("reach_new", a.reach_new)
                      .number("reach_all", a.reach_all)
                      .raw("repeat", row(a.repeat))
                      .number("envelope", a.envelope)
                      .number("message_id", a.message_id)
                      .raw("place", row(a.place))
                      .number("settings_nats", a.settings)
                      .str());
  }
  return out;
}

}  // namespace sekimori::bench
