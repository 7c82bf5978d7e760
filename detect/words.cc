#include "detect/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/country.h"

namespace sekimori::detect {
namespace {

enum class Unit : std::uint8_t { second, minute, hour, day };
struct Span {
  std::uint64_t n;
  Unit unit;
};

// Switches at the round numbers: 59 seconds, 1 minute … 35 hours, 2 days (1 day is "24 hours").
Span span_of(Duration d) {
  const double s = std::max(d.seconds(), 1.0);
  const auto in = [s](double unit) { return static_cast<std::uint64_t>(std::llround(s / unit)); };
  if (s < 59.5) return {in(1), Unit::second};
  if (s < 59.5 * 60) return {in(60), Unit::minute};
  if (s < 35.5 * 3600) return {in(3600), Unit::hour};
  return {in(86400), Unit::day};
}

}  // namespace

std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string counted(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(n), n == 1 ? one : many);
}

std::string spelled(std::uint64_t n) {
  static constexpr std::array<std::string_view, 10> words{"no",   "one", "two",   "three", "four",
                                                          "five", "six", "seven", "eight", "nine"};
  return n < words.size() ? std::string(words[n]) : grouped(n);
}

Text span_words(Duration d) {
  const auto [n, unit] = span_of(d);
  switch (unit) {
    case Unit::second: return {fmt::format("{}秒間", n), counted(n, "second", "seconds")};
    case Unit::minute: return {fmt::format("{}分間", n), counted(n, "minute", "minutes")};
    case Unit::hour: return {fmt::format("{}時間", n), counted(n, "hour", "hours")};
    case Unit::day: break;
  }
  return {fmt::format("{}日間", n), counted(n, "day", "days")};
}

Text within_words(Duration d) {
  const auto [n, unit] = span_of(d);
  const auto en = [n](std::string_view single, std::string_view many) {
    return n == 1 ? fmt::format("within {}", single)
                  : fmt::format("within {} {}", spelled(n), many);
  };
  switch (unit) {
    case Unit::second: return {fmt::format("{}秒以内に", n), en("a second", "seconds")};
    case Unit::minute: return {fmt::format("{}分以内に", n), en("a minute", "minutes")};
    case Unit::hour: return {fmt::format("{}時間以内に", n), en("an hour", "hours")};
    case Unit::day: break;
  }
  return {fmt::format("{}日以内に", n), en("a day", "days")};
}

Text country_list(const std::vector<std::string>& alpha2, std::size_t most) {
  Text out;
  const std::size_t named = std::min(alpha2.size(), most);
  const bool more = alpha2.size() > named;
  for (std::size_t i = 0; i < named; ++i) {
    const Text name = country_name(alpha2[i]);
    const bool last = i + 1 == named && !more;
    if (i > 0) {
      out.ja += "、";
      out.en += last ? " and " : ", ";
    }
    out.ja += name.ja;
    out.en += name.en;
  }
  if (more && named > 0) {
    out.ja += "など";
    out.en += " and others";
  }
  return out;
}

}  // namespace sekimori::detect
