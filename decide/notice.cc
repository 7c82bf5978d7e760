#include "decide/notice.h"

#include <array>

#include "base/words.h"

namespace sekimori::decide {
namespace {
constexpr std::array<std::string_view, 3> k_channels{"mail", "webhook", "call"};
constexpr std::array<std::string_view, 4> k_audiences{"owner", "mailbox", "domain_admin",
                                                      "operators"};
constexpr std::array<std::string_view, 4> k_states{"waiting", "sent", "acknowledged", "failed"};
}  // namespace

std::string_view to_string(NoticeChannel v) { return word_of(k_channels, v); }
std::string_view to_string(NoticeAudience v) { return word_of(k_audiences, v); }
std::string_view to_string(NoticeState v) { return word_of(k_states, v); }
std::optional<NoticeChannel> parse_notice_channel(std::string_view w) {
  return value_of<NoticeChannel>(k_channels, w);
}
std::optional<NoticeAudience> parse_notice_audience(std::string_view w) {
  return value_of<NoticeAudience>(k_audiences, w);
}
std::optional<NoticeState> parse_notice_state(std::string_view w) {
  return value_of<NoticeState>(k_states, w);
}

}  // namespace sekimori::decide
