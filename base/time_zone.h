// The rule by which a place's clocks stand against UTC, as a value: POSIX's TZ text (POSIX.1-2017
// §8.3, with RFC 9636 §3.3.1's longer times), which is also the last line of every file of the time
// zone database. Such a rule says what holds from now on, for ever; it knows nothing of the past.
// Pure: which file a name stands for is app's to know, so that a fold does not depend on what is
// installed today.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace sekimori {

// A day and a minute of it by the clock on the wall.
struct LocalTime {
  std::int64_t day = 0;  // since 1970-01-01, by the wall's calendar
  int minute = 0;        // of the day, 0…1439
  bool operator==(const LocalTime&) const = default;
};

class ZoneRule {
 public:
  // UTC.
  ZoneRule() = default;
  // Reads "JST-9", "CET-1CEST,M3.5.0,M10.5.0/3", "<+09>-9". At most 64 bytes. Errors: bad_input.
  [[nodiscard]] static Result<ZoneRule> parse(std::string_view text);
  // Reads "UTC", "Z", "+09:00", "-0330" and gives the rule's text ("<+0900>-9"). Errors: bad_input.
  [[nodiscard]] static Result<std::string> of_offset(std::string_view text);

  // Seconds east of UTC at this moment.
  [[nodiscard]] int offset_s(Instant t) const;
  [[nodiscard]] LocalTime local(Instant t) const;
  // The moment when the wall shows this. A time that is skipped in spring is the moment of the
  // skip's length later; of a time that comes twice in autumn the first is meant.
  [[nodiscard]] Instant instant_of(LocalTime local) const;

 private:
  // When one of the two changes comes: Mm.w.d, Jn or n, and the second of that day.
  struct Change {
    enum class Kind : std::uint8_t { month_week_day, julian, day_of_year };
    Kind kind = Kind::month_week_day;
    int month = 0, week = 0, day = 0;
    std::int64_t second = 7200;
    [[nodiscard]] std::int64_t in_year(int year) const;  // local seconds since 1970
  };
  static bool read_change(std::string_view& text, Change& out);

  std::int64_t standard_s_ = 0;  // east of UTC
  std::int64_t summer_s_ = 0;
  bool has_summer_ = false;
  Change begins_, ends_;  // of summer time; the first by standard, the second by summer time
};

}  // namespace sekimori
