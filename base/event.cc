#include "base/event.h"

#include <array>

#include "base/words.h"

namespace sekimori {
namespace {

constexpr std::array<std::string_view, 6> k_services{"smtp",  "imap",   "pop3",
                                                     "sieve", "portal", "other"};
constexpr std::array<std::string_view, 3> k_login_results{"ok", "bad_password", "refused"};
constexpr std::array<std::string_view, 3> k_deliveries{"sent", "deferred", "bounced"};
constexpr std::array<std::string_view, 6> k_settings{"forward",      "filter",   "password",
                                                     "app_password", "recovery", "vacation"};
constexpr std::array<std::string_view, 5> k_standings{"normal", "restricted", "suspended",
                                                      "recovering", "probation"};
constexpr std::array<std::string_view, 3> k_fates{"accepted", "held", "refused"};

}  // namespace

std::string_view to_string(Service v) { return word_of(k_services, v); }
std::string_view to_string(LoginResult v) { return word_of(k_login_results, v); }
std::string_view to_string(DeliveryStatus v) { return word_of(k_deliveries, v); }
std::string_view to_string(SettingKind v) { return word_of(k_settings, v); }
std::string_view to_string(Standing v) { return word_of(k_standings, v); }
std::string_view to_string(Fate v) { return word_of(k_fates, v); }

Service parse_service(std::string_view word) {
  if (word == "submission") return Service::smtp;
  if (word == "managesieve") return Service::sieve;
  return value_of<Service>(k_services, word).value_or(Service::other);
}
std::optional<LoginResult> parse_login_result(std::string_view w) {
  return value_of<LoginResult>(k_login_results, w);
}
std::optional<DeliveryStatus> parse_delivery_status(std::string_view w) {
  return value_of<DeliveryStatus>(k_deliveries, w);
}
std::optional<SettingKind> parse_setting_kind(std::string_view w) {
  return value_of<SettingKind>(k_settings, w);
}
std::optional<Standing> parse_standing(std::string_view w) {
  return value_of<Standing>(k_standings, w);
}
std::optional<Fate> parse_fate(std::string_view w) { return value_of<Fate>(k_fates, w); }

}  // namespace sekimori
