#include "detect/damping.h"

#include <algorithm>
#include <cmath>

namespace sekimori::detect {
namespace {

constexpr double k_one = 65536;
// No ratio is larger: e^6, the bound on a message's evidence.
constexpr double k_ratio_max = 403.5;
// With fewer samples nothing is decided; with so many and no cause for alarm the window is closed.
constexpr std::uint64_t k_samples_min = 2'000, k_samples_max = 20'000;
// Lowered only when the mean is above 1 by three standard errors and by more than a trifle.
constexpr double k_errors = 3, k_trifle = 0.02;
constexpr float k_down = 0.9F, k_up = 0.05F, k_least = 0.25F;

}  // namespace

void AuditSums::message(const std::array<double, k_channels>& ratio) {
  ++samples;
  for (std::size_t c = 0; c < k_channels; ++c) {
    const double r = std::clamp(ratio[c], 0.0, k_ratio_max);
    sum[c] += static_cast<std::uint64_t>(std::llround(r * k_one));
    square[c] += static_cast<std::uint64_t>(std::llround(r * r * k_one));
  }
}

void AuditSums::between(Channel channel, double ratio) {
  const double r = std::clamp(ratio, 0.0, k_ratio_max);
  const auto c = static_cast<std::size_t>(channel);
  beside[c] += std::llround((r - 1) * k_one / k_audit_every);
  square[c] += static_cast<std::uint64_t>(std::llround((r - 1) * (r - 1) * k_one / k_audit_every));
}

void AuditSums::add(const AuditSums& more) {
  samples += more.samples;
  for (std::size_t c = 0; c < k_channels; ++c) {
    sum[c] += more.sum[c];
    square[c] += more.square[c];
    beside[c] += more.beside[c];
  }
}

double Damping::Window::mean() const {
  if (samples == 0) return 0;
  return (static_cast<double>(sum) + static_cast<double>(beside)) / k_one /
         static_cast<double>(samples);
}

double Damping::Window::standard_error() const {
  if (samples == 0) return 0;
  const auto n = static_cast<double>(samples);
  const double variance = static_cast<double>(square) / k_one / n - mean() * mean();
  return std::sqrt(std::max(variance, 0.0) / n);
}

std::array<float, k_channels> Damping::full() {
  std::array<float, k_channels> out{};
  out.fill(1);
  return out;
}

void Damping::step(const AuditSums& hour) {
  for (std::size_t c = 0; c < k_channels; ++c) {
    Window& w = windows[c];
    w.samples += hour.samples;
    w.sum += hour.sum[c];
    w.square += hour.square[c];
    w.beside += hour.beside[c];
    if (w.samples < k_samples_min) continue;
    if (w.mean() - k_errors * w.standard_error() > 1 + k_trifle) {
      factor[c] = std::max(k_least, factor[c] * k_down);
      w = {};  // what was said with the old weight tells nothing of the new one
    } else if (w.samples >= k_samples_max) {
      if (w.mean() <= 1) factor[c] = std::min(1.0F, factor[c] + k_up);
      w = {};
    }
  }
}

}  // namespace sekimori::detect
