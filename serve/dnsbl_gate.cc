#include "serve/dnsbl_gate.h"

#include <algorithm>

namespace sekimori::serve {

DnsblGate::DnsblGate(DnsblBoard& board, BlacklistLimits limits, std::vector<IpNetwork> own)
    : board_(board), limits_(limits), own_(std::move(own)) {
  // RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.
  for (const char* network : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                              "100.64.0.0/10", "169.254.0.0/16", "::1", "fc00::/7", "fe80::/10"}) {
    own_.push_back(*IpNetwork::parse(network));
  }
}

bool DnsblGate::asks_about(const IpAddress& ip) const {
  return ip.is_set() && !board_.lists().empty() &&
         std::ranges::none_of(own_, [&](const IpNetwork& network) { return network.contains(ip); });
}

}  // namespace sekimori::serve
