// What the judge makes of the accounts in old logs: the daemon's own engine over the log's events,
// on their own clock, as if it had been enforcing then. No I/O. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/replay_run.h"
#include "base/event.h"
#include "base/text.h"
#include "decide/engine.h"

namespace sekimori::app {

enum class Verdict : std::uint8_t {
  normal,
  suspicious,  // mail would have been held: for some minutes, or until a person has looked
  // The account would have been stopped: ln R over detect.restrict_line. Or: its mail would have
  // waited for a person's word message after message, from several addresses; a log has nobody to
  // ask.
  hijacked
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
  explicit LogJudge(decide::EngineSettings settings);

  // In the order of their time.
  void event(const Event& event);
  // Of an account of the log; one never heard of is normal.
  [[nodiscard]] const AccountVerdict& of(std::string_view account) const;

 private:
  struct Seen {
    AccountVerdict verdict;
    Instant first;
    std::uint64_t messages = 0;
    double worst_hold = 0;  // its ln R
    std::uint64_t held_messages = 0;
    std::vector<IpAddress> held_from;  // those came from; the first few
    // Of the last day, so that what left since the onset can be told: when, and how many.
    std::vector<std::pair<Instant, std::uint32_t>> left;
  };
  void answered(const Event&, const Submission&, const decide::Applied&) override;
  void judge_run(Instant t, const Submission&, Seen&) const;
  void hold_ended(Instant, const decide::HeldMessage&) override {}
  void standing(const decide::StandingNews&) override;
  void login(const Event&, const Login&, const decide::LoginAnswer&) override {}

  std::unordered_map<std::string, Seen> seen_;
  Seen* at_hand_ = nullptr;  // of the event that is folded
  ReplayRun run_;
};

}  // namespace sekimori::app
