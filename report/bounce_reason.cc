#include "report/bounce_reason.h"

#include <algorithm>
#include <array>
#include <span>

#include "report/bounce_words.h"

namespace sekimori::report {
namespace {

using enum BounceReason;

// Does `words`, with its gaps, stand in `text`?
bool stands_in(std::string_view text, std::string_view words) {
  const auto star = words.find('*');
  if (star == std::string_view::npos) return text.find(words) != std::string_view::npos;
  const std::string_view head = words.substr(0, star);
  const std::string_view tail = words.substr(star + 1);
  for (std::size_t at = text.find(head); at != std::string_view::npos;
       at = text.find(head, at + 1)) {
    if (stands_in(text.substr(at + head.size(), k_gap_max + tail.size()), tail)) return true;
  }
  return false;
}

struct StatusMeaning {
  std::string_view detail;  // without its class
  BounceReason reason;
};
constexpr auto k_statuses = std::to_array<StatusMeaning>({
    {"1.0", user_unknown},  {"1.1", user_unknown},   {"1.2", host_unknown},
    {"1.3", user_unknown},  {"1.4", filtered},       {"1.6", has_moved},
    {"1.7", rejected},      {"1.8", rejected},       {"1.9", system_error},
    {"1.10", user_unknown}, {"2.0", filtered},       {"2.1", suspended},
    {"2.2", mailbox_full},  {"2.3", too_big},        {"2.4", filtered},
    {"3.0", system_error},  {"3.1", system_full},    {"3.2", not_accept},
    {"3.3", system_error},  {"3.4", too_big},        {"3.5", system_error},
    {"4.1", expired},       {"4.2", expired},        {"4.3", system_error},
    {"4.4", host_unknown},  {"4.5", system_full},    {"4.6", network_error},
    {"4.7", expired},       {"4.316", expired},      {"5.3", too_many_connections},
    {"5.4", system_error},  {"6.0", content_error},  {"6.1", content_error},
    {"6.6", content_error}, {"6.9", content_error},  {"7.0", policy},
    {"7.2", filtered},      {"7.8", security},       {"7.9", policy},
    {"7.11", security},     {"7.13", suspended},     {"7.17", has_moved},
    {"7.18", has_moved},    {"7.20", auth_failure},  {"7.21", auth_failure},
    {"7.22", auth_failure}, {"7.23", auth_failure},  {"7.24", auth_failure},
    {"7.25", require_ptr},  {"7.26", auth_failure},  {"7.27", not_accept},
    {"7.28", spam},         {"7.29", auth_failure},  {"7.509", auth_failure},
    {"7.6", security},      {"1.351", user_unknown}, {"7.705", too_fast},
});

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reply codes that are in use (RFC 5321 §4.2.3, RFC 4954, RFC 7504, RFC 7505).
constexpr auto k_codes = std::to_array<std::string_view>(
    {"250", "251", "252", "421", "430", "432", "450", "451", "452", "453", "454",
     "455", "500", "501", "502", "503", "504", "521", "523", "525", "530", "534",
     "535", "538", "550", "551", "552", "553", "554", "555", "556", "557", "571"});

}  // namespace

SmtpPhase phase_in(std::string_view text) {
  const auto any = [&](std::initializer_list<std::string_view> words) {
    return std::ranges::any_of(words,
                               [&](auto w) { return text.find(w) != std::string_view::npos; });
  };
  if (any({"end of data", "final data", "data command", "after data", "smtp command data",
           "text command", "sent data", "in: data out: 5", "in reply to data"})) {
    return SmtpPhase::data;
  }
  if (any({"after rcpt to", "in reply to rcpt to", "our rcpt to", "rcpt_to", "following rcpt"})) {
    return SmtpPhase::rcpt_to;
  }
  if (any({"after mail from", "in reply to mail from", "our mail from", "mail_from",
           "sender rejected"})) {
    return SmtpPhase::mail_from;
  }
  if (any({"initial connection", "refused to talk to me", "my name was rejected", "initial server",
           "in reply to ehlo", "in reply to helo", "after ehlo", "after helo"})) {
    return SmtpPhase::connection;
  }
  return SmtpPhase::unknown;
}

BounceReason reason_in(std::string_view text) {
  for (const BounceWords& one : bounce_words()) {
    for (std::string_view rest = one.words; !rest.empty();) {
      const auto end = rest.find('|');
      if (stands_in(text, rest.substr(0, end))) return one.reason;
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
  }
  return undefined;
}

BounceReason reason_of_status(std::string_view status) {
  if (status.size() < 5) return undefined;
  if (status[0] == '2') return delivered;
  const std::string_view detail = status.substr(2);
  const auto at = std::ranges::find(k_statuses, detail, &StatusMeaning::detail);
  return at == k_statuses.end() ? undefined : at->reason;
}

std::string_view stand_in_of(BounceReason reason) {
  switch (reason) {
    case auth_failure: return "976";
    case bad_reputation: return "975";
    case blocked: return "971";
    case content_error: return "960";
    case expired: return "947";
    case filtered: return "910";
    case has_moved: return "916";
    case host_unknown: return "912";
    case mailbox_full: return "922";
    case mailer_error: return "939";
    case too_big: return "934";
    case network_error: return "944";
    case no_relaying: return "909";
    case not_accept: return "932";
    case not_compliant: return "974";
    case on_hold: return "901";
    case policy: return "972";
    case rejected: return "918";
    case require_ptr: return "973";
    case security: return "970";
    case spam: return "980";
    case too_fast: return "945";
    case suspended: return "921";
    case syntax: return "902";
    case system_error: return "930";
    case system_full: return "931";
    case too_many_connections: return "945";
    case user_unknown: return "911";
    case virus: return "971";
    default: return "900";
  }
}

std::string status_in(std::string_view text) {
  std::string found;
  std::string success;
  for (std::size_t i = 0; i + 5 <= text.size(); ++i) {
    if (text[i] != '2' && text[i] != '4' && text[i] != '5') continue;
    if (text[i + 1] != '.' || !is_digit(text[i + 2]) || text[i + 2] > '7' || text[i + 3] != '.') {
      continue;
    }
    // Not within a number, a version or an address: "192.4.5.5.1", "4.16.55.1".
    if (i > 0 && (is_digit(text[i - 1]) || text[i - 1] == '.' || text[i - 1] == '/')) continue;
    std::size_t end = i + 4;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end == i + 4 || end > i + 7) continue;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) continue;
    (text[i] == '2' ? success : found) = text.substr(i, end - i);
    i = end;
  }
  // A dialogue has its good moments before the one that counts.
  return found.empty() ? success : found;
}

std::string reply_code_in(std::string_view text) {
  std::string first;
  std::string before_status;
  std::string success;
  for (std::size_t i = 0; i + 3 <= text.size(); ++i) {
    if (!is_digit(text[i]) || (i > 0 && (is_digit(text[i - 1]) || text[i - 1] == '.'))) continue;
    const std::string_view code = text.substr(i, 3);
    if (std::ranges::find(k_codes, code) == k_codes.end()) continue;
    const char after = i + 3 < text.size() ? text[i + 3] : ' ';
    if (std::string_view(" -:,'\n\t]").find(after) == std::string_view::npos) continue;
    std::string_view before = text.substr(0, i);
    while (!before.empty() && before.back() == ' ') before.remove_suffix(1);
    // A code begins a reply: at the text's start or behind what leads to it.
    const bool leads =
        before.empty() || before.back() == '\n' || after == '-' || before.ends_with("said:") ||
        before.ends_with("<<<") ||
        std::string_view(":;<>'\"([)].").find(before.back()) != std::string_view::npos ||
        before.ends_with("responded") || before.ends_with("returned") ||
        before.ends_with("error was");
    // "550 5.1.1" and "550-5.1.1" are codes wherever they stand.
    std::size_t s = i + 3;
    while (s < text.size() && (text[s] == ' ' || text[s] == '-' || text[s] == ':')) ++s;
    const bool status = s + 4 < text.size() && text[s] == text[i] && text[s + 1] == '.' &&
                        is_digit(text[s + 2]) && text[s + 3] == '.';
    if (code.front() == '2') {
      if ((leads || status) && success.empty()) success = code;
    } else if (status) {
      before_status = code;
    } else if (leads && (first.empty() || before.ends_with("..."))) {
      // Sendmail's "554 <a@b>... 550 words": the inner one is the remote side's.
      first = code;
    }
  }
  if (!before_status.empty()) return before_status;
  return first.empty() ? success : first;
}

}  // namespace sekimori::report
