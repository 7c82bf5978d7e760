#include "act/notice_timing.h"

#include <algorithm>

#include "decide/standing.h"

namespace sekimori::act {
namespace {
constexpr Duration k_first_reminder = days(1);
constexpr Duration k_next_reminder = days(3);
constexpr Duration k_waits_long = days(2);
}  // namespace

std::vector<TimedNotice> timed_notices(const std::vector<decide::StandingRecord>& standings,
                                       const std::vector<decide::WaitingMail>& waiting,
                                       Instant now) {
  std::vector<TimedNotice> out;
  for (const decide::StandingRecord& record : standings) {
    // A recovery that has begun is the owner's own pace.
    if (record.standing != Standing::restricted && record.standing != Standing::suspended) {
      continue;
    }
    const Duration age = now - record.since;
    if (record.since.is_set() && age >= k_first_reminder) {
      const auto round = 1 + (age.us - k_first_reminder.us) / k_next_reminder.us;
      out.push_back({"still_contained", std::to_string(round), &record});
    }
    if (!decide::forbids_receiving(record.standing) ||
        record.subject.kind != decide::SubjectKind::account) {
      continue;
    }
    const auto found = std::ranges::find(waiting, record.subject.id, &decide::WaitingMail::account);
    if (found == waiting.end()) continue;
    const Duration waits = now - found->oldest;
    if (now >= found->warn_at) {
      out.push_back({"mail_waiting", "last", &record});
    } else if (waits >= k_waits_long) {
      out.push_back({"mail_waiting", "first", &record});
    }
  }
  return out;
}

}  // namespace sekimori::act
