// What attach and doctor share of the command line.
#pragma once

#include <string>

#include "app/attach_ledger.h"
#include "app/attach_server.h"
#include "app/cli_options.h"
#include "config/settings.h"
#include "wire/text_diff.h"

namespace sekimori::app {

// Where the manifest and the earlier files lie.
[[nodiscard]] std::string attach_folder(const Invocation& given, const AttachPlace& place,
                                        const ServerPaths& paths);
[[nodiscard]] ServerPaths attach_paths(const Invocation& given, const config::Settings& settings);

// What somebody changed in a file since attach wrote it.
[[nodiscard]] inline std::string wire_diff(const AttachLedger::Edited& edited) {
  return wire::unified_diff(edited.ours, edited.now.value_or(""), {edited.path, edited.path});
}

}  // namespace sekimori::app
