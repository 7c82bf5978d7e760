#include "config/settings.h"

namespace sekimori::config {

Mode mode_for(const Settings& settings, std::string_view account) {
  const ModeTable& accounts = settings.mode.accounts;
  if (const auto it = accounts.find(account); it != accounts.end()) return it->second;
  if (const auto at = account.rfind('@'); at != std::string_view::npos) {
    const ModeTable& domains = settings.mode.domains;
    if (const auto it = domains.find(account.substr(at + 1)); it != domains.end()) {
      return it->second;
    }
  }
  return settings.server.mode;
}

std::string_view to_string(Mode mode) { return mode == Mode::observe ? "observe" : "enforce"; }

std::string_view to_string(Language language) { return language == Language::ja ? "ja" : "en"; }

}  // namespace sekimori::config
