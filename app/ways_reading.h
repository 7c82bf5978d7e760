// What the ways of an account mean: who gets mail by them, and what the judge is told. Pure, but
// for the directory that is handed in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/event.h"
#include "decide/directory.h"
#include "decide/ways.h"

namespace sekimori::app {

// Stands for the targets of a script that cannot be read, or are known only when mail comes.
inline constexpr std::string_view k_unknown_target = "?";

// Does an entry of an alias, or a target of a script, lead away from this server? A program or file
// does.
[[nodiscard]] bool is_elsewhere(std::string_view target, std::string_view account,
                                const decide::Directory& directory);

// The places elsewhere to which one script sends mail; k_unknown_target where it cannot be read.
[[nodiscard]] std::vector<std::string> targets_of_script(std::string_view script,
                                                         std::string_view account,
                                                         const decide::Directory& directory);
// Those of the active script and of what it includes. Sorted, each once.
[[nodiscard]] std::vector<std::string> targets_of_active(const std::vector<decide::Way>& ways,
                                                         std::string_view account,
                                                         const decide::Directory& directory);
// Those of one way, `ways` being all that stand beside it.
[[nodiscard]] std::vector<std::string> targets_of(decide::WayKind kind,
                                                  const std::optional<std::string>& content,
                                                  const std::vector<decide::Way>& ways,
                                                  std::string_view account,
                                                  const decide::Directory& directory);

// Does mail go elsewhere by this change, and did not before?
[[nodiscard]] bool is_external(const decide::WayChange& change,
                               const std::vector<decide::Way>& before,
                               const std::vector<decide::Way>& after,
                               const decide::Directory& directory);

// What the judge is told of it, if anything: never an address or a name, but the domain.
[[nodiscard]] std::optional<SettingsChange> settings_change(const decide::WayChange& change,
                                                            const decide::Directory& directory);

}  // namespace sekimori::app
