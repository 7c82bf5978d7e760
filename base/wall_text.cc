#include "base/wall_text.h"

#include <fmt/format.h>

#include <chrono>

namespace sekimori {
namespace {

Text day_of(LocalTime local) {
  using namespace std::chrono;
  const year_month_day ymd{sys_days{std::chrono::days(local.day)}};
  const int year = static_cast<int>(ymd.year());
  const auto month = static_cast<unsigned>(ymd.month());
  const auto day = static_cast<unsigned>(ymd.day());
  return {fmt::format("{}年{}月{}日", year, month, day),
          fmt::format("{:04}-{:02}-{:02}", year, month, day)};
}

}  // namespace

Text wall_time(Instant t, const ZoneRule& zone) {
  if (!t.is_set()) return {};
  const LocalTime local = zone.local(t);
  Text out = day_of(local);
  const int hour = local.minute / 60;
  const int minute = local.minute % 60;
  out.ja += fmt::format(" {}:{:02}", hour, minute);
  out.en += fmt::format(" {:02}:{:02}", hour, minute);
  return out;
}

Text wall_day(Instant t, const ZoneRule& zone) {
  return t.is_set() ? day_of(zone.local(t)) : Text();
}

}  // namespace sekimori
