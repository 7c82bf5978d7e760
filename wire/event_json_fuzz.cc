// Any line: what was read prints to a line that reads as the same event.
#include <cstdint>

#include "base/check.h"
#include "wire/event_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const auto event = parse_event({reinterpret_cast<const char*>(data), size});
  if (!event) {
    SEKIMORI_CHECK(!event.error().text.empty());
    return 0;
  }
  std::string line;
  append_event(line, *event);
  const auto again = parse_event(line);
  SEKIMORI_CHECK(again.has_value() && *again == *event);
  return 0;
}
