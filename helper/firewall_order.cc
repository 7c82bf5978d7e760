#include "helper/firewall_order.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "helper/protocol.h"

namespace sekimori::helper {
namespace {

namespace json = boost::json;

constexpr std::int64_t k_seconds_max = 10LL * 365 * 86'400;

Result<IpNetwork> network_of(const json::value& value) {
  if (!value.is_string()) return bad_input("a network is a text");
  return IpNetwork::parse(std::string_view(value.get_string()));
}

Result<const json::array*> bans_of(const json::object& request) {
  const json::value* given = request.if_contains("bans");
  if (given == nullptr || !given->is_array()) return bad_input("\"bans\" is missing");
  if (given->get_array().size() > k_bans_max) {
    return bad_input(fmt::format("more than {} bans in one request", k_bans_max));
  }
  return &given->get_array();
}

// [["192.0.2.1",900],…]
Result<std::vector<FirewallBan>> timed_bans(const json::object& request) {
  const auto list = bans_of(request);
  if (!list) return std::unexpected(list.error());
  std::vector<FirewallBan> out;
  for (const json::value& value : **list) {
    const json::array* pair = value.if_array();
    if (pair == nullptr || pair->size() != 2 || !pair->at(1).is_int64()) {
      return bad_input("a ban is a network and its seconds");
    }
    const auto network = network_of(pair->at(0));
    if (!network) return std::unexpected(network.error());
    const std::int64_t time = pair->at(1).get_int64();
    if (time < 0 || time > k_seconds_max) return bad_input("a ban's seconds are 0 to ten years");
    out.push_back({*network, static_cast<std::uint32_t>(time)});
  }
  return out;
}

}  // namespace

Result<std::string> firewall_order(Firewall& firewall, const json::object& request,
                                   std::string& said) {
  const json::value* given = request.if_contains("do");
  if (given == nullptr || !given->is_string()) return bad_input("\"do\" is missing");
  const std::string_view what(given->get_string().data(), given->get_string().size());
  const auto finish = [](Result<void> done) -> Result<std::string> {
    if (!done) return std::unexpected(done.error());
    return std::string();
  };
  said = "firewall";
  if (what == "begin" || what == "end") {
    said = fmt::format("firewall {}", what);
    return finish(what == "begin" ? firewall.begin() : firewall.end());
  }
  if (what == "state") return finish(firewall.state());
  if (what == "add") {
    const auto bans = timed_bans(request);
    if (!bans) return std::unexpected(bans.error());
    return finish(firewall.add(*bans));
  }
  if (what == "networks") {
    const auto bans = timed_bans(request);
    if (!bans) return std::unexpected(bans.error());
    const json::value* first = request.if_contains("first");
    return finish(
        firewall.networks(*bans, first != nullptr && first->is_bool() && first->get_bool()));
  }
  if (what == "remove") {
    const auto list = bans_of(request);
    if (!list) return std::unexpected(list.error());
    std::vector<IpNetwork> networks;
    for (const json::value& value : **list) {
      auto network = network_of(value);
      if (!network) return std::unexpected(network.error());
      networks.push_back(*network);
    }
    return finish(firewall.remove(networks));
  }
  return bad_input("unknown order to the firewall");
}

}  // namespace sekimori::helper
