#include "base/time_zone.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace sekimori {
namespace {

constexpr std::size_t k_rule_max = 64;  // the longest of the database has 48 bytes

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A number of one to three digits, at most `most`; false where there is none.
bool take_number(std::string_view& text, int most, int& out) {
  std::size_t n = 0;
  int value = 0;
  while (n < text.size() && n < 3 && is_digit(text[n])) value = value * 10 + (text[n++] - '0');
  if (n == 0 || value > most) return false;
  text.remove_prefix(n);
  out = value;
  return true;
}
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// "CET" or "<+09>".
bool take_name(std::string_view& text) {
  std::size_t n = 0;
  if (take(text, '<')) {
    while (n < text.size() &&
           (is_letter(text[n]) || is_digit(text[n]) || text[n] == '+' || text[n] == '-')) {
      ++n;
    }
    if (n < 3 || n == text.size() || text[n] != '>') return false;
    text.remove_prefix(n + 1);
    return true;
  }
  while (n < text.size() && is_letter(text[n])) ++n;
  if (n < 3) return false;
  text.remove_prefix(n);
  return true;
}

// [+-]hh[:mm[:ss]] in seconds.
bool take_time(std::string_view& text, int hours_max, std::int64_t& out) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int h = 0, m = 0, s = 0;
  if (!take_number(text, hours_max, h)) return false;
  if (take(text, ':') && !take_number(text, 59, m)) return false;
  if (take(text, ':') && !take_number(text, 59, s)) return false;
  out = (std::int64_t{h} * 60 + m) * 60 + s;
  if (negative) out = -out;
  return true;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

bool ZoneRule::read_change(std::string_view& text, Change& out) {
  if (take(text, 'M')) {
    out.kind = Change::Kind::month_week_day;
    if (!take_number(text, 12, out.month) || out.month < 1 || !take(text, '.') ||
        !take_number(text, 5, out.week) || out.week < 1 || !take(text, '.') ||
        !take_number(text, 6, out.day)) {
      return false;
    }
  } else if (take(text, 'J')) {
    out.kind = Change::Kind::julian;
    if (!take_number(text, 365, out.day) || out.day < 1) return false;
  } else {
    out.kind = Change::Kind::day_of_year;
    if (!take_number(text, 365, out.day)) return false;
  }
  return !take(text, '/') || take_time(text, 167, out.second);
}

std::int64_t ZoneRule::Change::in_year(int year) const {
  using namespace std::chrono;
  const std::chrono::year y{year};
  std::int64_t number = 0;
  switch (kind) {
    case Kind::month_week_day: {
      const std::chrono::month m{static_cast<unsigned>(month)};
      const weekday w{static_cast<unsigned>(day)};
      number = week == 5
                   ? sys_days{y / m / w[last]}.time_since_epoch().count()
                   : sys_days{y / m / w[static_cast<unsigned>(week)]}.time_since_epoch().count();
      break;
    }
    case Kind::julian:  // 29 February is never counted
      number = sys_days{y / January / 1}.time_since_epoch().count() + day - 1 +
               (y.is_leap() && day >= 60 ? 1 : 0);
      break;
    case Kind::day_of_year:
      number = sys_days{y / January / 1}.time_since_epoch().count() + day;
      break;
  }
  return number * 86400 + second;
}

Result<ZoneRule> ZoneRule::parse(std::string_view text) {
  const auto wrong = [text] {
    return bad_input(fmt::format("'{}' is no time zone's rule such as JST-9", text.substr(0, 64)));
  };
  if (text.size() > k_rule_max) return wrong();
  std::string_view rest = text;
  ZoneRule out;
  std::int64_t west = 0;
  if (!take_name(rest) || !take_time(rest, 24, west)) return wrong();
  out.standard_s_ = -west;
  if (rest.empty()) return out;
  out.has_summer_ = true;
  out.summer_s_ = out.standard_s_ + 3600;
  if (!take_name(rest)) return wrong();
  if (!rest.empty() && rest.front() != ',') {
    if (!take_time(rest, 24, west)) return wrong();
    out.summer_s_ = -west;
  }
  if (!take(rest, ',') || !read_change(rest, out.begins_) || !take(rest, ',') ||
      !read_change(rest, out.ends_) || !rest.empty()) {
    return wrong();
  }
  return out;
}

Result<std::string> ZoneRule::of_offset(std::string_view text) {
  if (text == "UTC" || text == "Z" || text == "Etc/UTC") return std::string("UTC0");
  const auto wrong = [text] {
    return bad_input(fmt::format("'{}' is no offset from UTC such as +09:00", text.substr(0, 64)));
  };
  if (text.size() < 3 || (text.front() != '+' && text.front() != '-')) return wrong();
  std::string digits;
  for (const char c : text.substr(1)) {
    if (c != ':') digits += c;
  }
  if (digits.size() == 2) digits += "00";
  const bool colon_well = text.find(':') == std::string_view::npos || text.find(':') == 3;
  if (digits.size() != 4 || !colon_well) return wrong();
  for (const char c : digits) {
    if (!is_digit(c)) return wrong();
  }
  const int h = (digits[0] - '0') * 10 + digits[1] - '0';
  const int m = (digits[2] - '0') * 10 + digits[3] - '0';
  // The farthest east is +14:00, the farthest west -12:00.
  if (h > 14 || m > 59) return wrong();
  std::string out =
      fmt::format("<{}{}>{}{}", text.front(), digits, text.front() == '+' ? '-' : '+', h);
  if (m != 0) out += fmt::format(":{:02}", m);
  return out;
}

int ZoneRule::offset_s(Instant t) const {
  if (!has_summer_) return static_cast<int>(standard_s_);
  using namespace std::chrono;
  const std::int64_t utc = floor_div(t.us, 1'000'000);
  const sys_days day{std::chrono::days(floor_div(utc + standard_s_, 86400))};
  const int year = static_cast<int>(year_month_day{day}.year());
  // By UTC: summer begins while standard time holds and ends while summer time does.
  const std::int64_t begins = begins_.in_year(year) - standard_s_;
  const std::int64_t ends = ends_.in_year(year) - summer_s_;
  // South of the equator it goes over the new year; so does Ireland's "summer", which is winter.
  const bool summer = begins < ends ? utc >= begins && utc < ends : utc >= begins || utc < ends;
  return static_cast<int>(summer ? summer_s_ : standard_s_);
}

LocalTime ZoneRule::local(Instant t) const {
  const std::int64_t seconds = floor_div(t.us, 1'000'000) + offset_s(t);
  const std::int64_t day = floor_div(seconds, 86400);
  return {day, static_cast<int>((seconds - day * 86400) / 60)};
}

Instant ZoneRule::instant_of(LocalTime wanted) const {
  const std::int64_t wall = wanted.day * 86400 + std::int64_t{wanted.minute} * 60;
  const auto at = [&](std::int64_t offset) { return Instant{(wall - offset) * 1'000'000}; };
  if (!has_summer_) return at(standard_s_);
  const Instant early = at(std::max(standard_s_, summer_s_));
  const Instant late = at(std::min(standard_s_, summer_s_));
  if (local(early) == wanted) return early;
  if (local(late) == wanted) return late;
  // Skipped: by the offset that held before the skip, hence as much later by the wall.
  return late;
}

}  // namespace sekimori
