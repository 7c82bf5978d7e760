// Which notices time brings. Pure; asked every minute, it says the same until it is another round,
// and the outbox keeps each round once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/text.h"
#include "decide/notice_outbox.h"
#include "decide/records.h"
#include "decide/switches.h"

namespace sekimori::act {

struct TimedNotice {
  std::string kind;   // "still_contained", "mail_waiting", "mail_waiting_off"
  std::string round;  // part of the key: one notice a round
  decide::Subject subject;
  std::uint64_t incident = 0;
  Text reason;
  Instant since;  // of what closes it; part of the key
};

// Still contained: after a day, then every 3 days. Mail waiting, because of the standing
// ("mail_waiting") or because a person switched receiving off ("mail_waiting_off"): when the oldest
// waits for 2 days, and a last time when the first is soon given up (WaitingMail::warn_at); not
// where the switch ends by itself before that. Where both close it the standing speaks. A round
// that passed while nobody was there to tell is not made up for: only the one that is now.
[[nodiscard]] std::vector<TimedNotice> timed_notices(
    const std::vector<decide::StandingRecord>& standings, const decide::SwitchTable& switches,
    const std::vector<decide::WaitingMail>& waiting, Instant now);

}  // namespace sekimori::act
