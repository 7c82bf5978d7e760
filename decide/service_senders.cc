#include "decide/service_senders.h"

#include <algorithm>
#include <array>

#include "base/mail_address.h"
#include "decide/waiting_mail.h"

namespace sekimori::decide {
namespace {

constexpr std::array k_senders = {
#define SENDER(domain, category, ja, en) ServiceSender{domain, category, ja, en},
#include "decide/service_senders.def"
#undef SENDER
};

// Words in a local part that no person writes under. Compared within words: "account-update",
// "no-reply", "password.reset", "security-noreply".
constexpr std::array<std::string_view, 22> k_machine_words = {
    "noreply",       "no-reply", "no_reply",     "donotreply", "do-not-reply", "security",
    "account",       "accounts", "password",     "verify",     "verification", "notification",
    "notifications", "notify",   "signin",       "login",      "auth",         "alert",
    "alerts",        "confirm",  "confirmation", "service"};

// People have addresses there, too: only the machines' count.
constexpr std::array<std::string_view, 4> k_personal = {"au.com", "docomo.ne.jp", "proton.me",
                                                        "softbank.jp"};

bool is_machine(std::string_view local) {
  return std::ranges::any_of(k_machine_words, [&](std::string_view word) {
    for (auto at = local.find(word); at != std::string_view::npos; at = local.find(word, at + 1)) {
      const auto end = at + word.size();
      const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
      if ((at == 0 || !letter(local[at - 1])) && (end == local.size() || !letter(local[end]))) {
        return true;
      }
    }
    return false;
  });
}

}  // namespace

std::span<const ServiceSender> service_senders() { return k_senders; }

std::optional<FoundService> service_of(std::string_view sender) {
  const std::string lower = ascii_lower(sender);
  const auto at = lower.rfind('@');
  if (at == std::string::npos || at == 0 || at + 1 == lower.size()) return std::nullopt;
  const std::string_view local = std::string_view(lower).substr(0, at);
  const std::string_view whole = std::string_view(lower).substr(at + 1);
  for (std::string_view domain = whole; !domain.empty();) {
    const auto found = std::ranges::lower_bound(k_senders, domain, {}, &ServiceSender::domain);
    if (found != k_senders.end() && found->domain == domain) {
      if (std::ranges::find(k_personal, whole) != k_personal.end() && !is_machine(local)) break;
      return FoundService{std::string(found->domain), std::string(found->category),
                          std::string(found->ja), std::string(found->en), true};
    }
    const auto dot = domain.find('.');
    domain = dot == std::string_view::npos ? std::string_view() : domain.substr(dot + 1);
  }
  if (!is_machine(local)) return std::nullopt;
  std::string domain = client_domain(whole, "");
  return FoundService{domain, "other", domain, domain, false};
}

}  // namespace sekimori::decide
