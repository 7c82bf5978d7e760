// Looking at a mail server: what Postfix and Dovecot say of themselves, whether they run, where
// they listen, and telling them to read their configuration again. One thread; blocks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/attach_place.h"
#include "app/attach_plan.h"
#include "app/drill_stream.h"
#include "base/result.h"

namespace sekimori::app {

struct ServerPaths {
  std::string postfix_dir = "/etc/postfix";
  std::string dovecot_file = "/etc/dovecot/dovecot.conf";  // "" = no Dovecot here
};

// Errors: operating, bad_input; in words for a person.
[[nodiscard]] Result<AttachFacts> look_at_server(const AttachPlace& place,
                                                 const ServerPaths& paths);

// Where it takes mail from outside and where people hand theirs in, from master.cf; unset where
// there is none that speaks plain SMTP first.
struct ServerPorts {
  MailEndpoint mx;
  MailEndpoint submission;
};
[[nodiscard]] ServerPorts ports_of(const AttachFacts& facts);

[[nodiscard]] bool postfix_runs(const AttachPlace& place, const AttachFacts& facts);
[[nodiscard]] bool dovecot_runs(const AttachPlace& place, const AttachFacts& facts);

// Does each accept its configuration as it stands on disk? Errors: operating, with its words.
[[nodiscard]] Result<void> configuration_holds(const AttachPlace& place, const AttachFacts& facts);
// Dovecot first: its old auth process lives as long as an smtpd is connected to it.
[[nodiscard]] Result<void> reload_servers(const AttachPlace& place, const AttachFacts& facts);

// The account store behind virtual_mailbox_maps. Errors: not_found, operating.
[[nodiscard]] Result<FoundAccounts> find_accounts(const AttachPlace& place,
                                                  const AttachFacts& facts);

}  // namespace sekimori::app
