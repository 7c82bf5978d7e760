#include "wire/log_class.h"

#include <algorithm>
#include <cstddef>

namespace sekimori::wire {
namespace {

constexpr std::size_t k_shape_max = 120;

bool begins_with_any(std::string_view text, const auto& prefixes) {
  return std::ranges::any_of(prefixes, [&](std::string_view p) { return text.starts_with(p); });
}
bool holds_any(std::string_view text, const auto& parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view p) { return text.find(p) != std::string_view::npos; });
}

// "postfix/smtpd", "postfix-out/submission/smtpd": every program of Postfix with a service name is
// read as one, also under another syslog_name.
bool is_postfix(const LogLine& line) {
  if (line.program.starts_with("postfix")) return true;
  constexpr std::string_view k_daemons[] = {
      "anvil",  "bounce",   "cleanup",    "discard",       "dnsblog",   "error",
      "flush",  "lmtp",     "local",      "master",        "oqmgr",     "pickup",
      "pipe",   "postdrop", "postqueue",  "postscreen",    "postsuper", "proxymap",
      "qmgr",   "qmqpd",    "scache",     "sendmail",      "showq",     "smtp",
      "smtpd",  "smtps",    "submission", "tlsmgr",        "tlsproxy",  "trivial-rewrite",
      "verify", "virtual",  "postlogd",   "postfix-script"};
  return line.daemon.size() != line.program.size() &&
         std::ranges::find(k_daemons, line.daemon) != std::end(k_daemons);
}

// Written from the log statements of Postfix 3.7 and the cases of the test data.
LogClass of_postfix(std::string_view daemon, std::string_view text) {
  constexpr std::string_view k_levels[] = {"warning: ", "error: ", "fatal: ", "panic: "};
  if (begins_with_any(text, k_levels)) return LogClass::warning;
  if (const auto colon = text.find(": ");
      colon != std::string_view::npos && is_queue_id(text.substr(0, colon))) {
    text.remove_prefix(colon + 2);
    if (begins_with_any(text, k_levels)) return LogClass::warning;
    constexpr std::string_view k_failed[] = {"lost connection with ", "conversation with ",
                                             "SASL authentication failed", "Cannot start TLS",
                                             "TLS is required"};
    if (begins_with_any(text, k_failed)) return LogClass::warning;
    constexpr std::string_view k_notes[] = {"skipped, still being delivered",
                                            "enabling PIX workarounds",
                                            "host ",
                                            "resent-message-id=",
                                            "delivery status",
                                            "passing ",
                                            "replace: ",
                                            "filter: ",
                                            "Server certificate",
                                            "breaking line",
                                            "to=",
                                            "queued as"};
    return begins_with_any(text, k_notes) ? LogClass::routine : LogClass::unknown;
  }
  constexpr std::string_view k_failed[] = {"connect to ",         "certificate verification failed",
                                           "SSL_connect error",   "SSL_accept error",
                                           "TLS library problem", "Server certificate not"};
  if (begins_with_any(text, k_failed)) return LogClass::warning;
  constexpr std::string_view k_words[] = {"TLS connection established",
                                          "TLS connection reused",
                                          "listed by domain",
                                          "restarting",
                                          "has changed --",
                                          "cleanup: retained="};
  // Of a busy server every third line: looked for where they begin, before they are looked for
  // anywhere.
  constexpr std::string_view k_often[] = {
      "Anonymous TLS connection established", "Untrusted TLS connection established",
      "Trusted TLS connection established", "Verified TLS connection established"};
  if (begins_with_any(text, k_often) || holds_any(text, k_words)) return LogClass::routine;
  constexpr std::string_view k_notes[] = {"statistics: ",
                                          "cache ",
                                          "daemon started",
                                          "terminating on signal",
                                          "reload",
                                          "Deleted: ",
                                          "Requeued: ",
                                          "Placed on hold: ",
                                          "Released from hold: ",
                                          "addr ",
                                          "discarding EHLO keywords",
                                          "setting up TLS connection",
                                          "refreshing ",
                                          "starting ",
                                          "stopping ",
                                          "Postfix is ",
                                          "using backwards-compatible",
                                          "To disable backwards",
                                          "See http",
                                          "close database",
                                          "mapping ",
                                          "fix ",
                                          "name_mask",
                                          "rewrite stream",
                                          "initializing the server-side TLS",
                                          "SSL_accept:",
                                          "Host offered STARTTLS",
                                          "subject_CN=",
                                          "issuer=",
                                          "tls_",
                                          "watchdog",
                                          "idle timeout",
                                          "CONNECT from",
                                          "DISCONNECT",
                                          "the Postfix mail system",
                                          "Postfix mail system",
                                          "postfix-script",
                                          "message repeated"};
  if (begins_with_any(text, k_notes)) return LogClass::routine;
  if (daemon == "postfix-script" || daemon == "postlog" || daemon == "master") {
    return LogClass::routine;
  }
  return LogClass::unknown;
}

LogClass of_dovecot(std::string_view text) {
  constexpr std::string_view k_quiet[] = {": Debug: ", "Connect from ", "Disconnect from ",
                                          ": Disconnected: Connection closed", "Client quit"};
  const auto head = text.substr(0, std::min<std::size_t>(text.find(": "), text.size()));
  const std::string_view process = head.substr(0, head.find_first_of("(:<"));
  constexpr std::string_view k_bad[] = {": Warning: ", ": Error: ", ": Fatal: ", ": Panic: "};
  if (holds_any(text.substr(0, 200), k_bad)) return LogClass::warning;
  if (holds_any(text, k_quiet)) return LogClass::routine;
  // Of these no line carries a figure of ours.
  constexpr std::string_view k_processes[] = {
      "master",     "config",     "anvil",          "log",         "stats",      "old-stats",
      "doveadm",    "indexer",    "indexer-worker", "dict",        "dict-async", "imap-hibernate",
      "replicator", "ssl-params", "health-check",   "dsync-server"};
  if (std::ranges::find(k_processes, process) != std::end(k_processes)) return LogClass::routine;
  constexpr std::string_view k_notes[] = {"Connection closed",
                                          "Disconnected",
                                          "Disconnecting",
                                          "Logged out",
                                          "Aborted login",
                                          "Timeout",
                                          "sieve: msgid=",
                                          "sieve: Execution",
                                          "save: ",
                                          "delete: ",
                                          "expunge: ",
                                          "copy from ",
                                          "undelete: ",
                                          "Mailbox created",
                                          "Mailbox renamed",
                                          "Mailbox deleted",
                                          "mailbox created",
                                          "mailbox deleted",
                                          "flag_change: ",
                                          "move: ",
                                          "quota: ",
                                          "Server shutting down",
                                          "Internal login failure",
                                          "login: ",
                                          "Info: ",
                                          "Effective uid",
                                          "Client disconnected",
                                          "Connection queue full",
                                          "Shutting down"};
  auto rest = text.substr(std::min(head.size() + 2, text.size()));
  // Before 2.3 the session stands in the words: "lmtp(1): SESSION: sieve: msgid=<id>".
  if (const auto at = rest.find(": sieve: ");
      at != std::string_view::npos && rest.substr(0, at).find(' ') == std::string_view::npos) {
    rest.remove_prefix(at + 2);
  }
  if (begins_with_any(rest, k_notes)) return LogClass::routine;
  // "auth: policy(..)": what the policy server answered; "auth-worker(1): conn ..: connected".
  if (process == "auth" || process == "auth-worker") {
    constexpr std::string_view k_auth[] = {"olicy", "Connected to", "connect() ",
                                           "Server certificate"};
    if (holds_any(rest, k_auth)) return LogClass::routine;
  }
  if (process.ends_with("-login") && rest.find("user=<>") != std::string_view::npos) {
    return LogClass::routine;
  }
  return LogClass::unknown;
}

}  // namespace

LogClass classify(const LogLine& line) {
  if (!std::holds_alternative<LogUnknown>(line.record)) return LogClass::modelled;
  if (line.program == "dovecot") return of_dovecot(line.message);
  if (is_postfix(line)) return of_postfix(line.daemon, line.message);
  return LogClass::foreign;
}

std::string log_shape(std::string_view message) {
  std::string out;
  message = message.substr(0, 400);
  for (std::size_t i = 0; i < message.size() && out.size() < k_shape_max;) {
    const char c = message[i];
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c == '<' || c == '[' || c == '"') {
      const char close = c == '<' ? '>' : c == '[' ? ']' : '"';
      const auto end = message.find(close, i + 1);
      if (end != std::string_view::npos) {
        out += c;
        out += "..";
        out += close;
        i = end + 1;
        continue;
      }
    }
    if (!word) {
      out +=
          static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
      ++i;
      continue;
    }
    std::size_t end = i;
    bool digit = false;
    const auto of_word = [](char x) {
      return (x >= '0' && x <= '9') || (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') ||
             x == '.' || x == '@' || x == '-' || x == '_';
    };
    while (end < message.size() && of_word(message[end])) {
      digit = digit || (message[end] >= '0' && message[end] <= '9');
      ++end;
    }
    const std::string_view piece = message.substr(i, end - i);
    if (i == 0 && end < message.size() && message[end] == ':' && is_queue_id(piece)) {
      out += "ID";
    } else if (digit || piece.find('@') != std::string_view::npos) {
      out += 'N';
    } else {
      out += piece;
    }
    i = end;
  }
  if (out.size() > k_shape_max) out.resize(k_shape_max);
  return out;
}

}  // namespace sekimori::wire
