// A mail taken apart: its head, what people and machines wrote in it, and the head of the mail that
// it returns. The one place of report/ that speaks GMime.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/header_block.h"

namespace sekimori::report {

// Deeper or more than this is no report that anybody sends.
inline constexpr int k_depth_max = 12;
inline constexpr std::size_t k_parts_max = 50;

struct MailParts {
  HeaderBlock head;
  std::string subject;      // decoded (RFC 2047), UTF-8
  std::string report_type;  // of multipart/report, lower case; ""
  bool is_report = false;   // multipart/report
  std::string text;         // what is written for people, UTF-8
  std::string status;       // message/delivery-status, as it stands
  std::string feedback;     // message/feedback-report, as it stands
  std::string original;     // the returned mail's head
};

// Any bytes; at most what `bytes` holds is copied a few times over. Any thread.
[[nodiscard]] MailParts take_apart(std::string_view bytes);

}  // namespace sekimori::report
