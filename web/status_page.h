// The owner's status card as a page that needs no script: what works, what does not, since when,
// why, what to do next. In the portal's own style where the portal is built in.
#pragma once

#include <cstdint>
#include <string>

#include "base/text.h"
#include "web/api.h"
#include "web/owner_desk.h"

namespace sekimori::web {

enum class StatusRefusal : std::uint8_t {
  not_proved,  // whatever was wrong: an address tells nothing
  too_often,
  unavailable,
};

[[nodiscard]] std::string status_html(const OwnStatus& status, Language language);
[[nodiscard]] std::string refused_status_page(StatusRefusal why, Language language);
// With the policy that fits: style sheets of this server, or the page's own one.
[[nodiscard]] ApiResponse page_response(std::string html);

}  // namespace sekimori::web
