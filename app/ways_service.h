// Watches the ways mail leaves (decide/ways.h), remembers what changed, tells the judge of it, and
// puts out of force, or back, what a containment or a person asks for.
//
// The provider's database is walked page by page, all the time; Sieve scripts are asked of Dovecot
// (doveadm over HTTP), for some accounts in each round and at once where Dovecot tells of a change
// or an account is contained. A change is kept, with what stood before to the letter, in the
// transaction that notes what stands now; the judge hears of it afterwards, after a crash too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "act/hands.h"
#include "act/worker_thread.h"
#include "decide/directory.h"
#include "decide/engine.h"
#include "decide/ports.h"
#include "decide/ways.h"
#include "store/account_store.h"
#include "store/ways_store.h"

namespace sekimori::app {

struct WaysSettings {
  Duration watch_interval = seconds(5);
  std::size_t sieve_per_look = 20;  // 0: only where something tells of a change
  bool pause = true;                // forwards that came with an incident, when it is contained
  Duration retention = days(400);
};

struct WaysParts {
  store::WaysStore& store;
  store::PostfixadminStore& accounts;
  act::MailHands& hands;
  decide::StateStore& incidents;
  std::string host;
  std::function<Instant()> now;
  std::function<std::shared_ptr<const decide::Directory>()> directory;
  std::function<Standing(const std::string& account)> standing;
  // Set inactive by the provider: no user to Dovecot, which would remember the question's answer
  // for an hour after the mailbox is active again.
  std::function<bool(std::string_view account)> is_inactive;
  std::function<void(const Event&)> tell_judge;
  std::function<void(std::string_view)> log;
};

// Accounts that wait for a look; beyond it the walk through all of them finds the change.
inline constexpr std::size_t k_soon_max = 10'000;
// Scripts of one account that are looked at.
inline constexpr std::size_t k_scripts_max = 64;

// Threads: soon() from any thread, at once; start and stop from one; the others from any thread,
// blocking for seconds (SQL, doveadm), one at a time.
class WaysService {
 public:
  WaysService(WaysParts parts, WaysSettings settings);
  ~WaysService();  // stops
  WaysService(const WaysService&) = delete;
  WaysService& operator=(const WaysService&) = delete;

  void start();
  void stop();
  // One look, on the caller's thread: the thread of start() does the same by its timer.
  void look();
  // Dovecot told of a change of this account's filters.
  void soon(const std::string& account);

  // A step of the executor (suspend_app_passwords, pause_forwards, resume_app_passwords) for an
  // account, or for what changed in a domain's accounts since the incident; what was done, in
  // words. Twice is as once. Errors: operating where a part is still to be done, too.
  [[nodiscard]] Result<Text> carry_out(const decide::Step& step, Standing in_force);

  // Runs `work`, which changes ways of the account for a person or the owner: what it changes is
  // theirs (`by`) and tells the judge nothing.
  [[nodiscard]] Result<void> quietly(const std::string& account, const std::string& by,
                                     const std::function<Result<void>()>& work);
  // The account has a new password: app passwords that a containment suspended do not come back by
  // themselves.
  void password_is_new(const std::string& account, const std::string& by);

  // A place elsewhere, reached by a way that is newer than `onset` and that nobody has answered
  // for.
  struct Asked {
    std::uint64_t change = 0;
    std::string source;  // the account, or "sieve:<script>"
    std::string target;
  };
  [[nodiscard]] Result<std::vector<Asked>> asked(const std::string& account, Instant onset);

  // ---- for people ----
  // Of an incident of an account, or of a domain's accounts (the first 1000). Errors: not_found (no
  // such incident).
  [[nodiscard]] Result<std::vector<decide::WayView>> of_incident(std::uint64_t incident);
  // As web::Control::answer_way.
  [[nodiscard]] Result<decide::WayView> answer(std::uint64_t incident, std::uint64_t change,
                                               bool keep, const std::string& reason,
                                               const std::string& by);
  [[nodiscard]] Result<decide::AccountWays> in_force(const std::string& account);

  // The last failure while it lasts; "" when all is well.
  [[nodiscard]] std::string trouble() const;

 private:
  using Way = decide::Way;
  using WayChange = decide::WayChange;
  // What stands now, as far as it could be read.
  struct Seen {
    std::string account;
    Instant created;
    std::vector<Way> ways;
    std::vector<std::string> suspended;
    bool has_rows = false;
    bool has_sieve = false;
    bool is_told_of = false;  // Dovecot told of a change
  };
  // Whose a change is: anybody's, or a person's through us (logged as kept), or our own pause.
  struct Whose {
    enum Kind : std::uint8_t { anybody, person, us } kind = anybody;
    std::string by = {};
  };
  struct Incident {
    std::uint64_t id = 0;
    std::string account;  // "": a domain's
    std::string domain;   // "": an account's
    Instant onset;
    Instant closed;
  };

  // Until when to sleep.
  act::WorkerThread::Clock::time_point work(bool is_called);
  void note(const Error* error);

  // ---- with work_ held ----
  [[nodiscard]] Result<void> walk_rows();
  [[nodiscard]] Result<void> walk_sieve();
  [[nodiscard]] Result<void> drain_soon();
  // Adds the scripts; true where they could be read.
  [[nodiscard]] Result<bool> read_sieve(Seen& seen);
  [[nodiscard]] Result<std::optional<Seen>> read(const std::string& account);
  // Compares with what is known and adds to `write` what is to be kept.
  [[nodiscard]] Result<void> compare(const Seen& seen, const std::vector<Way>& known,
                                     const Whose& whose, store::WaysWrite& write);
  // Looks at one account, all of it. nullopt: there is no such account. `sieve` says whether its
  // scripts were read.
  [[nodiscard]] Result<std::optional<Seen>> look_at(const std::string& account, const Whose& whose,
                                                    bool is_told_of = false);
  [[nodiscard]] Result<Incident> incident_of(std::uint64_t id);
  [[nodiscard]] Result<Text> carry_out_for(const Incident& incident, decide::StepKind kind,
                                           bool all);
  // The same for each account of the domain that has a change since the onset.
  [[nodiscard]] Result<Text> carry_out_within(const Incident& incident, const decide::Step& step);
  [[nodiscard]] Result<std::vector<decide::WayView>> views_within(const Incident& incident);
  [[nodiscard]] Result<Text> suspend_app_passwords(const Incident& incident, bool all);
  [[nodiscard]] Result<Text> resume_app_passwords(const Incident& incident);
  [[nodiscard]] Result<Text> pause_forwards(const Incident& incident);
  [[nodiscard]] Result<void> put_back(const WayChange& whole, const std::vector<WayChange>& changes,
                                      bool keep);
  // The alias with one entry put in or taken out, to the letter where that stood before.
  [[nodiscard]] Result<void> change_alias(const std::string& account, const std::string& key,
                                          bool put_in, const std::vector<WayChange>& changes);
  [[nodiscard]] Result<void> put_sieve(const std::string& account, decide::WayKind kind,
                                       const std::string& key,
                                       const std::optional<std::string>& content);
  [[nodiscard]] decide::WayView view_of(const WayChange& change, const std::vector<Way>& ways);

  void tell_judge();

  WaysParts parts_;
  WaysSettings settings_;
  std::mutex work_;        // one look, or one change, at a time: no look sees a change half made
  store::WayWatch rows_;   // with work_ held; as the store has it
  store::WayWatch sieve_;  // the same
  bool is_loaded_ = false;
  Instant next_prune_;
  // How far a step of a domain has come; with work_ held. A crash begins it anew.
  struct DomainWork {
    std::uint64_t rounds = 0;  // of the walk, after which all that there was is seen
    std::string after;
    std::size_t accounts = 0;  // with something done
  };
  std::map<std::pair<std::uint64_t, decide::StepKind>, DomainWork> domains_;

  mutable std::mutex mutex_;
  std::set<std::string> soon_;
  std::string trouble_;
  act::WorkerThread::Clock::time_point next_look_;  // the thread's own
  act::WorkerThread thread_;                        // last: it uses all of the above
};

}  // namespace sekimori::app
