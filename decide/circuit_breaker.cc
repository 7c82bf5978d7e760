#include "decide/circuit_breaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sekimori::decide {
namespace {

constexpr double k_confidence = 0.999;
constexpr double k_z = 3.0902;      // of the normal distribution at k_confidence
constexpr double k_mean_max = 1e9;  // more than any server's accounts

}  // namespace

std::uint64_t poisson_bound(double mean) {
  if (!(mean > 0)) return 0;
  mean = std::min(mean, k_mean_max);
  if (mean > 400) {
    // exp(−mean) is nearly zero; Cornish–Fisher's expansion is exact to one stop here.
    return static_cast<std::uint64_t>(
        std::ceil(mean + k_z * std::sqrt(mean) + (k_z * k_z - 1) / 6));
  }
  double p = std::exp(-mean), sum = p;
  std::uint64_t k = 0;
  while (sum < k_confidence) sum += p *= mean / static_cast<double>(++k);
  return k;
}

void CircuitBreaker::stopped(Instant t) {
  stops_.insert(std::ranges::upper_bound(stops_, t.us), t.us);
  if (stops_.size() > k_stops_max) stops_.erase(stops_.begin());
}

const CircuitBreaker::State& CircuitBreaker::update(Instant now, std::uint64_t accounts,
                                                    const BreakerSettings& settings) {
  const auto first = std::ranges::upper_bound(stops_, (now - k_breaker_window).us);
  const auto last = std::ranges::upper_bound(stops_, now.us);
  state_.stops = first < last ? static_cast<std::uint64_t>(last - first) : 0;
  state_.bound = 0;
  if (settings.false_alarm_budget > 0) {
    const double a_day = static_cast<double>(accounts) * settings.false_alarm_budget / 10'000;
    state_.bound = std::max<std::uint64_t>(poisson_bound(a_day), settings.floor);
  }
  const bool open = state_.bound != 0 && state_.stops > state_.bound;
  if (open != state_.open) {
    state_.open = open;
    state_.since = now;
  }
  // Old ones go once they can never count again, an hour's clock skew allowed.
  stops_.erase(stops_.begin(),
               std::ranges::lower_bound(stops_, (now - k_breaker_window - hours(1)).us));
  return state_;
}

Text breaker_words(const CircuitBreaker::State& s) {
  if (!s.open) {
    return {
        fmt::format("24時間以内に自動で止めたアカウントは{}件で、想定の上限({}件)以下です。",
                    s.stops, s.bound),
        fmt::format("{} accounts were stopped by machine within 24 hours; up to {} are expected.",
                    s.stops, s.bound)};
  }
  return {
      fmt::format(
          "24時間以内に{}件のアカウントを自動で止めました。誤検知として想定される上限({}件)を超えたため、"
          "自動の停止をいったん取りやめ、疑わしいメールはすべて保留して担当者の判断を待っています。"
          "大規模な乗っ取りか、判定の誤りのどちらかです。保留中のメールと事案を確認してください。",
          s.stops, s.bound),
      fmt::format(
          "{} accounts were stopped by machine within 24 hours, more than false alarms explain "
          "({}). Nothing more is stopped by machine; every suspicious message is held and "
          "waits for a person, so none leaves. Either many accounts are taken over or the "
          "judge is wrong: please look at the incidents and the held mail.",
          s.stops, s.bound)};
}

}  // namespace sekimori::decide
