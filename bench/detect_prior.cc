// Makes detect/prior_tables.h: runs the judge over the real mail (owners only), and prints what it
// learnt of shapes, gaps and hourly levels for each band of account age, every data set and split
// weighing the same. Aggregate counts only. The channels that the data do not show (sizes, senders,
// Message-IDs, places, whom a stranger belongs to) are constants with their reason in
// docs/detection.md.
//
//   detect_prior [DIR] > detect/prior_tables.h
#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "bench/detect_world.h"
#include "detect/detector.h"
#include "detect/priors.h"

namespace sekimori::bench {
namespace {

using namespace detect;

BandedHistograms learn_world(const World& w) {
  auto priors = shipped_priors();
  DetectSettings settings;
  settings.learn_below_log_r = 1e9;  // owners only: everything is habit
  Detector d(settings, HashKey{}, priors);
  for (const WorldEvent& we : w.events) {
    d.advance(we.event.t);
    const AccountIndex a = d.intern(we.event.account);
    if (const auto* received = std::get_if<Received>(&we.event.body))
      d.received(a, we.event.t, *received);
    if (const auto* mail = std::get_if<Submission>(&we.event.body)) {
      d.commit(a, we.event.t, *mail, d.judge(a, we.event.t, *mail), Fate::accepted);
    }
  }
  d.advance(w.events.back().event.t + days(2));
  PriorsBuilder builder(priors);
  d.contribute(builder);
  return builder.build()->learnt();
}

template <class Array>
void add_normalised(Array& to, const Array& from, bool levels) {
  const float sum = levels ? from[0] : std::accumulate(from.begin(), from.end(), 0.0F);
  if (sum <= 0) return;
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i] / sum;
}

template <class Array>
std::string row(Array cells, float floor, bool levels) {
  if (levels) {
    const float all = cells[0];
    for (float& c : cells) c = std::max(c / all, floor);
  } else {
    for (float& c : cells) c += floor;
    const float sum = std::accumulate(cells.begin(), cells.end(), 0.0F);
    for (float& c : cells) c /= sum;
  }
  std::string out;
  for (const float c : cells) out += fmt::format("{}{:.5f}F", out.empty() ? "" : ", ", c);
  return out;
}

int main_of(const std::string& dir) {
  BandedHistograms sum{};
  for (const char* set : {"eu_core_first_400_days", "radoslaw", "collegemsg"}) {
    for (const bool split : {false, true}) {
      const World w = benign_world({.data_set = set,
                                    .data_dir = dir,
                                    .split = split,
                                    .logins = false,
                                    .places = false,
                                    .seed = 99,
                                    .blasters = false});
      if (w.events.empty()) return 1;
      const BandedHistograms learnt = learn_world(w);
      for (std::size_t b = 0; b < k_bands; ++b) {
        add_normalised(sum[b].shape, learnt[b].shape, false);
        for (std::size_t half = 0; half < 2 * k_gaps; half += k_gaps) {
          float all = 0;
          for (std::size_t i = half; i < half + k_gaps; ++i) all += learnt[b].gap[i];
          for (std::size_t i = half; i < half + k_gaps; ++i)
            sum[b].gap[i] += learnt[b].gap[i] / std::max(all, 1.0F);
        }
        add_normalised(sum[b].level_new, learnt[b].level_new, true);
        add_normalised(sum[b].level_all, learnt[b].level_all, true);
      }
    }
  }
  fmt::print(
      "// What legitimate accounts do: the shipped global prior, a band of account age each (fewer than\n"
      "// 5, fewer than 30, more learnt messages). Aggregate counts only, printed by bench/detect_prior\n"
      "// from real mail (docs/detection.md names the data); normalised to 1 a group, levels to [0].\n"
      "#pragma once\n\n#include <array>\n\n#include \"detect/features.h\"\n\n"
      "// clang-format off\n"
      "namespace sekimori::detect {{\n\n"
      "inline constexpr std::array<Histograms, k_bands> k_shipped_priors{{{{\n");
  constexpr const char* places[] = {"0.60F, 0.20F, 0.12F, 0.08F", "0.72F, 0.16F, 0.08F, 0.04F",
                                    "0.86F, 0.09F, 0.035F, 0.015F"};
  for (std::size_t b = 0; b < k_bands; ++b) {
    fmt::print(
        "    {{.shape = {{{}}},\n     .gap = {{{}}},\n     .stranger = {{0.6F, 0.25F, 0.15F}},\n",
        row(sum[b].shape, 0.003F, false), row(sum[b].gap, 0.01F, false));
    fmt::print("     .level_new = {{{}}},\n     .level_all = {{{}}},\n",
               row(sum[b].level_new, 1e-4F, true), row(sum[b].level_all, 1e-4F, true));
    fmt::print(
        "     .repeat = {{0.90F, 0.06F, 0.025F, 0.010F, 0.005F}},\n"
        "     .size = {{0.03F, 0.2F, 0.22F, 0.15F, 0.1F, 0.08F, 0.06F, 0.05F, 0.04F, 0.03F, 0.02F, 0.02F}},\n"
        "     .envelope = {{0.97F, 0.03F}}, .message_id = {{0.97F, 0.03F}},\n     .place = {{{}}}}},\n",
        places[b]);
  }
  fmt::print("}}}};\n\n}}  // namespace sekimori::detect\n// clang-format on\n");
  return 0;
}

}  // namespace
}  // namespace sekimori::bench

int main(int argc, char** argv) {
  return sekimori::bench::main_of(argc > 1 ? argv[1] : "../shared/data/email-events");
}
