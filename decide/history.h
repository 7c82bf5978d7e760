// What learning from old logs says of itself (engine.h: learn, end_history).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/instant.h"

namespace sekimori::decide {

// What became of one old event.
enum class Learnt : std::uint8_t {
  learnt,      // folded; what it teaches is known when the run ends
  suspicious,  // folded as what made its account suspicious, or sent within a week of that: it
               // teaches nothing
  already,     // its id was learnt before
  lived,       // the guard was there already: it knows the same from its own senses
  ignored,     // teaches nothing: a standing, a wrong password of a name that never signed in
};

// What a run brought, over all shards.
struct HistoryReport {
  Instant from, until;  // of what was learnt; unset: nothing was
  std::uint64_t accounts = 0;
  std::uint64_t logins = 0;          // successful
  std::uint64_t messages = 0;        // handed in by the accounts
  std::uint64_t recipients = 0;      // of these messages
  std::uint64_t received = 0;        // messages that reached the accounts' mailboxes
  std::uint64_t contacts = 0;        // pairs of account and recipient, now known
  std::uint64_t correspondents = 0;  // pairs of account and sender, now known
  std::uint64_t learnt = 0;          // messages that were learnt from
  std::uint64_t waiting = 0;         // messages of the last learning delay: learnt when it is over
  double places_median = 0;          // known networks an account
  struct LeftOut {
    std::string account;
    std::uint64_t messages = 0;
    Instant first, last;
  };
  std::vector<LeftOut> left_out;  // because of suspicion, most messages first, at most …
  static constexpr std::size_t k_left_out_max = 1000;
  std::uint64_t left_out_accounts = 0;  // … of so many
  std::uint64_t left_out_messages = 0;
};

}  // namespace sekimori::decide
