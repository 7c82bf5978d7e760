// Any line as a blacklist of the settings: refused, or one whose answers can be weighed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/blacklist.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = sekimori::parse_blacklist({reinterpret_cast<const char*>(data), size});
  if (!list) return 0;
  const auto ip = sekimori::IpAddress::parse("127.0.0.2").value();
  const auto answer = sekimori::read_list_answer(*list, {ip});
  const auto verdict = sekimori::weigh({&*list, 1}, {&answer, 1}, {1, 1, 1}, ip);
  if (!(verdict.score >= 0) || verdict.score > sekimori::k_blacklist_weight_max) {
    std::abort();
  }
  return 0;
}
