// The firewall's part of a ban, through libnftables: one table of our own, `inet NAME`, with
//
//   hosts4, hosts6   hash sets with timeouts: an address; an IPv6 one stands for its /64
//   nets4, nets6     interval sets with timeouts: networks, put in place of each other as a whole,
//                    since one change there takes as long as all of it
//   input            drops what comes from them to the mail ports, and to no other: a ban that hits
//                    the operator leaves ssh open
//
// Nobody else's table is touched. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_network.h"
#include "base/result.h"

namespace sekimori::helper {

struct FirewallSettings {
  bool enabled = false;
  std::string table = "sekimori";
  std::vector<std::uint16_t> ports;
  std::uint32_t size = 524'288;  // addresses
};

struct FirewallBan {
  IpNetwork network;
  std::uint32_t seconds = 0;  // 0: until removed
};

// Errors of all: operating, with nft's own words. An order that fails changed nothing.
class Firewall {
 public:
  explicit Firewall(FirewallSettings settings);
  ~Firewall();
  Firewall(const Firewall&) = delete;
  Firewall& operator=(const Firewall&) = delete;

  // Our table, new and empty.
  [[nodiscard]] Result<void> begin();
  // Single addresses, and whole /64 of IPv6; one that is there gets the new time. bad_input:
  // others.
  [[nodiscard]] Result<void> add(const std::vector<FirewallBan>& bans);
  // Those that are not there are no error.
  [[nodiscard]] Result<void> remove(const std::vector<IpNetwork>& networks);
  // Networks that do not hold each other. `first`: in place of all others.
  [[nodiscard]] Result<void> networks(const std::vector<FirewallBan>& bans, bool first);
  // Errors: operating when our table is not there.
  [[nodiscard]] Result<void> state();
  [[nodiscard]] Result<void> end();

  // An address, or the /64 of an IPv6 one: what stands in a hash set.
  [[nodiscard]] static bool is_host(const IpNetwork&);
  // A table's name as nft reads it: letters, digits, '_'.
  [[nodiscard]] static bool is_name(std::string_view);

 private:
  [[nodiscard]] Result<void> run(const std::string& orders);

  struct Context;
  FirewallSettings settings_;
  std::unique_ptr<Context> context_;
};

}  // namespace sekimori::helper
