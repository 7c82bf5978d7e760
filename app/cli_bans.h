// Bans on the command line: their requests, and the answers in words for people.
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "app/cli_options.h"
#include "app/cli_requests.h"
#include "base/instant.h"
#include "base/result.h"

namespace sekimori::app {

// nullopt: the command is none of these. Errors: bad_input (a time, a file).
[[nodiscard]] std::optional<Result<ApiRequestText>> ban_request(const Invocation& given,
                                                                Instant now);
[[nodiscard]] std::optional<std::string> printed_ban_answer(const Invocation& given,
                                                            const boost::json::value& answer);

}  // namespace sekimori::app
