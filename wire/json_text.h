// Printing JSON strings, and making strangers' bytes UTF-8. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace sekimori::wire {

// Appends `text` in quotes, escaped as RFC 8259 §7 asks; bytes that are no UTF-8 become U+FFFD, one
// for each byte.
void append_json_string(std::string& out, std::string_view text);

// `text` with each byte that is no UTF-8 replaced by U+FFFD: what append_json_string would write.
// Text from a wire goes through this before it becomes part of an Event, so that the event that is
// folded and the one that the journal gives back are the same.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace sekimori::wire
