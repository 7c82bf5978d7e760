#include "wire/wforce.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "wire/json_object.h"
#include "wire/json_text.h"

namespace sekimori::wire {
namespace {

struct Name {
  WforceCommand command;
  std::string_view word;
  bool get;
};
constexpr std::array k_names{
    Name{WforceCommand::allow, "allow", false},
    Name{WforceCommand::report, "report", false},
    Name{WforceCommand::reset, "reset", false},
    Name{WforceCommand::add_block, "addBLEntry", false},
    Name{WforceCommand::delete_block, "delBLEntry", false},
    Name{WforceCommand::get_block, "getBL", true},
    Name{WforceCommand::add_allow, "addWLEntry", false},
    Name{WforceCommand::delete_allow, "delWLEntry", false},
    Name{WforceCommand::get_allow, "getWL", true},
    Name{WforceCommand::get_stats, "getDBStats", false},
    Name{WforceCommand::ping, "ping", true},
    Name{WforceCommand::stats, "stats", true},
};

Result<IpNetwork> network_of(std::string_view text) {
  const auto slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::unexpected(address.error());
  const int most = address->is_v4() ? 32 : 128;
  int bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, problem] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (problem != std::errc() || end != length.data() + length.size() || bits < 0 || bits > most) {
      return bad_input("Invalid netmask");
    }
  }
  return IpNetwork::parse(fmt::format("{}/{}", address->network(bits, bits).to_string(), bits));
}

Result<void> take_address(const boost::json::value& value, std::optional<IpAddress>& out) {
  if (value.is_null()) return {};
  auto ip = IpAddress::parse(json_text(value).value_or(""));
  if (!ip || !ip->is_set()) return bad_input("Unable to convert presentation address");
  out = *ip;
  return {};
}

Result<void> take_login(const boost::json::value& value, std::optional<std::string>& out) {
  if (value.is_null()) return {};
  const auto text = json_text(value);
  if (!text || text->empty() || text->size() > k_wforce_login_max) {
    return bad_input("Invalid login");
  }
  out = std::string(*text);
  return {};
}

}  // namespace

std::string_view to_string(WforceCommand command) {
  const auto it = std::ranges::find(k_names, command, &Name::command);
  return it == k_names.end() ? std::string_view() : it->word;
}

WforceCommand parse_wforce_command(std::string_view method, std::string_view target) {
  const auto it = std::ranges::find(k_names, auth_policy_command_word(target), &Name::word);
  if (it == k_names.end() || method != (it->get ? "GET" : "POST")) return WforceCommand::unknown;
  return it->command;
}

Result<WforceEntry> parse_wforce_entry(std::string_view body, bool adding) {
  if (body.size() > k_auth_policy_body_max) return bad_input("The body is too long");
  const JsonObject object(body);
  if (!object.ok()) return bad_input(object.problem());
  WforceEntry out;
  const auto member = [&](std::string_view name) { return object.members().if_contains(name); };
  if (const auto* ip = member("ip")) {
    std::optional<IpAddress> address;
    if (auto done = take_address(*ip, address); !done) return std::unexpected(done.error());
    if (address) {
      auto network = network_of(address->to_string());
      if (!network) return std::unexpected(network.error());
      out.network = *network;
      out.single = true;
    }
  }
  if (const auto* mask = member("netmask"); mask != nullptr && !mask->is_null()) {
    auto network = network_of(json_text(*mask).value_or(""));
    if (!network) return std::unexpected(network.error());
    out.network = *network;
    out.single = false;
  }
  if (const auto* login = member("login")) {
    if (auto done = take_login(*login, out.login); !done) return std::unexpected(done.error());
  }
  if (adding) {
    const auto* secs = member("expire_secs");
    if (secs == nullptr || secs->is_null()) {
      return bad_input("Missing mandatory expire_secs field");
    }
    const auto number = json_double(*secs);
    if (!number) return bad_input("expire_secs must be a number");
    out.expire_secs = *number <= 0 ? 0
                      : *number >= static_cast<double>(k_wforce_expire_max)
                          ? k_wforce_expire_max
                          : static_cast<std::int64_t>(*number);
    const auto* reason = member("reason");
    if (reason == nullptr || reason->is_null()) return bad_input("Missing mandatory reason field");
    out.reason = valid_utf8(json_text(*reason).value_or("").substr(0, k_wforce_reason_max));
  }
  if (out.login && out.network && !out.single) {
    return bad_input("A netmask and a login cannot be one entry");
  }
  return out;
}

Result<WforceKey> parse_wforce_key(std::string_view body) {
  if (body.size() > k_auth_policy_body_max) return bad_input("The body is too long");
  const JsonObject object(body);
  if (!object.ok()) return bad_input(object.problem());
  WforceKey out;
  if (const auto* ip = object.members().if_contains("ip")) {
    if (auto done = take_address(*ip, out.ip); !done) return std::unexpected(done.error());
  }
  if (const auto* login = object.members().if_contains("login")) {
    if (auto done = take_login(*login, out.login); !done) return std::unexpected(done.error());
  }
  return out;
}

Result<AuthPolicyRequest> parse_wforce_login(std::string_view body) {
  auto request = parse_auth_policy_request(body);
  if (!request) return request;
  if (request->login.empty()) return bad_input("No login field supplied");
  if (!request->remote.is_set()) return bad_input("Unable to convert presentation address");
  return request;
}

std::string wforce_allow_answer(int status, std::string_view msg,
                                const WforceAttributes& attributes) {
  std::string out = R"({"msg": )";
  append_json_string(out, msg);
  out += R"(, "r_attrs": {)";
  bool first = true;
  for (const auto& [name, value] : attributes) {
    if (!first) out += ", ";
    first = false;
    append_json_string(out, name);
    out += ": ";
    append_json_string(out, value);
  }
  out += fmt::format("}}, \"status\": {}}}", status);
  return out;
}

std::string wforce_failure(std::string_view reason) {
  std::string out = R"({"status":"failure", "reason":)";
  append_json_string(out, reason);
  out += '}';
  return out;
}

std::string wforce_time(Instant t) {
  constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::string iso = format_instant({t.us / 1'000'000 * 1'000'000});
  const std::string_view text = iso;  // 2026-11-22T18:49:51Z
  std::size_t month = 0;
  std::from_chars(text.data() + 5, text.data() + 7, month);
  if (month < 1 || month > k_months.size()) return iso;
  return fmt::format("{}-{}-{} {}", text.substr(0, 4), k_months[month - 1], text.substr(8, 2),
                     text.substr(11, 8));
}

std::string wforce_network(const IpNetwork& network) {
  return fmt::format("{}/{}", network.address().to_string(), network.bits());
}

}  // namespace sekimori::wire
