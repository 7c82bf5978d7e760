// What the judge makes of the accounts in old logs: the daemon's own engine over the log's events,
// on their own clock, as if it had been enforcing then. No I/O. One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "app/replay_run.h"
#include "base/event.h"
#include "base/hash.h"
#include "base/text.h"
#include "decide/engine.h"
#include "detect/flat_map.h"

namespace sekimori::app {

enum class Verdict : std::uint8_t {
  normal,
  suspicious,  // mail would have been held: for some minutes, or until a person has looked
  hijacked     // the account would have been stopped: ln R over detect.restrict_line
};
// How sure a verdict can be: the judge knows an account only from this log.
enum class Sureness : std::uint8_t {
  low,     // less than a day or fewer than five messages before it began: only the shipped prior
  medium,  // a short history
  high     // three days and ten messages, or two kinds of strong evidence (detect.suspend_line)
};
[[nodiscard]] std::string_view to_string(Verdict);
[[nodiscard]] std::string_view to_string(Sureness);

struct AccountVerdict {
  Verdict verdict = Verdict::normal;
  Sureness sureness = Sureness::low;
  double log_r = 0;  // the highest, of messages that were judged
  Instant onset;     // where the evidence begins; unset: not hijacked
  Instant stopped;   // when the daemon would have stopped it
  Instant first_held;
  std::uint64_t got_out = 0;    // recipients from the onset until then
  std::uint64_t prevented = 0;  // recipients held or refused
  std::string family;           // how it looks ("spam run", …), as the judge names it
  std::vector<Text> reasons;    // the strongest first
};

class LogJudge : private ReplayWatcher {
 public:
  // `key` keeps strangers from choosing names that collide.
  LogJudge(decide::EngineSettings settings, const HashKey& key);

  // In the order of their time.
  void event(const Event& event);
  // Behind the last event, for each account: when the log first shows it, by a login or a message.
  // How sure a verdict is rests on it; until then it is low.
  void settle(std::string_view account, Instant first);
  // Of an account of the log; one never heard of is normal.
  [[nodiscard]] const AccountVerdict& of(std::string_view account) const;

 private:
  struct Seen {
    AccountVerdict verdict;
    Instant began;  // what was judged: the onset, or the first message that would have been held
    std::uint64_t messages = 0, messages_before = 0;
    bool is_strong = false;  // two kinds of strong evidence
    double worst_hold = 0;   // its ln R
    // Of the last day, so that what left since the onset can be told: when, and how many.
    std::vector<std::pair<Instant, std::uint32_t>> left;
  };
  void answered(const Event&, const Submission&, const decide::Applied&) override;
  void hold_ended(Instant, const decide::HeldMessage&) override {}
  void standing(const decide::StandingNews&) override;
  void login(const Event&, const Login&, const decide::LoginAnswer&) override {}

  [[nodiscard]] std::uint64_t key_of(std::string_view account) const;
  Seen& seen_of(std::string_view account);

  HashKey key_;
  detect::FlatMap index_;  // hash of the account → its place
  std::deque<Seen> seen_;
  Seen* at_hand_ = nullptr;  // of the event that is folded
  ReplayRun run_;
};

}  // namespace sekimori::app
