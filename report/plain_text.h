// Bounces whose facts stand in the letter itself (qmail, Exim, Exchange before 2007, Yahoo, the
// Japanese carriers, …).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sekimori::report {

// The letter, divided where the returned mail begins.
struct Letter {
  std::string_view words;
  std::string_view original;  // begins with its first header field; "" where nothing is returned
};
// By the line that announces the copy ("Below this line is a copy of the message"), or by the first
// lines that are header fields.
[[nodiscard]] Letter divide(std::string_view text);

// What the letter says of one address: from the line that names it to the next one's.
struct Section {
  std::string address;
  std::string text;
  bool strong = false;  // the line begins with the address, or with words that announce one
};
// In order, one for an address; at most k_report_recipients_max.
[[nodiscard]] std::vector<Section> sections_of(std::string_view words);

}  // namespace sekimori::report
