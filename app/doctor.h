// Every lever and dependency of the guard, looked at from outside the daemon: as Postfix and
// Dovecot have it, as the kernel and the disks have it, and what the daemon says of itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/attach_server.h"
#include "base/text.h"
#include "config/settings.h"

namespace sekimori::app {

enum class Finding : std::uint8_t { good, warning, bad, unknown };
[[nodiscard]] std::string_view to_string(Finding);

struct Check {
  std::string name;  // "policy_asked", "default_action", …; docs/operate/doctor.md has them all
  Finding level = Finding::good;
  Text verdict;
  Text mend;  // the command that mends it; empty when good
};

struct DoctorSetup {
  const AttachPlace& place;
  ServerPaths paths;
  const config::Settings& settings;
  std::string ledger;  // folder of attach's manifest
  MailEndpoint mx;     // unset: as master.cf has it
};

// Blocks for some seconds at most. As root it can look at everything; what it may not see is
// `unknown`.
[[nodiscard]] std::vector<Check> examine(const DoctorSetup& setup);

// What Postfix's own configuration says of the levers. Pure.
[[nodiscard]] std::vector<Check> postfix_checks(const AttachFacts& facts,
                                                const config::Settings& settings);
// The same of Dovecot's. Pure.
[[nodiscard]] std::vector<Check> dovecot_checks(const AttachFacts& facts,
                                                const config::Settings& settings);
// What stands in the way in the last lines of the mail log. Pure.
[[nodiscard]] Check mail_loop_check(std::string_view tail);

}  // namespace sekimori::app
