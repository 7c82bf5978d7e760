#include "app/ways_reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/mail_address.h"
#include "wire/sieve.h"

namespace sekimori::app {

using decide::Way;
using decide::WayChange;
using decide::WayKind;

namespace {

const Way* find(const std::vector<Way>& ways, WayKind kind, std::string_view key) {
  const auto found = std::ranges::find_if(
      ways, [&](const Way& way) { return way.kind == kind && way.key == key; });
  return found == ways.end() ? nullptr : &*found;
}

void add(std::vector<std::string>& to, std::vector<std::string> what) {
  to.insert(to.end(), std::make_move_iterator(what.begin()), std::make_move_iterator(what.end()));
  std::ranges::sort(to);
  const auto repeated = std::ranges::unique(to);
  to.erase(repeated.begin(), repeated.end());
}

// The names of the active script and of what it includes.
std::set<std::string> scripts_in_force(const std::vector<Way>& ways) {
  std::set<std::string> names;
  const Way* const active = find(ways, WayKind::sieve_active, "");
  if (active == nullptr) return names;
  std::vector<std::string> left{active->content};
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    if (!names.insert(name).second) continue;
    const Way* const way = find(ways, WayKind::sieve_script, decide::way_key(name));
    const auto script = way == nullptr ? Result<wire::SieveScript>(wire::SieveScript{})
                                       : wire::parse_sieve(way->content);
    if (!script) continue;
    for (const auto& action : script->actions) {
      if (action.verb == wire::SieveVerb::include && !action.is_global) {
        left.push_back(action.target);
      }
    }
  }
  return names;
}

bool has_more(const std::vector<std::string>& now, const std::vector<std::string>& before) {
  return !std::ranges::includes(before, now);
}

}  // namespace

bool is_elsewhere(std::string_view target, std::string_view account,
                  const decide::Directory& directory) {
  const std::string plain = ascii_lower(target);
  if (plain == k_unknown_target || plain.find("${") != std::string::npos) return true;
  if (plain.starts_with('|') || plain.starts_with('/') || plain.starts_with(':')) return true;
  const std::string_view domain = domain_of(plain);
  if (domain.empty()) return false;  // a local name
  // PostfixAdmin's autoresponder: user#domain@ a domain of its own.
  std::string vacation(account);
  if (const std::size_t at = vacation.rfind('@'); at != std::string::npos) vacation[at] = '#';
  if (plain.starts_with(vacation + "@")) return false;
  return !directory.is_local_domain(domain) &&
         !directory.is_local_domain(domain_of(directory.account_of(plain)));
}

std::vector<std::string> targets_of_script(std::string_view script, std::string_view account,
                                           const decide::Directory& directory) {
  const auto read = wire::parse_sieve(script);
  if (!read) return {std::string(k_unknown_target)};
  auto targets = wire::sieve_targets(*read);
  std::erase_if(targets, [&](const std::string& target) {
    return !is_elsewhere(target, account, directory);
  });
  for (const auto& action : read->actions) {
    if (action.verb == wire::SieveVerb::redirect && !action.is_constant &&
        action.target.find("${") == std::string::npos) {
      add(targets, {std::string(k_unknown_target)});  // a list
    }
  }
  return targets;
}

std::vector<std::string> targets_of_active(const std::vector<Way>& ways, std::string_view account,
                                           const decide::Directory& directory) {
  std::vector<std::string> targets;
  for (const std::string& name : scripts_in_force(ways)) {
    if (const Way* way = find(ways, WayKind::sieve_script, decide::way_key(name))) {
      add(targets, targets_of_script(way->content, account, directory));
    }
  }
  return targets;
}

std::vector<std::string> targets_of(WayKind kind, const std::optional<std::string>& content,
                                    const std::vector<Way>& ways, std::string_view account,
                                    const decide::Directory& directory) {
  if (!content) return {};
  if (kind == WayKind::forward) {
    return is_elsewhere(*content, account, directory) ? std::vector{*content}
                                                      : std::vector<std::string>{};
  }
  if (kind == WayKind::sieve_script) return targets_of_script(*content, account, directory);
  if (kind != WayKind::sieve_active) return {};
  std::vector<Way> with = ways;
  std::erase_if(with, [](const Way& way) { return way.kind == WayKind::sieve_active; });
  with.push_back({WayKind::sieve_active, "", *content});
  return targets_of_active(with, account, directory);
}

bool is_external(const WayChange& change, const std::vector<Way>& before,
                 const std::vector<Way>& after, const decide::Directory& directory) {
  if (!change.after) return false;
  const std::string& account = change.account;
  switch (change.kind) {
    case WayKind::forward: return is_elsewhere(*change.after, account, directory);
    case WayKind::local_copy:
      // All of it goes elsewhere then.
      return std::ranges::any_of(after, [&](const Way& way) {
        return way.kind == WayKind::forward && is_elsewhere(way.content, account, directory);
      });
    case WayKind::sieve_active:
      return has_more(targets_of_active(after, account, directory),
                      targets_of_active(before, account, directory));
    case WayKind::sieve_script: {
      const auto names = scripts_in_force(after);
      const bool is_in_force = std::ranges::any_of(
          names, [&](const std::string& name) { return decide::way_key(name) == change.key; });
      return is_in_force &&
             has_more(targets_of_script(*change.after, account, directory),
                      change.before ? targets_of_script(*change.before, account, directory)
                                    : std::vector<std::string>{});
    }
    default: return false;
  }
}

std::optional<SettingsChange> settings_change(const WayChange& change,
                                              const decide::Directory& directory) {
  switch (change.kind) {
    case WayKind::forward: {
      if (!change.after) return std::nullopt;
      std::string_view domain = domain_of(*change.after);
      if (domain.empty()) domain = "a program, file or list";
      return SettingsChange{
          SettingKind::forward,
          fmt::format("{} {}", change.is_external ? "external" : "internal", ascii_lower(domain))};
    }
    case WayKind::local_copy:
      if (!change.after) return std::nullopt;
      return SettingsChange{SettingKind::forward, "no copy in the mailbox"};
    case WayKind::sieve_script:
    case WayKind::sieve_active: {
      if (!change.after) return std::nullopt;
      if (!change.is_external) return SettingsChange{SettingKind::filter, ""};
      std::string domains;
      if (change.kind == WayKind::sieve_script) {
        for (const auto& target : targets_of_script(*change.after, change.account, directory)) {
          const std::string_view domain = domain_of(target);
          domains += fmt::format(" {}", domain.empty() ? k_unknown_target : domain);
        }
      }
      constexpr std::size_t k_detail_max = 200;
      return SettingsChange{SettingKind::forward,
                            fmt::format("external by sieve{}", domains).substr(0, k_detail_max)};
    }
    case WayKind::vacation: return SettingsChange{SettingKind::vacation, ""};
    case WayKind::app_password:
      if (!change.after) return std::nullopt;
      return SettingsChange{SettingKind::app_password, ""};
    case WayKind::totp_exception:
      if (!change.after) return std::nullopt;
      return SettingsChange{SettingKind::recovery, "second factor: exception"};
    case WayKind::totp: return SettingsChange{SettingKind::recovery, "second factor"};
    case WayKind::contact: return SettingsChange{SettingKind::recovery, change.key};
    default: return std::nullopt;
  }
}

}  // namespace sekimori::app
