#include "wire/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

namespace sekimori::wire {
namespace {

struct Attribute {
  std::string_view name;
  std::string_view PolicyRequest::* field;
};

// Grouped by the length of the name, so that a look-up compares two or three names at most.
constexpr Attribute k_attributes[] = {
    {"size", nullptr},
    {"sender", &PolicyRequest::sender},
    {"stress", &PolicyRequest::stress},
    {"request", &PolicyRequest::request},
    {"queue_id", &PolicyRequest::queue_id},
    {"instance", &PolicyRequest::instance},
    {"recipient", &PolicyRequest::recipient},
    {"helo_name", &PolicyRequest::helo_name},
    {"client_name", &PolicyRequest::client_name},
    {"client_port", &PolicyRequest::client_port},
    {"server_port", &PolicyRequest::server_port},
    {"sasl_method", &PolicyRequest::sasl_method},
    {"sasl_sender", &PolicyRequest::sasl_sender},
    {"etrn_domain", &PolicyRequest::etrn_domain},
    {"mail_version", &PolicyRequest::mail_version},
    {"protocol_name", &PolicyRequest::protocol_name},
    {"sasl_username", &PolicyRequest::sasl_username},
    {"ccert_subject", &PolicyRequest::ccert_subject},
    {"protocol_state", &PolicyRequest::protocol_state},
    {"client_address", &PolicyRequest::client_address},
    {"server_address", &PolicyRequest::server_address},
    {"policy_context", &PolicyRequest::policy_context},
    {"recipient_count", nullptr},
    {"ccert_fingerprint", &PolicyRequest::ccert_fingerprint},
    {"encryption_cipher", &PolicyRequest::encryption_cipher},
    {"encryption_keysize", &PolicyRequest::encryption_keysize},
    {"encryption_protocol", &PolicyRequest::encryption_protocol},
    {"reverse_client_name", &PolicyRequest::reverse_client_name},
    {"compatibility_level", &PolicyRequest::compatibility_level},
};

constexpr std::size_t k_name_max = 19;
struct Range {
  std::uint8_t first = 0;
  std::uint8_t last = 0;
};
constexpr auto k_by_length = [] {
  std::array<Range, k_name_max + 1> table{};
  for (std::size_t i = 0; i < std::size(k_attributes); ++i) {
    Range& range = table[k_attributes[i].name.size()];
    if (range.last == 0) range.first = static_cast<std::uint8_t>(i);
    range.last = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}();

const Attribute* find_attribute(std::string_view name) {
  if (name.size() > k_name_max) return nullptr;
  const Range range = k_by_length[name.size()];
  for (std::size_t i = range.first; i < range.last; ++i) {
    // Names of one length differ early or late; the last byte settles most of them at once.
    if (k_attributes[i].name.back() == name.back() && k_attributes[i].name == name) {
      return &k_attributes[i];
    }
  }
  return nullptr;
}

PolicyState parse_state(std::string_view word) {
  switch (word.size()) {
    case 4:
      if (word == "RCPT") return PolicyState::rcpt;
      if (word == "DATA" || word == "BDAT") return PolicyState::data;
      if (word == "MAIL") return PolicyState::mail;
      if (word == "EHLO") return PolicyState::ehlo;
      if (word == "HELO") return PolicyState::helo;
      if (word == "VRFY") return PolicyState::vrfy;
      if (word == "ETRN") return PolicyState::etrn;
      break;
    case 7:
      if (word == "CONNECT") return PolicyState::connect;
      break;
    case 14:
      if (word == "END-OF-MESSAGE") return PolicyState::end_of_message;
      break;
    default: break;
  }
  return PolicyState::other;
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
  if (text.empty()) return true;  // the attribute has no value: nothing is known
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool is_reply_code(std::string_view code) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (code.size() < 3 || (code[0] != '4' && code[0] != '5') || !digit(code[1]) || !digit(code[2])) {
    return false;
  }
  if (code.size() == 3) return true;
  return code.size() <= 14 && code[3] == ' ' && code.size() > 4 && code[4] == code[0] &&
         std::ranges::all_of(code.substr(4), [&](char c) { return digit(c) || c == '.'; });
}

}  // namespace

Result<std::optional<std::size_t>> find_request(std::string_view buffer) {
  const std::string_view window = buffer.substr(0, k_policy_request_max);
  std::size_t line = 0;
  while (line < window.size()) {
    if (window[line] == '\n') return line + 1;
    if (window[line] == '\r' && line + 1 < window.size() && window[line + 1] == '\n')
      return line + 2;
    const void* end = std::memchr(window.data() + line, '\n', window.size() - line);
    if (end == nullptr) break;
    line = static_cast<std::size_t>(static_cast<const char*>(end) - window.data()) + 1;
  }
  if (buffer.size() >= k_policy_request_max) {
    return bad_input(
        fmt::format("no end of the policy request within {} bytes", k_policy_request_max));
  }
  return std::nullopt;
}

Result<PolicyRequest> parse_policy_request(std::string_view text) {
  if (text.size() > k_policy_request_max) {
    return bad_input(fmt::format("the policy request is {} bytes long; {} are allowed", text.size(),
                                 k_policy_request_max));
  }
  PolicyRequest out;
  bool any = false;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) {
      if (!text.empty())
        return bad_input("bytes follow the empty line that ends the policy request");
      break;
    }
    if (line.size() > k_policy_line_max) {
      return bad_input(fmt::format("a line of the policy request is {} bytes long; {} are allowed",
                                   line.size(), k_policy_line_max));
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return bad_input("a line of the policy request is not of the form name=value");
    }
    any = true;
    const std::string_view value = line.substr(equals + 1);
    const Attribute* attribute = find_attribute(line.substr(0, equals));
    if (attribute == nullptr) continue;
    if (attribute->field != nullptr) {
      out.*attribute->field = value;
    } else if (attribute->name.size() == 4) {
      if (!read_number(value, out.size))
        return bad_input("size in the policy request is no number");
    } else if (!read_number(value, out.recipient_count)) {
      return bad_input("recipient_count in the policy request is no number");
    }
  }
  if (!any) return bad_input("the policy request is empty");
  if (!out.request.empty() && out.request != "smtpd_access_policy") {
    return bad_input("the request is not smtpd_access_policy");
  }
  out.state = parse_state(out.protocol_state);
  return out;
}

void append_policy_answer(std::string& out, const PolicyAnswer& answer) {
  out += "action=";
  const std::size_t start = out.size();
  const bool own_code =
      (answer.action == PolicyAction::reject || answer.action == PolicyAction::defer) &&
      is_reply_code(answer.code);
  switch (answer.action) {
    case PolicyAction::dunno: out += "DUNNO\n\n"; return;
    case PolicyAction::hold: out += "HOLD"; break;
    case PolicyAction::reject: out += own_code ? answer.code : "REJECT"; break;
    case PolicyAction::defer: out += own_code ? answer.code : "DEFER"; break;
    case PolicyAction::warn: out += "WARN"; break;
    case PolicyAction::info: out += "INFO"; break;
    case PolicyAction::prepend: out += "PREPEND"; break;
    case PolicyAction::bcc: out += "BCC"; break;
  }
  bool first = true;
  for (const char c : answer.text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) == 0x80U) continue;  // the rest of a character that '?' stands for already
    const std::size_t room = k_policy_action_max - (out.size() - start);
    if (room < (first ? 2U : 1U)) break;
    if (first) out += ' ';
    first = false;
    out += byte < 0x20 || byte > 0x7e ? '?' : c;
  }
  out += "\n\n";
}

void append_policy_request(std::string& out, const PolicyRequest& request) {
  for (const Attribute& attribute : k_attributes) {
    if (attribute.field != nullptr) {
      const std::string_view value = request.*attribute.field;
      if (!value.empty()) ((out += attribute.name) += '=') += value, out += '\n';
    }
  }
  fmt::format_to(std::back_inserter(out), "recipient_count={}\nsize={}\n\n",
                 request.recipient_count, request.size);
}

}  // namespace sekimori::wire
