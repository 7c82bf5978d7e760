// Does each lever hold? Tried on the running mail server: a policy question that really comes, a
// sign-in that is really refused, mail that is really held.
//
// The levers that stand without Sekimori are pulled by a row in guard.db for the test account
// alone, which is taken away again whatever happens. The questions go to the daemon where it runs,
// and otherwise to a listener that stands in for it while it is tried.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/attach_server.h"
#include "base/secret.h"
#include "base/text.h"
#include "config/settings.h"

namespace sekimori::app {

enum class TrialState { proved, failed, skipped };
struct TrialResult {
  std::string name;  // "policy", "auth_policy", "sign_in", "send", "receive", "hold"
  TrialState state = TrialState::skipped;
  Text words;
};

struct TrialSetup {
  const AttachPlace& place;
  const AttachFacts& facts;
  const config::Settings& settings;
  ServerPorts ports;
  std::string account;  // "" = none is given
  Secret password;
};

// One thread; as root. Takes up to a minute on a server whose levers do not hold.
[[nodiscard]] std::vector<TrialResult> run_trials(const TrialSetup& setup);

// One policy question at the daemon, brought about over SMTP. Names "policy".
[[nodiscard]] TrialResult try_policy_question(const TrialSetup& setup);
// The sum of all lines of one counter on the running daemon's /metrics; nullopt: it does not
// answer.
[[nodiscard]] std::optional<double> daemon_counter(const config::Settings& settings,
                                                   std::string_view name);

// For before anything changes: the account must be able to sign in. Errors: bad_input.
[[nodiscard]] Result<void> account_signs_in(const TrialSetup& setup);

}  // namespace sekimori::app
