// Dovecot's half of a plan: drop-ins where conf.d is read, else two files and their include lines.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "app/attach_plan.h"

namespace sekimori::app {

[[nodiscard]] std::vector<FileChange> dovecot_changes(const AttachFacts& facts,
                                                      const AttachChoice& choice,
                                                      std::vector<Text>& notes);
// Those that are new: the gate, the rest, the secrets, and for 2.3 the gate's query.
[[nodiscard]] std::vector<std::string> dovecot_files(const AttachFacts& facts);
// The one with the nonce and the key.
[[nodiscard]] std::string dovecot_secrets_file(const AttachFacts& facts);

}  // namespace sekimori::app
