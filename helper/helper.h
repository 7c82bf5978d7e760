// The privileged helper process (`sekimori helper`): listens on a unix socket, runs as root, does
// the few fixed things of helper/protocol.h and nothing else.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "helper/firewall.h"

namespace sekimori::helper {

struct HelperOptions {
  std::string socket_path = "/run/sekimori/helper.sock";
  // The daemon's user: besides root the only one who is listened to. The socket is theirs, 0660.
  std::string user = "sekimori";
  std::string group;  // "" = the user's own
  std::string postfix_config_directory = "/etc/postfix";
  std::string postfix_command_directory = "/usr/sbin";
  // Remembers what stop_sending changed; survives the helper. In a folder where only root may write
  // (its last part is made when missing): what stands there goes back into main.cf.
  std::string state_file = "/var/lib/sekimori-helper/sending_stopped.json";
  Duration command_timeout = seconds(60);  // of each of Postfix's programs
  bool show_subjects = false;              // tells the subjects of queued mail
  FirewallSettings firewall = {};          // bans, where the operator wants them there
  // Takes lines for the log (what was asked, by whom, how it ended). Empty: stderr.
  std::function<void(std::string_view)> log = {};
};

// Serves until SIGTERM or SIGINT; requests are carried out one at a time, in the order they come.
// Blocks those two signals in the calling thread and ignores SIGPIPE: the process is the helper's.
// Returns the exit code: 0 ended as asked, 1 could not start (said in the log).
int run_helper(const HelperOptions& options);

}  // namespace sekimori::helper
