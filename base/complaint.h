// How a recipient's complaint (a feedback report, RFC 5965) stands among events: as the `delivery`
// of the message it is about, bounced, with a reply that begins so; the report's type follows
// ("abuse", "fraud", "not-spam", …).
#pragma once

#include <string_view>

namespace sekimori {

inline constexpr std::string_view k_complaint_reply = "feedback report: ";

// The reply is a complaint of a kind that tells of spam: "not-spam" and "opt-out" do not.
[[nodiscard]] constexpr bool tells_of_spam(std::string_view reply) {
  if (!reply.starts_with(k_complaint_reply)) return false;
  const std::string_view type = reply.substr(k_complaint_reply.size());
  return type == "abuse" || type == "fraud" || type == "virus";
}

}  // namespace sekimori
