// Commands as requests to the API.
#pragma once

#include <string>

#include "app/cli_options.h"
#include "base/instant.h"
#include "base/result.h"

namespace sekimori::app {

struct ApiRequestText {
  std::string method;
  std::string target;
  std::string body;  // JSON, or ""
};

// The request of a command. `now` turns "24h" into a time. Errors: bad_input (expires), not_found
// (the command is none of the API's).
[[nodiscard]] Result<ApiRequestText> api_request(const Invocation& given, Instant now);

// "30m", "24h", "7d" from now, or an RFC 3339 time; "" stays unset. Errors: bad_input.
[[nodiscard]] Result<Instant> parse_expiry(std::string_view text, Instant now);

}  // namespace sekimori::app
