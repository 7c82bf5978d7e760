#include "wire/auth_policy.h"

#include <fmt/format.h>

#include <iterator>

#include "wire/json_object.h"
#include "wire/json_text.h"

namespace sekimori::wire {
namespace {

void take_text(const boost::json::value& value, std::string& out) {
  if (const auto text = json_text(value)) out = *text;
}

// true, "true", "yes", "1" and 1; any other word or number is false.
std::optional<bool> take_flag(const boost::json::value& value) {
  if (const bool* flag = value.if_bool()) return *flag;
  if (const auto text = json_text(value)) return text == "true" || text == "yes" || text == "1";
  if (value.is_number()) return json_uint(value) == 1U;
  return std::nullopt;
}

}  // namespace

std::string_view auth_policy_command_word(std::string_view target) {
  const auto question = target.find('?');
  std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) {
    std::string_view query = target.substr(question + 1);
    while (!query.empty()) {
      const auto end = query.find('&');
      const std::string_view part = query.substr(0, end);
      if (part.starts_with("command=")) return part.substr(8);
      query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    }
  }
  constexpr std::string_view k_marker = "/command/";
  const auto at = path.find(k_marker);
  if (at == std::string_view::npos) return {};
  path.remove_prefix(at + k_marker.size());
  return path.substr(0, path.find('/'));
}

AuthPolicyCommand parse_auth_policy_target(std::string_view target) {
  const std::string_view word = auth_policy_command_word(target);
  if (word == "allow") return AuthPolicyCommand::allow;
  if (word == "report") return AuthPolicyCommand::report;
  return AuthPolicyCommand::other;
}

Result<AuthPolicyRequest> parse_auth_policy_request(std::string_view body) {
  if (body.size() > k_auth_policy_body_max) {
    return bad_input(fmt::format("the body is {} bytes long; {} are allowed", body.size(),
                                 k_auth_policy_body_max));
  }
  AuthPolicyRequest out;
  const JsonObject object(body);
  if (!object.ok()) return bad_input(object.problem());
  for (const auto& member : object.members()) {
    const std::string_view name = member.key();
    const boost::json::value& value = member.value();
    if (name == "login") {
      take_text(value, out.login);
    } else if (name == "protocol") {
      take_text(value, out.protocol);
    } else if (name == "pwhash") {
      take_text(value, out.pwhash);
    } else if (name == "session_id") {
      take_text(value, out.session_id);
    } else if (name == "device_id") {
      take_text(value, out.device_id);
    } else if (name == "fail_type") {
      take_text(value, out.fail_type);
    } else if (name == "remote") {
      out.remote = IpAddress::parse(json_text(value).value_or("")).value_or(IpAddress());
    } else if (name == "tls") {
      const auto flag = take_flag(value);
      out.tls = flag.value_or(false);
      out.tls_told = flag.has_value();
    } else if (name == "policy_reject") {
      out.policy_reject = take_flag(value).value_or(false);
    } else if (name == "success") {
      out.success = take_flag(value);
    }
  }
  return out;
}

void append_auth_policy_answer(std::string& out, const AuthPolicyAnswer& answer) {
  std::string msg = valid_utf8(answer.msg.substr(0, k_auth_policy_msg_max));
  if (answer.msg.size() > k_auth_policy_msg_max) {
    // The cut may have split a character; its torn head became U+FFFD.
    while (msg.ends_with("\xef\xbf\xbd")) msg.resize(msg.size() - 3);
  }
  // A line break would end the reply line in which Dovecot or Postfix puts this.
  for (char& c : msg) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  fmt::format_to(std::back_inserter(out), "{{\"status\":{},\"msg\":", answer.status);
  append_json_string(out, msg);
  out += '}';
}

}  // namespace sekimori::wire
