#include "base/instant.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <iterator>

namespace sekimori {
namespace {

constexpr std::int64_t k_instant_max_us = 7'258'118'400'000'000;  // 2200-01-01

// Reads exactly `count` digits at `at`; -1 where one of them is none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::unexpected<Error> not_rfc3339(std::string_view text) {
  return bad_input(
      fmt::format("'{}' is no RFC 3339 time such as 2026-11-22T03:04:05Z", text.substr(0, 40)));
}

}  // namespace

Result<Instant> parse_instant(std::string_view text) {
  const int year = digits(text, 0, 4);
  const int month = digits(text, 5, 2);
  const int day = digits(text, 8, 2);
  const int hour = digits(text, 11, 2);
  const int minute = digits(text, 14, 2);
  int second = digits(text, 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':') {
    return not_rfc3339(text);
  }
  if (second == 60) second = 59;  // a leap second is folded into the one before it
  std::size_t at = 19;
  std::int64_t fraction_us = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    std::int64_t scale = 100'000;
    const std::size_t first = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      fraction_us += (text[at] - '0') * scale;
      scale /= 10;
      ++at;
    }
    if (at == first || at - first > 9) return not_rfc3339(text);
  }
  std::int64_t offset_s = 0;
  if (at < text.size() && (text[at] == 'Z' || text[at] == 'z') && at + 1 == text.size()) {
    offset_s = 0;
  } else if (at + 6 == text.size() && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
    const int oh = digits(text, at + 1, 2);
    const int om = digits(text, at + 4, 2);
    if (oh < 0 || oh > 23 || om < 0 || om > 59) return not_rfc3339(text);
    offset_s = (oh * 3600 + om * 60) * (text[at] == '-' ? -1 : 1);
  } else {
    return not_rfc3339(text);
  }
  const std::chrono::year_month_day ymd{std::chrono::year{year},
                                        std::chrono::month{static_cast<unsigned>(month)},
                                        std::chrono::day{static_cast<unsigned>(day)}};
  if (!ymd.ok()) return not_rfc3339(text);
  const std::int64_t day_number = std::chrono::sys_days{ymd}.time_since_epoch().count();
  const std::int64_t s = day_number * 86400 + hour * 3600 + minute * 60 + second - offset_s;
  const Instant t{s * 1'000'000 + fraction_us};
  if (t.us < 0 || t.us > k_instant_max_us) {
    return bad_input(fmt::format("'{}' lies outside the years 1970 to 2200", text.substr(0, 40)));
  }
  return t;
}

Result<Instant> instant_from_seconds(double value) {
  if (!std::isfinite(value) || value < 0 || value * 1e6 > static_cast<double>(k_instant_max_us)) {
    return bad_input(
        fmt::format("{} seconds since 1970 lies outside the years 1970 to 2200", value));
  }
  return Instant{std::llround(value * 1e6)};
}

void append_instant(std::string& out, Instant t) {
  const std::chrono::sys_time<std::chrono::microseconds> tp{std::chrono::microseconds{t.us}};
  const auto day = std::chrono::floor<std::chrono::days>(tp);
  const std::chrono::year_month_day ymd{day};
  const std::chrono::hh_mm_ss hms{tp - day};
  char buffer[32];
  char* p = buffer;
  const auto put = [&p](int value, int width) {
    for (int i = width - 1; i >= 0; --i) {
      p[i] = static_cast<char>('0' + value % 10);
      value /= 10;
    }
    p += width;
  };
  put(static_cast<int>(ymd.year()), 4);
  *p++ = '-';
  put(static_cast<int>(static_cast<unsigned>(ymd.month())), 2);
  *p++ = '-';
  put(static_cast<int>(static_cast<unsigned>(ymd.day())), 2);
  *p++ = 'T';
  put(static_cast<int>(hms.hours().count()), 2);
  *p++ = ':';
  put(static_cast<int>(hms.minutes().count()), 2);
  *p++ = ':';
  put(static_cast<int>(hms.seconds().count()), 2);
  if (const int us = static_cast<int>(hms.subseconds().count()); us != 0) {
    *p++ = '.';
    put(us, 6);
  }
  *p++ = 'Z';
  out.append(buffer, static_cast<std::size_t>(p - buffer));
}

std::string format_instant(Instant t) {
  std::string out;
  append_instant(out, t);
  return out;
}

}  // namespace sekimori
