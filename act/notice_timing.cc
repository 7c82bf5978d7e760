#include "act/notice_timing.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "decide/standing.h"

namespace sekimori::act {
namespace {
constexpr Duration k_first_reminder = days(1);
constexpr Duration k_next_reminder = days(3);
constexpr Duration k_waits_long = days(2);
// A sender comes again within some hours.
constexpr Duration k_next_try = hours(6);

// "": nothing is to be said yet.
std::string waiting_round(const decide::WaitingMail& mail, Instant now) {
  if (now >= mail.warn_at) return "last";
  return now - mail.oldest >= k_waits_long ? "first" : "";
}
}  // namespace

std::vector<TimedNotice> timed_notices(const std::vector<decide::StandingRecord>& standings,
                                       const decide::SwitchTable& switches,
                                       const std::vector<decide::WaitingMail>& waiting,
                                       Instant now) {
  std::vector<TimedNotice> out;
  std::set<std::string_view> closed;  // by their standing
  const auto add_waiting = [&](TimedNotice notice, Instant until) {
    const auto found = std::ranges::find(waiting, notice.subject.id, &decide::WaitingMail::account);
    if (found == waiting.end()) return;
    if (until.is_set() && until + k_next_try <= found->gives_up) return;
    notice.round = waiting_round(*found, now);
    if (!notice.round.empty()) out.push_back(std::move(notice));
  };
  for (const decide::StandingRecord& record : standings) {
    // A recovery that has begun is the owner's own pace.
    if (!decide::is_contained(record.standing)) {
      continue;
    }
    TimedNotice notice{.kind = "still_contained",
                       .round = "",
                       .subject = record.subject,
                       .incident = record.incident,
                       .reason = record.reason,
                       .since = record.since};
    const Duration age = now - record.since;
    if (record.since.is_set() && age >= k_first_reminder) {
      const auto round = 1 + (age.us - k_first_reminder.us) / k_next_reminder.us;
      notice.round = std::to_string(round);
      out.push_back(notice);
    }
    if (!decide::forbids_receiving(record.standing) ||
        record.subject.kind != decide::SubjectKind::account) {
      continue;
    }
    closed.insert(record.subject.id);
    notice.kind = "mail_waiting";
    add_waiting(std::move(notice), {});
  }
  for (const auto& [account, switched] : switches) {
    if (!switched.receive || closed.contains(account)) continue;
    const decide::SwitchedOff& off = *switched.receive;
    add_waiting({.kind = "mail_waiting_off",
                 .round = "",
                 .subject = {decide::SubjectKind::account, account},
                 .incident = 0,
                 .reason = {off.reason, off.reason},
                 .since = off.since},
                off.until);
  }
  return out;
}

}  // namespace sekimori::act
