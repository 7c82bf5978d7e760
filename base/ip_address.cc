#include "base/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace sekimori {
namespace {
constexpr std::array<std::uint8_t, 12> k_v4_mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string_view whole = text;
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.size() > 5 && (text.starts_with("IPv6:") || text.starts_with("ipv6:"))) {
    text.remove_prefix(5);
  }
  if (const auto zone = text.find('%'); zone != std::string_view::npos) text = text.substr(0, zone);
  char buffer[INET6_ADDRSTRLEN + 1];
  if (!text.empty() && text.size() < sizeof buffer) {
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    IpAddress out;
    if (inet_pton(AF_INET, buffer, out.bytes_.data() + 12) == 1) {
      std::ranges::copy(k_v4_mapped, out.bytes_.begin());
      return out;
    }
    if (inet_pton(AF_INET6, buffer, out.bytes_.data()) == 1) return out;
  }
  return bad_input(fmt::format("'{}' is no IP address", whole.substr(0, 60)));
}

IpAddress IpAddress::from_bytes(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress out;
  out.bytes_ = bytes;
  return out;
}

bool IpAddress::is_set() const {
  return std::ranges::any_of(bytes_, [](std::uint8_t b) { return b != 0; });
}

bool IpAddress::is_v4() const {
  return std::equal(k_v4_mapped.begin(), k_v4_mapped.end(), bytes_.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return bytes_[15] == 1 &&
         std::all_of(bytes_.begin(), bytes_.begin() + 15, [](std::uint8_t b) { return b == 0; });
}

IpAddress IpAddress::network(int v4_bits, int v6_bits) const {
  const int bits = is_v4() ? 96 + std::clamp(v4_bits, 0, 32) : std::clamp(v6_bits, 0, 128);
  IpAddress out = *this;
  for (int i = 0; i < 16; ++i) {
    const int keep = std::clamp(bits - i * 8, 0, 8);
    out.bytes_[static_cast<std::size_t>(i)] &= static_cast<std::uint8_t>(0xff00 >> keep);
  }
  return out;
}

std::uint64_t IpAddress::place_key() const {
  if (!is_set()) return 0;
  std::uint64_t key = 0;
  if (is_v4()) {
    // The top byte 1 tells an IPv4 network from an IPv6 one.
    key = (1ULL << 56) | (std::uint64_t{bytes_[12]} << 16) | (std::uint64_t{bytes_[13]} << 8) |
          bytes_[14];
  } else {
    for (std::size_t i = 0; i < 7; ++i) key = (key << 8) | bytes_[i];
    key |= 2ULL << 56;
  }
  return key;
}

std::string IpAddress::to_string() const {
  if (!is_set()) return {};
  char buffer[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  }
  return buffer;
}

}  // namespace sekimori
