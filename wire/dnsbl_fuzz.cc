// Any bytes as a DNS answer: read without a fault, and a number no larger than what a TTL may be.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "wire/dnsbl.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)sekimori::wire::dns_negative_ttl({data, size});
  if (size >= 16) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy_n(data, 16, bytes.begin());
    const auto ip = sekimori::IpAddress::from_bytes(bytes);
    if (sekimori::wire::dnsbl_name(ip, "bl.example").size() > 80) std::abort();
  }
  return 0;
}
