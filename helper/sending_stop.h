// How "stop all sending" is remembered and worded: which transports of Postfix leave the server,
// and what defer_transports was before.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sekimori::helper {

struct SavedSending {
  std::optional<std::string> earlier;  // nullopt: main.cf did not set it
  std::string ours;                    // what we wrote
  std::vector<std::string> added;      // the transports we put there
};

// The transports of `postconf -M` that run smtp(8) or lmtp(8)'s SMTP side, "smtp" always among
// them. "relay" is left alone: it carries incoming mail to the mail stores behind this server.
[[nodiscard]] std::vector<std::string> smtp_transports(std::string_view master_services);
// The list with those added that it lacks; the rest unchanged.
[[nodiscard]] std::string with_transports(std::string_view list,
                                          const std::vector<std::string>& added);
[[nodiscard]] std::string without_transports(std::string_view list,
                                             const std::vector<std::string>& removed);

// The state file: nullopt when there is none. Errors: operating; a damaged file is one, too, since
// guessing would lose the operator's setting.
[[nodiscard]] Result<std::optional<SavedSending>> read_saved(const std::string& path);
// Durable when it returns (written aside, fsynced, renamed).
[[nodiscard]] Result<void> write_saved(const std::string& path, const SavedSending& saved);
[[nodiscard]] Result<void> forget_saved(const std::string& path);

}  // namespace sekimori::helper
