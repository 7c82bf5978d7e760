#include "wire/dovecot_event.h"

#include <fmt/format.h>

#include <charconv>

#include "base/mail_address.h"
#include "wire/event_json.h"
#include "wire/json_object.h"

namespace sekimori::wire {
namespace {

namespace json = boost::json;

// A string, or a number or word as text.
std::string text_of(const json::value& value) {
  if (const auto text = json_text(value)) return std::string(*text);
  if (const bool* flag = value.if_bool()) return *flag ? "true" : "false";
  if (const std::int64_t* number = value.if_int64()) return fmt::to_string(*number);
  if (const std::uint64_t* number = value.if_uint64()) return fmt::to_string(*number);
  if (const double* number = value.if_double()) return fmt::to_string(*number);
  return {};
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

std::uint64_t count_of(const json::value& value) {
  if (const auto text = json_text(value)) return number_in<std::uint64_t>(*text).value_or(0);
  return json_uint(value).value_or(0);
}

// RFC 3339 (time-rfc3339), or seconds since 1970 (time-unix) as a number or as text.
Instant time_of(const json::value& value) {
  std::optional<double> seconds = json_double(value);
  if (const auto text = json_text(value)) {
    if (const auto instant = parse_instant(*text)) return *instant;
    seconds = number_in<double>(*text);
  }
  return seconds ? instant_from_seconds(*seconds).value_or(Instant()) : Instant();
}

struct TextField {
  std::string_view name;
  std::string DovecotEvent::* field;
};
// Where two names stand for one thing, the first is 2.3's and the second 2.4's.
constexpr TextField k_texts[] = {
    {"user", &DovecotEvent::user},
    {"service", &DovecotEvent::service},
    {"protocol", &DovecotEvent::service},
    {"session", &DovecotEvent::session},
    {"mech", &DovecotEvent::mechanism},
    {"mechanism", &DovecotEvent::mechanism},
    {"error", &DovecotEvent::error},
    {"policy_result", &DovecotEvent::policy_result},
    {"cmd_name", &DovecotEvent::cmd_name},
    {"cmd_args", &DovecotEvent::cmd_args},
    {"tagged_reply_state", &DovecotEvent::reply_state},
    {"action_name", &DovecotEvent::action_name},
    {"redirect_target", &DovecotEvent::redirect_target},
    {"script_name", &DovecotEvent::script_name},
    {"mail_from", &DovecotEvent::mail_from},
    {"rcpt_to", &DovecotEvent::rcpt_to},
    {"message_id", &DovecotEvent::message_id},
};

struct CountField {
  std::string_view name;
  std::uint64_t DovecotEvent::* field;
};
constexpr CountField k_counts[] = {
    {"bytes_in", &DovecotEvent::bytes_in},         {"net_in_bytes", &DovecotEvent::bytes_in},
    {"bytes_out", &DovecotEvent::bytes_out},       {"net_out_bytes", &DovecotEvent::bytes_out},
    {"fetch_body_count", &DovecotEvent::fetched},  {"retr_count", &DovecotEvent::fetched},
    {"fetched", &DovecotEvent::fetched},           {"deleted", &DovecotEvent::deleted},
    {"expunged", &DovecotEvent::deleted},          {"deleted_count", &DovecotEvent::deleted},
    {"message_size", &DovecotEvent::message_size},
};

// `"Taro" <taro@example.jp>` → taro@example.jp
std::string_view address_in(std::string_view header) {
  const auto open = header.rfind('<');
  if (open == std::string_view::npos) return header;
  const std::string_view rest = header.substr(open + 1);
  return rest.substr(0, rest.find('>'));
}

void read_field(std::string_view name, const json::value& value, DovecotEvent& out) {
  if (value.is_null()) return;
  for (const TextField& entry : k_texts) {
    if (entry.name == name) {
      out.*entry.field = text_of(value);
      return;
    }
  }
  for (const CountField& entry : k_counts) {
    if (entry.name == name) {
      if (const auto count = count_of(value); count != 0) out.*entry.field = count;
      return;
    }
  }
  if (name == "success") {
    const std::string word = text_of(value);
    out.success = word == "yes" || word == "true" || word == "1";
  } else if (name == "remote_ip" || name == "real_remote_ip") {
    // The proxied client's address, where both are given, is remote_ip.
    if (name == "remote_ip" || !out.remote_ip.is_set()) {
      if (const auto ip = IpAddress::parse(json_text(value).value_or(""))) out.remote_ip = *ip;
    }
  } else if (name == "message_from" && out.mail_from.empty()) {
    const std::string header = text_of(value);
    out.mail_from = address_in(header);
  }
}

}  // namespace

Result<DovecotEvent> parse_dovecot_event(std::string_view body) {
  if (body.size() > k_dovecot_event_max) {
    return bad_input(fmt::format("the event is {} bytes long; {} are allowed", body.size(),
                                 k_dovecot_event_max));
  }
  DovecotEvent out;
  const JsonObject object(body);
  if (!object.ok()) return bad_input(object.problem());
  for (const auto& member : object.members()) {
    const std::string_view key = member.key();
    const json::value& value = member.value();
    if (key == "event") {
      out.name = text_of(value);
    } else if (key == "hostname") {
      out.hostname = text_of(value);
    } else if (key == "start_time") {
      out.start = time_of(value);
    } else if (key == "end_time") {
      out.end = time_of(value);
    } else if (key == "categories" && value.is_array()) {
      for (const json::value& category : value.get_array())
        out.categories.push_back(text_of(category));
    } else if (key == "fields" && value.is_object()) {
      for (const auto& field : value.get_object()) read_field(field.key(), field.value(), out);
    }
  }
  if (out.name.empty()) return bad_input("the object names no event");
  if (out.name == "auth_request_finished" && !out.success) out.success = false;
  return out;
}

std::optional<Event> to_event(const DovecotEvent& event) {
  Event out;
  out.t = event.end.is_set() ? event.end : event.start;
  out.account = ascii_lower(event.user);
  if (!out.t.is_set() || out.account.empty()) return std::nullopt;
  if (event.name == "mail_user_session_finished") {
    const Service service = parse_service(event.service);
    if (service == Service::other)
      return std::nullopt;  // LMTP and indexers have no person behind them
    Session session;
    session.service = service;
    session.ip = event.remote_ip;
    if (event.start.is_set() && event.end > event.start)
      session.seconds = session_seconds((event.end - event.start).seconds());
    session.bytes_in = event.bytes_in;
    session.bytes_out = event.bytes_out;
    session.fetched = event.fetched;
    session.deleted = event.deleted;
    out.body = session;
    return out;
  }
  if (!event.error.empty()) return std::nullopt;
  if (event.name == "sieve_script_activated") {
    out.body = SettingsChange{SettingKind::filter, event.script_name};
    return out;
  }
  // A script that is active already changes by being put again, without being activated.
  if (event.name == "managesieve_command_finished" && ascii_lower(event.cmd_name) == "putscript") {
    out.body = SettingsChange{SettingKind::filter, event.script_name};
    return out;
  }
  if (event.name == "mail_delivery_finished" && !event.mail_from.empty()) {
    out.body = Received{ascii_lower(event.mail_from)};
    return out;
  }
  return std::nullopt;
}

}  // namespace sekimori::wire
