#include "wire/dnsbl.h"

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <resolv.h>

#include <algorithm>
#include <array>

namespace sekimori::wire {
namespace {

std::string nibbles_of(const std::array<std::uint8_t, 16>& bytes, std::string_view zone) {
  constexpr std::string_view k_digits = "0123456789abcdef";
  std::string out;
  out.reserve(64 + zone.size());
  for (std::size_t i = bytes.size(); i-- > 0;) {
    for (const unsigned nibble : {bytes[i] & 15U, static_cast<unsigned>(bytes[i] >> 4U)}) {
      out += k_digits[nibble];
      out += '.';
    }
  }
  out += zone;
  return out;
}

}  // namespace

std::string dnsbl_name(const IpAddress& ip, std::string_view zone) {
  const auto& bytes = ip.bytes();
  if (!ip.is_v4()) return nibbles_of(bytes, zone);
  return fmt::format("{}.{}.{}.{}.{}", bytes[15], bytes[14], bytes[13], bytes[12], zone);
}

std::string dnsbl_test_name_v6(unsigned last, std::string_view zone) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[10] = bytes[11] = 0xff;
  bytes[12] = 0x7f;
  bytes[15] = static_cast<std::uint8_t>(last);
  return nibbles_of(bytes, zone);
}

DnsblCode dnsbl_code(const IpAddress& answer) {
  const auto& bytes = answer.bytes();
  if (!answer.is_v4() || bytes[12] != 127) return DnsblCode::foreign;
  return bytes[13] == 255 && bytes[14] == 255 ? DnsblCode::error : DnsblCode::code;
}

std::string_view dnsbl_error(const IpAddress& answer) {
  if (dnsbl_code(answer) != DnsblCode::error) return "";
  switch (answer.bytes()[15]) {
    case 252: return "the zone's name is mistyped";
    case 254: return "asked through a public resolver";
    case 255: return "too many questions";
    default: return "the list refused the question";
  }
}

std::optional<std::uint32_t> dns_negative_ttl(std::span<const std::uint8_t> answer) {
  ns_msg message{};
  if (answer.size() > 65'535 ||
      ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0) {
    return std::nullopt;
  }
  for (int i = 0; i < ns_msg_count(message, ns_s_ns); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_ns, i, &record) != 0) return std::nullopt;
    if (ns_rr_type(record) != ns_t_soa) continue;
    // MINIMUM is the last of the five numbers behind two names (RFC 1035 §3.3.13).
    const std::size_t length = ns_rr_rdlen(record);
    if (length < 22) return std::nullopt;
    const std::uint32_t minimum = ns_get32(ns_rr_rdata(record) + length - 4);
    return std::min(minimum, static_cast<std::uint32_t>(ns_rr_ttl(record)));
  }
  return std::nullopt;
}

}  // namespace sekimori::wire
