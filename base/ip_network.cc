#include "base/ip_network.h"

#include <charconv>

namespace sekimori {

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  if (text.size() > 64) return bad_input("an address range is at most 64 characters");
  const auto slash = text.find('/');
  const auto host = text.substr(0, slash);
  const auto address = IpAddress::parse(host);
  if (!address) return std::unexpected(address.error());
  if (host.find_first_of("[%") != std::string_view::npos) {
    return bad_input("'" + std::string(text) + "' is no network such as 2001:db8::/32");
  }
  const int most = address->is_v4() ? 32 : 128;
  IpNetwork network;
  network.address_ = *address;
  network.bits_ = most;
  if (slash == std::string_view::npos) return network;
  const auto digits = text.substr(slash + 1);
  const auto* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, network.bits_);
  if (digits.empty() || error != std::errc{} || stop != end || network.bits_ < 0 ||
      network.bits_ > most) {
    return bad_input("the prefix length of '" + std::string(text) + "' must be 0 to " +
                     std::to_string(most));
  }
  if (address->network(network.bits_, network.bits_) != *address) {
    return bad_input("'" + std::string(text) +
                     "' has bits set behind its prefix; meant is perhaps " +
                     address->network(network.bits_, network.bits_).to_string() + "/" +
                     std::to_string(network.bits_));
  }
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  // ::/0 contains no IPv4 address: the families are apart.
  if (!address.is_set() || address.is_v4() != address_.is_v4()) return false;
  return address.network(bits_, bits_) == address_;
}

std::string IpNetwork::to_string() const {
  // "::" is our unset address, which prints as ""; as the base of a range it is meant.
  auto text = address_.is_set() ? address_.to_string() : std::string("::");
  if (bits_ != (address_.is_v4() ? 32 : 128)) text += "/" + std::to_string(bits_);
  return text;
}

}  // namespace sekimori
