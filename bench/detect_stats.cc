#include "bench/detect_stats.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>

namespace sekimori::bench {
namespace {

// P(X ≤ count) of a Poisson mean.
double poisson_cdf(std::uint64_t count, double mean_value) {
  double term = std::exp(-mean_value), sum = term;
  for (std::uint64_t k = 1; k <= count; ++k) {
    term *= mean_value / static_cast<double>(k);
    sum += term;
  }
  return std::min(sum, 1.0);
}

// Where a falling function passes `level`.
double solve_falling(const std::function<double(double)>& f, double level, double high) {
  double low = 0;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (f(middle) > level ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

double mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double poisson_upper(std::uint64_t count, double confidence) {
  const auto n = static_cast<double>(count);
  return solve_falling([&](double m) { return poisson_cdf(count, m); }, 1 - confidence,
                       n + 20 + 10 * std::sqrt(n));
}

double poisson_lower(std::uint64_t count, double confidence) {
  if (count == 0) return 0;
  return solve_falling([&](double m) { return poisson_cdf(count - 1, m); }, confidence,
                       static_cast<double>(count));
}

Interval bootstrap_rate(std::span<const Cluster> accounts, unsigned rounds, std::uint64_t seed) {
  if (accounts.empty() || rounds == 0) return {};
  std::mt19937_64 random(seed);
  std::vector<double> rates(rounds);
  for (double& rate : rates) {
    double events = 0, days = 0;
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      const Cluster& c = accounts[random() % accounts.size()];
      events += c.events;
      days += c.days;
    }
    rate = days > 0 ? events / days : 0;
  }
  return {quantile(rates, .025), quantile(rates, .975)};
}

const Climb* first_above(std::span<const Climb> climbs, double limit) {
  const auto it = std::ranges::upper_bound(climbs, limit, {}, &Climb::score);
  return it == climbs.end() ? nullptr : &*it;
}

double tuned_limit(std::vector<double> maxima, double days, double per_10k) {
  if (maxima.empty()) return 0;
  std::ranges::sort(maxima, std::greater<>());
  const auto allowed = static_cast<std::size_t>(std::floor(per_10k * days / 10'000 + 1e-9));
  // The (allowed + 1)-th account must stay at or below the limit.
  return allowed < maxima.size() ? maxima[allowed] : maxima.back() - 1;
}

}  // namespace sekimori::bench
