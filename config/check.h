// Reading the settings file, and saying exactly what is wrong with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/text.h"
#include "config/definition.h"
#include "config/settings.h"

namespace sekimori::config {

enum class Severity : std::uint8_t {
  error,    // the file cannot be used
  warning,  // it can, but is hardly what was meant
};

struct Finding {
  Severity severity = Severity::error;
  int line = 0;         // from 1; 0 where the fault is in something the file does not hold
  int column = 0;       // from 1
  std::string name;     // "policy.listen" as it stands in the file, "" for the file itself
  Text what;            // a sentence; never holds a secret
  std::string nearest;  // the right name an unknown one probably meant, or ""
};

// A file that was read. Where a value was wrong, `settings` keeps its default.
struct Loaded {
  Settings settings;
  std::string filename;
  std::vector<Finding> findings;  // in the order of lines
  std::vector<int> lines;         // by index into definitions(); 0: the default holds
  [[nodiscard]] bool usable() const;
};

// Reads TOML text of at most 1 MiB. Any bytes may come in.
[[nodiscard]] Loaded read_settings(std::string_view text, std::string_view filename);

// What `sekimori config check` reports.
[[nodiscard]] std::vector<Finding> check_settings(std::string_view text, std::string_view filename);

// The settings, or every error of the file in English, a line each. Errors: bad_input.
[[nodiscard]] Result<Settings> parse_settings(std::string_view text, std::string_view filename);

// Reads the file. Errors: operating (it cannot be read). What is wrong inside is in the findings.
[[nodiscard]] Result<Loaded> read_settings_file(const std::string& path);

// "sekimori.toml:12:3: error: policy.lisen: no such setting; did you mean policy.listen?"
[[nodiscard]] std::string print_finding(const Finding& finding, std::string_view filename,
                                        Language language);

struct Effective {
  std::string name;
  std::string value;   // as TOML spells it, secrets masked
  std::string source;  // "default" or "sekimori.toml:12"
  Lifetime lifetime = Lifetime::live;
};
// What `sekimori config show` prints: every setting, in the order of settings.def.
[[nodiscard]] std::vector<Effective> effective_values(const Loaded& loaded);

// The names of the settings in which the two differ and that have this lifetime: what a reload
// takes over (live), and what waits for a restart.
[[nodiscard]] std::vector<std::string> changed_settings(const Settings& before,
                                                        const Settings& after, Lifetime lifetime);

}  // namespace sekimori::config
