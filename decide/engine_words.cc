// What people and mail servers are told by the engine.
#include <fmt/format.h>

#include "decide/engine_shard.h"

namespace sekimori::decide {

std::string refusal_text(const StandingRecord& record, std::string_view portal_url) {
  return guard_row(record, portal_url).reply;
}

std::string limit_text(std::string_view name, std::uint64_t limit) {
  return fmt::format("450 4.7.1 Sending limit reached ({} {}); please try again later", limit,
                     name);
}

Text hold_reason(HoldKind kind, const Text& headline) {
  if (kind == HoldKind::timed) {
    return {headline.ja + "念のため、このメールの配送を少しの間だけ待たせています。",
            headline.en + " The message waits for a short while to be safe."};
  }
  return {headline.ja + "このメールは、確認があるまで配送を待たせています。",
          headline.en + " The message waits until a person confirms it."};
}

}  // namespace sekimori::decide
