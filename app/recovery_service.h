// Drives the way back: opens a recovery when an account is contained, proves its gates, listens to
// the owner's sign-ins and to what other panels write, and lets the account go when everything is
// proved.
//
// Everything is in the recovery store after each step, and each step may be done twice: killed
// between any two lines, the next start goes on from what stands there (converge()). What only
// lives in memory is the password while it is being set; a kill there leaves works_smtp and
// works_imap to the owner's own sign-ins.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "act/hands.h"
#include "act/prover.h"
#include "act/worker_thread.h"
#include "app/state_writer.h"
#include "app/ways_service.h"
#include "base/hash.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "password/rules.h"
#include "store/account_store.h"
#include "store/recovery_store.h"
#include "store/state_store.h"
#include "web/control.h"

namespace sekimori::app {

struct RecoverySettings {
  bool automatic = true;
  Duration watch_interval = seconds(5);
  Duration again_window = days(30);
  password::PasswordRules rules;
  std::string company;
  std::string journal_directory;
  HashKey key{};  // of fingerprints
};

struct RecoveryParts {
  decide::Engine& engine;
  StateWriter& writer;
  store::SqlStateStore& reader;
  store::RecoveryStore& store;
  store::PostfixadminStore& accounts;
  WaysService& ways;
  act::MailHands& hands;
  const act::Prover& prover;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<void(std::string_view)> log;
  // Done with every look, on the service's thread (mail that waited for inactive mailboxes). May be
  // empty.
  std::function<void()> also = {};
  // Tells people; the same notice of one incident is told once.
  std::function<Result<void>(const decide::Notice&)> tell = {};
  // A person switched off the account's sign-ins: why the gates that need one wait. May be empty.
  std::function<std::optional<Text>(const std::string& account)> login_off = {};
};

// Sign-ins that wait to be looked at; beyond it the oldest is dropped and counted (the watch of the
// stored hash and our own trials go on without them).
inline constexpr std::size_t k_sign_ins_max = 10'000;
// Letters that wait to be sent, each a connection to Postfix.
inline constexpr std::size_t k_jobs_max = 1000;

// Threads: signed_in() from any thread, at once; wake, start and stop from one; the others from any
// thread, blocking for seconds (SQL, doveadm, trials). One account is worked on by one thread.
class RecoveryService {
 public:
  RecoveryService(RecoveryParts parts, RecoverySettings settings);
  ~RecoveryService();  // stops
  RecoveryService(const RecoveryService&) = delete;
  RecoveryService& operator=(const RecoveryService&) = delete;

  void start();
  void stop();
  void wake();
  // One look at everything, on the caller's thread; the thread of start() does the same by its
  // timer. Not while that runs.
  void look();

  // Does `work` on the service's thread, soon. Dropped where too much waits (k_jobs_max).
  void later(std::function<void()> work);

  // A sign-in with the right password while the account's standing is not normal
  // (Applied::watched).
  void signed_in(const Event& event);

  // ---- for people (web::Control's words) ----
  [[nodiscard]] Result<web::PasswordVerdict> judge(const std::string& account,
                                                   const Secret& password);
  [[nodiscard]] Result<web::PasswordOutcome> set_password(const std::string& account,
                                                          web::PasswordOrder order,
                                                          const std::string& by);
  [[nodiscard]] Result<web::RecoveryView> view(const std::string& account);
  [[nodiscard]] Result<web::RecoveryView> check(const std::string& account);
  [[nodiscard]] Result<web::RecoveryView> answer_forwards(const std::string& account,
                                                          web::ForwardsAnswer answer,
                                                          const std::vector<std::string>& targets,
                                                          const std::string& by);
  [[nodiscard]] Result<web::RecoveryView> review(const std::string& account,
                                                 const std::string& reason, const std::string& by);
  // May a person restore it with this reason? Errors: bad_input (the machine contained it, gates
  // are open and no reason is given; they are named).
  [[nodiscard]] Result<void> may_restore(const std::string& account, const std::string& reason);
  // The standing was changed by a person: the recovery follows.
  void standing_changed(const std::string& account);

  // The owner says that sign-ins from this network (incident_networks.h: network_of) were not
  // theirs: they prove nothing from now on. Nothing to do where no recovery is under way.
  [[nodiscard]] Result<void> note_stranger(const std::string& account, const std::string& network);

  // When the incident began that this recovery is of: what was registered before counts.
  [[nodiscard]] Instant onset_of(const store::RecoveryRow& row);
  [[nodiscard]] std::string fingerprint(std::string_view text) const;

  struct Counters {
    std::uint64_t sign_ins_dropped = 0;
    std::uint64_t verified = 0;
    std::uint64_t contained_again = 0;
  };
  [[nodiscard]] Counters counters() const;
  // The last failure of its store while it lasts; "" when all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  using Row = store::RecoveryRow;
  using Stored = store::PostfixadminStore::Stored;
  struct SignedIn {
    std::string account;
    decide::SignIn in;
  };
  // The password while it is being set: typed by the owner or made by us.
  struct Typed {
    const Secret& fresh;
    const Secret* old = nullptr;  // fitted the earlier hash
    bool is_other = false;        // the new one does not fit the earlier hash
  };

  [[nodiscard]] std::mutex& lock_of(const std::string& account);
  act::WorkerThread::Clock::time_point work(bool is_called);  // until when to sleep
  void drain_sign_ins();
  void drain_contacts();
  void do_jobs();
  void note(const Result<void>& done);

  // ---- with the account's lock held ----
  // The recovery as the standing in force asks for it: opened, ended, contained again. nullopt: the
  // account is not contained.
  [[nodiscard]] Result<std::optional<Row>> converge(const std::string& account);
  [[nodiscard]] Result<bool> is_by_machine(const decide::StandingRecord& standing);
  [[nodiscard]] Result<Row> open(const decide::StandingRecord& standing,
                                 const std::optional<Row>& before);
  [[nodiscard]] Result<void> end(Row& row, const decide::StandingRecord& standing);
  // What the provider's store says now is taken in. True: something changed (not yet kept).
  bool take_in(Row& row, const Stored& stored, std::string_view by);
  [[nodiscard]] Result<void> work_on(const std::string& account, const Stored* stored);
  [[nodiscard]] Result<void> after_probation_began(const std::string& account,
                                                   const Stored* stored);
  [[nodiscard]] Result<void> take_sign_in(const SignedIn& given);
  // Does and proves all that a machine can, and restores when nothing is left.
  [[nodiscard]] Result<void> prove_all(Row& row, const Typed* typed);
  void prove_cache(Row& row);
  void prove_app_passwords(Row& row);
  void prove_sessions(Row& row);
  void prove_forwards(Row& row);
  void prove_old_refused(Row& row, const Typed* typed);
  void prove_works(Row& row, const Typed& typed);
  [[nodiscard]] bool is_login_off(const std::string& account) const;
  // The gates that need a sign-in say so where a person switched those off, and no longer.
  void say_who_waits_for_login(Row& row);
  [[nodiscard]] Result<void> begin_standing(Row& row);
  [[nodiscard]] Result<void> finish(Row& row);
  [[nodiscard]] Result<void> contain_again(Row& row, Text reason);
  // A notice about it; a failure is logged, the outbox of notices tries again by itself.
  void tell(const char* kind, const decide::Recovery& recovery);
  [[nodiscard]] Result<void> request(const std::string& account, decide::RequestKind kind,
                                     const std::string& by, Text reason, bool verified = false);
  [[nodiscard]] act::TrialOutcome try_password(Row& row, Service service, const Secret& password,
                                               std::string* pwhash);
  [[nodiscard]] std::vector<std::string> forwards_of(const std::string& account, bool& is_known);
  // Places elsewhere, by ways newer than the incident, that nobody answered for.
  [[nodiscard]] std::vector<WaysService::Asked> ways_of(const Row& row, bool& is_known);
  // The app passwords that were good, suspended; how many are suspended now.
  [[nodiscard]] Result<std::uint64_t> end_app_passwords(const std::string& account,
                                                        const std::string& by);
  [[nodiscard]] Result<std::optional<Stored>> stored_of(const std::string& account);
  [[nodiscard]] web::RecoveryView view_of(const Row& row);
  [[nodiscard]] password::PersonWords person_of(const decide::AccountRow& row) const;
  void audit(const Row& row, const std::string& who, std::string action, std::string why,
             std::string detail = {});

  RecoveryParts parts_;
  RecoverySettings settings_;
  std::array<std::mutex, 64> locks_;
  std::string contacts_after_;  // the service's thread only
  bool contacts_known_ = false;
  Instant next_prune_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<SignedIn> sign_ins_;
  std::deque<std::function<void()>> jobs_;
  struct Running {
    Service service = Service::other;
    bool is_seen = false;
    std::string pwhash;
  };
  std::map<std::string, Running> trials_;  // accounts that we sign in to now
  std::map<std::string, Instant> owners_;  // last sign-in with the new password
  bool must_look_ = false;                 // at all contained accounts, now
  Counters counters_;
  std::string trouble_;
  act::WorkerThread::Clock::time_point next_look_;  // the thread's own
  act::WorkerThread thread_;                        // last: it uses all of the above
};

}  // namespace sekimori::app
