// What the words of a bounce mean. Internal to report/.
#pragma once

#include <span>
#include <string_view>

#include "report/mail_report.h"

namespace sekimori::report {

// Words in lower case, divided by '|'; '*' stands for anything within k_gap_max bytes. The first
// that stand in a text win, so what is particular comes before what is general.
struct BounceWords {
  BounceReason reason;
  std::string_view words;
};
inline constexpr std::size_t k_gap_max = 80;

[[nodiscard]] std::span<const BounceWords> bounce_words();

}  // namespace sekimori::report
