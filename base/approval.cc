#include "base/approval.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/time_zone.h"
#include "base/words.h"

namespace sekimori {
namespace {

constexpr std::array<std::string_view, 3> k_states{"active", "suspended", "ended"};
constexpr std::array<std::string_view, 4> k_repeats{"once", "daily", "weekly", "monthly"};
constexpr std::array<std::string_view, 4> k_causes{"", "settings", "new_place", "contained"};
constexpr std::array<std::string_view, 7> k_weekdays{"mon", "tue", "wed", "thu",
                                                     "fri", "sat", "sun"};

// Which bits of `days` may stand.
std::uint32_t allowed_days(ApprovalRepeat repeat) {
  switch (repeat) {
    case ApprovalRepeat::weekly: return 0x7FU;
    case ApprovalRepeat::monthly: return 0xFFFFFFFFU;
    default: return 0;
  }
}

std::optional<std::uint32_t> bit_of(ApprovalRepeat repeat, std::string_view word) {
  if (repeat == ApprovalRepeat::weekly) {
    for (std::size_t i = 0; i < k_weekdays.size(); ++i) {
      if (word == k_weekdays[i]) return static_cast<std::uint32_t>(i);
    }
    return std::nullopt;
  }
  if (word == "last") return 0;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || number < 1 || number > 31) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::string_view to_string(ApprovalState v) { return word_of(k_states, v); }
std::string_view to_string(ApprovalRepeat v) { return word_of(k_repeats, v); }
std::string_view to_string(ApprovalCause v) { return word_of(k_causes, v); }
std::optional<ApprovalState> parse_approval_state(std::string_view w) {
  return value_of<ApprovalState>(k_states, w);
}
std::optional<ApprovalRepeat> parse_approval_repeat(std::string_view w) {
  return value_of<ApprovalRepeat>(k_repeats, w);
}
std::optional<ApprovalCause> parse_approval_cause(std::string_view w) {
  return value_of<ApprovalCause>(k_causes, w);
}

Result<void> check_terms(const ApprovalTerms& t) {
  if (t.recipients == 0 || t.recipients > k_approval_recipients_max) {
    return bad_input(fmt::format("recipients must be 1 to {}", k_approval_recipients_max));
  }
  if (t.each == 0 || t.each > t.recipients) {
    return bad_input("per_message must be at least 1 and at most recipients");
  }
  if (t.size_max > k_approval_size_max || t.size_min > t.size_max) {
    return bad_input("size_min must not be above size_max, and size_max is at most 4 GiB");
  }
  if (!t.from.is_set() || !t.until.is_set() || t.until <= t.from) {
    return bad_input("until must lie behind from");
  }
  const bool once = t.repeat == ApprovalRepeat::once;
  if (t.until - t.from > (once ? k_approval_once_max : k_approval_life_max)) {
    return bad_input(once ? "a single approval is at most 31 days long"
                          : "an approval is at most 400 days long; then a person looks again");
  }
  if (once) {
    if (t.days != 0 || t.start_minute != 0 || t.minutes != 0) {
      return bad_input("days, start and minutes belong to an approval that repeats");
    }
  } else {
    if (t.start_minute >= 1440) return bad_input("start must be a time of day");
    if (t.minutes < 15 || t.minutes > k_approval_minutes_max) {
      return bad_input("minutes must be 15 to 1440");
    }
    if (t.repeat != ApprovalRepeat::daily && t.days == 0) return bad_input("days are missing");
    if ((t.days & ~allowed_days(t.repeat)) != 0) return bad_input("days do not fit repeat");
  }
  if (t.zone.size() > k_zone_name_max) return bad_input("zone is too long");
  if (!t.zone_rule.empty() || !once) {
    if (auto rule = ZoneRule::parse(t.zone_rule); !rule) return std::unexpected(rule.error());
  }
  return {};
}

std::string days_text(ApprovalRepeat repeat, std::uint32_t days) {
  std::string out;
  const auto add = [&out](std::string_view word) {
    if (!out.empty()) out += ',';
    out += word;
  };
  days &= allowed_days(repeat);
  if (repeat == ApprovalRepeat::weekly) {
    for (std::size_t i = 0; i < k_weekdays.size(); ++i) {
      if ((days >> i & 1U) != 0) add(k_weekdays[i]);
    }
  } else {
    for (unsigned i = 1; i < 32; ++i) {
      if ((days >> i & 1U) != 0) add(std::to_string(i));
    }
    if ((days & 1U) != 0) add("last");
  }
  return out;
}

Result<std::uint32_t> parse_days(ApprovalRepeat repeat, std::string_view text) {
  std::uint32_t out = 0;
  if (allowed_days(repeat) == 0) {
    if (text.empty()) return out;
    return bad_input("days belong to weekly and monthly");
  }
  // All days of a month: 31 numbers and "last".
  if (text.size() > 100) return bad_input("days are too many");
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(','));
    const auto bit = bit_of(repeat, word);
    if (!bit) {
      return bad_input(
          fmt::format("'{}' is no day: write {}", word,
                      repeat == ApprovalRepeat::weekly ? "mon … sun" : "1 … 31 or last"));
    }
    out |= 1U << *bit;
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return out;
}

std::string clock_text(std::uint16_t minute) {
  return fmt::format("{:02}:{:02}", minute / 60, minute % 60);
}

Result<std::uint16_t> parse_clock(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
    const int hour = (text[0] - '0') * 10 + text[1] - '0';
    const int minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour < 24 && minute < 60) return static_cast<std::uint16_t>(hour * 60 + minute);
  }
  return bad_input(fmt::format("'{}' is no time of day such as 09:30", text.substr(0, 20)));
}

}  // namespace sekimori
