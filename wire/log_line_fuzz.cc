// Any line: what becomes an event survives the journal, and every view lies inside the line.
#include <cstdint>
#include <functional>

#include "base/check.h"
#include "wire/event_json.h"
#include "wire/log_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sekimori;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = wire::parse_log_line(text, {Instant{1'795'316'645'000'000}, 32400});
  if (!line) return 0;
  const auto inside = [text](std::string_view view) {
    const std::less_equal<const char*> before;
    return view.empty() || (before(text.data(), view.data()) &&
                            before(view.data() + view.size(), text.data() + text.size()));
  };
  SEKIMORI_CHECK(inside(line->message) && inside(line->host));
  if (const auto* verdict = std::get_if<wire::PostfixVerdict>(&line->record)) {
    SEKIMORI_CHECK(inside(verdict->text) && inside(verdict->from) && inside(verdict->helo));
  }
  if (const auto* delivery = std::get_if<wire::PostfixDelivery>(&line->record)) {
    SEKIMORI_CHECK(inside(delivery->to) && inside(delivery->reason) && inside(delivery->dsn));
  }
  if (const auto event = wire::to_event(*line)) {
    std::string printed;
    wire::append_event(printed, *event);
    const auto again = wire::parse_event(printed);
    SEKIMORI_CHECK(again.has_value() && *again == *event);
  }
  return 0;
}
