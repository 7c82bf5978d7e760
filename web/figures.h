// An account over time: figures by the hour or day, and from where somebody signed in. Part of
// Control, in a header of its own; threads and errors as there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "decide/figures.h"
#include "web/control.h"

namespace sekimori::web {

struct FigureQuery {
  bool by_day = false;
  std::size_t steps = 48;  // hours or days, the present one last; ≤ k_figure_steps_max
};
inline constexpr std::size_t k_figure_steps_max = 400;

struct FigureStep {
  Instant begin;
  decide::Figures figures;
};
// Sign-ins that were let in, by the network they came from.
struct FigureNetwork {
  std::string network;  // "192.0.2.0/24"; "" all others
  std::string country;
  std::uint32_t asn = 0;
  bool hosting = false;
  std::vector<std::uint64_t> counts;  // one a step
};
struct FigureSeries {
  std::string account;
  bool by_day = false;
  std::vector<FigureStep> steps;        // every one, also where nothing was
  std::vector<FigureNetwork> networks;  // the busiest first
};

class FigureDesk {
 public:
  virtual ~FigureDesk() = default;

  // not_found: no account of this server. Days are those of the server's clock.
  [[nodiscard]] virtual Result<FigureSeries> figures(std::string_view address,
                                                     const FigureQuery&) = 0;
  // Newest first.
  [[nodiscard]] virtual Result<Page<decide::SignInRow>> sign_ins(std::string_view address,
                                                                 std::size_t offset,
                                                                 std::size_t limit) = 0;
};

}  // namespace sekimori::web
