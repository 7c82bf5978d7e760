// Receiving and signing in, switched off by a person for one account (decide/switches.h): kept in
// the state database, in force here and, with the daemon dead, in guard.db.
//
// The order is: durable, in force for our own answers, guard.db, Dovecot's memory emptied, sessions
// ended, and a minute later the letter to the owner, which says how it is then: what was taken back
// within that minute is told to nobody. Killed anywhere, the next start has it in force again and
// look() does the rest; each part may be done twice.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "app/state_writer.h"
#include "base/result.h"
#include "base/text.h"
#include "decide/ports.h"
#include "decide/switches.h"
#include "store/guard_store.h"
#include "store/switch_store.h"
#include "web/server_desk.h"

namespace sekimori::app {

struct SwitchParts {
  store::SwitchStore& store;
  store::SqliteGuardStore& guard;
  decide::Hands& hands;
  StateWriter& writer;
  std::string portal_url;
  std::function<Instant()> now;
  std::function<void(const std::string& account)> changed = {};
  // Writes to the owner and the domain's admins, once for each change; false: nobody need be told.
  std::function<Result<bool>(const store::SwitchRow&)> tell = {};
  std::function<void(std::string_view)> log = {};
};

// Threads: table(), of(), receives_nothing() and refusal() any, on the decision path; set() any,
// and it may block for seconds; begin() once, before guard.db is made anew; look() from one.
class SwitchService {
 public:
  explicit SwitchService(SwitchParts parts);

  // Takes over what the database remembers. Errors: operating.
  [[nodiscard]] Result<void> begin();

  // All that is switched off now.
  [[nodiscard]] std::shared_ptr<const decide::SwitchTable> table() const;
  [[nodiscard]] decide::Switches of(std::string_view account) const;
  [[nodiscard]] bool receives_nothing(std::string_view account) const;
  // For whoever signs in; empty: nobody closed it.
  [[nodiscard]] Text refusal(std::string_view account) const;
  // Is everything done that the switch takes?
  [[nodiscard]] bool is_done(const std::string& account, decide::AccountSwitch what) const;

  // Of one that is off.
  [[nodiscard]] decide::SwitchLetter letter_of(const std::string& account,
                                               decide::AccountSwitch what) const;

  // In force when it returns. Already so: nothing changes. Errors: operating (nothing changed),
  // uncertain (it is kept, but guard.db does not have it yet; look() tries again).
  [[nodiscard]] Result<void> set(const web::SwitchOrder& order, const std::string& by);
  // What ends by time, and what could not be done before.
  void look();

 private:
  using Key = std::pair<std::string, decide::AccountSwitch>;
  [[nodiscard]] Result<void> change(store::SwitchRow row, const std::string& who,
                                    const std::string& why, const Text& words);
  void take_over(const store::SwitchRow& row);
  [[nodiscard]] Result<void> write_guard(const std::string& account);
  void carry_out(store::SwitchRow row);
  [[nodiscard]] Result<void> work_of(const store::SwitchRow& row);
  // True where it is written, or need not be.
  [[nodiscard]] bool write_letter(store::SwitchRow& row);

  SwitchParts parts_;
  std::mutex changing_;  // one change after another
  mutable std::mutex mutex_;
  std::shared_ptr<const decide::SwitchTable> table_;  // under mutex_, held for copying one pointer
  std::map<Key, store::SwitchRow> pending_;           // under mutex_
  std::map<Key, decide::SwitchLetter> letters_;       // under mutex_; of what is off
};

}  // namespace sekimori::app
