// Postfix messages. The fixed words were read from the log statements' output (postfix 3.7) and the
// cases of the test data; what stands behind "(" in a delivery, and every address and HELO, is
// written by others.
#include <algorithm>
#include <array>

#include "wire/log_scan.h"

namespace sekimori::wire::log_scan {
namespace {

// "name[ip]" or "[ip]:port", cut off the front; false when it does not stand there.
bool eat_peer(std::string_view& text, LogPeer& out) {
  const auto open = text.find('[');
  if (open == std::string_view::npos ||
      first_of<' ', ',', ';'>(text.substr(0, open)) != std::string_view::npos) {
    return false;
  }
  const auto close = text.find(']', open);
  if (close == std::string_view::npos) return false;
  out.name = text.substr(0, open);
  out.address = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  if (text.size() > 1 && text[0] == ':' && text[1] >= '0' && text[1] <= '9') {
    text.remove_prefix(1);
    eat_number(text, out.port);
  }
  return true;
}

// The address of "<address>, next…" at the front, cut off with its brackets. A quoted local part
// may hold ">, relay=", so quotes are respected while they pair up. Old versions write no brackets.
bool eat_address(std::string_view& text, std::string_view& out) {
  if (!text.starts_with('<')) {
    const auto end = text.find(", ");
    if (end == std::string_view::npos) return false;
    out = text.substr(0, end);
    text.remove_prefix(end);
    return true;
  }
  bool quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == '>' && !quoted) {
      out = text.substr(1, i - 1);
      text.remove_prefix(i + 1);
      return true;
    }
  }
  const auto end = text.find(">, ");
  if (end == std::string_view::npos) return false;
  out = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return true;
}

LogRecord read_delivery(std::string_view queue_id, std::string_view rest) {
  PostfixDelivery out;
  out.queue_id = queue_id;
  if (!eat(rest, "to=") || !eat_address(rest, out.to)) return LogUnknown{};
  if (eat(rest, ", orig_to=") && !eat_address(rest, out.orig_to)) return LogUnknown{};
  if (!eat(rest, ", relay=") || !eat_until(rest, ", delay=", out.relay)) return LogUnknown{};
  if (!eat_number(rest, out.delay_s)) return LogUnknown{};
  while (eat(rest, ", ")) {
    std::string_view key;
    if (!eat_until(rest, "=", key)) return LogUnknown{};
    if (key == "status") {
      const auto end = rest.find(' ');
      out.status = rest.substr(0, end);
      out.outcome = parse_delivery_status(out.status);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (eat(rest, "(")) {
        if (rest.ends_with(')')) rest.remove_suffix(1);
        out.reason = rest;
      }
      return out;
    }
    const auto end = rest.find(", ");
    const std::string_view value = rest.substr(0, end);
    rest.remove_prefix(value.size());
    if (key == "delays") out.delays = value;
    if (key == "dsn") out.dsn = value;
  }
  return LogUnknown{};
}

// "host h[ip] said: 450 … (in reply to RCPT TO command)", "host h[ip] refused to talk to me: …"
LogRecord read_remote_reply(std::string_view queue_id, std::string_view rest) {
  PostfixRemoteReply out;
  out.queue_id = queue_id;
  if (!eat_peer(rest, out.remote)) return LogUnknown{};
  if (!eat(rest, " said: ") && !eat(rest, " refused to talk to me: ")) return LogUnknown{};
  constexpr std::string_view k_stage = " (in reply to ";
  constexpr std::string_view k_command = " command)";
  if (const auto at = rest.rfind(k_stage); at != std::string_view::npos &&
                                           rest.ends_with(k_command) &&
                                           at + k_stage.size() + k_command.size() <= rest.size()) {
    const auto start = at + k_stage.size();
    out.stage = rest.substr(start, rest.size() - k_command.size() - start);
    rest = rest.substr(0, at);
  }
  out.reply = rest;
  return out;
}

LogRecord read_from(std::string_view queue_id, std::string_view rest) {
  std::string_view from;
  if (!eat_address(rest, from)) return LogUnknown{};
  if (eat(rest, ", status=")) return PostfixExpired{queue_id, from, rest.substr(0, rest.find(','))};
  PostfixQueueActive out{queue_id, from};
  if (!eat(rest, ", size=") || !eat_number(rest, out.size) || !eat(rest, ", nrcpt=") ||
      !eat_number(rest, out.nrcpt) || rest != " (queue active)") {
    return LogUnknown{};
  }
  return out;
}

LogRecord read_client(std::string_view queue_id, std::string_view rest) {
  PostfixClient out;
  out.queue_id = queue_id;
  if (!eat_peer(rest, out.client)) return LogUnknown{};
  while (eat(rest, ", ")) {
    std::string_view key;
    if (!eat_until(rest, "=", key)) return out;
    if (key == "orig_client") {
      if (!eat_peer(rest, out.orig_client)) return out;
      continue;
    }
    // A login may hold ", "; only sasl_sender can follow it.
    const auto end = key == "sasl_username" ? rest.find(", sasl_sender=")
                     : key == "sasl_sender" ? std::string_view::npos
                                            : rest.find(", ");
    const std::string_view value = rest.substr(0, end);
    rest.remove_prefix(value.size());
    if (key == "orig_queue_id") out.orig_queue_id = value;
    if (key == "sasl_method") out.sasl_method = value;
    if (key == "sasl_username") out.sasl_username = value;
    if (key == "sasl_sender") out.sasl_sender = value;
  }
  return out;
}

struct TailKey {
  std::string_view name;
  std::string_view PostfixVerdict::* field;
};
constexpr std::array<TailKey, 6> k_tail{{{"from=", &PostfixVerdict::from},
                                         {"to=", &PostfixVerdict::to},
                                         {"proto=", &PostfixVerdict::proto},
                                         {"helo=", &PostfixVerdict::helo},
                                         {"sasl_method=", nullptr},
                                         {"sasl_username=", &PostfixVerdict::sasl_username}}};

// True when `text` (what follows a value) goes on with a key after number `key`, or ends.
bool tail_goes_on(std::string_view text, std::size_t key) {
  if (text.empty() || text.starts_with(": ")) return true;
  eat(text, ",");
  if (!eat(text, " ")) return false;
  for (std::size_t i = key + 1; i < k_tail.size(); ++i) {
    if (text.starts_with(k_tail[i].name)) return true;
  }
  return false;
}

// "from=<a> to=<b> proto=ESMTP helo=<h>", postscreen with commas. The keys come in this order, and
// a value ends only where another key or the end follows.
void read_tail(std::string_view tail, PostfixVerdict& out) {
  for (std::size_t key = 0; key < k_tail.size(); ++key) {
    if (!eat(tail, k_tail[key].name)) continue;
    const bool angles = eat(tail, "<");
    std::size_t end = 0;
    for (; end < tail.size(); ++end) {
      if (angles ? tail[end] == '>' && tail_goes_on(tail.substr(end + 1), key)
                 : tail_goes_on(tail.substr(end), key)) {
        break;
      }
    }
    if (k_tail[key].field != nullptr) out.*k_tail[key].field = tail.substr(0, end);
    tail.remove_prefix(std::min(tail.size(), end + (angles ? 1 : 0)));
    eat(tail, ",");
    eat(tail, " ");
  }
}

void read_code(std::string_view text, PostfixVerdict& out) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  out.text = text;
  if (text.size() < 3 || text[0] < '2' || text[0] > '5' || !digit(text[1]) || !digit(text[2]))
    return;
  if (text.size() > 3 && text[3] != ' ') return;
  eat_number(text, out.code);
  eat(text, " ");
  const auto end = std::min(text.find(' '), text.size());
  const std::string_view dsn = text.substr(0, end);
  if (dsn.size() >= 5 && dsn[1] == '.' &&
      std::ranges::all_of(dsn, [&](char c) { return digit(c) || c == '.'; })) {
    out.dsn = dsn;
    text.remove_prefix(end);
    eat(text, " ");
  }
  out.text = text;
}

bool is_verdict(std::string_view action) {
  constexpr std::string_view k_actions[] = {
      "reject",  "reject_warning", "hold",         "discard",    "filter", "redirect", "warn",
      "warning", "info",           "prepend",      "bcc",        "delay",  "strip",    "replace",
      "permit",  "proxy-accept",   "proxy-reject", "quarantine", "sleep",  "ignore",   "pass"};
  return action.starts_with("milter-") ||
         std::ranges::find(k_actions, action) != std::end(k_actions);
}

LogRecord read_verdict(std::string_view queue_id, std::string_view action, std::string_view rest) {
  PostfixVerdict out;
  out.queue_id = queue_id;
  out.action = action;
  // The words end where the envelope begins.
  for (const std::string_view mark : {"; from=<", "; to=<", "; proto="}) {
    if (const auto at = rest.find(mark); at != std::string_view::npos) {
      read_tail(rest.substr(at + 2), out);
      rest = rest.substr(0, at);
      break;
    }
  }
  out.stage = rest.substr(0, first_of<' ', ':'>(rest));
  if (out.stage == "header" || out.stage == "body") {
    // "header Subject: any words from name[ip]": the last " from " is cleanup's own.
    out.text = rest;
    if (const auto at = rest.rfind(" from "); at != std::string_view::npos) {
      std::string_view peer = rest.substr(at + 6);
      LogPeer client;
      if (eat_peer(peer, client) && peer.empty()) {
        out.client = client;
        out.text = rest.substr(0, at);
      }
    }
    return out;
  }
  rest.remove_prefix(out.stage.size());
  if (eat(rest, " from ") && !eat_peer(rest, out.client)) return LogUnknown{};
  eat(rest, ":");
  eat(rest, " ");
  read_code(rest, out);
  return out;
}

LogRecord read_bounce(std::string_view queue_id, std::string_view to, std::string_view rest) {
  PostfixBounceNotice out;
  out.queue_id = queue_id;
  out.to = to;
  if (!eat_until(rest, " notification: ", out.kind) || !is_queue_id(rest)) return LogUnknown{};
  out.notice_queue_id = rest;
  return out;
}

LogRecord read_pickup(std::string_view queue_id, std::string_view rest) {
  PostfixPickup out;
  out.queue_id = queue_id;
  if (!eat_number(rest, out.uid) || !eat(rest, " from=")) return LogUnknown{};
  out.from = without_angles(rest);
  return out;
}

// What follows "QUEUEID: " or "NOQUEUE: ".
LogRecord read_queued(std::string_view daemon, std::string_view queue_id, std::string_view rest) {
  switch (rest.empty() ? '\0' : rest.front()) {
    case 't':
      if (rest.starts_with("to=")) return read_delivery(queue_id, rest);
      break;
    case 'f':
      if (eat(rest, "from=")) return read_from(queue_id, rest);
      break;
    case 'c':
      if (eat(rest, "client=")) return read_client(queue_id, rest);
      break;
    case 'h':
      if (eat(rest, "host ")) return read_remote_reply(queue_id, rest);
      break;
    case 'u':
      if (eat(rest, "uid=")) return read_pickup(queue_id, rest);
      break;
    case 'm':
      if (eat(rest, "message-id=")) return PostfixMessageId{queue_id, without_angles(rest)};
      break;
    case 'r':
      if (rest == "removed") {
        return PostfixQueueChange{
            queue_id, daemon == "postsuper" ? QueueChange::deleted : QueueChange::removed};
      }
      if (rest == "requeued") return PostfixQueueChange{queue_id, QueueChange::requeued};
      if (rest == "released from hold") return PostfixQueueChange{queue_id, QueueChange::released};
      break;
    case 'p':
      if (rest == "placed on hold") return PostfixQueueChange{queue_id, QueueChange::held};
      if (eat(rest, "postmaster ")) return read_bounce(queue_id, "postmaster", rest);
      break;
    case 's':
      if (eat(rest, "sender ")) return read_bounce(queue_id, "sender", rest);
      break;
    default: break;
  }
  const auto colon = rest.find(": ");
  const std::string_view action = rest.substr(0, colon);
  if (colon != std::string_view::npos && is_verdict(action)) {
    return read_verdict(queue_id, action, rest.substr(colon + 2));
  }
  return LogUnknown{};
}

LogRecord read_disconnect(std::string_view rest) {
  PostfixDisconnect out;
  if (!eat_peer(rest, out.client)) return LogUnknown{};
  out.words = rest;
  return out;
}

// What stands behind "warning: QUEUEID: " where cleanup (or smtpd, for the size) gives up on a
// whole message; the client hears of it at END-OF-MESSAGE, and the queue file goes without another
// word.
LogRecord read_given_up(std::string_view queue_id, std::string_view rest) {
  PostfixVerdict out;
  out.queue_id = queue_id;
  out.stage = "END-OF-MESSAGE";
  out.text = rest;
  if (rest.ends_with("message not accepted, try again later") ||
      rest.starts_with("message rejected: ") || rest == "queue file size limit exceeded" ||
      rest.starts_with("write queue file: ")) {
    out.action = "reject";
  } else if (rest.starts_with("record type ") && rest.ends_with("discarding this message")) {
    out.action = "discard";
  } else {
    return LogUnknown{};
  }
  return out;
}

// "h[ip]: SASL LOGIN authentication failed: why[, sasl_username=who]"; who is written by the
// client.
LogRecord read_warning(std::string_view daemon, std::string_view rest) {
  const auto colon = rest.find(": ");
  if (colon != std::string_view::npos && is_queue_id(rest.substr(0, colon))) {
    const bool takes_mail = daemon == "cleanup" || daemon == "smtpd";
    if (!takes_mail) return LogUnknown{};
    return read_given_up(rest.substr(0, colon), rest.substr(colon + 2));
  }
  PostfixAuthFailure out;
  if (!eat_peer(rest, out.client) || !eat(rest, ": SASL ") ||
      !eat_until(rest, " authentication failed", out.mechanism)) {
    return LogUnknown{};
  }
  eat(rest, ":");
  eat(rest, " ");
  const auto at = rest.find(", sasl_username=");
  out.reason = rest.substr(0, at);
  if (at != std::string_view::npos) out.sasl_username = rest.substr(at + 16);
  if (out.sasl_username == "(unavailable)") out.sasl_username = {};
  return out;
}

// "lost connection after DATA (0 bytes) from h[ip]", "SSL_accept error from h[ip]: why"
LogRecord read_lost(std::string_view message) {
  for (const std::string_view how :
       {"lost connection", "timeout", "too many errors", "improper command pipelining",
        "bare <LF> received", "SSL_accept error"}) {
    std::string_view rest = message;
    if (!eat(rest, how)) continue;
    PostfixLostConnection out;
    out.how = how;
    if (eat(rest, " after ")) {
      std::string_view stage;
      if (!eat_until(rest, " from ", stage)) return LogUnknown{};
      out.stage = stage.substr(0, stage.find(" ("));
    } else if (!eat(rest, " from ")) {
      return LogUnknown{};
    }
    if (!eat_peer(rest, out.client)) return LogUnknown{};
    return out;
  }
  return LogUnknown{};
}

// A verb in capitals, then "[ip]:port" with more words around it. The first bracket is the
// client's.
LogRecord read_postscreen(std::string_view message) {
  PostscreenNote out;
  std::size_t end = 0;
  while (end < message.size() && ((message[end] >= 'A' && message[end] <= 'Z') ||
                                  message[end] == ' ' || message[end] == '-')) {
    ++end;
  }
  out.verb = message.substr(0, end);
  while (out.verb.ends_with(' ')) out.verb.remove_suffix(1);
  if (out.verb.size() < 4) return LogUnknown{};
  const auto bracket = message.find('[');
  if (bracket == std::string_view::npos) return LogUnknown{};
  std::string_view before = message.substr(end, bracket - end);
  std::string_view rest = message.substr(bracket);
  if (!eat_peer(rest, out.client)) return LogUnknown{};
  eat(before, "rank ");
  eat_number(before, out.rank);
  if (const auto at = before.find("after "); at != std::string_view::npos) {
    std::string_view number = before.substr(at + 6);
    eat_number(number, out.after_s);
  }
  if (eat(rest, " after ")) out.stage = rest.substr(0, rest.find(": "));
  return out;
}

}  // namespace

LogRecord read_postfix(std::string_view daemon, std::string_view message) {
  const auto colon = message.find(": ");
  if (colon != std::string_view::npos) {
    const std::string_view head = message.substr(0, colon);
    if (head == "NOQUEUE") return read_queued(daemon, {}, message.substr(colon + 2));
    if (head == "warning") return read_warning(daemon, message.substr(colon + 2));
    if (is_queue_id(head)) return read_queued(daemon, head, message.substr(colon + 2));
    if (head == "proxy-accept" || head == "proxy-reject") {
      return read_verdict({}, head, message.substr(colon + 2));
    }
  }
  if (daemon == "postscreen") return read_postscreen(message);
  std::string_view rest = message;
  if (eat(rest, "connect from ")) {
    PostfixConnect out;
    if (eat_peer(rest, out.client)) return out;
    return LogUnknown{};
  }
  if (eat(rest, "disconnect from ")) return read_disconnect(rest);
  return read_lost(message);
}

}  // namespace sekimori::wire::log_scan

namespace sekimori::wire {
namespace {

using log_scan::eat;
using log_scan::eat_number;

void read_count(std::string_view text, CommandCount& out) {
  CommandCount one;
  if (!eat_number(text, one.ok)) return;
  one.tried = one.ok;
  if (eat(text, "/")) eat_number(text, one.tried);
  out.ok += one.ok;
  out.tried += one.tried;
}

using Commands = PostfixDisconnect::Commands;
struct Counted {
  std::string_view key;
  CommandCount Commands::* field;
};
constexpr Counted k_counted[] = {{"auth", &Commands::auth}, {"mail", &Commands::mail},
                                 {"rcpt", &Commands::rcpt}, {"data", &Commands::data},
                                 {"bdat", &Commands::data}, {"commands", &Commands::commands}};

}  // namespace

IpAddress LogPeer::ip() const { return IpAddress::parse(address).value_or(IpAddress()); }

PostfixDisconnect::Commands PostfixDisconnect::counted() const {
  Commands out;
  unsigned met = 0;
  log_scan::each_pair(words, [&](std::string_view key, std::string_view value) {
    for (std::size_t i = 0; i < std::size(k_counted); ++i) {
      if (key != k_counted[i].key || (met & (1U << i)) != 0) continue;
      met |= 1U << i;
      read_count(value, out.*k_counted[i].field);
    }
  });
  return out;
}

}  // namespace sekimori::wire
