// A simulated installation: owners, thieves, an operator, a mail server and a guard that is killed
// again and again, all from one seed. run() throws Violation where something that must always hold
// does not.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/sim/process.h"

namespace sekimori::sim {

struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a seed switches on.
struct Scenario {
  std::uint64_t seed = 0;
  int steps = 600;
  FaultRates rates;
  bool power_cuts = false;     // a crash may lose what was not synced
  bool journal_fails = false;  // the disk may refuse lines
  double thief = 0.1;          // share of steps that are a thief's
  double person = 0.1;         // share of steps that are an operator's
};
[[nodiscard]] Scenario scenario_of(std::uint64_t seed, int steps);

struct Summary {
  std::uint64_t trace = 0;  // hash of everything that happened
  std::uint64_t crashes = 0, power_cuts = 0, starts = 0, hashes_compared = 0;
  std::uint64_t changes = 0, holds = 0, delivered = 0, refused = 0;
};

class Simulation {
 public:
  explicit Simulation(const Scenario& scenario);
  Summary run();
  [[nodiscard]] const Trace& trace() const { return trace_; }

 private:
  // ---- actors (simulation.cc)
  void step();
  void submit(const std::string& account, std::vector<std::string> to, const std::string& ip);
  void owner_sends();
  void thief_sends();
  void signs_in();
  void operator_changes();
  void operator_ends_a_hold();
  void operator_approves();
  void outside_answers();
  void time_passes();
  void crash(bool may_cut_power);
  void start();
  void settle();
  std::string any_account() { return accounts_[random_.below(accounts_.size())]; }
  Event event_of(const std::string& account);
  bool end_hold(const decide::HeldMessage& hold, bool release);

  // ---- what must hold (invariants.cc)
  void require(bool held, const std::string& what) const;
  void check_always();
  void check_settled();
  void check_mail();
  void check_holds_tracked();
  void saw_hold(const decide::HeldMessage* before, const decide::HeldMessage& after);
  void saw_release(const Mail& mail);
  void saw_held(const Mail& mail);
  [[nodiscard]] bool is_closed(const std::string& account, bool (*what)(Standing)) const;
  [[nodiscard]] decide::StandingRecord stored(const decide::Subject& subject) const;

  Scenario scenario_;
  Trace trace_;
  Random random_;
  Faults faults_;
  Instant now_{1'750'000'000'000'000};
  MemoryJournal journal_;
  MemoryState state_;
  MemoryGuard guard_;
  MailWorld mail_;
  Snapshot snapshot_;
  Surroundings around_;
  std::unique_ptr<Process> process_;
  std::vector<std::string> accounts_;
  Summary summary_;

  std::map<decide::Subject, decide::StandingRecord> announced_;
  std::map<decide::Subject, std::uint64_t> stored_epochs_;
  // Messages of a submission or an order during which the process died: nobody was told what became
  // of them, so a record without its message is forgiven until a person looks at it.
  std::set<std::string> interrupted_;
  // Messages whose journal line a power cut or a full disk took.
  std::set<std::string> lost_;
  std::set<std::string> let_go_;                       // by a person, whatever the standing
  bool by_time_ = false;                               // the release being made is the clock's
  bool by_person_ = false;                             // … a person's
  std::map<std::string, Instant> released_by_person_;  // by id, when Postfix let it go
  std::optional<std::uint64_t> hash_at_crash_;
  std::uint64_t next_id_ = 0;
  std::uint64_t strangers_ = 0;
  Event last_event_;  // to be heard again
};

}  // namespace sekimori::sim
