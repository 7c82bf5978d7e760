// Event <-> one NDJSON line: the exchange format of docs/events.md, and with three kinds more
// ("hold_ended", "withdrawn", "epoch") the journal. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/event.h"
#include "base/result.h"

namespace sekimori::wire {

// A message to 100,000 recipients with long addresses still fits; a longer line is no event.
inline constexpr std::size_t k_event_line_max = 8 * 1024 * 1024;
inline constexpr std::size_t k_event_recipients_max = 100'000;

// Reads one line (with or without its line break). Unknown keys are skipped, null is as good as
// missing, the last of a repeated key wins. The account comes out in lower case, `service` words
// that we do not know become `other`.
//
// Needed: t, kind, and account (but for "epoch"); login: result · delivery: queue_id, status ·
// settings: what · standing: to · hold_ended and withdrawn: queue_id · epoch: number. The rest may
// be missing. Optional at login and submission: country (two letters), asn, hosting; at submission,
// in the journal, fate. Errors: bad_input that names the key.
[[nodiscard]] Result<Event> parse_event(std::string_view line);

// Appends the event as one line with its '\n', keys without content left out. Reading it back gives
// the same event, provided its texts are UTF-8 (valid_utf8 in json_text.h), its account is in lower
// case and its Session.seconds is what session_seconds gives.
void append_event(std::string& out, const Event& event);

// A Session lasts ten years at most; a longer one is a clock gone wrong.
inline constexpr double k_session_seconds_max = 3652.0 * 86400;
// What Session.seconds can hold that is nearest to `seconds`: whole milliseconds from 0 to the
// maximum. Reading and printing round so; a maker of Sessions does it, lest the event that is
// folded and the one in the journal differ.
[[nodiscard]] double session_seconds(double seconds);

// The word of `kind` for this event.
[[nodiscard]] std::string_view kind_of(const EventBody& body);

}  // namespace sekimori::wire
