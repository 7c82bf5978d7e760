#include "helper/firewall.h"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <algorithm>

namespace sekimori::helper {
namespace {

// Before the site's own filter (priority 0): a ban costs one look-up, whatever rules follow.
constexpr int k_priority = -10;

std::string words_of(const char* text) {
  std::string out;
  for (const char c : std::string_view(text == nullptr ? "" : text).substr(0, 300)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.empty() ? "nft said no more" : out;
}

std::string element(const FirewallBan& ban, bool with_time, bool host) {
  std::string out = host ? ban.network.address().to_string() : ban.network.to_string();
  if (with_time && ban.seconds > 0) out += fmt::format(" timeout {}s", ban.seconds);
  return out;
}

// "add element inet t hosts4 { 192.0.2.1 timeout 900s, … }\n" for those of one family; "" for none.
std::string order(std::string_view verb, std::string_view table, bool hosts, bool v4,
                  const std::vector<FirewallBan>& bans, bool with_time) {
  std::string out;
  for (const FirewallBan& ban : bans) {
    if (ban.network.address().is_v4() != v4) continue;
    out += out.empty() ? fmt::format("{} element inet {} {}{} {{ ", verb, table,
                                     hosts ? "hosts" : "nets", v4 ? 4 : 6)
                       : ", ";
    out += element(ban, with_time, hosts);
  }
  if (!out.empty()) out += " }\n";
  return out;
}

}  // namespace

struct Firewall::Context {
  nft_ctx* nft = nft_ctx_new(NFT_CTX_DEFAULT);
  ~Context() {
    if (nft != nullptr) nft_ctx_free(nft);
  }
};

Firewall::Firewall(FirewallSettings settings) : settings_(std::move(settings)) {}
Firewall::~Firewall() = default;

bool Firewall::is_host(const IpNetwork& network) {
  return network.address().is_v4() ? network.bits() == 32 : network.bits() == 64;
}

bool Firewall::is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && name.size() <= 30 && letter(name.front()) &&
         std::ranges::all_of(
             name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<void> Firewall::run(const std::string& orders) {
  if (!settings_.enabled) return bad_input("firewall.enabled is false in the settings");
  if (!is_name(settings_.table)) return bad_input("firewall.table is no name of a table");
  if (orders.empty()) return {};
  if (!context_) {
    context_ = std::make_unique<Context>();
    if (context_->nft != nullptr) {
      nft_ctx_buffer_output(context_->nft);
      nft_ctx_buffer_error(context_->nft);
    }
  }
  if (context_->nft == nullptr) {
    context_.reset();
    return operating_failure("libnftables cannot be used");
  }
  const int failed = nft_run_cmd_from_buffer(context_->nft, orders.c_str());
  // Both are emptied by being read.
  (void)nft_ctx_get_output_buffer(context_->nft);
  const std::string words = words_of(nft_ctx_get_error_buffer(context_->nft));
  if (failed == 0) return {};
  context_.reset();  // whatever it remembered of the kernel's tables may be wrong
  return operating_failure("nft: " + words);
}

Result<void> Firewall::begin() {
  if (settings_.ports.empty()) return bad_input("firewall.ports is empty");
  const std::string& t = settings_.table;
  std::string ports;
  for (const auto port : settings_.ports) {
    ports += fmt::format("{}{}", ports.empty() ? "" : ", ", port);
  }
  std::string orders =
      fmt::format("add table inet {0}\ndelete table inet {0}\nadd table inet {0}\n", t);
  for (const int family : {4, 6}) {
    orders += fmt::format(
        "add set inet {0} hosts{1} {{ type ipv{1}_addr; size {2}; flags timeout; }}\n"
        "add set inet {0} nets{1} {{ type ipv{1}_addr; flags interval, timeout; }}\n",
        t, family, settings_.size);
  }
  orders += fmt::format(
      "add chain inet {} input {{ type filter hook input priority {}; policy accept; }}\n", t,
      k_priority);
  for (const auto& from : {std::string("ip saddr @hosts4"), std::string("ip saddr @nets4"),
                           std::string("ip6 saddr and ffff:ffff:ffff:ffff:: @hosts6"),
                           std::string("ip6 saddr @nets6")}) {
    orders +=
        fmt::format("add rule inet {} input tcp dport {{ {} }} {} counter drop\n", t, ports, from);
  }
  return run(orders);
}

Result<void> Firewall::add(const std::vector<FirewallBan>& bans) {
  for (const FirewallBan& ban : bans) {
    if (!is_host(ban.network)) return bad_input("no single address: " + ban.network.to_string());
  }
  // An element that is there would keep its old time: it is made, taken away and made anew, all in
  // one transaction.
  std::string orders;
  for (const bool v4 : {true, false}) {
    orders += order("add", settings_.table, true, v4, bans, false);
    orders += order("delete", settings_.table, true, v4, bans, false);
    orders += order("add", settings_.table, true, v4, bans, true);
  }
  return run(orders);
}

Result<void> Firewall::remove(const std::vector<IpNetwork>& networks) {
  std::vector<FirewallBan> bans;
  for (const IpNetwork& network : networks) {
    if (!is_host(network)) return bad_input("no single address: " + network.to_string());
    bans.push_back({network, 0});
  }
  std::string orders;
  for (const bool v4 : {true, false}) {
    orders += order("add", settings_.table, true, v4, bans, false);
    orders += order("delete", settings_.table, true, v4, bans, false);
  }
  return run(orders);
}

Result<void> Firewall::networks(const std::vector<FirewallBan>& bans, bool first) {
  std::string orders;
  if (first) {
    orders = fmt::format("flush set inet {0} nets4\nflush set inet {0} nets6\n", settings_.table);
  }
  for (const bool v4 : {true, false}) {
    orders += order("add", settings_.table, false, v4, bans, true);
  }
  return run(orders);
}

Result<void> Firewall::state() {
  return run(fmt::format("list chain inet {} input\n", settings_.table));
}

Result<void> Firewall::end() {
  return run(fmt::format("add table inet {0}\ndelete table inet {0}\n", settings_.table));
}

}  // namespace sekimori::helper
