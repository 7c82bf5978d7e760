#include "decide/approval_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/time_zone.h"
#include "base/wall_text.h"

namespace sekimori::decide {
namespace {

// Messages of one size this close together are one run: an invoice run takes a working day.
constexpr Duration k_run_gap = hours(12);
// A run comes again after a week at the earliest (a day early counts) and a quarter at the latest
// (it slips by some days).
constexpr Duration k_again_min = days(6);
constexpr Duration k_again_max = days(100);
// As many recipients again, give or take: lists grow and shrink.
constexpr std::uint64_t k_factor = 2;

// Mail of one pattern that a person knows of.
struct Run {
  Instant first, last;
  std::uint32_t recipients = 0;  // in all
  std::uint32_t each = 0;        // the largest message
  std::uint64_t size_min = 0, size_max = 0;
  bool good = false;  // a person let it through; else it waits
  std::vector<std::string> ids;
};

bool is_alike(std::uint64_t a, std::uint64_t b) { return a <= b * k_factor && b <= a * k_factor; }

bool is_like(const Run& a, const Run& b) {
  return is_alike(a.size_min, b.size_min) && is_alike(a.size_max, b.size_max) &&
         is_alike(a.recipients, b.recipients);
}

bool is_by_person(const HeldMessage& hold) {
  return hold.state == HoldState::released && !hold.ended_by.empty() && hold.ended_by != "time" &&
         hold.ended_by != "gone" && hold.ended_by != "machine";
}

std::vector<Run> runs_of(const AdviceQuestion& q) {
  std::vector<HeldMessage> holds;
  for (const auto& hold : q.holds) {
    if (is_by_person(hold) || hold.state == HoldState::held) holds.push_back(hold);
  }
  std::ranges::sort(holds, {}, [](const auto& h) { return std::pair(h.held_at, h.queue_id); });
  std::vector<Run> runs;
  for (const auto& hold : holds) {
    const bool good = is_by_person(hold);
    auto it = std::ranges::find_if(runs, [&](const Run& run) {
      return run.good == good && hold.held_at - run.last <= k_run_gap &&
             is_alike(run.size_min, hold.size) && is_alike(run.size_max, hold.size);
    });
    if (it == runs.end()) {
      Run fresh;
      fresh.first = hold.held_at;
      fresh.size_min = fresh.size_max = hold.size;
      fresh.good = good;
      it = runs.insert(runs.end(), std::move(fresh));
    }
    it->last = hold.held_at;
    it->recipients += hold.recipients;
    it->each = std::max(it->each, hold.recipients);
    it->size_min = std::min(it->size_min, hold.size);
    it->size_max = std::max(it->size_max, hold.size);
    it->ids.push_back("hold:" + hold.queue_id);
  }
  for (const auto& view : q.approvals) {
    if (view.approval.terms.repeat != ApprovalRepeat::once || view.used.runs == 0) continue;
    Run run;
    run.first = run.last = view.used.last;
    run.recipients = view.used.recipients;
    run.each = std::min(view.approval.terms.each, view.used.recipients);
    run.size_min = run.size_max = view.used.size;
    run.good = true;
    run.ids.push_back(fmt::format("approval:{}", view.approval.id));
    runs.push_back(std::move(run));
  }
  std::ranges::stable_sort(runs, std::ranges::greater{}, &Run::first);
  return runs;
}

bool is_covered(const AdviceQuestion& q, const Run& run) {
  return std::ranges::any_of(q.approvals, [&](const ApprovalView& view) {
    const auto& terms = view.approval.terms;
    if (view.approval.state != ApprovalState::active || terms.until <= q.now ||
        terms.repeat == ApprovalRepeat::once || run.each > terms.each ||
        run.recipients > terms.recipients) {
      return false;
    }
    const std::uint64_t low = terms.size_max != 0 ? terms.size_min : view.used.size / 2;
    const std::uint64_t high = terms.size_max != 0 ? terms.size_max : view.used.size * 2;
    return high == 0 || (low <= run.size_min && run.size_max <= high);
  });
}

unsigned day_of_month(std::int64_t day) {
  using namespace std::chrono;
  return static_cast<unsigned>(year_month_day{sys_days{std::chrono::days(day)}}.day());
}

// A quarter more, in round figures.
std::uint32_t with_room(std::uint32_t n) { return (n + n / 4 + 10) / 10 * 10; }

// The rhythm of both runs; false where none is to be seen.
bool set_rhythm(const AdviceQuestion& q, const ZoneRule& zone, const Run& now, const Run& before,
                ApprovalTerms& terms) {
  using namespace std::chrono;
  const LocalTime later = zone.local(now.first);
  const LocalTime earlier = zone.local(before.first);
  const std::int64_t apart = later.day - earlier.day;
  const auto weekday_of = [](std::int64_t day) {
    return weekday{sys_days{std::chrono::days(day)}}.iso_encoding() - 1;
  };
  if (apart >= 27) {
    terms.repeat = ApprovalRepeat::monthly;
    // A run that falls on a Sunday comes a day earlier or later.
    for (const std::int64_t day : {later.day, earlier.day}) {
      const unsigned n = day_of_month(day);
      for (unsigned d = n > 1 ? n - 1 : n; d <= std::min(n + 1, 31U); ++d) terms.days |= 1U << d;
      if (day_of_month(day + 1) == 1) terms.days |= 1U;  // it was the month's last
    }
  } else if (weekday_of(later.day) == weekday_of(earlier.day)) {
    terms.repeat = ApprovalRepeat::weekly;
    terms.days = 1U << weekday_of(later.day);
  } else {
    return false;
  }
  // An hour before the earlier of both, to two hours behind the later's end.
  const int start = std::max(0, std::min(later.minute, earlier.minute) - 60) / 60 * 60;
  const int length = static_cast<int>((now.last - now.first).us / 60'000'000);
  const int end = std::max(later.minute, earlier.minute) + length + 120;
  terms.start_minute = static_cast<std::uint16_t>(start);
  terms.minutes =
      static_cast<std::uint16_t>(std::clamp(end - start, 60, int{k_approval_minutes_max}));
  terms.zone = q.zone;
  terms.zone_rule = q.zone_rule;
  return true;
}

std::string date_of(const ZoneRule& zone, Instant t) {
  using namespace std::chrono;
  const year_month_day ymd{sys_days{std::chrono::days(zone.local(t).day)}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(ymd.year()),
                     static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
}

std::string weekdays(std::uint32_t days, bool japanese) {
  static constexpr const char* k_ja[] = {"月", "火", "水", "木", "金", "土", "日"};
  static constexpr const char* k_en[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};
  std::string out;
  for (std::size_t i = 0; i < 7; ++i) {
    if ((days >> i & 1U) == 0) continue;
    if (!out.empty()) out += japanese ? "・" : ", ";
    out += japanese ? k_ja[i] : k_en[i];
  }
  return out;
}

std::string month_days(std::uint32_t days, bool japanese) {
  std::string out;
  const auto add = [&](const std::string& word) {
    if (!out.empty()) out += japanese ? "・" : ", ";
    out += word;
  };
  for (unsigned d = 1; d < 32; ++d) {
    if ((days >> d & 1U) != 0) add(japanese ? fmt::format("{} 日", d) : std::to_string(d));
  }
  if ((days & 1U) != 0) add(japanese ? "末日" : "last");
  return out;
}

}  // namespace

Text in_words(const ApprovalTerms& t) {
  Text when;
  const std::string start = clock_text(t.start_minute);
  const auto zone = t.zone.empty() ? std::string("UTC") : t.zone;
  switch (t.repeat) {
    case ApprovalRepeat::once: {
      const auto rule = ZoneRule::parse(t.zone_rule).value_or(ZoneRule());
      const Text from = wall_time(t.from, rule);
      const Text until = wall_time(t.until, rule);
      when = {fmt::format("{} から {} まで({})", from.ja, until.ja, zone),
              fmt::format("from {} to {} ({})", from.en, until.en, zone)};
      break;
    }
    case ApprovalRepeat::daily: when = {"毎日", "every day"}; break;
    case ApprovalRepeat::weekly:
      when = {"毎週 " + weekdays(t.days, true) + "曜日", "every " + weekdays(t.days, false)};
      break;
    case ApprovalRepeat::monthly:
      when = {"毎月 " + month_days(t.days, true), "each month on " + month_days(t.days, false)};
      break;
  }
  if (t.repeat != ApprovalRepeat::once) {
    when.ja += fmt::format("の {} から {} 分間({})", start, t.minutes, zone);
    when.en += fmt::format(" from {} for {} minutes ({})", start, t.minutes, zone);
  }
  return {fmt::format("{}、宛先は合計 {} 件、1 通あたり {} 件まで", when.ja, t.recipients, t.each),
          fmt::format("{}, up to {} recipients in all and {} a message", when.en, t.recipients,
                      t.each)};
}

Text in_words(ApprovalCause cause) {
  switch (cause) {
    case ApprovalCause::none: break;
    case ApprovalCause::settings:
      return {
          "アカウントの設定が変わったため、承認を一時停止しています。ご確認のうえ再開してください。",
          "A setting of the account was changed, so the approval waits until somebody has "
          "looked."};
    case ApprovalCause::new_place:
      return {
          "新しい場所からの利用があったため、承認を一時停止しています。ご確認のうえ再開してください。",
          "The account was used from a new place, so the approval waits until somebody has "
          "looked."};
    case ApprovalCause::contained:
      return {
          "アカウントの利用が止められたため、承認を一時停止しています。ご確認のうえ再開してください。",
          "The account was contained, so the approval waits until somebody has looked."};
  }
  return {};
}

std::vector<ApprovalSuggestion> suggest_approvals(const AdviceQuestion& q) {
  const auto zone = ZoneRule::parse(q.zone_rule).value_or(ZoneRule());
  const auto runs = runs_of(q);
  std::vector<ApprovalSuggestion> out;
  std::vector<const Run*> told;
  for (const Run& run : runs) {
    if (out.size() >= k_suggestions_max) break;
    // An older run of a pattern that was told of already, or one that is covered from now on.
    if (std::ranges::any_of(told, [&](const Run* other) { return is_like(*other, run); })) continue;
    if (is_covered(q, run)) continue;
    const auto before = std::ranges::find_if(runs, [&](const Run& other) {
      const Duration apart = run.first - other.first;
      return other.good && apart >= k_again_min && apart <= k_again_max && is_like(run, other);
    });
    if (before == runs.end()) continue;
    ApprovalSuggestion one;
    one.terms.recipients = with_room(std::max(run.recipients, before->recipients));
    one.terms.each = std::min(with_room(std::max(run.each, before->each)), one.terms.recipients);
    one.terms.size_min = std::min(run.size_min, before->size_min) / 2;
    one.terms.size_max = std::max(run.size_max, before->size_max) * 2;
    one.terms.from = q.now;
    one.terms.until = q.now + days(365);
    if (!set_rhythm(q, zone, run, *before, one.terms) || !check_terms(one.terms)) continue;
    for (const Run* each : {&run, &*before}) {
      one.like.insert(one.like.end(), each->ids.rbegin(), each->ids.rend());
    }
    constexpr std::size_t k_like_max = 20;
    if (one.like.size() > k_like_max) one.like.resize(k_like_max);
    const auto words = in_words(one.terms);
    one.text = {fmt::format("{} に送られ、送信が認められたメール(宛先 {} 件)とよく似ています。"
                            "これからも承認しますか: {}",
                            date_of(zone, before->first), before->recipients, words.ja),
                fmt::format("This looks like the run of {} ({} recipients), which was let through. "
                            "Approve it for good: {}?",
                            date_of(zone, before->first), before->recipients, words.en)};
    out.push_back(std::move(one));
    told.push_back(&run);
  }
  return out;
}

}  // namespace sekimori::decide
