// Carries out the outbox: what a change of standing asks of Postfix, Dovecot and people.
//
// A step is written down with the change it belongs to, done at least once and marked done after;
// each may be done twice. So the process can be killed between any two lines of this file and
// nothing is lost. What fails is tried again after 1 s, 2 s, 4 s … 60 s, for ever. A failing step
// holds up only what is useless or harmful before it: write_guard → flush_auth_cache →
// kick_sessions (a client that is kicked first signs in again) and write_guard → requeue_waiting
// (mail would wait again). With Dovecot down, queued mail is held and people are told all the same.
//
// What a step did stands in its detail in both languages, {"ja":"3 件の…","en":"3 sessions were
// ended"}, for web/json_views; "" where "done" says it all. Earlier versions left it in English.
//
// A step of an older standing is skipped, unless the standing in force still asks for it: the
// queued mail of a restriction that became a suspension is held, the mail that a restore let go
// still goes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/login_queue.h"
#include "act/worker_thread.h"
#include "decide/ports.h"

namespace sekimori::act {

struct ExecutorSettings {
  std::string portal_url;  // ASCII, for the rows of guard.db
  std::function<Instant()> now;
  // Told of each message the executor put into the hold queue or found gone (stored already), so
  // that the engine knows it too.
  std::function<void(const decide::HeldMessage&)> on_hold = {};
  // Carries out suspend_app_passwords, pause_forwards and resume_app_passwords for an account or a
  // domain; what was done, in words. Empty: there is nothing of the kind.
  std::function<Result<Text>(const decide::Step&, Standing in_force)> ways = {};
  // One line for the log: what was done, what failed. Never a secret.
  std::function<void(std::string_view)> log = {};
};

// Threads: run_once and start/stop from one thread; wake from any. The ports are called from the
// executor's thread, so a StateStore that others use too must be given behind a lock.
class Executor {
 public:
  Executor(decide::StateStore& store, decide::GuardStore& guard, decide::Hands& hands,
           LoginQueue& queue, decide::Notifier& notifier, ExecutorSettings settings);
  ~Executor();  // stops the thread
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  struct Report {
    std::size_t done = 0;
    std::size_t skipped = 0;      // of an older standing
    std::size_t failed = 0;       // to be tried again, or given up (bad_input)
    std::size_t open = 0;         // still waiting
    std::optional<Instant> next;  // when the next of them is due; unset when nothing is open
  };
  // Does all that is due at `now`, urgent things of all subjects first.
  Report run_once(Instant now);

  // Own thread: drains at once, after wake(), and when a retry is due.
  void start();
  void wake();
  void stop();

 private:
  using StepResult = Result<void>;
  // What was done, for the incident's record ("3 sessions were ended"); empty where done says it
  // all.
  using Done = Result<Text>;
  using Queue = std::map<std::string, LoginQueue::Queued>;
  // Does it and notes in the step how it went.
  void try_step(decide::Step& step, const decide::StandingRecord& standing, Instant now);
  Done carry_out(const decide::Step& step, const decide::StandingRecord& standing, Instant now);
  Done kick_sessions(const decide::Step& step);
  Done hold_queued(const decide::Step& step, const decide::StandingRecord& standing, Instant now);
  // Takes out of `theirs` what a person let go since the step was made, whoever held it: it is
  // queued, and on its way, by their word. What was let go before this containment is held again.
  StepResult spare_released(const decide::Step& step, Queue& theirs);
  // The messages that earlier tries of a hold_queued step wrote down and that have no end yet, and
  // older ones: a release of which nobody knows whether it was done may have let them go.
  Result<std::vector<decide::HeldMessage>> earlier_records(const decide::Step& step, Instant now);
  // Compares records with Postfix's hold queue: what this step (`since`) put there is
  // told to the engine, what is gone was delivered. Returns how many are in another part of the
  // queue, to be tried again; when the holding `is_given_up`, they have their end now.
  Result<std::size_t> reconcile(std::vector<decide::HeldMessage>& records, Instant since,
                                bool is_given_up);
  // Does the standing in force by now still ask for it?
  Result<bool> is_wanted(const decide::Step& step);
  StepResult give_up_holding(const decide::Step& step, Instant now);
  // Lets go what the domain's containment held, but for accounts that are contained themselves.
  Done release_held(const decide::Step& step, const decide::StandingRecord& standing);
  StepResult requeue_waiting(const decide::Step& step);
  StepResult notify(const decide::Step& step, const decide::StandingRecord& standing);
  bool is_woken();  // something new came since this pass began
  void log(std::string_view line) const;

  decide::StateStore& store_;
  decide::GuardStore& guard_;
  decide::Hands& hands_;
  LoginQueue& queue_;
  decide::Notifier& notifier_;
  ExecutorSettings settings_;

  WorkerThread thread_;  // last: it uses all of the above
};

// How long after its last failure a step waits: 1 s doubling to 60 s.
[[nodiscard]] Duration retry_delay(std::uint32_t tries);

}  // namespace sekimori::act
