// Which notices time brings. Pure; asked every minute, it says the same until it is another round,
// and the outbox keeps each round once.
#pragma once

#include <string>
#include <vector>

#include "base/instant.h"
#include "decide/notice_outbox.h"
#include "decide/records.h"

namespace sekimori::act {

struct TimedNotice {
  std::string kind;   // "still_contained", "mail_waiting"
  std::string round;  // part of the key: one notice a round
  const decide::StandingRecord* record = nullptr;
};

// Still contained: after a day, then every 3 days. Mail waiting: when the oldest waits for 2 days,
// and a last time when the first is soon given up (WaitingMail::warn_at). A round that passed
// while nobody was there to tell is not made up for: only the one that is now.
[[nodiscard]] std::vector<TimedNotice> timed_notices(
    const std::vector<decide::StandingRecord>& standings,
    const std::vector<decide::WaitingMail>& waiting, Instant now);

}  // namespace sekimori::act
