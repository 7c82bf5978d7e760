// Dovecot messages, as syslog carries them ("dovecot: imap-login: Login: …") and as its own log
// file does ("imap-login: Info: Login: …"). Versions 2.2 to 2.4.
#include <algorithm>

#include "wire/log_scan.h"

namespace sekimori::wire::log_scan {
namespace {

// The level stands in Dovecot's own file and where syslog was told to show it.
void skip_level(std::string_view& text) {
  if (!eat(text, "Info: ") && !eat(text, "Warning: ")) eat(text, "Error: ");
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t value = 0;
  eat_number(text, value);
  return value;
}

// What the login process says of its client, in OpenSSL's words and its own: "SSL_accept() failed:
// error:14094416:SSL routines:ssl3_read_bytes:sslv3 alert certificate unknown: SSL alert number 46"
// (TLS 1.3: "SSL_read failed", since the server's side of the handshake was over), "… :http
// request", "tried to use disallowed plaintext auth". Alerts: RFC 8446 section 6.2.
std::optional<HandshakeTrouble> trouble_in(std::string_view words) {
  constexpr std::string_view k_alert = "SSL alert number ";
  if (const auto at = words.find(k_alert); at != std::string_view::npos) {
    // bad_certificate, unsupported_certificate, certificate_revoked, _expired, _unknown, unknown_ca
    const auto alert = number_at(words.substr(at + k_alert.size()));
    if ((alert >= 42 && alert <= 46) || alert == 48) return HandshakeTrouble::certificate_refused;
    return std::nullopt;
  }
  for (const std::string_view said : {"http request", "wrong version number", "unknown protocol"}) {
    if (words.find(said) != std::string_view::npos) return HandshakeTrouble::not_encrypted;
  }
  for (const std::string_view said : {"disallowed plaintext auth", "disallowed cleartext auth"}) {
    if (words.find(said) != std::string_view::npos) return HandshakeTrouble::password_in_plain;
  }
  return std::nullopt;
}

// The parts behind "user=<": the client wrote the user name, which may look like the rest, so the
// rest is found from the right: login_log_format_elements puts rip, lip, mpid, TLS and session
// behind it.
template <class Record>
bool read_elements(std::string_view text, Record& out) {
  if (!eat(text, "user=<")) return false;
  const auto rip = find_last(text, ", rip=");
  if (rip == std::string_view::npos) return false;
  std::string_view head = text.substr(0, rip);
  std::string_view tail = text.substr(rip);
  if (const auto at = find_last(head, ">, method="); at != std::string_view::npos) {
    out.user = head.substr(0, at);
    out.method = head.substr(at + 10);
  } else if (head.ends_with('>')) {
    out.user = head.substr(0, head.size() - 1);
  } else {
    return false;
  }
  while (eat(tail, ", ")) {
    std::string_view part = tail.substr(0, tail.find(", "));
    tail.remove_prefix(part.size());
    if (eat(part, "rip=")) {
      if (const auto ip = IpAddress::parse(part)) out.rip = *ip;
    } else if (eat(part, "lip=")) {
      if (const auto ip = IpAddress::parse(part)) out.lip = *ip;
    } else if (eat(part, "session=")) {
      out.session = without_angles(part);
    } else if (part.starts_with("TLS") && !part.starts_with("TLS handshaking")) {
      out.tls = true;
    }
    if constexpr (requires { out.trouble; }) {
      if (!out.trouble && part.starts_with("TLS")) out.trouble = trouble_in(part);
    }
    if constexpr (requires { out.mpid; }) {
      if (eat(part, "mpid=")) eat_number(part, out.mpid);
      if (part == "secured") out.secured = true;
    }
  }
  return true;
}

// "Login: user=<…>…" or "Disconnected (auth failed, 1 attempts in 6 secs): user=<…>…"
LogRecord read_login(Service service, std::string_view text) {
  skip_level(text);
  std::string_view elements = text;
  if (eat(elements, "Login: ") || eat(elements, "Logged in: ")) {
    DovecotLogin out;
    out.service = service;
    if (read_elements(elements, out)) return out;
    return LogUnknown{};
  }
  const auto at = text.find(": user=<");
  if (at == std::string_view::npos) return LogUnknown{};
  DovecotLoginFailed out;
  out.service = service;
  out.reason = text.substr(0, at);
  if (!read_elements(text.substr(at + 2), out)) return LogUnknown{};
  if (!out.trouble) out.trouble = trouble_in(out.reason);
  const auto open = out.reason.find(" (");
  if (open != std::string_view::npos) {
    out.detail = out.reason.substr(open + 2);
    out.detail = out.detail.substr(0, out.detail.find(')'));
    out.reason = out.reason.substr(0, open);
    if (const auto comma = out.detail.find(", "); comma != std::string_view::npos) {
      out.attempts = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(number_at(out.detail.substr(comma + 2)), 0xffffffff));
    }
    if (const auto in = out.detail.rfind(" in "); in != std::string_view::npos) {
      out.seconds = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(number_at(out.detail.substr(in + 4)), 0xffffffff));
    }
    out.auth_failed =
        out.detail.starts_with("auth failed") || out.detail.starts_with("authorization failed");
  }
  return out;
}

struct Total {
  std::string_view key;
  std::uint64_t DovecotLogout::* field;
};
constexpr Total k_totals[] = {
    {"in", &DovecotLogout::bytes_in},          {"out", &DovecotLogout::bytes_out},
    {"deleted", &DovecotLogout::deleted},      {"expunged", &DovecotLogout::expunged},
    {"hdr_count", &DovecotLogout::hdr_count},  {"body_count", &DovecotLogout::body_count},
    {"body_bytes", &DovecotLogout::body_bytes}};

// "in=86 out=892 deleted=0 …", "top=0/0, retr=3/9000, del=0/141, size=…", "bytes=6/41"
bool read_totals(std::string_view text, DovecotLogout& out) {
  if (const auto at = find_last(text, " in=");
      at != std::string_view::npos && text.find(" out=", at) != std::string_view::npos) {
    out.reason = text.substr(0, at);
    unsigned met = 0;
    each_pair(text.substr(at + 1), [&](std::string_view key, std::string_view value) {
      for (std::size_t i = 0; i < std::size(k_totals); ++i) {
        if (key != k_totals[i].key || (met & (1U << i)) != 0) continue;
        met |= 1U << i;
        out.*k_totals[i].field = number_at(value);
      }
    });
    return true;
  }
  if (const auto at = find_last(text, " top="); at != std::string_view::npos) {
    out.reason = text.substr(0, at);
    const std::string_view totals = text.substr(at + 1);
    out.hdr_count = number_behind(totals, "top=");
    out.body_count = number_behind(totals, "retr=");
    out.deleted = number_behind(totals, "del=");
    if (const auto retr = totals.find("retr="); retr != std::string_view::npos) {
      const auto slash = totals.find('/', retr);
      if (slash != std::string_view::npos) out.body_bytes = number_at(totals.substr(slash + 1));
    }
    out.bytes_out = out.body_bytes;
    return true;
  }
  if (const auto at = find_last(text, " bytes="); at != std::string_view::npos) {
    out.reason = text.substr(0, at);
    std::string_view totals = text.substr(at + 7);
    return eat_number(totals, out.bytes_in) && eat(totals, "/") &&
           eat_number(totals, out.bytes_out);
  }
  return false;
}

// "msgid=<…>: stored mail into mailbox 'INBOX'". The id is written by the sender, the words behind
// it by us: they are looked for from the right.
LogRecord read_delivery(std::string_view user, std::string_view session, std::string_view text) {
  const auto at = text.find("msgid=");
  if (at == std::string_view::npos) return LogUnknown{};
  DovecotDelivery out;
  out.user = user;
  out.session = session;
  text = text.substr(at + 6);
  struct Words {
    std::string_view text;
    DeliveryAct act;
  };
  constexpr Words k_words[] = {{": stored mail into mailbox ", DeliveryAct::stored},
                               {": saved mail to ", DeliveryAct::stored},
                               {": forwarded to ", DeliveryAct::forwarded},
                               {": discarded duplicate forward to ", DeliveryAct::discarded},
                               {": marked message to be discarded", DeliveryAct::discarded},
                               {": sent vacation response to ", DeliveryAct::vacation},
                               {": sent reject message to ", DeliveryAct::rejected},
                               {": rejected message from ", DeliveryAct::rejected}};
  std::size_t best = std::string_view::npos;
  const Words* found = nullptr;
  for (const Words& words : k_words) {
    const auto end = find_last(text, words.text);
    if (end != std::string_view::npos && (found == nullptr || end > best)) {
      best = end;
      found = &words;
    }
  }
  if (found == nullptr) return LogUnknown{};
  out.message_id = without_angles(text.substr(0, best));
  if (out.message_id == "unspecified") out.message_id = {};
  out.act = found->act;
  std::string_view target = text.substr(best + found->text.size());
  if (target.size() >= 2 && target.front() == '\'' && target.back() == '\'')
    target = target.substr(1, target.size() - 2);
  out.target = without_angles(
      target.substr(0, target.starts_with('<') ? target.find('>') + 1 : target.size()));
  return out;
}

// "pam(user,1.2.3.4,<session>): pam_authenticate() failed: …", "sql(user,1.2.3.4): unknown user"
LogRecord read_auth(std::string_view text) {
  skip_level(text);
  if (text.starts_with("Debug: ")) return LogUnknown{};
  if (text.starts_with("conn unix:")) {
    std::string_view connection;
    if (!eat_until(text, "): ", connection)) return LogUnknown{};
    if (text.starts_with("auth-worker<") && !eat_until(text, ">: ", connection))
      return LogUnknown{};
  }
  DovecotAuthFailure out;
  const auto open = text.find('(');
  if (open == std::string_view::npos || open == 0 ||
      first_of<' ', ':'>(text.substr(0, open)) != std::string_view::npos) {
    return LogUnknown{};
  }
  out.driver = text.substr(0, open);
  const auto close = text.find(')', open);
  const auto words = close == std::string_view::npos ? close : text.find(": ", close);
  if (words == std::string_view::npos) return LogUnknown{};
  std::string_view inner = text.substr(open + 1, close - open - 1);
  text = text.substr(words + 2);
  // user,ip and then, by version, <session>, "sasl:plain": all from the right.
  for (;;) {
    const auto comma = inner.rfind(',');
    if (comma == std::string_view::npos) break;
    const std::string_view last = inner.substr(comma + 1);
    inner = inner.substr(0, comma);
    if (const auto ip = IpAddress::parse(last)) {
      out.rip = *ip;
      break;
    }
  }
  out.user = inner;
  if (out.driver == "auth") {  // 2.4: auth(user,ip,sasl:plain)<…>: sql: words
    std::string_view driver;
    std::string_view rest = text;
    if (eat_until(rest, ": ", driver) && driver.find(' ') == std::string_view::npos) {
      out.driver = driver;
      text = rest;
    }
  }
  std::string_view function;
  std::string_view rest = text;
  if (eat_until(rest, "() failed: ", function) && function.find(' ') == std::string_view::npos)
    text = rest;
  constexpr std::string_view k_failures[] = {
      "unknown user",           "Unknown user",  "Password mismatch", "password mismatch",
      "Authentication failure", "Login refused", "User is disabled",  "User is not",
      "Password expired",       "Empty password"};
  const bool failure = std::ranges::any_of(k_failures, [&](std::string_view words_of) {
    return text.starts_with(words_of) || text.find(words_of) != std::string_view::npos;
  });
  if (!failure) return LogUnknown{};
  // auth_verbose_passwords puts the password, or its hash, in brackets; it goes no further.
  for (const std::string_view secret : {" (given password", " (SHA1 of given password", " ("}) {
    if (secret == " (" && text.find("given password") == std::string_view::npos) break;
    if (const auto at = text.find(secret); at != std::string_view::npos) text = text.substr(0, at);
  }
  out.reason = text;
  return out;
}

}  // namespace

LogRecord read_dovecot(std::string_view message) {
  const auto end = first_of<'(', ':', '<'>(message);
  if (end == std::string_view::npos) return LogUnknown{};
  std::string_view process = message.substr(0, end);
  std::string_view rest = message.substr(end);
  if (process == "auth" || process == "auth-worker") {
    if (rest.starts_with('(') && process == "auth" && rest.find(',') < rest.find(')'))
      return read_auth(message);
    std::string_view pid;
    if (!eat_until(rest, ": ", pid)) return LogUnknown{};
    return read_auth(rest);
  }
  if (process.ends_with("-login")) {
    process.remove_suffix(6);
    if (!eat(rest, ": ")) return LogUnknown{};
    return read_login(parse_service(process), rest);
  }
  // "imap(user)<pid><session>: words", "lmtp(pid, user)<…>: words", "imap(user): words"
  if (!eat(rest, "(")) return LogUnknown{};
  std::string_view prefix;
  if (!eat_until(rest, ": ", prefix)) return LogUnknown{};
  const auto close = prefix.rfind(')');
  if (close == std::string_view::npos) return LogUnknown{};
  std::string_view user = prefix.substr(0, close);
  std::string_view ids = prefix.substr(close + 1);
  if (const auto comma = user.find(", "); comma != std::string_view::npos)
    user.remove_prefix(comma + 2);
  std::string_view session;
  if (const auto open = ids.rfind('<'); open != std::string_view::npos)
    session = without_angles(ids.substr(open));
  skip_level(rest);
  if (rest.starts_with("Debug: ")) return LogUnknown{};
  if (process == "lmtp" || process == "lda") {
    // Before 2.3 the session stands in the words: "lmtp(user): SESSION: sieve: msgid=…".
    if (session.empty()) {
      const auto colon = rest.find(": ");
      if (colon != std::string_view::npos &&
          first_of<' ', '='>(rest.substr(0, colon)) == std::string_view::npos &&
          !rest.starts_with("sieve:")) {
        session = rest.substr(0, colon);
      }
    }
    return read_delivery(user, session, rest);
  }
  if (std::string_view words = rest; eat(words, "expunge: box=")) {
    // Behind the name, by mail_log_fields, ", uid=…": a name with a comma of its own is found whole
    // then. What the message's sender wrote (msgid) comes later.
    const auto field = words.find(", uid=");
    const auto end_of_name = field != std::string_view::npos ? field : words.find(", ");
    return DovecotExpunge{user, session, words.substr(0, end_of_name), false};
  } else if (eat(words, "Mailbox deleted: ")) {
    return DovecotExpunge{user, session, words, true};
  }
  DovecotLogout out;
  out.service = parse_service(process);
  out.user = user;
  out.session = session;
  if (out.service == Service::other || !read_totals(rest, out)) return LogUnknown{};
  return out;
}

}  // namespace sekimori::wire::log_scan
