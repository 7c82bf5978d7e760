#include "wire/log_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "base/mail_address.h"
#include "wire/json_text.h"
#include "wire/log_scan.h"

namespace sekimori::wire {
namespace {

using log_scan::eat_number;

int two_digits(std::string_view text) {
  if (text.size() < 2 || text[1] < '0' || text[1] > '9') return -1;
  if (text[0] == ' ') return text[1] - '0';
  if (text[0] < '0' || text[0] > '9') return -1;
  return (text[0] - '0') * 10 + (text[1] - '0');
}

int month_of(std::string_view word) {
  constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto at = std::ranges::find(k_months, word);
  return at == k_months.end() ? 0 : static_cast<int>(at - k_months.begin()) + 1;
}

// The instant of a stamp without a year: in the last year in which it exists and lies no more than
// a day after the reference (clocks differ, and a file may be read while it is written).
std::optional<Instant> place_in_year(int month, int day, std::int64_t second_of_day,
                                     const LogContext& context) {
  using namespace std::chrono;
  const std::int64_t local_s = context.reference.us / 1'000'000 + context.utc_offset_s;
  const year_month_day today{floor<std::chrono::days>(sys_seconds{std::chrono::seconds{local_s}})};
  const int newest = static_cast<int>(today.year()) + 1;
  for (int y = newest; y >= newest - 9 && y >= 1970; --y) {  // 8 years lie between some leap days
    const year_month_day date{year{y}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) continue;
    const std::int64_t s = sys_days{date}.time_since_epoch().count() * std::int64_t{86400} +
                           second_of_day - context.utc_offset_s;
    if (s < 0) return std::nullopt;
    const Instant t{s * 1'000'000};
    if (t <= context.reference + sekimori::days(1)) return t;
  }
  return std::nullopt;
}

// "Nov 22 03:04:05 ", "Nov  2 03:04:05 ", "Nov 2 03:04:05 "
std::optional<Instant> eat_rfc3164(std::string_view& text, const LogContext& context) {
  std::string_view rest = text;
  const int month = month_of(rest.substr(0, 3));
  if (month == 0 || rest.size() < 14 || rest[3] != ' ') return std::nullopt;
  rest.remove_prefix(4);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  int day = 0;
  if (!eat_number(rest, day) || day < 1 || day > 31) return std::nullopt;
  if (rest.size() < 9 || rest[0] != ' ' || rest[3] != ':' || rest[6] != ':') return std::nullopt;
  const int hour = two_digits(rest.substr(1, 2));
  const int minute = two_digits(rest.substr(4, 2));
  const int second = two_digits(rest.substr(7, 2));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
    return std::nullopt;
  rest.remove_prefix(9);
  const auto t =
      place_in_year(month, day, hour * 3600 + minute * 60 + std::min(second, 59), context);
  if (t) text = rest;
  return t;
}

// An RFC 3339 stamp; also with "+0900" for its offset, as journalctl writes it.
std::optional<Instant> eat_rfc3339(std::string_view& text) {
  const auto end = text.find(' ');
  if (end == std::string_view::npos || end < 19 || end > 36) return std::nullopt;
  std::string_view stamp = text.substr(0, end);
  char buffer[40];
  if (stamp.size() > 24 - 1 && (stamp[stamp.size() - 5] == '+' || stamp[stamp.size() - 5] == '-') &&
      stamp.find(':', stamp.size() - 5) == std::string_view::npos) {
    const auto split = stamp.size() - 2;
    std::copy_n(stamp.data(), split, buffer);
    buffer[split] = ':';
    std::copy_n(stamp.data() + split, 2, buffer + split + 1);
    stamp = {buffer, stamp.size() + 1};
  }
  const auto t = parse_instant(stamp);
  if (!t) return std::nullopt;
  text.remove_prefix(end);
  return *t;
}

// "<22>" of a raw syslog datagram.
void skip_priority(std::string_view& text) {
  if (text.size() < 3 || text.front() != '<') return;
  std::string_view rest = text.substr(1);
  unsigned priority = 0;
  if (eat_number(rest, priority) && priority <= 191 && rest.starts_with('>')) text = rest.substr(1);
}

bool is_dovecot_word(std::string_view word) {
  constexpr std::string_view k_words[] = {"imap",        "imap-login",
                                          "pop3",        "pop3-login",
                                          "managesieve", "managesieve-login",
                                          "submission",  "submission-login",
                                          "lmtp",        "lda",
                                          "auth",        "auth-worker",
                                          "master",      "config",
                                          "anvil",       "log",
                                          "stats",       "doveadm",
                                          "indexer",     "indexer-worker",
                                          "dict",        "imap-hibernate",
                                          "replicator",  "ssl-params",
                                          "old-stats",   "imap-urlauth",
                                          "auth-login"};
  return std::ranges::find(k_words, word) != std::end(k_words);
}

}  // namespace

namespace {

// What a character of a queue id can be: of a short one, of a long one.
constexpr std::uint8_t k_short_id = 1;
constexpr std::uint8_t k_long_id = 2;
constexpr std::array<std::uint8_t, 256> k_id_classes = [] {
  std::array<std::uint8_t, 256> out{};
  for (int c = '0'; c <= '9'; ++c) out[static_cast<std::size_t>(c)] = k_short_id | k_long_id;
  for (int i = 0; i < 26; ++i) {
    for (const int c : {'A' + i, 'a' + i}) out[static_cast<std::size_t>(c)] = k_long_id;
  }
  for (const char c : {'A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u'}) {
    out[static_cast<std::size_t>(c)] = 0;
  }
  for (int c = 'A'; c <= 'F'; ++c) out[static_cast<std::size_t>(c)] |= k_short_id;
  return out;
}();

}  // namespace

bool is_queue_id(std::string_view text) {
  // Short: upper-case hex, of microseconds and inode. Long: digits and consonants (the vowels are
  // left out so that no word can arise), of seconds, microseconds, 'z' and inode.
  if (text.size() < 6 || text.size() > 32) return false;
  std::uint8_t can_be = k_short_id | k_long_id;
  for (const char c : text) can_be &= k_id_classes[static_cast<unsigned char>(c)];
  return (can_be & k_short_id) != 0 || ((can_be & k_long_id) != 0 && text.size() >= 10);
}

std::optional<Instant> log_stamp(std::string_view line, const LogContext& context) {
  skip_priority(line);
  auto t = eat_rfc3164(line, context);
  if (!t) t = eat_rfc3339(line);
  return t;
}

std::optional<LogStamps::Stamp> LogStamps::slowly(std::string_view line,
                                                  const LogContext& context) {
  std::string_view rest = line;
  skip_priority(rest);
  auto t = eat_rfc3164(rest, context);
  if (!t) t = eat_rfc3339(rest);
  if (!t) return std::nullopt;
  return Stamp{*t, line.size() - rest.size()};
}

// "Nov 22 03:04:05 host …"
std::optional<LogStamps::Stamp> LogStamps::short_form(std::string_view line,
                                                      const LogContext& context) {
  const bool plain =
      line.size() > 15 && line[6] == ' ' && line[9] == ':' && line[12] == ':' && line[15] == ' ';
  if (!plain) return slowly(line, context);
  const int hour = two_digits(line.substr(7, 2));
  const int minute = two_digits(line.substr(10, 2));
  const int second = two_digits(line.substr(13, 2));
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) {
    return slowly(line, context);
  }
  const std::int64_t of_day_us = (hour * 3600 + minute * 60 + second) * std::int64_t{1'000'000};
  if (context_.reference == context.reference && context_.utc_offset_s == context.utc_offset_s &&
      std::memcmp(day_, line.data(), sizeof day_) == 0) {
    return Stamp{{midnight_us_ + of_day_us}, 15};
  }
  const auto found = slowly(line, context);
  // A day that is not over a day after the reference may belong to two years.
  if (found && found->length == 15 && Instant{found->t.us - of_day_us} <= context.reference) {
    std::memcpy(day_, line.data(), sizeof day_);
    context_ = context;
    midnight_us_ = found->t.us - of_day_us;
  }
  return found;
}

// "2026-11-22T03:04:05.123456+09:00 host …"
std::optional<LogStamps::Stamp> LogStamps::long_form(std::string_view line) {
  const auto end = line.find(' ');
  if (end == std::string_view::npos || end < 20 || end > 36 || line[10] != 'T' || line[13] != ':' ||
      line[16] != ':') {
    return slowly(line, {});
  }
  const int hour = two_digits(line.substr(11, 2));
  const int minute = two_digits(line.substr(14, 2));
  const int second = two_digits(line.substr(17, 2));
  std::size_t at = 19;
  std::int64_t fraction_us = 0;
  if (line[at] == '.') {
    std::int64_t unit = 100'000;
    for (++at; line[at] >= '0' && line[at] <= '9'; ++at, unit /= 10) {
      fraction_us += (line[at] - '0') * unit;
    }
    if (at == 20 || at > 29) return slowly(line, {});
  }
  const std::string_view zone = line.substr(at, end - at);
  const bool good = hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 &&
                    second <= 59 && line[11] != ' ' && line[14] != ' ' && line[17] != ' ' &&
                    !zone.empty() && zone.size() <= sizeof zone_;
  if (!good) return slowly(line, {});
  const std::int64_t of_day_us =
      (hour * 3600 + minute * 60 + second) * std::int64_t{1'000'000} + fraction_us;
  if (std::memcmp(date_, line.data(), sizeof date_) == 0 &&
      zone == std::string_view(zone_, zone_size_)) {
    return Stamp{{date_midnight_us_ + of_day_us}, end};
  }
  const auto found = slowly(line, {});
  // At the ends of the years that parse_instant takes, part of a day may be out of bounds.
  const auto year = line.substr(0, 4);
  if (found && found->length == end && year > "1970" && year < "2200") {
    std::memcpy(date_, line.data(), sizeof date_);
    std::memcpy(zone_, zone.data(), zone.size());
    zone_size_ = zone.size();
    date_midnight_us_ = found->t.us - of_day_us;
  }
  return found;
}

std::optional<LogStamps::Stamp> LogStamps::read(std::string_view line, const LogContext& context) {
  if (line.empty() || line.front() == '<') return slowly(line, context);
  return line.front() >= '0' && line.front() <= '9' ? long_form(line) : short_form(line, context);
}

Result<LogLine> parse_log_line(std::string_view line, const LogContext& context) {
  std::string_view rest = line.substr(0, k_log_line_max);
  skip_priority(rest);
  auto t = eat_rfc3164(rest, context);
  if (!t) t = eat_rfc3339(rest);
  if (!t) return bad_input("the line begins with no time stamp");
  return parse_stamped_line(
      line, LogStamps::Stamp{*t, std::min(line.size(), k_log_line_max) - rest.size()});
}

Result<LogLine> parse_stamped_line(std::string_view line, const LogStamps::Stamp& stamp) {
  LogLine out;
  if (auto read = read_stamped_line(line, stamp, out); !read) return std::unexpected(read.error());
  return out;
}

Result<void> read_stamped_line(std::string_view line, const LogStamps::Stamp& stamp, LogLine& out) {
  if (line.size() > k_log_line_max) {
    return bad_input(
        fmt::format("the line is {} bytes long; {} are allowed", line.size(), k_log_line_max));
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  line.remove_prefix(std::min(stamp.length, line.size()));
  if (line.empty() || line.front() != ' ') return bad_input("the line begins with no time stamp");
  out.t = stamp.t;
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);

  const std::string_view first = line.substr(0, line.find(' '));
  const auto mark = log_scan::first_of<'(', ':', '<'>(first);
  if (mark != std::string_view::npos && is_dovecot_word(first.substr(0, mark)) &&
      log_scan::first_of<'(', ':'>(first.substr(mark)) != std::string_view::npos) {
    out.host = {};
    out.program = out.daemon = "dovecot";
    out.pid = 0;
    out.message = line;
    out.record = log_scan::read_dovecot(line);
    return {};
  }
  if (first.size() == line.size()) return bad_input("the line names no program");
  out.host = first;
  line.remove_prefix(first.size() + 1);

  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return bad_input("the line names no program");
  std::string_view program = line.substr(0, colon);
  out.message = line.substr(colon + 1);
  if (!out.message.empty() && out.message.front() == ' ') out.message.remove_prefix(1);
  out.pid = 0;
  if (program.back() == ']') {
    const auto bracket = program.rfind('[');
    if (bracket != std::string_view::npos) {
      const std::string_view pid = program.substr(bracket + 1);
      // Up to nine digits and the bracket fit; a longer one is no process.
      for (std::size_t i = 0; pid.size() <= 10 && pid[i] >= '0' && pid[i] <= '9'; ++i) {
        out.pid = out.pid * 10 + static_cast<std::uint32_t>(pid[i] - '0');
      }
      program = program.substr(0, bracket);
    }
  }
  if (program.empty() || program.find(' ') != std::string_view::npos) {
    return bad_input("the line names no program");
  }
  out.program = program;
  out.daemon = program.substr(program.rfind('/') + 1);
  if (out.daemon.size() != program.size()) {
    out.record = log_scan::read_postfix(out.daemon, out.message);
  } else if (program == "dovecot") {
    out.record = log_scan::read_dovecot(out.message);
  } else {
    out.record = LogUnknown{};
  }
  return {};
}

std::optional<Event> to_event(const LogLine& line) {
  Event out;
  out.t = line.t;
  const auto with_account = [&out](std::string_view user) {
    out.account = valid_utf8(ascii_lower(user));
    return !out.account.empty();
  };
  if (const auto* login = std::get_if<DovecotLogin>(&line.record)) {
    if (!with_account(login->user)) return std::nullopt;
    out.body = Login{LoginResult::ok, login->service, login->rip, {}, {}, login->tls, {}};
    return out;
  }
  if (const auto* failed = std::get_if<DovecotLoginFailed>(&line.record)) {
    if (!failed->auth_failed || !with_account(failed->user)) return std::nullopt;
    out.body =
        Login{LoginResult::bad_password, failed->service, failed->rip, {}, {}, failed->tls, {}};
    return out;
  }
  if (const auto* failed = std::get_if<PostfixAuthFailure>(&line.record)) {
    if (!with_account(failed->sasl_username)) return std::nullopt;
    out.body =
        Login{LoginResult::bad_password, Service::smtp, failed->client.ip(), {}, {}, false, {}};
    return out;
  }
  if (const auto* logout = std::get_if<DovecotLogout>(&line.record)) {
    if (!with_account(logout->user)) return std::nullopt;
    Session session;
    session.service = logout->service;
    session.bytes_in = logout->bytes_in;
    session.bytes_out = logout->bytes_out;
    session.fetched = logout->body_count;
    session.deleted = std::max(logout->deleted, logout->expunged);
    out.body = session;
    return out;
  }
  return std::nullopt;
}

}  // namespace sekimori::wire
