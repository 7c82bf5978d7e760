// Any body: what becomes an event of ours survives the journal.
#include <cstdint>

#include "base/check.h"
#include "wire/dovecot_event.h"
#include "wire/event_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori::wire;
  const auto parsed = parse_dovecot_event({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  if (const auto event = to_event(*parsed)) {
    std::string line;
    append_event(line, *event);
    const auto again = parse_event(line);
    SEKIMORI_CHECK(again.has_value() && *again == *event);
  }
  return 0;
}
