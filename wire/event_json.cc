#include "wire/event_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

#include "base/time_zone.h"
#include "wire/event_members.h"
#include "wire/json_object.h"
#include "wire/json_text.h"

namespace sekimori::wire {
namespace {

// The values of one line by our keys; the first thing that is wrong is kept in `problem`.
class Fields {
 public:
  explicit Fields(std::string_view line) : parser_(options(), line) {
    boost::system::error_code error;
    const std::size_t read = parser_.write_some(false, line.data(), line.size(), error);
    if (!error && read < line.size())
      error = boost::json::make_error_code(boost::json::error::extra_data);
    if (error) {
      problem_ = fmt::format("no JSON object: {} (at byte {})", error.message(), read);
    } else if (!members().is_object) {
      problem_ = "no JSON object";
    }
  }

  [[nodiscard]] bool failed() const { return !problem_.empty(); }
  [[nodiscard]] std::unexpected<Error> error() { return bad_input(std::move(problem_)); }
  void wrong(Key key, std::string_view what) {
    if (problem_.empty()) problem_ = fmt::format("\"{}\" {}", k_names[key], what);
  }
  // What is wrong with several keys together.
  void wrong_whole(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
  }
  // nullptr where it is missing or null.
  [[nodiscard]] const Slot* operator[](Key key) const {
    const Slot& slot = members().slots[key];
    return slot.type == Slot::Type::absent ? nullptr : &slot;
  }
  [[nodiscard]] const Members& members() const { return parser_.handler(); }

  // nullopt where it is missing, and (which is wrong) where it is no string.
  std::optional<std::string_view> view(Key key) {
    const Slot* value = (*this)[key];
    if (value == nullptr) return std::nullopt;
    const auto text = text_of(*value);
    if (!text) wrong(key, "is no string");
    return text;
  }
  void text(Key key, std::string& out) { out = view(key).value_or(std::string_view()); }
  void needed_text(Key key, std::string& out) {
    text(key, out);
    if (out.empty()) wrong(key, "is missing");
  }
  void count(Key key, std::uint64_t& out) {
    const Slot* given = (*this)[key];
    if (given == nullptr) return;
    if (const auto value = uint_of(*given))
      out = *value;
    else
      wrong(key, "is no count (a whole number, not negative)");
  }
  template <class Small>
  void small_count(Key key, Small& out) {
    std::uint64_t wide = 0;
    count(key, wide);
    out = static_cast<Small>(wide);
    if (out != wide) wrong(key, "is too large");
  }
  void flag(Key key, bool& out) {
    const Slot* value = (*this)[key];
    if (value == nullptr) return;
    if (value->type != Slot::Type::flag) return wrong(key, "is neither true nor false");
    out = value->flag;
  }
  void address(Key key, IpAddress& out) {
    const auto text = view(key);
    if (!text || text->empty()) return;
    if (auto parsed = IpAddress::parse(*text))
      out = *parsed;
    else
      wrong(key, "is no IP address");
  }
  // A word out of a list; `parse` gives nullopt for one that is not on it.
  template <class Enum>
  void word(Key key, std::optional<Enum> (*parse)(std::string_view), Enum& out) {
    const Slot* given = (*this)[key];
    if (given == nullptr) return wrong(key, "is missing");
    const auto text = text_of(*given);
    const auto value = text ? parse(*text) : std::nullopt;
    if (value)
      out = *value;
    else
      wrong(key, "is none of the words that may stand there");
  }
  void service(Service& out) {
    if (const auto text = view(k_service)) out = parse_service(*text);
  }
  void place(Place& out) {
    if (const auto code = view(k_country); code && !code->empty()) {
      const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
      if (code->size() != 2 || !letter((*code)[0]) || !letter((*code)[1]))
        return wrong(k_country, "is no two-letter code");
      out.country[0] = static_cast<char>((*code)[0] & ~0x20);
      out.country[1] = static_cast<char>((*code)[1] & ~0x20);
    }
    small_count(k_asn, out.asn);
    flag(k_hosting, out.hosting);
  }

 private:
  static boost::json::parse_options options() {
    boost::json::parse_options out;
    out.max_depth = k_json_depth_max;
    out.allow_invalid_utf8 = false;
    return out;
  }

  boost::json::basic_parser<Members> parser_;
  std::string problem_;
};

void read_time(Fields& fields, Instant& out) {
  const Slot* value = fields[k_t];
  if (value == nullptr) return fields.wrong(k_t, "is missing");
  Result<Instant> parsed = bad_input("");
  if (const auto text = text_of(*value))
    parsed = parse_instant(*text);
  else if (const auto number = double_of(*value))
    parsed = instant_from_seconds(*number);
  if (parsed)
    out = *parsed;
  else
    fields.wrong(k_t, "is neither an RFC 3339 time nor seconds since 1970, from 1970 to 2200");
}

void read_recipients(Fields& fields, std::vector<std::string>& out) {
  const Slot* value = fields[k_to];
  if (value == nullptr) return;
  if (value->type != Slot::Type::list) return fields.wrong(k_to, "is no array");
  const Members& members = fields.members();
  if (!members.list_of_texts) return fields.wrong(k_to, "holds something that is no string");
  if (members.recipients.size() > k_event_recipients_max)
    return fields.wrong(k_to, "holds too many recipients");
  out.assign(members.recipients.begin(), members.recipients.end());
}

void read_sketch(Fields& fields, std::optional<std::uint64_t>& out) {
  auto hex = fields.view(k_sketch);
  if (!hex || hex->empty()) return;
  if (hex->starts_with("0x")) hex->remove_prefix(2);
  std::uint64_t value = 0;
  const char* end = hex->data() + hex->size();
  const auto [stop, error] = std::from_chars(hex->data(), end, value, 16);
  if (error != std::errc{} || stop != end)
    return fields.wrong(k_sketch, "is no 64-bit number in hex");
  out = value;
}

void read(Fields& f, Login& out) {
  f.word(k_result, &parse_login_result, out.result);
  f.service(out.service);
  f.address(k_ip, out.ip);
  f.place(out.place);
  f.text(k_client, out.client);
  f.flag(k_tls, out.tls);
  f.text(k_pwhash, out.pwhash);
  f.small_count(k_tries_own, out.guesses.own);
  f.small_count(k_tries_accounts, out.guesses.accounts);
  f.small_count(k_tries_addresses, out.guesses.addresses);
}
// "120 Sent\n3 INBOX".
void read_expunges(Fields& fields, std::vector<MailboxExpunge>& out) {
  const auto given = fields.view(k_expunged);
  if (!given || given->empty()) return;
  std::string_view rest = *given;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    MailboxExpunge one;
    const char* const end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data(), end, one.messages);
    if (error != std::errc{} || stop == end || *stop != ' ' || out.size() == k_expunges_max) {
      return fields.wrong(k_expunged, "is no list of counts and mailboxes");
    }
    one.mailbox.assign(stop + 1, end);
    out.push_back(std::move(one));
  }
}

void read(Fields& f, Session& out) {
  f.service(out.service);
  f.address(k_ip, out.ip);
  if (const Slot* given = f[k_seconds]) {
    const auto value = double_of(*given);
    if (value && *value >= 0)
      out.seconds = session_seconds(*value);
    else
      f.wrong(k_seconds, "is no length of time");
  }
  f.count(k_bytes_in, out.bytes_in);
  f.count(k_bytes_out, out.bytes_out);
  f.count(k_fetched, out.fetched);
  f.count(k_deleted, out.deleted);
  read_expunges(f, out.expunges);
}
void read(Fields& f, Submission& out) {
  f.address(k_ip, out.ip);
  f.place(out.place);
  f.text(k_helo, out.helo);
  f.text(k_from, out.from);
  read_recipients(f, out.to);
  f.count(k_size, out.size);
  f.text(k_queue_id, out.queue_id);
  if (f[k_message_id] != nullptr) f.text(k_message_id, out.message_id.emplace());
  read_sketch(f, out.sketch);
  if (f[k_fate] != nullptr) f.word(k_fate, &parse_fate, out.fate.emplace());
  f.count(k_approval, out.approval);
}
void read(Fields& f, Delivery& out) {
  f.needed_text(k_queue_id, out.queue_id);
  f.text(k_to, out.to);
  f.word(k_status, &parse_delivery_status, out.status);
  f.text(k_dsn, out.dsn);
  f.text(k_reply, out.reply);
}
void read(Fields& f, Received& out) { f.text(k_from, out.from); }
void read(Fields& f, SettingsChange& out) {
  f.word(k_what, &parse_setting_kind, out.what);
  f.text(k_detail, out.detail);
}
void read(Fields& f, StandingSet& out) {
  f.word(k_to, &parse_standing, out.to);
  f.text(k_by, out.by);
  f.text(k_reason, out.reason);
  f.count(k_epoch, out.epoch);
}
void read(Fields& f, HoldEnded& out) {
  f.needed_text(k_queue_id, out.queue_id);
  f.small_count(k_recipients, out.recipients);
  f.text(k_by, out.by);
  f.flag(k_released, out.released);
}
void read(Fields& f, Withdrawn& out) { f.needed_text(k_queue_id, out.queue_id); }
void read(Fields& f, EpochMark& out) {
  if (f[k_number] == nullptr) f.wrong(k_number, "is missing");
  f.count(k_number, out.number);
}

// `parse` reads the text of a key that may be missing.
template <class Value, class Parse>
void read_part(Fields& f, Key key, Parse parse, Value& out) {
  const auto text = f.view(key);
  if (!text || text->empty()) return;
  if (auto value = parse(*text))
    out = *value;
  else
    f.wrong(key, "cannot be read");
}

void read(Fields& f, ApprovalSet& out) {
  if (f[k_number] == nullptr) f.wrong(k_number, "is missing");
  f.count(k_number, out.number);
  f.count(k_epoch, out.epoch);
  if (f[k_state] != nullptr) f.word(k_state, &parse_approval_state, out.state);
  if (f[k_detail] != nullptr) f.word(k_detail, &parse_approval_cause, out.cause);
  f.text(k_by, out.by);
  f.text(k_reason, out.reason);
  ApprovalTerms& terms = out.terms;
  f.small_count(k_recipients, terms.recipients);
  terms.each = terms.recipients;
  if (f[k_each] != nullptr) f.small_count(k_each, terms.each);
  f.count(k_size_min, terms.size_min);
  f.count(k_size_max, terms.size_max);
  read_part(f, k_network, &IpNetwork::parse, terms.network);
  read_part(f, k_from, &parse_instant, terms.from);
  read_part(f, k_until, &parse_instant, terms.until);
  if (f[k_repeat] != nullptr) f.word(k_repeat, &parse_approval_repeat, terms.repeat);
  const auto days = [&](std::string_view text) { return parse_days(terms.repeat, text); };
  read_part(f, k_days, days, terms.days);
  read_part(f, k_start, &parse_clock, terms.start_minute);
  f.small_count(k_minutes, terms.minutes);
  f.text(k_zone, terms.zone);
  f.text(k_zone_rule, terms.zone_rule);
  if (terms.zone_rule.empty() && !terms.zone.empty()) {
    // Written by hand: an offset says all there is to know.
    read_part(f, k_zone, &ZoneRule::of_offset, terms.zone_rule);
  }
  if (auto well = check_terms(terms); !well) f.wrong_whole(std::move(well.error().text));
}
// Patterns as one text, "<kind><16 hex digits>" and ":<8 hex digits>" for each account, separated
// by commas: a mark may carry hundreds.
constexpr std::array<char, 3> k_fleet_letters{'s', 'p', 'n'};

template <class T>
bool take_hex(std::string_view& rest, T& out) {
  constexpr std::size_t digits = sizeof(T) * 2;
  if (rest.size() < digits) return false;
  const char* end = rest.data() + digits;
  const auto [at, error] = std::from_chars(rest.data(), end, out, 16);
  if (error != std::errc() || at != end) return false;
  rest.remove_prefix(digits);
  return true;
}
bool parse_pattern(std::string_view word, FleetPattern& out) {
  if (word.empty()) return false;
  const auto letter = std::ranges::find(k_fleet_letters, word.front());
  if (letter == k_fleet_letters.end()) return false;
  out.kind = static_cast<FleetKind>(letter - k_fleet_letters.begin());
  word.remove_prefix(1);
  if (!take_hex(word, out.key)) return false;
  std::size_t accounts = 0;
  while (!word.empty()) {
    if (word.front() != ':' || accounts == out.accounts.size()) return false;
    word.remove_prefix(1);
    std::uint32_t& account = out.accounts[accounts++];
    if (!take_hex(word, account) || account == 0) return false;
  }
  return accounts >= 2;
}
void read(Fields& f, FleetMark& out) {
  std::string_view rest = f.view(k_patterns).value_or(std::string_view());
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    FleetPattern pattern;
    if (out.patterns.size() == k_fleet_patterns_max ||
        !parse_pattern(rest.substr(0, comma), pattern)) {
      return f.wrong(k_patterns, "is no list of patterns");
    }
    out.patterns.push_back(pattern);
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
    if (rest.empty()) return f.wrong(k_patterns, "is no list of patterns");
  }
}

// In the order of EventBody's alternatives.
constexpr std::array<std::string_view, std::variant_size_v<EventBody>> k_kinds{
    "login",    "session",    "submission", "delivery", "received", "settings",
    "standing", "hold_ended", "withdrawn",  "epoch",    "approval", "fleet"};

template <std::size_t I = 0>
bool read_body(std::string_view kind, Fields& fields, EventBody& out) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    if (kind != k_kinds[I]) return read_body<I + 1>(kind, fields, out);
    read(fields, out.emplace<I>());
    return true;
  } else {
    return false;
  }
}

// Prints `,"key":…` members; a key without content is left out.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    begin(key);
    append_json_string(out_, value);
  }
  void word(std::string_view key,
            std::string_view value) {  // one of our own words: nothing to escape
    begin(key);
    ((out_ += '"') += value) += '"';
  }
  void count(std::string_view key, std::uint64_t value) {
    if (value == 0) return;
    begin(key);
    number(value);
  }
  void number(std::uint64_t value) {
    char buffer[20];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out_.append(buffer, end);
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += value ? "true" : "false";
  }
  void address(std::string_view key, const IpAddress& ip) {
    if (!ip.is_set()) return;
    begin(key);
    out_ += '"';
    if (ip.is_v4()) {
      for (std::size_t i = 12; i < 16; ++i) {
        if (i > 12) out_ += '.';
        number(ip.bytes()[i]);
      }
    } else {
      out_ += ip.to_string();
    }
    out_ += '"';
  }
  void place(const Place& place) {
    if (place.has_country()) text("country", std::string_view(place.country, 2));
    count("asn", place.asn);
    if (place.hosting) flag("hosting", true);
  }
  void begin(std::string_view key) { ((out_ += ",\"") += key) += "\":"; }
  std::string& out() { return out_; }

 private:
  std::string& out_;
};

void write(Writer& w, const Login& b) {
  w.word("result", to_string(b.result));
  w.word("service", to_string(b.service));
  w.address("ip", b.ip);
  w.place(b.place);
  w.text("client", b.client);
  w.flag("tls", b.tls);
  w.text("pwhash", b.pwhash);
  if (b.guesses.own != 0) w.count("tries_own", b.guesses.own);
  if (b.guesses.accounts != 0) w.count("tries_accounts", b.guesses.accounts);
  if (b.guesses.addresses != 0) w.count("tries_addresses", b.guesses.addresses);
}
void write(Writer& w, const Session& b) {
  w.word("service", to_string(b.service));
  w.address("ip", b.ip);
  w.begin("seconds");
  fmt::format_to(std::back_inserter(w.out()), "{}", session_seconds(b.seconds));
  w.count("bytes_in", b.bytes_in);
  w.count("bytes_out", b.bytes_out);
  w.count("fetched", b.fetched);
  w.count("deleted", b.deleted);
  std::string expunged;
  for (const MailboxExpunge& one : b.expunges) {
    if (!expunged.empty()) expunged += '\n';
    expunged += fmt::format("{} {}", one.messages, one.mailbox);
    std::ranges::replace(
        expunged.begin() + static_cast<std::ptrdiff_t>(expunged.size() - one.mailbox.size()),
        expunged.end(), '\n', ' ');
  }
  w.text("expunged", expunged);
}
void write(Writer& w, const Submission& b) {
  w.address("ip", b.ip);
  w.place(b.place);
  w.text("helo", b.helo);
  w.text("from", b.from);
  w.begin("to");
  char separator = '[';
  for (const std::string& recipient : b.to) {
    w.out() += separator;
    append_json_string(w.out(), recipient);
    separator = ',';
  }
  w.out() += b.to.empty() ? "[]" : "]";
  w.count("size", b.size);
  w.text("queue_id", b.queue_id);
  if (b.message_id) {
    w.begin("message_id");
    append_json_string(w.out(), *b.message_id);
  }
  if (b.sketch) {
    w.begin("sketch");
    fmt::format_to(std::back_inserter(w.out()), "\"{:016x}\"", *b.sketch);
  }
  if (b.fate) w.word("fate", to_string(*b.fate));
  w.count("approval", b.approval);
}
void write(Writer& w, const Delivery& b) {
  w.text("queue_id", b.queue_id);
  w.text("to", b.to);
  w.word("status", to_string(b.status));
  w.text("dsn", b.dsn);
  w.text("reply", b.reply);
}
void write(Writer& w, const Received& b) { w.text("from", b.from); }
void write(Writer& w, const SettingsChange& b) {
  w.word("what", to_string(b.what));
  w.text("detail", b.detail);
}
void write(Writer& w, const StandingSet& b) {
  w.word("to", to_string(b.to));
  w.text("by", b.by);
  w.text("reason", b.reason);
  w.count("epoch", b.epoch);
}
void write(Writer& w, const HoldEnded& b) {
  w.text("queue_id", b.queue_id);
  w.count("recipients", b.recipients);
  w.text("by", b.by);
  w.flag("released", b.released);
}
void write(Writer& w, const Withdrawn& b) { w.text("queue_id", b.queue_id); }
void write(Writer& w, const EpochMark& b) {
  w.begin("number");
  w.number(b.number);
}
void write(Writer& w, const ApprovalSet& b) {
  const ApprovalTerms& terms = b.terms;
  w.begin("number");
  w.number(b.number);
  w.count("epoch", b.epoch);
  w.word("state", to_string(b.state));
  if (b.cause != ApprovalCause::none) w.word("detail", to_string(b.cause));
  w.text("by", b.by);
  w.text("reason", b.reason);
  w.count("recipients", terms.recipients);
  w.count("each", terms.each);
  w.count("size_min", terms.size_min);
  w.count("size_max", terms.size_max);
  if (terms.network) w.text("network", terms.network->to_string());
  w.word("from", format_instant(terms.from));
  w.word("until", format_instant(terms.until));
  if (terms.repeat != ApprovalRepeat::once) {
    w.word("repeat", to_string(terms.repeat));
    w.text("days", days_text(terms.repeat, terms.days));
    w.word("start", clock_text(terms.start_minute));
    w.count("minutes", terms.minutes);
  }
  w.text("zone", terms.zone);
  w.text("zone_rule", terms.zone_rule);
}
void write(Writer& w, const FleetMark& b) {
  std::string text;
  for (const FleetPattern& p : b.patterns) {
    if (!text.empty()) text += ',';
    fmt::format_to(std::back_inserter(text), "{}{:016x}",
                   k_fleet_letters[static_cast<std::size_t>(p.kind)], p.key);
    for (const std::uint32_t account : p.accounts) {
      if (account != 0) fmt::format_to(std::back_inserter(text), ":{:08x}", account);
    }
  }
  w.text("patterns", text);
}

void lower_in_place(std::string& text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

}  // namespace

double session_seconds(double seconds) {
  if (!(seconds > 0)) return 0;
  return std::round(std::min(seconds, k_session_seconds_max) * 1000) / 1000;
}

std::string_view kind_of(const EventBody& body) { return k_kinds[body.index()]; }

Result<Event> parse_event(std::string_view line) {
  if (line.size() > k_event_line_max) {
    return bad_input(
        fmt::format("the line is {} bytes long; {} are allowed", line.size(), k_event_line_max));
  }
  Fields fields(line);
  if (fields.failed()) return fields.error();
  Result<Event> out;
  read_time(fields, out->t);
  fields.text(k_host, out->host);
  fields.text(k_id, out->id);
  fields.text(k_account, out->account);
  lower_in_place(out->account);
  fields.flag(k_history, out->history);
  const Slot* kind = fields[k_kind];
  const auto word = kind == nullptr ? std::nullopt : text_of(*kind);
  if (kind == nullptr) {
    fields.wrong(k_kind, "is missing");
  } else if (!word || !read_body(*word, fields, out->body)) {
    fields.wrong(k_kind, "is none of the words that may stand there");
  } else if (out->account.empty() && !is_mark(out->body)) {
    fields.wrong(k_account, "is missing");
  }
  if (fields.failed()) return fields.error();
  return out;
}

void append_event(std::string& out, const Event& event) {
  out += "{\"t\":\"";
  append_instant(out, event.t);
  out += '"';
  Writer writer(out);
  writer.word("kind", kind_of(event.body));
  writer.text("host", event.host);
  writer.text("id", event.id);
  writer.text("account", event.account);
  if (event.history) writer.flag("history", true);
  std::visit([&writer](const auto& body) { write(writer, body); }, event.body);
  out += "}\n";
}

}  // namespace sekimori::wire
